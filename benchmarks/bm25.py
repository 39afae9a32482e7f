"""BM25 beside bm25s, tantivy and PISA, over real passages and over their sentences.

    python -m benchmarks.bm25 [--quick] [--json FILE] [--data DIR] [--pisa-python PYTHON]

Every engine is fed the same tokens (see `benchmarks.passages`) and answers the same queries on one
thread, a query a call; where there is a call for many queries, `queries/s` is the better of both
ways. Queries that have no known term are left out. `build` is from tokens to the first answer, and
bytes are of postings, lengths, dictionary and bounds (see `benchmarks.peers.bm25`). PISA needs an
environment of its own, with pyterrier-pisa, whose interpreter is passed; without it there are no
rows of PISA.

`recall` of ours is judged by the scores of all postings, on a sample of queries, where ties are as
good as each other; that of others is 1 by their own formulas, and `agree` the overlap of their
answers with ours. Further rows of ours: every core; cold, which is one thread and no page of the
index in memory; and, from text, beside bm25s and tantivy, all from a text to ordinals, over fewer
passages.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks import passages
from benchmarks.harness import ROUNDS, at, build_times, latencies, overlap, write_json
from benchmarks.passages import Tokens
from benchmarks.peers import bm25_from_text as from_text
from benchmarks.peers.bm25 import Bm25s, Engine, Pisa, Round, Tantivy, numbered
from benchmarks.peers.bm25_ours import Exhaustive, Ours, use_threads
from encoders.bm25 import Bm25
from indexes.vectors import SparseVectors

DEPTHS = (10, 1000)
COLD_QUERIES = 20
WARM_UP_TEXTS = 5000
PACKAGES = ("retrieval-engine", "numpy", "numba", "bm25s", "tantivy")


@dataclass(frozen=True, slots=True)
class Row:
    """One system at one operating point; `rows_bytes` are document vectors kept beside the index.

    Where queries are only measured together, there is no latency.
    """

    dataset: str
    system: str
    setting: str
    k: int
    recall: float | None
    agreement: float | None
    latency_us_p50: float | None
    latency_us_p99: float | None
    queries_per_s: float | None
    build_s: float | None
    index_bytes: int | None
    rows_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured: one text in `every`, by cut, and so on."""

    every: dict[passages.Cut, int]
    queries: int
    rounds: int
    builds: int
    judged: int
    texts_every: int


FULL = Scale({"passages": 1, "sentences": 1}, 1000, ROUNDS, 3, 100, 6)
QUICK = Scale({"passages": 6, "sentences": 14}, 200, 2, 1, 50, 30)


def known_queries(tokens: Tokens, texts: Sequence[str]) -> SparseVectors:
    """Return the queries that have a term of the collection, as counts."""
    encoder = Bm25()
    found = numbered(tokens, encoder.encode_queries(texts))
    return encoder.encode_queries([t for t, terms in zip(texts, found, strict=True) if terms])


def compare(dataset: str, tokens: Tokens, engines: Sequence[Engine], scale: Scale) -> list[Row]:
    """Return the rows of all engines on one collection; ours is the first of them."""
    builds: list[list[float]] = [[] for _ in engines]
    for _ in range(scale.builds):
        for times, engine in zip(builds, engines, strict=True):
            times.append(engine.build())
    truth, ours = Exhaustive(tokens), engines[0]
    assert isinstance(ours, Ours)
    rows: list[Row] = []
    for k in DEPTHS:
        rounds = [[engine.round(k) for engine in engines] for _ in range(scale.rounds + 1)][1:]
        answers = ours.answers(k)
        for i, engine in enumerate(engines):
            own = engine is ours
            recall = truth.recall(ours, answers[: scale.judged], k) if own else 1.0
            agreement = 1.0 if own else overlap(engine.answers(k), answers)
            row = Row(
                dataset, engine.name, setting(engine, k), k, recall, agreement, None, None, None,
                statistics.median(builds[i]), engine.size(), ours.rows_bytes() if own else None,
            )  # fmt: skip
            rows += timed_rows(row, [found[i] for found in rounds])
        rows += rows_of_ours(dataset, ours, k, scale)
    return rows


