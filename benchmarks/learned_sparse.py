"""Learned-sparse search beside bmp, Seismic and kANNolo: exact, and recall against time.

    python -m benchmarks.learned_sparse [real generated bootstrapped] [--documents 1000000]
        [--quick] [--cache DIR] [--json FILE]

All get the same vectors and answer on one thread; what a peer was fed, how it is timed and what it
rounds stands in its file below `benchmarks/peers`. Engines take turns, a warm-up and then rounds
whose medians are reported. `batch` is the mean time of a query in one call for all of them, each
engine by the fastest way it has; p50 and p99 are of queries asked one by one; `us` is the lower of
the two means, and what is compared. Peers are built once and kept in the cache folder, with every
core where they use more than one.

recall  share of the right answers: those as good as the k-th best in exhaustive float64 search
own     the same, by the query weights that the engine was able to take (bmp: whole ones to 32)
MB      all that is needed to answer; `rows` of ours are beside it, and in it for the peers

Exact search is measured at k = 10, 100 and 1000. The curves come from one pass over every setting
at k = 10 and 100; the settings on the front are then measured like the others, with our searches
that ask for a recall by name, and the times at a recall lie on the line between two of them. How
all this grows: `python -m benchmarks.growth`.
"""

import argparse
import hashlib
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks import splade_like
from benchmarks.curves import Point, front, plot_curves
from benchmarks.harness import ROUNDS, write_json
from benchmarks.peers.sparse import Engine, Ids, told
from benchmarks.peers.sparse_bmp import Bmp, BmpBuild, BmpSearch, rounded
from benchmarks.peers.sparse_kannolo import DOCUMENTS_MAX, Kannolo, KannoloBuild, KannoloSearch
from benchmarks.peers.sparse_ours import RECALLS, Cold, OurIndex, Ours, one_thread
from benchmarks.peers.sparse_seismic import Seismic, SeismicBuild, SeismicSearch
from benchmarks.peers.sparse_truth import recall, truth_of
from benchmarks.sparse_datasets import KINDS, Dataset, load, ndcg
from benchmarks.sparse_rows import (
    SparseRow,
    Turn,
    curves,
    measured,
    print_rows,
    print_targets,
    targets,
)
from indexes.inverted import InvertedBuild, InvertedSearch

EXACT_KS, CURVE_KS = (10, 100, 1000), (10, 100)
FRONT_POINTS_MAX, LOOKS = 12, 3
COLD_QUERIES = 20
PACKAGES = ("retrieval-engine", "numpy", "numba", "bmp", "pyseismic-lsr", "kannolo")

EXACT = InvertedSearch()
OURS: Sequence[Ours] = (
    Ours("bisection", InvertedBuild(order="bisection")),
    Ours("given order", InvertedBuild()),
)
"""Ratios are to the first of them, and it is what is asked cold."""

BMP = (BmpBuild(), BmpBuild(compress_range=True))
QUERY_CUTS, HEAP_FACTORS = (3, 4, 5, 6, 8, 10, 12, 15, 20, 30), (1.0, 0.9, 0.8, 0.7, 0.6)
SEISMIC_POSTINGS_MIN = 60
BUILT_MAX = 300_000
"""Documents up to which peers are built in several ways."""

KNNS = (3, 10)
EF_SEARCH = (10, 15, 20, 30, 50, 75, 100, 150, 200, 400)

Choice: TypeAlias = tuple[Engine, Any]

