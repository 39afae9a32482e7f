"""The command search: one query, a file of queries, or line by line."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retrieval.cli.options import FILE, index_argument, json_option, print_json

if TYPE_CHECKING:
    from retrieval.collection import Collection
    from retrieval.pipeline import Per


@dataclass(frozen=True)
class _Asked:
    """How to search, whatever the query."""

    k: int
    system: str | None
    filter: str | None
    per: "Per | None"


@click.command("search")
@index_argument
@click.argument("query", required=False)
@click.option("-k", default=10, show_default=True, help="Hits per query.")
@click.option("--system", help="A representation, a system of the recipe, or hybrid.")
@click.option("--filter", help="Which documents may be found: 'year >= 2020 and lang == \"en\"'.")
@click.option(
    "--per", type=click.Choice(["passage", "parent"]), help="Passages, or the best of each parent."
)
@click.option("--queries", type=FILE, help="File of queries: jsonl, id TAB text, or TREC topics.")
@click.option("--run", type=FILE, help="TREC run to write, with --queries.")
@json_option
def search_command(
    index: Path,
    query: str | None,
    *,
    k: int,
    system: str | None,
    filter: str | None,
    per: "Per | None",
    queries: Path | None,
    run: Path | None,
    as_json: bool,
) -> None:
    """Search INDEX for QUERY, for a file of queries, or line by line."""
    from retrieval.opening import open_collection

    if (queries is None) != (run is None) or (queries is not None and query is not None):
        raise click.UsageError("--queries and --run belong together, and take no QUERY")
    collection, asked = open_collection(index), _Asked(k, system, filter, per)
    if queries is not None and run is not None:
        _search_file(collection, queries, run, asked)
    elif query is not None:
        _search_one(collection, query, asked, as_json=as_json)
    else:
        _search_lines(collection, asked, as_json=as_json)


def _search_one(collection: "Collection", query: str, asked: _Asked, *, as_json: bool) -> None:
    from retrieval.terminal import print_hits

    hits = collection.search(
        query, asked.k, system=asked.system, filter=asked.filter, per=asked.per
    )
    if as_json:
        print_json([hit.to_dict() for hit in hits])
    else:
        print_hits(hits)
    if not hits and asked.filter is not None:
        _hint(collection, asked.filter)


def _hint(collection: "Collection", text: str) -> None:
    """Say on standard error which fields of a filter are in no document: a typing error, often."""
    from retrieval.filters import Filter

    asked = Filter.parse(text)
    absent = set(asked.fields)
    for segment in collection.snapshot.segments:
        absent &= segment.absent(asked)
    for name in sorted(absent):
        print(f"no document has the field {name!r}", file=sys.stderr)


def _search_lines(collection: "Collection", asked: _Asked, *, as_json: bool) -> None:
    if sys.stdin.isatty():
        import readline  # noqa: F401  # gives input() a history

        print(f"{collection!r}. An empty line ends.", file=sys.stderr)
    while True:
        try:
            query = input("query> " if sys.stdin.isatty() else "")
        except EOFError:
            return
        if not query.strip():
            return
        _search_one(collection, query, asked, as_json=as_json)


def _search_file(collection: "Collection", queries: Path, run: Path, asked: _Asked) -> None:
    from retrieval.queries import Queries
    from retrieval.terminal import notice

    texts = Queries.read(queries)
    with notice(f"searching {len(texts):,} queries"):
        system = collection.system(asked.system)
        found = system.run(texts, asked.k, filter=asked.filter, per=asked.per)
    found.to_trec(run)
    print(f"{len(texts):,} queries → {run}")
