"""Dense vectors beside hnswlib, faiss, usearch, SVS, RaBitQ, NGT, ScaNN, Voyager, PyNNDescent.

    python -m benchmarks.dense [--datasets real,sift,generated:1000000] [--only NAMES] [--quick]
        [--peers-python PATH] [--python NAME=PATH …] [--more FOLDER] [--cache DIR] [--json FILE]

Every engine has a process of its own, in this environment or in another one that `--peers-python`,
or `--python` for one system, names; all are fed the same files. They take turns, a warm-up and then
rounds whose medians are reported, each on one thread and with its own clock, so that the pipe is
not timed. Indexes are built on one thread, once, and kept in the cache folder with what they cost.
An engine that is not installed, or cannot work on this processor, is left out with a line.

recall  share of the right answers: those as good as the k-th best of exhaustive search
q/s     by the faster of the two ways to ask: all queries in one call, or one by one
p50     of queries asked one by one; a query's time is its median of rounds
ratio   queries/s of our first engine to that engine's: above 1 ours is faster
MB      of all that is stored; where it holds no float vectors they are counted beside it

The curves come from one pass over every setting; those on the front between recall 0.85 and 0.995
are then measured, with our searches that ask for a recall by name. What stands at a recall lies on
the line between two of them. Memory and building: `python -m benchmarks.dense_costs`; filters,
growth and the first answer of a process: `benchmarks.dense_filters`, `dense_growth`, `dense_start`.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import dense_datasets
from benchmarks.dense_datasets import Dataset
from benchmarks.dense_plot import plot_curves
from benchmarks.dense_rows import (
    DenseRow,
    EngineRow,
    TargetRow,
    curves,
    engine_rows,
    print_rows,
    print_targets,
    rows_of,
    targets,
    timed,
    turns,
)
from benchmarks.harness import ROUNDS, write_json
from benchmarks.peers.dense_engines import chosen
from benchmarks.peers.dense_process import Place, Pythons, opened

KS = (10, 100)
DATASETS = ("real", "sift", "generated:1000000")
PACKAGES = ("retrieval-engine", "numpy", "numba")
"""Of this environment; the versions of the peers stand in their rows."""

QUICK_SYSTEMS = ("ours", "hnswlib M=16", "faiss HNSW16_SQ8", "rabitqlib SymphonyQG")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: queries, those of them asked one by one, points per curve."""

    queries: int
    singles: int
    points: int
    rounds: int
    ks: tuple[int, ...]


FULL = Plan(1000, 1000, 8, ROUNDS, KS)
QUICK = Plan(500, 300, 5, ROUNDS, KS[:1])


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments that every dense benchmark shares."""

    datasets: tuple[str, ...]
    only: tuple[str, ...]
    pythons: Pythons
    cache: Path
    more: Path | None
    json: Path | None
    quick: bool


def compare(data: Dataset, plan: Plan, options: Options) -> tuple[list[EngineRow], list[DenseRow]]:
    """Return what the indexes of one dataset cost, and the points of their curves."""
    place = Place.of(data, options.cache)
    engines = opened(place, chosen(options.only, len(data.documents)), options.pythons)
    rows: list[DenseRow] = []
    n_queries = min(plan.queries, len(data.queries))
    for k in plan.ks:
        picked = list(turns(engines, data, k, points=plan.points))
        found = timed(picked, n_queries, plan.rounds, singles=min(plan.singles, n_queries))
        rows += rows_of(data, engines, found)
    for one in engines:
        one.process.close()
    print_rows(rows)
    return engine_rows(data, engines), rows


def load(names: tuple[str, ...], options: Options) -> Iterator[Dataset]:
    """Yield the datasets by name; of `generated:N`, the first N documents."""
    for name in names:
        kind, _, size = name.partition(":")
        if kind == "real":
            yield dense_datasets.real(options.cache, options.more)
        elif kind == "sift":
            yield dense_datasets.sift(options.cache)
        elif kind == "generated" and size.isdigit():
            yield dense_datasets.generated(int(size), options.cache)
        else:
            raise SystemExit(f"{name} is no dataset: real, sift or generated:NUMBER")


def main() -> None:
    """Read the arguments, measure, print and write."""
    options = parsed(__doc__)
    plan = QUICK if options.quick else FULL
    costs: list[EngineRow] = []
    rows: list[DenseRow] = []
    reached: list[TargetRow] = []
    for data in load(options.datasets, options):
        cost, found = compare(data, plan, options)
        costs, rows, reached = costs + cost, rows + found, targets(rows + found)
        print_targets(targets(found))
        if options.json:  # after every dataset: the large one takes hours to build
            write_json([*costs, *rows, *reached], options.json, PACKAGES)
            plot_curves(curves(rows), options.json.with_suffix(".png"))


def parsed(description: str | None) -> Options:
    """Read the arguments."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", type=_names, help=f"of {','.join(DATASETS)}")
    parser.add_argument("--only", type=_names, help="systems, or system and kind, by commas")
    parser.add_argument("--peers-python", default=Pythons().peers, help="interpreter of the peers")
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--more", type=Path, help="folder of more vectors for `real`")
    parser.add_argument("--cache", type=Path, default=dense_datasets.CACHE)
    parser.add_argument("--json", type=Path, help="write the rows here and a picture beside them")
    parser.add_argument("--quick", action="store_true", help="under five minutes")
    read = parser.parse_args()
    quick: bool = read.quick
    of = dict(one.split("=", 1) for one in read.python)
    return Options(
        datasets=read.datasets or (DATASETS[:1] if quick else DATASETS),
        only=read.only or (QUICK_SYSTEMS if quick else ()),
        pythons=Pythons(read.peers_python, of),
        cache=read.cache,
        more=read.more,
        json=read.json,
        quick=quick,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


if __name__ == "__main__":
    main()
