"""The command line. It alone looks upwards, to `eval`; everything heavy is imported when needed."""

import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from eval.datasets import Dataset
    from eval.experiment import Plan, Result
    from retrieval.collection import Collection

_FILE = click.Path(path_type=Path)
_INDEX = click.argument("index", type=_FILE)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="retrieval-engine")
def app(debug: bool) -> None:
    """Index a folder, search it, evaluate it: dense, sparse and hybrid retrieval."""
    del debug  # looked for by `main`, which sees the error after the command has ended


@app.command("index")
@click.argument("folder", type=_FILE)
@click.option("--output", "-o", type=_FILE, required=True, help="Folder of the index.")
@click.option(
    "--representation",
    "-r",
    multiple=True,
    metavar="SPEC",
    help="bm25, dense, dense:MODEL or NAME=SPEC; repeatable. Default: bm25 and dense.",
)
@click.option("--rebuild", is_flag=True, help="Start again, also with other representations.")
@click.option("--keep-missing", is_flag=True, help="Keep documents whose file vanished.")
@click.option("--strict", is_flag=True, help="Fail on an unreadable or empty file.")
@_JSON
def index_command(
    folder: Path,
    output: Path,
    representation: tuple[str, ...],
    *,
    rebuild: bool,
    keep_missing: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Index FOLDER (txt, md, html, BEIR jsonl), or bring its index up to date.

    Only documents that are new or changed are encoded; those that vanished are deleted.
    """
    from retrieval.errors import InvalidInput
    from retrieval.ingest.sync import prepare, sync
    from retrieval.terminal import Progress

    if not folder.exists():
        raise InvalidInput(f"there is no folder or file {folder}")
    specs = _specs(representation) if representation else None
    with prepare(output, specs, rebuild=rebuild) as collection, Progress() as progress:
        report = sync(
            collection, folder, keep_missing=keep_missing, strict=strict, progress=progress
        )
    for skipped in report.skipped:
        print(f"skipped {skipped.place}: {skipped.reason}", file=sys.stderr)
    if as_json:
        counts = {n: getattr(report, n) for n in ("new", "changed", "deleted", "unchanged")}
        _print_json(counts | {"skipped": len(report.skipped), "documents": len(collection)})
    else:
        print(f"{report} → {output}: {len(collection):,} documents")


@app.command("search")
@_INDEX
@click.argument("query", required=False)
@click.option("-k", default=10, show_default=True, help="Hits per query.")
@click.option("--system", help="A representation, or hybrid. Default: all of them fused.")
@click.option("--queries", type=_FILE, help="File of queries: BEIR jsonl, or id TAB text.")
@click.option("--run", type=_FILE, help="TREC run to write, with --queries.")
@_JSON
def search_command(
    index: Path,
    query: str | None,
    *,
    k: int,
    system: str | None,
    queries: Path | None,
    run: Path | None,
    as_json: bool,
) -> None:
    """Search INDEX for QUERY, for a file of queries, or line by line."""
    from retrieval.opening import open_collection

    if (queries is None) != (run is None) or (queries is not None and query is not None):
        raise click.UsageError("--queries and --run belong together, and take no QUERY")
    collection = open_collection(index)
    if queries is not None and run is not None:
        _search_file(collection, queries, run, k=k, system=system)
    elif query is not None:
        _search_one(collection, query, k=k, system=system, as_json=as_json)
    else:
        _search_lines(collection, k=k, system=system, as_json=as_json)


def _search_one(
    collection: "Collection", query: str, *, k: int, system: str | None, as_json: bool
) -> None:
    from retrieval.terminal import print_hits

    hits = collection.search(query, k, system=system)
    if as_json:
        _print_json([hit.to_dict() for hit in hits])
    else:
        print_hits(hits)


def _search_lines(collection: "Collection", *, k: int, system: str | None, as_json: bool) -> None:
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
        _search_one(collection, query, k=k, system=system, as_json=as_json)


def _search_file(
    collection: "Collection", queries: Path, run: Path, *, k: int, system: str | None
) -> None:
    from retrieval.queries import Queries
    from retrieval.terminal import notice

    asked = Queries.read(queries)
    with notice(f"searching {len(asked):,} queries"):
        found = collection.system(system).run(asked, k)
    found.to_trec(run)
    print(f"{len(asked):,} queries → {run}")


@app.command("eval")
@click.argument("dataset", type=_FILE)
@click.option(
    "--systems",
    default="bm25,dense,hybrid",
    show_default=True,
    help="Comma-separated: bm25, dense, dense:MODEL, NAME=SPEC, hybrid.",
)
@click.option("--run", multiple=True, type=_FILE, help="Score this TREC run instead; repeatable.")
@click.option("--baseline", help="System the others are tested against.")
@click.option("--measures", default="nDCG@10,R@100", show_default=True)
@click.option("--split", default="test", show_default=True, help="Which qrels.")
@click.option("--cache", type=_FILE, help="Folder of indexes. Default: the user's cache.")
@click.option("--run-dir", type=_FILE, help="Write a TREC run per system here.")
@click.option("--json", "rows", type=_FILE, help="Write the rows as JSON here.")
def eval_command(
    dataset: Path,
    *,
    systems: str,
    run: tuple[Path, ...],
    baseline: str | None,
    measures: str,
    split: str,
    cache: Path | None,
    run_dir: Path | None,
    rows: Path | None,
) -> None:
    """Score systems, or existing runs, on DATASET, a BEIR folder or zip."""
    from eval.datasets import open_dataset
    from eval.experiment import Plan, score
    from eval.report import table, write_json

    opened = open_dataset(dataset, split=split)
    if opened.drop_query_documents:
        print("each query's own document is dropped from its hits", file=sys.stderr)
    if run:
        results = _read_runs(run, opened)
    else:
        results = _evaluated(opened, Plan.of(systems.split(",")), cache or _user_cache())
    found = score(results, opened, measures.split(","), baseline=baseline)
    if run_dir is not None:
        run_dir.mkdir(parents=True, exist_ok=True)
        for name, result in results.items():
            result.run.to_trec(run_dir / f"{opened.name}.{split}.{name}.run")
    if rows is not None:
        write_json(found, rows)
    _print_table(table(found, baseline))


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
    with notice(f"searching {len(dataset.queries):,} queries"):
        return run_systems(collection, dataset, plan)


@app.command("info")
@_INDEX
@_JSON
def info_command(index: Path, *, as_json: bool) -> None:
    """Show what INDEX holds, its size, and the recipe that made it."""
    from retrieval.opening import open_collection

    info = open_collection(index).info()
    if as_json:
        _print_json(info)
        return
    for name in ("path", "generation", "documents", "deleted", "segments", "bytes"):
        value = info[name]
        print(f"{name:<12}{value:,}" if isinstance(value, int) else f"{name:<12}{value}")
    for source in info["sources"]:
        print(f"{'source':<12}{source}")
    for name, recipe in info["representations"].items():
        print(f"{name:<12}{recipe['bytes']:,} bytes, {recipe['index']}, {recipe['fingerprint']}")


@app.command("verify")
@_INDEX
@_JSON
def verify_command(index: Path, *, as_json: bool) -> int:
    """Check every byte and structure of INDEX; exit status 1 if anything is wrong."""
    from retrieval.opening import open_collection
    from retrieval.terminal import notice

    with notice(f"verifying {index}"):
        found = open_collection(index).verify()
    if as_json:
        counts = {"files": found.n_files, "bytes": found.n_bytes}
        _print_json(counts | {"problems": list(found.problems)})
    else:
        for problem in found.problems:
            print(problem, file=sys.stderr)
        print(f"{found.n_files:,} files, {found.n_bytes:,} bytes: {_verdict(found.problems)}")
    return 0 if found.ok else 1


def _verdict(problems: Sequence[str]) -> str:
    return f"{len(problems)} damaged" if problems else "all good"


@app.command("compact")
@_INDEX
def compact_command(index: Path) -> None:
    """Merge all segments into one and give back the space of deleted documents."""
    from retrieval.opening import open_collection
    from retrieval.terminal import notice

    collection = open_collection(index)
    before = collection.info()["bytes"]
    with notice(f"compacting {before:,} bytes"):
        collection.compact()
    print(f"{len(collection):,} documents, {before:,} → {collection.info()['bytes']:,} bytes")


@app.command("delete")
@_INDEX
@click.argument("docnos", nargs=-1, required=True, metavar="DOCNO...")
def delete_command(index: Path, docnos: tuple[str, ...]) -> None:
    """Delete documents by their docno; none is deleted unless all exist."""
    from retrieval.opening import open_collection

    with open_collection(index) as collection:
        collection.delete(docnos)
    print(f"{len(set(docnos)):,} deleted, {len(collection):,} documents left")


@app.command("demo")
@click.option("--folder", type=_FILE, help="Where the index is kept. Default: the user's cache.")
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
        collection = indexed(dataset, plan, folder or _user_cache(), progress)
    print(f"{len(collection)} documents in {collection.path}\n\nhybrid search: {query}\n")
    print_hits(collection.search(query, k=3, system="hybrid"))
    rows = score(
        run_systems(collection, dataset, plan), dataset, ["nDCG@10", "R@100"], baseline="bm25"
    )
    _print_table(table(rows, "bm25"))


def _default_model() -> str:
    from encoders.checkpoint import MINILM

    return MINILM


def _user_cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "retrieval-engine" / "indexes"


def _specs(representations: Sequence[str]) -> dict[str, Any]:
    from eval.experiment import Plan

    return dict(Plan.of(representations).specs)


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def _print_table(table: Any) -> None:
    from rich.console import Console

    Console().print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, 1 for an error, 2 for wrong usage."""
    args = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without "→" is no reason to fail
    try:
        status = app.main(args, prog_name="retrieval", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        print("interrupted; what is committed stays, run it again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _failed(error, debug="--debug" in args)
    return status if isinstance(status, int) else 0


def _failed(error: Exception, *, debug: bool) -> int:
    """Print what a user can act on; the traceback of their mistakes only where asked for."""
    from retrieval.errors import RetrievalError

    if debug or not isinstance(error, RetrievalError | OSError):
        raise error
    print(f"error: {error}", file=sys.stderr)
    return 1
