"""Dense engines taking turns; rows, the table at equal recall, and the picture."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.curves import Point, front, us_at
from benchmarks.dense_datasets import Dataset
from benchmarks.harness import at
from benchmarks.peers.dense import Setting
from benchmarks.peers.dense_engines import OURS, RECALLS, Known
from benchmarks.peers.dense_process import Opened, Process, Unable

LOOK_QUERIES, LOOKS = 300, 2
"""Of the pass over every setting that chooses those to be measured."""

SHOWN = (0.85, 0.995)
"""Recalls between which a curve is measured; one point beyond each end, where there is one."""

TIE = 1e-6
"""Share of a score by which float32 sums of the same pair differ at most."""


@dataclass(slots=True)
class DenseRow:
    """One engine with one setting; microseconds are medians of rounds.

    us            mean time of a query, by the faster of the two ways to ask
    batch_us      mean time of a query in one call for all
    vector_bytes  float vectors beside `index_bytes`
    """

    dataset: str
    system: str
    setting: str
    k: int
    recall: float
    us: float
    batch_us: float
    latency_us_p50: float
    latency_us_p99: float
    queries_per_s: float
    build_s: float
    index_bytes: int
    vector_bytes: int
    kind: str


@dataclass(frozen=True, slots=True)
class EngineRow:
    """What one index cost; see `Built`."""

    dataset: str
    system: str
    kind: str
    version: str
    threads: int
    build_s: float
    build_cpu_s: float
    index_bytes: int
    vector_bytes: int
    build_peak_bytes: int


@dataclass(frozen=True, slots=True)
class Turn:
    """An engine with a setting, for one k."""

    known: Known
    process: Process
    setting: Setting
    k: int


@dataclass(frozen=True, slots=True)
class Timed:
    """What one turn took: medians of rounds, sorted for single queries; and what it found."""

    ids: NDArray[np.int64]
    batch_us: float
    each_us: Sequence[float]

    @property
    def us(self) -> float:
        """Mean time of a query, by the faster way to ask."""
        return min(self.batch_us, statistics.fmean(self.each_us))


def recall(ids: NDArray[np.int64], data: Dataset, k: int) -> float:
    """Return the share of right answers: those as good as the k-th best, each counted once."""
    right = 0
    n_true = np.minimum((data.truth[:, :k] >= 0).sum(1), k)[: len(ids)]
    for number, found in enumerate(ids):
        mine = np.unique(found[found >= 0])
        sure = np.isin(mine, data.truth[number, :k])
        others, last = mine[~sure], data.truth_scores[number, n_true[number] - 1]
        good = scores(data, number, others) >= last - TIE * abs(last)
        right += min(int(sure.sum() + good.sum()), int(n_true[number]))
    return right / int(n_true.sum())


def scores(data: Dataset, number: int, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the scores of some documents for one query, larger is better."""
    rows, query = data.documents[ids].astype(np.float64), data.queries[number].astype(np.float64)
    if data.metric == "euclidean":
        distances: NDArray[np.float64] = -((rows - query) ** 2).sum(1)
        return distances
    norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
    cosines: NDArray[np.float64] = rows @ query / norms
    return cosines


def turns(engines: Sequence[Opened], data: Dataset, k: int, *, points: int) -> Iterator[Turn]:
    """Look at every setting once; yield those on each engine's front that a curve needs."""
    n_queries = min(LOOK_QUERIES, len(data.queries))
    for one in engines:
        looked: dict[Point, Setting] = {}
        try:
            for number, setting in enumerate(one.known.ladder(k)):
                looks = [one.process.answers(k, setting, n_queries) for _ in range(LOOKS)]
                us = min(seconds for _, seconds in looks) / n_queries * 1e6
                point = Point(recall(looks[0][0], data, k), us, str(number))
                looked[point] = setting
            for setting in one.known.promised:
                one.process.answers(k, setting, 1)
        except Unable as reason:
            print(f"{one.known.name} is left out for k = {k}: {reason}")
            continue
        for point in worth(list(looked), points):
            yield Turn(one.known, one.process, looked[point], k)
        yield from (Turn(one.known, one.process, s, k) for s in one.known.promised)


def worth(points: Sequence[Point], n: int) -> list[Point]:
    """Return at most n points of the front, evenly, between the recalls shown or next to them."""
    line = front(points)
    recalls = [point.recall for point in line]
    first = max(0, int(np.searchsorted(recalls, SHOWN[0])) - 1)
    stop = int(np.searchsorted(recalls, SHOWN[1])) + 1
    line = line[first:stop]
    places = np.unique(np.linspace(0, len(line) - 1, n).round().astype(int))
    return [line[place] for place in places.tolist()]


def timed(
    chosen: Sequence[Turn], n_queries: int, rounds: int, *, singles: int
) -> list[tuple[Turn, Timed]]:
    """Let all take turns, round after round; the first round is a warm-up."""
    together: list[list[float]] = [[] for _ in chosen]
    singly: list[list[list[float]]] = [[] for _ in chosen]
    ids = [turn.process.answers(turn.k, turn.setting, n_queries)[0] for turn in chosen]
    for round_ in range(rounds + 1):
        for number, turn in enumerate(chosen):
            answer = turn.process.ask(
                "round", k=turn.k, setting=turn.setting, queries=n_queries, singles=singles
            )
            if round_:
                together[number].append(answer["seconds"] / n_queries * 1e6)
                singly[number].append(answer["us"])
    return [
        (turn, Timed(found, statistics.median(batch), _medians(single)))
        for turn, found, batch, single in zip(chosen, ids, together, singly, strict=True)
    ]


