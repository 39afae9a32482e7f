"""Commands that change a collection: index, delete."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retrieval.cli.options import FILE, fields_of, index_argument, json_option, print_json

if TYPE_CHECKING:
    from retrieval.config import Recipe


@click.command("index")
@click.argument("folder", type=FILE, required=False)
@click.option("--output", "-o", type=FILE, required=True, help="Folder of the index.")
@click.option("--config", type=FILE, help="TOML recipe: sources, chunking, representations.")
@click.option(
    "--representation",
    "-r",
    multiple=True,
    metavar="SPEC",
    help="bm25, bm25:LANGUAGE, dense, dense:MODEL, splade:MODEL, colbert:MODEL or NAME=SPEC; "
    "repeatable. Default: bm25 and dense.",
)
@click.option("--chunk", metavar="SPEC", help="Cut into passages: sentences:200, tokens:200:40 …")
@click.option(
    "--field",
    multiple=True,
    metavar="PART=NAME",
    help="Key or column that is the docno, text, title or metadata; repeatable.",
)
@click.option("--rebuild", is_flag=True, help="Start again, also with another recipe.")
@click.option("--keep-missing", is_flag=True, help="Keep documents whose file vanished.")
@click.option("--strict", is_flag=True, help="Fail on an unreadable or empty file.")
@json_option
def index_command(
    folder: Path | None,
    output: Path,
    *,
    config: Path | None,
    representation: tuple[str, ...],
    chunk: str | None,
    field: tuple[str, ...],
    rebuild: bool,
    keep_missing: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Index FOLDER or a file, or bring its index up to date.

    Read are txt, md, html, pdf, jsonl, tsv, csv, parquet and TREC files, lines also as gz, xz and
    zst. Only documents that are new or changed are encoded; those that vanished are deleted.
    """
    from retrieval.ingest.sync import check_sources, sync
    from retrieval.opening import prepare
    from retrieval.terminal import Progress

    recipe = _recipe(folder, config, representation, chunk=chunk, field=field)
    check_sources(recipe.sources)
    with prepare(output, recipe, rebuild=rebuild) as collection, Progress() as progress:
        n_before = len(collection)
        options: dict[str, bool] = {"keep_missing": keep_missing, "strict": strict}
        report = sync(
            collection, recipe.sources, **options, only=recipe.complete, progress=progress
        )
    for skipped in report.skipped:
        print(f"skipped {skipped.place}: {skipped.reason}", file=sys.stderr)
    if rebuild and len(collection) < n_before:
        print(
            f"rebuilt: of {n_before:,} documents those of other sources, or added from Python, "
            "are gone",
            file=sys.stderr,
        )
    if as_json:
        counts = {n: getattr(report, n) for n in ("new", "changed", "deleted", "unchanged")}
        print_json(counts | {"skipped": len(report.skipped), "documents": len(collection)})
    else:
        unit = "documents" if collection.chunking is None else "passages"
        print(f"{report} → {output}: {len(collection):,} {unit}")


def _recipe(
    folder: Path | None,
    config: Path | None,
    representation: tuple[str, ...],
    *,
    chunk: str | None,
    field: tuple[str, ...],
) -> "Recipe":
    from retrieval.config import Recipe
    from retrieval.representation import named

    if config is not None:
        if folder is not None or representation or chunk or field:
            raise click.UsageError("--config says all of that: put it into the file")
        recipe = Recipe.read(config)
        if not recipe.sources:
            raise click.UsageError(f"{config} names no sources: sources = ['docs']")
        return recipe
    if folder is None:
        raise click.UsageError("say what to index: a folder, a file, or --config")
    return Recipe(
        sources=(str(folder),),
        chunking=chunk,
        fields=fields_of(field),
        representations=named(representation) if representation else None,
    )


@click.command("delete")
@index_argument
@click.argument("docnos", nargs=-1, required=True, metavar="DOCNO...")
def delete_command(index: Path, docnos: tuple[str, ...]) -> None:
    """Delete documents by their docno; none is deleted unless all exist."""
    from retrieval.opening import open_collection

    with open_collection(index) as collection:
        collection.delete(docnos)
    print(f"{len(set(docnos)):,} deleted, {len(collection):,} documents left")
