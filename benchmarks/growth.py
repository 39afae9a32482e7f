"""How time, bytes and building grow from 10^4 to 10^6 documents, and what 8.8 million would take.

    python -m benchmarks.growth [--documents 10000 30000 …] [--quick] [--no-peers]
        [--cache DIR] [--json FILE]

Prefixes of one generated set, whose documents lie in random order, so that every prefix is a sample
of it. Every size is built and asked at k = 10: our builds, exact and with a recall of 0.95 by name;
bmp; and the fastest setting of Seismic that has a recall of 0.95. One thread, medians of rounds.
What stands under 8,841,823 documents, as many as MS MARCO has passages, is no measurement: it lies
on the straight line through the logarithms of the largest three sizes.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import splade_like
from benchmarks.curves import plot_growth
from benchmarks.harness import ROUNDS, write_json
from benchmarks.learned_sparse import (
    EXACT,
    FULL,
    OURS,
    PACKAGES,
    looked_at,
    seismic_builds,
    seismic_searches,
    slug,
)
from benchmarks.peers.sparse_bmp import Bmp, BmpBuild, BmpSearch
from benchmarks.peers.sparse_ours import OurIndex, one_thread
from benchmarks.peers.sparse_seismic import Seismic
from benchmarks.peers.sparse_truth import Truth, recall, truth_of
from benchmarks.sparse_datasets import Dataset, load
from benchmarks.sparse_rows import SparseRow, Turn, measured, print_rows
from indexes.inverted import InvertedSearch

SIZES, QUICK_SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000), (5_000, 10_000, 30_000)
MS_MARCO_DOCUMENTS = 8_841_823
N_QUERIES, QUICK_QUERIES = 300, 100
K, RECALL, FIT_SIZES = 10, 0.95, 3

QUANTITIES: dict[str, Callable[[SparseRow], float]] = {
    "us a query": lambda row: row.us,
    "index MB": lambda row: row.index_bytes / 1e6,
    "index and rows MB": lambda row: _all_bytes(row) / 1e6,
    "build s": lambda row: row.build_s,
}


@dataclass(frozen=True, slots=True)
class GrowthRow:
    """One system at one size."""

    documents: int
    row: SparseRow


@dataclass(frozen=True, slots=True)
class Trend:
    """quantity ≈ c · documents^exponent over the largest sizes, and where that leads."""

    system: str
    quantity: str
    exponent: float
    at_ms_marco: float


def grown(data: Dataset, sizes: Sequence[int], rounds: int, cache: Path | None) -> list[GrowthRow]:
    """Measure every size; peers, too, if there is a cache for what they build."""
    rows = []
    for size in sizes:
        part = data.cut(documents=size)
        truth = truth_of(part.documents, part.queries, (K,))
        turns = list(our_turns(part))
        if cache is not None:
            turns += peer_turns(part, truth, part.place(cache))
        found = measured(part.name, turns, len(part.queries), rounds)
        for row, ids in found:
            row.recall = recall(ids, truth, part.documents, part.queries)
        print_rows([row for row, _ in found])
        rows += [GrowthRow(size, row) for row, _ in found]
    return rows


def our_turns(part: Dataset) -> Iterator[Turn]:
    """Yield every build of ours, exact and by recall."""
    for ours in OURS:
        index = OurIndex(part.vectors, ours)
        yield from (Turn(index, one, K) for one in (EXACT, InvertedSearch(recall=RECALL)))


def peer_turns(part: Dataset, truth: Truth, place: Path) -> Iterator[Turn]:
    """Yield bmp, exact, and Seismic with the fastest setting that has the recall asked for."""
    bmp, n_documents = BmpBuild(), len(part.documents)
    yield Turn(Bmp(part.vectors, place / slug(bmp), bmp), BmpSearch(), K)
    (build,) = seismic_builds(n_documents, quick=True)
    seismic = Seismic(part.vectors, place / slug(build), build)
    looked = []
    for setting in seismic_searches(build, quick=True):
        ids, us = looked_at(seismic, setting, K)
        reached = recall(ids, truth, part.documents, part.queries)
        looked.append((max(0.0, RECALL - reached), us, setting))
    yield Turn(seismic, min(looked, key=lambda one: one[:2])[2], K)


def trends(rows: Sequence[GrowthRow]) -> list[Trend]:
    """Fit straight lines to the logarithms of the largest sizes."""
    found = []
    for system, points in by_system(rows).items():
        last = points[-FIT_SIZES:]
        for quantity, value in QUANTITIES.items():
            xs = np.log([point.documents for point in last])
            ys = np.log([value(point.row) for point in last])
            exponent, constant = np.polyfit(xs, ys, 1)
            there = float(np.exp(constant + exponent * np.log(MS_MARCO_DOCUMENTS)))
            found.append(Trend(system, quantity, float(exponent), there))
    return found


def by_system(rows: Sequence[GrowthRow]) -> dict[str, list[GrowthRow]]:
    """Group by system and setting; Seismic's setting differs with the size and is left out."""
    found: dict[str, list[GrowthRow]] = {}
    for one in rows:
        word = f"at {RECALL}" if one.row.system == Seismic.system else one.row.setting
        found.setdefault(f"{one.row.system} {word}", []).append(one)
    return found


def print_growth(rows: Sequence[GrowthRow], found: Sequence[Trend]) -> None:
    """Print a table per quantity: a line per system, a column per size."""
    systems = by_system(rows)
    sizes = list(dict.fromkeys(one.documents for one in rows))
    for quantity, value in QUANTITIES.items():
        head = "".join(f"{size:>11,}" for size in (*sizes, MS_MARCO_DOCUMENTS))
        print(f"\n{quantity:<60}{head}  exponent")
        lines = {trend.system: trend for trend in found if trend.quantity == quantity}
        for system, points in systems.items():
            cells = "".join(f"{value(point.row):>11.1f}" for point in points)
            trend = lines[system]
            print(f"{system[:59]:<60}{cells}{trend.at_ms_marco:>11.1f}  {trend.exponent:.2f}")
    print(f"\n{MS_MARCO_DOCUMENTS:,}: extrapolated from the largest {FIT_SIZES} sizes")


def plot(rows: Sequence[GrowthRow], to: Path) -> None:
    """Draw every quantity against the number of documents."""
    systems = by_system(rows)
    plot_growth(
        {
            quantity: {
                system: [(float(point.documents), value(point.row)) for point in points]
                for system, points in systems.items()
            }
            for quantity, value in QUANTITIES.items()
        },
        to,
    )


def _all_bytes(row: SparseRow) -> int:
    return row.index_bytes + (row.forward_bytes if row.system == OurIndex.system else 0)


def main() -> None:
    """Read the arguments, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", nargs="+", type=int)
    parser.add_argument("--quick", action="store_true", help="up to 30,000 documents")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--cache", type=Path, default=splade_like.CACHE)
    parser.add_argument("--json", type=Path, help="write the rows here and a picture beside them")
    options = parser.parse_args()
    one_thread()
    sizes = sorted(options.documents or (QUICK_SIZES if options.quick else SIZES))
    data = load("generated", sizes[-1], FULL.n_queries, options.cache)
    data = data.cut(queries=QUICK_QUERIES if options.quick else N_QUERIES)
    rows = grown(data, sizes, ROUNDS, None if options.no_peers else options.cache)
    found = trends(rows)
    print_growth(rows, found)
    if options.json:
        write_json([*rows, *found], options.json, PACKAGES)
        plot(rows, options.json.with_suffix(".png"))


if __name__ == "__main__":
    main()