def _medians(rounds: Sequence[Sequence[float]]) -> list[float]:
    return sorted(statistics.median(one) for one in zip(*rounds, strict=True))


def rows_of(
    data: Dataset, engines: Sequence[Opened], found: Iterable[tuple[Turn, Timed]]
) -> Iterator[DenseRow]:
    """Yield a row for every turn."""
    built = {one.known.name: one.built for one in engines}
    for turn, took in found:
        known, cost = turn.known, built[turn.known.name]
        yield DenseRow(
            data.name, known.system, f"{known.kind} | {told(turn.setting)}", turn.k,
            recall(took.ids, data, turn.k), took.us, took.batch_us,
            at(took.each_us, 0.5), at(took.each_us, 0.99), 1e6 / took.us,
            cost.build_s, cost.index_bytes, cost.vector_bytes, known.kind,
        )  # fmt: skip


def engine_rows(data: Dataset, engines: Sequence[Opened]) -> list[EngineRow]:
    """Return what the indexes cost."""
    return [
        EngineRow(
            data.name, one.known.system, one.known.kind, one.built.version, one.built.threads,
            one.built.build_s, one.built.cpu_s, one.built.index_bytes, one.built.vector_bytes,
            one.built.peak_bytes,
        )
        for one in engines
    ]  # fmt: skip


def told(setting: Setting) -> str:
    """Return a setting in words."""
    return " ".join(f"{name}={value:g}" for name, value in setting.items()) or "exact"


def print_rows(rows: Iterable[DenseRow]) -> None:
    """Print every point."""
    print(
        f"\n{'dataset':<20}{'system':<12}{'setting':<36}{'k':>4}{'recall':>8}{'q/s':>9}"
        f"{'batch us':>9}{'p50 us':>9}{'p99 us':>9}{'build s':>9}{'MB':>8}{'vectors':>8}"
    )
    for row in rows:
        print(
            f"{row.dataset:<20}{row.system:<12}{row.setting[:35]:<36}{row.k:>4}{row.recall:>8.4f}"
            f"{row.queries_per_s:>9.0f}{row.batch_us:>9.0f}"
            f"{row.latency_us_p50:>9.0f}{row.latency_us_p99:>9.0f}"
            f"{row.build_s:>9.1f}{row.index_bytes / 1e6:>8.1f}{row.vector_bytes / 1e6:>8.1f}"
        )


@dataclass(frozen=True, slots=True)
class TargetRow:
    """Every engine at one recall; None where it does not get there.

    Times lie on the line between two points of its front, in logarithms; ratios are the queries/s
    of ours, the first of them, to those of each.
    """

    dataset: str
    k: int
    recall: float
    queries_per_s: Mapping[str, float | None]
    latency_us_p50: Mapping[str, float | None]
    ratio: Mapping[str, float | None]


Curves = dict[tuple[str, int], dict[str, list[Point]]]


def curves(rows: Iterable[DenseRow], *, p50: bool = False) -> Curves:
    """Return the points of every engine, by dataset and k."""
    found: Curves = {}
    for row in rows:
        lines = found.setdefault((row.dataset, row.k), {})
        us = row.latency_us_p50 if p50 else row.us
        name = f"{row.system} {row.kind}".strip()
        lines.setdefault(name, []).append(Point(row.recall, us, row.setting))
    return found


def targets(rows: Sequence[DenseRow]) -> list[TargetRow]:
    """Return the times at each recall, of every dataset and k."""
    means, medians = curves(rows), curves(rows, p50=True)
    found = []
    for (dataset, k), lines in means.items():
        for wanted in RECALLS:
            us = {name: us_at(line, wanted) for name, line in lines.items()}
            p50 = {name: us_at(line, wanted) for name, line in medians[dataset, k].items()}
            ours = next((one for name, one in us.items() if name.startswith(OURS)), None)
            rates = {name: one and 1e6 / one for name, one in us.items()}
            ratio = {name: ours and one and one / ours for name, one in us.items()}
            found.append(TargetRow(dataset, k, wanted, rates, p50, ratio))
    return found


def print_targets(rows: Sequence[TargetRow]) -> None:
    """Print a line per engine, the recalls side by side."""
    for dataset, k in dict.fromkeys((row.dataset, row.k) for row in rows):
        some = [row for row in rows if (row.dataset, row.k) == (dataset, k)]
        head = "".join(f"{f'q/s at {row.recall:.2f}':>14}{'p50 us':>8}{'ratio':>7}" for row in some)
        print(f"\n{f'{dataset}, k = {k}':<30}{head}")
        for name in some[0].ratio:
            cells = "".join(
                f"{_said(row.queries_per_s[name], '.0f'):>14}"
                f"{_said(row.latency_us_p50[name], '.0f'):>8}{_said(row.ratio[name], '.2f'):>7}"
                for row in some
            )
            print(f"{name:<30}{cells}")
        print(f"{'lowest ratio to a peer':<30}" + "".join(f"{_lowest(row):>29}" for row in some))


def _lowest(row: TargetRow) -> str:
    ratios = [one for name, one in row.ratio.items() if one and not name.startswith(OURS)]
    return _said(min(ratios, default=None), ".2f")


def _said(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