_PLAIN = str.maketrans(dict.fromkeys("(),='", "_"))


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured; sizes are of the sets that are made."""

    n_documents: int
    n_queries: int
    n_exact_queries: int
    n_curve_queries: int
    rounds: int
    quick: bool


FULL = Plan(1_000_000, 2_000, 40, 400, ROUNDS, False)
QUICK = Plan(30_000, 2_000, 100, 300, ROUNDS, True)


def seismic_builds(n_documents: int, quick: bool) -> list[SeismicBuild]:
    """Return builds around those that its authors tuned: 2,000 to 4,000 postings a term at 8.8 M.

    The root of the number of documents lies between these, and did best at smaller sizes too. The
    graph of neighbours is built where that takes minutes only.
    """
    middle = max(SEISMIC_POSTINGS_MIN, math.isqrt(n_documents))
    if quick:
        return [SeismicBuild(middle, 0.2, 0.5)]
    if n_documents > BUILT_MAX:
        return [SeismicBuild(middle, 0.2, 0.5)]  # each takes ten minutes and 3 GB
    builds = [SeismicBuild(size, 0.2, 0.5) for size in (middle // 2, middle, 2 * middle)]
    builds.append(SeismicBuild(middle, 0.1, 0.4))
    if n_documents <= DOCUMENTS_MAX:
        builds.append(SeismicBuild(middle, 0.2, 0.5, nknn=KNNS[-1]))
    return builds


def seismic_searches(build: SeismicBuild, quick: bool) -> list[SeismicSearch]:
    """Return the grid of a build: query cuts by heap factors, by neighbours where it has them."""
    knns = KNNS if build.nknn else (0,)
    factors = HEAP_FACTORS[::2] if quick or build.nknn else HEAP_FACTORS
    return [SeismicSearch(c, h, n) for n in knns for c in QUERY_CUTS for h in factors]


Compared: TypeAlias = tuple[list[SparseRow], Cold, list[SparseRow]]


def compare(data: Dataset, plan: Plan, cache: Path) -> Compared:
    """Return the rows of exact search, cold queries, and the rows of the curves on one dataset."""
    folder = data.place(cache)
    ours = [OurIndex(data.vectors, one) for one in OURS]
    exact = exact_rows(data.cut(queries=plan.n_exact_queries), ours, plan, folder)
    print_rows(exact)
    if data.name == "nfcorpus":
        hits = ours[0].index.search(data.queries, 10, EXACT)
        print(f"\nnDCG@10 of exact search: {ndcg(hits.ids, hits.scores):.4f} (Anserini: 0.3632)")
    with tempfile.TemporaryDirectory(dir=cache) as place:
        cold = ours[0].cold(data.name, Path(place), EXACT_KS[0], COLD_QUERIES)
    print(
        f"\ncold: opened and checked in {cold.opening_ms:.0f} ms, "
        f"then {cold.cold_us_p50:.0f} us for a first query"
    )
    return exact, cold, curve_rows(data.cut(queries=plan.n_curve_queries), ours, plan, folder)


def exact_rows(
    data: Dataset, ours: Sequence[OurIndex], plan: Plan, folder: Path
) -> list[SparseRow]:
    """Measure ours and bmp where both are exact; bmp in the given order and in ours."""
    mine = [index.asked(data.queries) for index in ours]
    peers = list(bmps(data, ours[0].order(), folder, plan.quick))
    taken = rounded(data.queries)
    truth = truth_of(data.documents, data.queries, EXACT_KS)
    own = truth_of(data.documents, taken, EXACT_KS)
    rows = []
    for k in EXACT_KS:
        turns = [Turn(engine, EXACT, k) for engine in mine]
        turns += [Turn(engine, BmpSearch(), k) for engine in peers]
        for row, found in measured(data.name, turns, len(data.queries), plan.rounds):
            row.recall = recall(found, truth, data.documents, data.queries)
            if row.system == "bmp":
                row.own = recall(found, own, data.documents, taken)
            rows.append(row)
    return rows


def bmps(data: Dataset, order: Ids | None, folder: Path, quick: bool) -> Iterator[Bmp]:
    """Yield bmp with plain and with compressed maxima, in the given order and in ours."""
    large = len(data.documents) > BUILT_MAX
    for build in BMP[:1] if quick or large else BMP:
        if order is None or not large:  # bmp takes some 10 GB for a million documents
            yield Bmp(data.vectors, folder / slug(build), build)
        if order is not None:
            digest = hashlib.blake2b(order.tobytes(), digest_size=8).hexdigest()
            place = folder / f"{slug(build)}_{digest}"
            yield Bmp(data.vectors, place, build, order=order, order_name="our order")


def curve_rows(
    data: Dataset, ours: Sequence[OurIndex], plan: Plan, folder: Path
) -> list[SparseRow]:
    """Look at every setting once, then measure those on the front of each system, taking turns."""
    mine = [index.asked(data.queries) for index in ours]
    chosen = list(choices(data, mine, plan, folder))
    promised = [(index, search) for index in mine for search in index.promises()]
    truth = truth_of(data.documents, data.queries, CURVE_KS)
    rows = []
    for k in CURVE_KS:
        looked: dict[str, dict[Point, Choice]] = {}
        for engine, setting in chosen:
            ids, us = looked_at(engine, setting, k)
            found = recall(ids, truth, data.documents, data.queries)
            point = Point(found, us, f"{engine.build} | {told(setting)}")
            looked.setdefault(engine.system, {})[point] = (engine, setting)
        best = [pairs[p] for pairs in looked.values() for p in thinned(front([*pairs]))]
        turning = dict.fromkeys([(mine[0], EXACT), *promised, *best])
        turns = [Turn(*choice, k) for choice in turning]
        for row, ids in measured(data.name, turns, len(data.queries), plan.rounds):
            row.recall = recall(ids, truth, data.documents, data.queries)
            rows.append(row)
    return rows


def looked_at(engine: Engine, setting: Any, k: int) -> tuple[Ids, float]:
    """Return ids and the least time of a few batches: enough to choose a front from."""
    looks = [engine.batch(k, setting) for _ in range(LOOKS)]
    return looks[0][0], min(us for _, us in looks)


def choices(data: Dataset, ours: Sequence[OurIndex], plan: Plan, folder: Path) -> Iterator[Choice]:
    """Yield every engine with every setting that a curve is drawn from."""
    n_documents = len(data.documents)
    for index in ours:
        yield from ((index, search) for search in index.searches())
    for build in seismic_builds(n_documents, plan.quick):
        seismic = Seismic(data.vectors, folder / slug(build), build)
        yield from ((seismic, search) for search in seismic_searches(build, plan.quick))
    if n_documents <= DOCUMENTS_MAX and not plan.quick:
        kannolo = Kannolo(data.vectors, folder / slug(KannoloBuild()), KannoloBuild())
        yield from ((kannolo, KannoloSearch(ef)) for ef in EF_SEARCH)


def thinned(points: Sequence[Point]) -> Sequence[Point]:
    """Return at most `FRONT_POINTS_MAX` of a front, evenly, both ends among them."""
    if len(points) <= FRONT_POINTS_MAX:
        return points
    places = np.linspace(0, len(points) - 1, FRONT_POINTS_MAX).round().astype(int)
    return [points[place] for place in places.tolist()]


def slug(build: object) -> str:
    """Return a name for the folder of a build."""
    return repr(build).replace(" ", "").translate(_PLAIN)


def main() -> None:
    """Read the arguments, measure, print and write."""
    options = parsed()
    one_thread()
    cache: Path = options.cache
    cache.mkdir(parents=True, exist_ok=True)
    plan = QUICK if options.quick else FULL
    if options.documents:
        plan = replace(plan, n_documents=options.documents)
    exact: list[SparseRow | Cold] = []
    curved: list[SparseRow] = []
    for kind in options.datasets or KINDS[:2]:
        data = load(kind, plan.n_documents, plan.n_queries, cache)
        rows, cold, more = compare(data, plan, cache)
        exact += [*rows, cold]
        curved += more
    print_rows(curved)
    at_recalls = targets(curved, RECALLS)
    print_targets(at_recalls)
    if options.json:
        write_json([*exact, *curved, *at_recalls], options.json, PACKAGES)
        plot_curves(curves(curved), options.json.with_suffix(".png"))


def parsed() -> argparse.Namespace:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", help=f"of {', '.join(KINDS)}; else the first two")
    parser.add_argument("--documents", type=int, help="of a set that is made")
    parser.add_argument("--quick", action="store_true", help="under five minutes")
    parser.add_argument("--cache", type=Path, default=splade_like.CACHE)
    parser.add_argument("--json", type=Path, help="write the rows here and a picture beside them")
    return parser.parse_args()


if __name__ == "__main__":
    main()
