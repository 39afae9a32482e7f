"""Commands that put numbers on systems: eval, demo; and download, for what they need."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retrieval.cli.options import FILE, print_table
from retrieval.places import cache_folder

if TYPE_CHECKING:
    from eval.datasets import Dataset
    from eval.experiment import Plan, Result


@click.command("eval")
@click.argument("dataset")
@click.option(
    "--systems",
    help="Comma-separated: bm25, bm25:LANGUAGE, dense:MODEL, NAME=SPEC, hybrid.  "
    "[default: bm25,dense,hybrid]",
)
@click.option("--config", type=FILE, help="TOML recipe: its systems and how documents are cut.")
@click.option("--run", multiple=True, type=FILE, help="Score this TREC run instead; repeatable.")
@click.option("--baseline", help="System the others are tested against.")
@click.option("--measures", default="nDCG@10,R@100", show_default=True)
@click.option("--split", help="Which queries and qrels. Default: test, or the one there is.")
@click.option("--topic-fields", help="Of TREC topics: title (the default), title+desc …")
@click.option("--cache", type=FILE, help="Folder of indexes. Default: the user's cache.")
@click.option("--run-dir", type=FILE, help="Write a TREC run per system here.")
@click.option("--json", "rows", type=FILE, help="Write the rows as JSON here.")
def eval_command(
    dataset: str,
    *,
    systems: str | None,
    config: Path | None,
    run: tuple[Path, ...],
    baseline: str | None,
    measures: str,
    split: str | None,
    topic_fields: str | None,
    cache: Path | None,
    run_dir: Path | None,
    rows: Path | None,
) -> None:
    """Score systems, or existing runs, on DATASET.

    That is a folder or zip in BEIR layout, a folder with MS MARCO's files or a TREC collection, or
    the name of a set: beir/NAME once downloaded, ir_datasets:NAME.
    """
    from eval.datasets import open_dataset
    from eval.experiment import check, score
    from eval.report import table, write_json

    if sum((bool(run), systems is not None, config is not None)) > 1:
        raise click.UsageError("--run, --systems and --config each say what to score: choose one")
    opened = open_dataset(dataset, split=split, topic_fields=topic_fields)
    if opened.drop_query_documents:
        print("each query's own document is dropped from its hits", file=sys.stderr)
    if run:
        results = _read_runs(run, opened)
    else:
        plan = _plan(systems, config)
        check(plan.names, measures.split(","), baseline)
        results = _evaluated(opened, plan, cache or cache_folder("indexes"))
    found = score(results, opened, measures.split(","), baseline=baseline)
    if run_dir is not None:
        run_dir.mkdir(parents=True, exist_ok=True)
        for name, result in results.items():
            result.run.to_trec(run_dir / f"{opened.name}.{opened.split}.{name}.run")
    if rows is not None:
        write_json(found, rows)
    print_table(table(found, baseline))


def _plan(systems: str | None, config: Path | None) -> "Plan":
    from eval.experiment import Plan
    from retrieval.config import Recipe

    if config is not None:
        return Plan.of_recipe(Recipe.read(config))
    return Plan.of((systems or "bm25,dense,hybrid").split(","))


def _read_runs(paths: Sequence[Path], dataset: "Dataset") -> dict[str, "Result"]:
    from eval.experiment import Result
    from retrieval.errors import InvalidInput
    from retrieval.run import Run

    results = {}
    for path in paths:
        if path.stem in results:
            raise InvalidInput(f"two runs are called {path.stem!r}: rename one of the files")
        run = Run.read(path, query_ids=dataset.queries)
        kept = run.without_query_documents() if dataset.drop_query_documents else run
        results[path.stem] = Result(kept)
    return results


def _evaluated(dataset: "Dataset", plan: "Plan", cache: Path) -> dict[str, "Result"]:
    from eval.experiment import indexed, run_systems
    from retrieval.terminal import Progress, notice

    with Progress() as progress:
        collection = indexed(dataset, plan, cache, progress)
    if collection.chunking is not None:
        unit = f"{len(collection):,} passages; a document counts by its best one"
        print(f"{collection.chunking}: {unit}", file=sys.stderr)
    with notice(f"searching {len(dataset.queries):,} queries"):
        return run_systems(collection, dataset, plan)


@click.command("download")
@click.argument("name")
@click.option("--folder", type=FILE, help="Where to put it. Default: the user's cache.")
@click.option("--mirror", help="Another server with the same archives, as an address.")
def download_command(name: str, folder: Path | None, mirror: str | None) -> None:
    """Download a dataset, such as beir/scifact, and check it; goes on where it was cut off."""
    from eval.datasets.download import download
    from retrieval.terminal import Transfer

    with Transfer() as transfer:
        path = download(name, folder, mirror=mirror, progress=transfer)
    print(f"{path}: retrieval eval {path if folder else name}")


@click.command("demo")
@click.option("--folder", type=FILE, help="Where the index is kept. Default: the user's cache.")
@click.option("--query", default="how are two rankings merged into one", show_default=True)
def demo_command(folder: Path | None, query: str) -> None:
    """Index the bundled sample, search it, evaluate it: the whole road in a minute."""
    from eval.datasets import open_dataset
    from eval.experiment import Plan, indexed, run_systems, score
    from eval.report import table
    from retrieval.sample import path
    from retrieval.terminal import Progress, print_hits

    dataset = open_dataset(path())
    print(f"indexing the bundled sample with BM25 and {_default_model()} …")
    with Progress() as progress:
        plan = Plan.of(["bm25", "dense", "hybrid"])
        collection = indexed(dataset, plan, folder or cache_folder("indexes"), progress)
    print(f"{len(collection)} documents in {collection.path}\n\nhybrid search: {query}\n")
    print_hits(collection.search(query, k=3, system="hybrid"))
    rows = score(
        run_systems(collection, dataset, plan), dataset, ["nDCG@10", "R@100"], baseline="bm25"
    )
    print_table(table(rows, "bm25"))


def _default_model() -> str:
    from encoders.checkpoint import MINILM

    return MINILM
