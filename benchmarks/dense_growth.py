"""How building, latency and bytes of dense indexes grow, and what 10^7 documents would take.

    python -m benchmarks.dense_growth [--documents 10000,30000,…] [--peers-python PATH]
        [--cache DIR] [--json FILE] [--quick] …

Prefixes of the generated set, whose documents lie in random order, so that every prefix is a sample
of it. Each index is built on one thread and swept at k = 10; its latency is p50 at a recall of
0.95, on the line between two settings. What stands under 10,000,000 is no measurement: it lies on
the straight line through the logarithms of the largest three sizes.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import dense_datasets
from benchmarks.curves import plot_growth, us_at
from benchmarks.dense import FULL, PACKAGES, QUICK, Plan
from benchmarks.dense_datasets import Dataset
from benchmarks.dense_rows import curves, print_rows, rows_of, timed, turns
from benchmarks.harness import ROUNDS, write_json
from benchmarks.peers.dense_engines import OUR_DEFAULT, OURS, known
from benchmarks.peers.dense_process import Opened, Place, Pythons, opened

SIZES, QUICK_SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000), (5_000, 10_000, 20_000)
FAR = 10_000_000
K, RECALL, FIT_SIZES = 10, 0.95, 3
GROWN = (OUR_DEFAULT, f"{OURS} float32", "rabitqlib SymphonyQG", "hnswlib M=16")


@dataclass(frozen=True, slots=True)
class GrowthRow:
    """One engine at one size; p50 is None where it does not reach the recall."""

    documents: int
    engine: str
    build_s: float
    latency_us_p50: float | None
    index_bytes: int
    vector_bytes: int


QUANTITIES: dict[str, Callable[[GrowthRow], float | None]] = {
    "build s, one thread": lambda row: row.build_s,
    f"p50 us at recall {RECALL}": lambda row: row.latency_us_p50,
    "MB": lambda row: row.index_bytes / 1e6,
    "MB with vectors": lambda row: (row.index_bytes + row.vector_bytes) / 1e6,
}


@dataclass(frozen=True, slots=True)
class Trend:
    """quantity ≈ c · documents^exponent over the largest sizes, and where that leads."""

    engine: str
    quantity: str
    exponent: float
    at_ten_million: float


def grown(data: Dataset, plan: Plan, cache: Path, pythons: Pythons) -> Iterator[GrowthRow]:
    """Measure all engines at one size."""
    engines = opened(Place.of(data, cache), [known(name) for name in GROWN], pythons)
    picked = list(turns(engines, data, K, points=plan.points))
    found = timed(picked, min(plan.queries, len(data.queries)), ROUNDS, singles=plan.singles)
    rows = list(rows_of(data, engines, found))
    print_rows(rows)
    lines = curves(rows, p50=True).get((data.name, K), {})
    for one in engines:
        one.process.close()
        yield _row(data, one, us_at(lines.get(one.known.name, []), RECALL))


def _row(data: Dataset, one: Opened, p50: float | None) -> GrowthRow:
    built = one.built
    return GrowthRow(
        len(data.documents), one.known.name, built.build_s, p50,
        built.index_bytes, built.vector_bytes,
    )  # fmt: skip


def by_engine(rows: Sequence[GrowthRow], quantity: str) -> dict[str, list[tuple[float, float]]]:
    """Return what is known of a quantity: documents and value, by engine."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        value = QUANTITIES[quantity](row)
        if value is not None:
            found.setdefault(row.engine, []).append((float(row.documents), value))
    return found


def trends(rows: Sequence[GrowthRow]) -> list[Trend]:
    """Fit straight lines to the logarithms of the largest sizes."""
    found = []
    for quantity in QUANTITIES:
        for engine, points in by_engine(rows, quantity).items():
            if len(points) > 1:
                xs, ys = np.log(points[-FIT_SIZES:]).T
                exponent, constant = np.polyfit(xs, ys, 1)
                there = float(np.exp(constant + exponent * np.log(FAR)))
                found.append(Trend(engine, quantity, float(exponent), there))
    return found


def print_growth(rows: Sequence[GrowthRow], found: Sequence[Trend]) -> None:
    """Print a table per quantity: a line per engine, a column per size."""
    sizes = list(dict.fromkeys(float(row.documents) for row in rows))
    for quantity in QUANTITIES:
        head = "".join(f"{size:>12,.0f}" for size in (*sizes, FAR))
        print(f"\n{quantity:<26}{head}  exponent")
        lines = {trend.engine: trend for trend in found if trend.quantity == quantity}
        for engine, points in by_engine(rows, quantity).items():
            values = dict(points)
            cells = "".join(f"{values.get(size, np.nan):>12.1f}" for size in sizes)
            if engine in lines:
                cells += f"{lines[engine].at_ten_million:>12.1f}  {lines[engine].exponent:.2f}"
            print(f"{engine:<26}{cells}")
    print(f"\n{FAR:,}: extrapolated from the largest {FIT_SIZES} sizes")


def main() -> None:
    """Read the arguments, measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=lambda text: [int(one) for one in text.split(",")])
    parser.add_argument("--peers-python", default=Pythons().peers, help="interpreter of the peers")
    parser.add_argument("--cache", type=Path, default=dense_datasets.CACHE)
    parser.add_argument("--json", type=Path, help="write the rows here and a picture beside them")
    parser.add_argument("--quick", action="store_true", help="up to 20,000 documents")
    options = parser.parse_args()
    sizes = sorted(options.documents or (QUICK_SIZES if options.quick else SIZES))
    plan, pythons = QUICK if options.quick else FULL, Pythons(options.peers_python)
    rows: list[GrowthRow] = []
    for size in sizes:
        data = dense_datasets.generated(size, options.cache)
        rows += grown(data, plan, options.cache, pythons)
    found = trends(rows)
    print_growth(rows, found)
    if options.json:
        write_json([*rows, *found], options.json, PACKAGES)
        pictures = {quantity: by_engine(rows, quantity) for quantity in QUANTITIES}
        plot_growth(pictures, options.json.with_suffix(".png"))


if __name__ == "__main__":
    main()
