"""Filtered dense search beside faiss with a selector and hnswlib with a filter function.

    python -m benchmarks.dense_filters [--datasets real] [--peers-python PATH] [--cache DIR]
        [--json FILE] [--quick] …

Half, a tenth, a hundredth and a thousandth of the documents are allowed: drawn at random, or those
nearest to a random direction, so that what is allowed lies together and away from most queries.
Every engine is swept over ef at k = 10, one query at a time, one thread, medians of rounds in
turns; recall is against an exact search among the allowed documents. `shortest` is the length of
the shortest answer: k wherever k documents are allowed is what a filter owes. hnswlib raises where
it finds fewer than k, which counts as no answer; its filter is a Python function.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.dense import PACKAGES, Options, load, parsed
from benchmarks.dense_datasets import Dataset, exact
from benchmarks.dense_rows import Turn, recall, timed, told
from benchmarks.harness import ROUNDS, at, write_json
from benchmarks.peers.dense_engines import EFS, OUR_DEFAULT, OURS, known
from benchmarks.peers.dense_process import Opened, Place, opened

K, SEED = 10, 0
SELECTIVITIES = (0.5, 0.1, 0.01, 0.001)
QUERIES, QUICK_QUERIES, WARM_UP = 200, 50, 1
FILTERED = (OUR_DEFAULT, f"{OURS} float32", "faiss HNSW16", "hnswlib M=16")
SWEPT = EFS[2::2]


@dataclass(frozen=True, slots=True)
class FilterRow:
    """One engine with one setting behind one filter."""

    dataset: str
    filter: str
    selectivity: float
    allowed: int
    system: str
    setting: str
    k: int
    recall: float
    shortest: int
    latency_us_p50: float
    latency_us_p99: float


def masks(data: Dataset) -> Iterator[tuple[str, float, NDArray[np.bool_]]]:
    """Yield the name, the selectivity and the mask of every filter."""
    n, random = len(data.documents), np.random.default_rng(SEED)
    direction = random.standard_normal(data.documents.shape[1:], np.float32)
    near = {
        "random": random.permutation(n),
        "correlated": np.argsort(-(data.documents @ direction)),
    }
    for name, order in near.items():
        for selectivity in SELECTIVITIES:
            mask = np.zeros(n, bool)
            mask[order[: max(1, round(n * selectivity))]] = True
            yield name, selectivity, mask


def among(data: Dataset, mask: NDArray[np.bool_]) -> Dataset:
    """Return the same dataset with the exact answers among the allowed documents."""
    ordinals = np.flatnonzero(mask).astype(np.int32)
    ids, scores = exact(data.documents[ordinals], data.queries, metric=data.metric, k=K)
    return replace(data, truth=np.where(ids >= 0, ordinals[ids], -1), truth_scores=scores)


def filtered(data: Dataset, engines: Sequence[Opened], place: Place) -> Iterator[FilterRow]:
    """Measure every filter, engine and setting."""
    for name, selectivity, mask in masks(data):
        part, n = among(data, mask), int(mask.sum())
        path = place.folder / "allowed.npy"
        np.save(path, mask)
        for one in engines:
            one.process.ask("allow", mask=str(path))
        turns = [Turn(one.known, one.process, {"ef": ef}, K) for one in engines for ef in SWEPT]
        for turn, took in timed(turns, WARM_UP, ROUNDS, singles=len(data.queries)):
            ids, _ = turn.process.answers(K, turn.setting, len(data.queries))
            if not mask[ids[ids >= 0]].all():
                raise SystemExit(f"{turn.known.name} returned what is not allowed")
            yield FilterRow(
                data.name, name, selectivity, n, turn.known.system,
                f"{turn.known.kind} | {told(turn.setting)}", K, recall(ids, part, K),
                int((ids >= 0).sum(1).min()), at(took.each_us, 0.5), at(took.each_us, 0.99),
            )  # fmt: skip


def compare(data: Dataset, options: Options) -> list[FilterRow]:
    """Build and open what filters, measure."""
    n = QUICK_QUERIES if options.quick else QUERIES
    data = replace(data, queries=data.queries[:n])
    place = Place.of(data, options.cache)
    engines = opened(place, [known(name) for name in FILTERED], options.pythons)
    rows = []
    for row in filtered(data, engines, place):
        show(row)
        rows.append(row)
    for one in engines:
        one.process.close()
    return rows


def show(row: FilterRow) -> None:
    """Print one row."""
    print(
        f"{row.dataset:<20}{row.filter:<12}{row.selectivity:>7.1%}{row.allowed:>9}  "
        f"{row.system:<9}{row.setting:<20}{row.recall:>8.4f}{row.shortest:>9}"
        f"{row.latency_us_p50:>9.0f}{row.latency_us_p99:>9.0f}"
    )


def main() -> None:
    """Read the arguments, measure, print and write."""
    options = parsed(__doc__)
    print(
        f"{'dataset':<20}{'filter':<12}{'share':>7}{'allowed':>9}  {'system':<9}{'setting':<20}"
        f"{'recall':>8}{'shortest':>9}{'p50 us':>9}{'p99 us':>9}"
    )
    rows = [row for data in load(options.datasets, options) for row in compare(data, options)]
    if options.json:
        write_json(rows, options.json, PACKAGES)


if __name__ == "__main__":
    main()