def setting(engine: Engine, k: int) -> str:
    """Return what the row of an engine says of how it was run."""
    if isinstance(engine, Pisa):
        return f"{engine.algorithm(k)}, {engine.overhead_us():.1f} us overhead"
    return engine.setting


def timed_rows(row: Row, rounds: Sequence[Round]) -> Iterator[Row]:
    """Yield the row with its times, and one more if queries were also made within the clock."""
    batches = [found.batch_s for found in rounds if found.batch_s is not None]
    yield with_times(row, [found.us for found in rounds], batches)
    made = [found.with_query_us for found in rounds if found.with_query_us is not None]
    if made:
        yield with_times(replace(row, setting="queries made too"), made, [])


def with_times(row: Row, us: Sequence[list[float]], batch_s: Sequence[float]) -> Row:
    """Fill in latencies, a query's being its median of rounds, and the better queries/s."""
    medians = sorted(statistics.median(one) for one in zip(*us, strict=True))
    best = 1e6 / statistics.fmean(medians)
    if batch_s:
        best = max(best, len(medians) / statistics.median(batch_s))
    return replace(
        row, latency_us_p50=at(medians, 0.5), latency_us_p99=at(medians, 0.99), queries_per_s=best
    )


def rows_of_ours(dataset: str, ours: Ours, k: int, scale: Scale) -> list[Row]:
    """Return the rows of every core and of cold queries."""
    empty = Row(dataset, "ours", "every core", k, None, None, None, None, None, None, None)
    seconds = statistics.median(ours.all_cores(k, scale.rounds))
    cold = sorted(ours.cold(k, COLD_QUERIES))
    return [
        replace(empty, queries_per_s=len(ours.queries) / seconds),
        replace(
            empty,
            setting="cold",
            latency_us_p50=at(cold, 0.5),
            latency_us_p99=cold[-1],
            queries_per_s=1e6 / statistics.fmean(cold),
        ),
    ]


def compare_from_text(data: Path, scale: Scale) -> list[Row]:
    """Return a row per system that goes from texts to ordinals."""
    texts = list(islice(passages.texts(data, "passages"), 0, None, scale.texts_every))
    queries, k = passages.queries(data, min(scale.queries, 300)), DEPTHS[0]
    with tempfile.TemporaryDirectory() as folder:
        builds, built = build_times(
            {
                "ours": lambda: from_text.build_ours(texts, Path(folder)),
                "bm25s": lambda: from_text.build_bm25s(texts),
                "tantivy": lambda: from_text.build_tantivy(texts),
            },
            scale.builds,
        )
        searchers = {
            "ours": from_text.search_ours(built["ours"], k),
            "bm25s": from_text.search_bm25s(built["bm25s"], k),
            "tantivy": from_text.search_tantivy(built["tantivy"], k),
        }
        times = latencies(searchers, queries, scale.rounds)
        answers = {name: [search(text) for text in queries] for name, search in searchers.items()}
    return [
        Row(
            f"texts {len(texts):,}", name, "text to ordinals", k, 1.0,
            overlap(answers[name], answers["ours"]), p50, p99, None, builds[name], None,
        )
        for name, (p50, p99) in times.items()
    ]  # fmt: skip


