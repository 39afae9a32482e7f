"""What several commands take and print."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from retrieval.ingest.fields import Fields

FILE = click.Path(path_type=Path)

index_argument = click.argument("index", type=FILE)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


def print_json(value: Any) -> None:
    """Print a value as JSON that people can read too."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(table: Any) -> None:
    """Print a table as wide as the terminal."""
    from rich.console import Console

    Console().print(table)


def fields_of(pairs: tuple[str, ...]) -> "Fields | None":
    """Return which fields make a document, None where nothing is said."""
    from retrieval.ingest.fields import Fields

    return Fields.parse(pairs) if pairs else None