def print_table(rows: Sequence[Row]) -> None:
    """Print the rows, each with how many times faster, quicker built and smaller ours is."""
    print(
        f"{'dataset':<20}{'system':<9}{'setting':<42}{'k':>5}{'recall':>8}{'agree':>7}"
        f"{'p50 us':>10}{'p99 us':>10}{'queries/s':>11}{'ours':>7}"
        f"{'build s':>9}{'ours':>7}{'MB':>8}{'ours':>7}"
    )
    bases: dict[tuple[str, int], Row] = {}
    for row in rows:
        base = bases.setdefault((row.dataset, row.k), row)  # ours comes first
        megabytes = row.index_bytes / 1e6 if row.index_bytes else None
        speed = ratio(base.queries_per_s, row.queries_per_s) or ratio(
            row.latency_us_p50, base.latency_us_p50
        )
        print(
            f"{row.dataset:<20}{row.system:<9}{row.setting:<42}{row.k:>5}{shown(row.recall, 3):>8}"
            f"{shown(row.agreement, 3):>7}{shown(row.latency_us_p50, 1):>10}"
            f"{shown(row.latency_us_p99, 1):>10}{shown(row.queries_per_s, 0):>11}"
            f"{shown(speed, 2):>7}{shown(row.build_s, 2):>9}"
            f"{shown(ratio(row.build_s, base.build_s), 2):>7}{shown(megabytes, 1):>8}"
            f"{shown(ratio(row.index_bytes, base.index_bytes), 2):>7}"
        )
        if row.rows_bytes:
            print(f"{'':<20}{'':<9}and {row.rows_bytes / 1e6:.1f} MB of document vectors")


def ratio(value: float | None, base: float | None) -> float | None:
    """Return how many times `base` a value is, where both were measured."""
    return None if value is None or base is None else value / base


def shown(value: float | None, digits: int) -> str:
    """Return a number for a table."""
    return "-" if value is None else f"{value:.{digits}f}"


def measured(data: Path, cut: passages.Cut, options: argparse.Namespace) -> list[Row]:
    """Return the rows of one cut of the texts."""
    scale = QUICK if options.quick else FULL
    tokens = passages.tokens(data, cut, every=scale.every[cut], cache=options.cache)
    queries = known_queries(tokens, passages.queries(data, scale.queries))
    warm_up(tokens, queries)
    with tempfile.TemporaryDirectory() as folder:
        engines: list[Engine] = [Ours(tokens, queries), Bm25s(tokens, queries)]
        engines.append(Tantivy(tokens, queries, Path(folder)))
        pisa = None
        if options.pisa_python:
            pisa = Pisa(tokens, queries, (options.pisa_python, Path(folder)))
            engines.append(pisa)
        rows = compare(f"{cut} {len(tokens):,}", tokens, engines, scale)
        if pisa:
            pisa.close()
    return rows


def warm_up(tokens: Tokens, queries: SparseVectors) -> None:
    """Compile what is compiled at first use, outside every clock."""
    few = Tokens(
        tokens.offsets[: WARM_UP_TEXTS + 1],
        tokens.numbers[: tokens.offsets[WARM_UP_TEXTS]],
        tokens.vocabulary,
    )
    some = queries.take(np.arange(min(len(queries), 20)))
    for engine in (Ours(few, some), Bm25s(few, some)):
        engine.build()
        for k in DEPTHS:
            engine.round(k)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer texts, queries and rounds")
    parser.add_argument("--json", type=Path, help="write the rows to this file, too")
    parser.add_argument("--data", type=Path, help="the folder of public collections")
    parser.add_argument("--pisa-python", help="a Python that has pyterrier-pisa")
    parser.add_argument("--cut", action="append", choices=["passages", "sentences", "text"])
    default = Path(tempfile.gettempdir()) / "retrieval-benchmark-tokens"
    parser.add_argument("--cache", type=Path, default=default, help="where tokens are kept")
    options = parser.parse_args()
    data, cuts = (
        passages.data_folder(options.data),
        options.cut or ["passages", "sentences", "text"],
    )
    if not options.pisa_python:
        print("no rows of PISA: pass --pisa-python, a Python with pyterrier-pisa")
    use_threads(1)
    rows: list[Row] = []
    for cut in cuts:
        scale = QUICK if options.quick else FULL
        rows += compare_from_text(data, scale) if cut == "text" else measured(data, cut, options)
    print_table(rows)
    if options.json:
        write_json(rows, options.json, PACKAGES)


if __name__ == "__main__":
    main()
