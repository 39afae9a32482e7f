"""Engines taking turns, and the tables that come of it."""

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.curves import Point, us_at
from benchmarks.harness import at
from benchmarks.peers.sparse import Engine, Ids, told

SINGLE_QUERIES_MAX = 300
"""Queries asked one by one in a round; the batch has all of them."""


@dataclass(slots=True)
class SparseRow:
    """One engine with one setting; microseconds are medians of rounds.

    recall    against exhaustive search; own, by the query weights the engine was able to take
    us        mean time of a query, by the faster of the two ways to ask
    batch_us  mean time of a query in one call for all: what a call costs is shared by all of them
    """

    dataset: str
    system: str
    setting: str
    k: int
    recall: float | None
    own: float | None
    agreement: float | None
    us: float
    batch_us: float
    latency_us_p50: float
    latency_us_p99: float
    queries_per_s: float
    build_s: float
    index_bytes: int
    forward_bytes: int


@dataclass(frozen=True, slots=True)
class Turn:
    """An engine with a setting, for one k."""

    engine: Engine
    setting: Any
    k: int


def measured(
    dataset: str, turns: Sequence[Turn], n_queries: int, rounds: int
) -> list[tuple[SparseRow, Ids]]:
    """Return a row for every turn and the ids it found; the first round is a warm-up."""
    together: list[list[float]] = [[] for _ in turns]
    singly: list[list[list[float]]] = [[] for _ in turns]
    found: list[Ids] = []
    for round_ in range(rounds + 1):
        for number, turn in enumerate(turns):
            ids, us = turn.engine.batch(turn.k, turn.setting)
            times = _one_by_one(turn, min(n_queries, SINGLE_QUERIES_MAX))
            if round_:
                together[number].append(us)
                singly[number].append(times)
            else:
                found.append(ids)
    rows = [
        _row(dataset, turn, statistics.median(us), times)
        for turn, us, times in zip(turns, together, singly, strict=True)
    ]
    return list(zip(rows, found, strict=True))


def _one_by_one(turn: Turn, n_queries: int) -> list[float]:
    times = []
    for number in range(n_queries):
        start = time.perf_counter()
        turn.engine.one(number, turn.k, turn.setting)
        times.append((time.perf_counter() - start) * 1e6)
    return times


def _row(dataset: str, turn: Turn, batch_us: float, times: Sequence[Sequence[float]]) -> SparseRow:
    each = sorted(statistics.median(one) for one in zip(*times, strict=True))
    us = min(batch_us, statistics.fmean(each))
    engine, built = turn.engine, turn.engine.built
    return SparseRow(
        dataset, engine.system, f"{engine.build} | {told(turn.setting)}", turn.k, None, None, None,
        us, batch_us, at(each, 0.5), at(each, 0.99), 1e6 / us,
        built.build_s, built.index_bytes, built.forward_bytes,
    )  # fmt: skip


def print_rows(rows: Iterable[SparseRow]) -> None:
    """Print a table; `ratio` and its neighbours are to the first of ours with the same k.

    Ratios say something between rows of equal recall only: `print_targets` has the others.
    """
    print(
        f"\n{'dataset':<20}{'system':<9}{'setting':<44}{'k':>5}{'recall':>8}{'own':>7}{'us':>9}"
        f"{'ratio':>7}{'batch':>9}{'p50':>9}{'p99':>9}{'q/s':>9}{'build s':>9}{'MB':>8}{'ratio':>7}"
        f"{'rows':>7}"
    )
    mine: dict[tuple[str, int], SparseRow] = {}
    for row in rows:
        if row.system == "ours":
            mine.setdefault((row.dataset, row.k), row)
        base = mine.get((row.dataset, row.k), row)
        print(
            f"{row.dataset:<20}{row.system:<9}{row.setting[:43]:<44}{row.k:>5}"
            f"{_said(row.recall, '.4f'):>8}{_said(row.own):>7}{row.us:>9.0f}"
            f"{row.us / base.us:>7.2f}"
            f"{row.batch_us:>9.0f}{row.latency_us_p50:>9.0f}{row.latency_us_p99:>9.0f}{row.queries_per_s:>9.0f}"
            f"{row.build_s:>9.1f}{row.index_bytes / 1e6:>8.1f}"
            f"{row.index_bytes / base.index_bytes:>7.2f}"
            f"{row.forward_bytes / 1e6:>7.1f}"
        )


@dataclass(frozen=True, slots=True)
class TargetRow:
    """The times of all systems at one recall; None where a system does not get there."""

    dataset: str
    k: int
    recall: float
    us: Mapping[str, float | None]


def targets(rows: Sequence[SparseRow], recalls: Sequence[float]) -> list[TargetRow]:
    """Return the times at each recall, of every dataset and k."""
    return [
        TargetRow(dataset, k, recall, {name: us_at(line, recall) for name, line in lines.items()})
        for (dataset, k), lines in curves(rows).items()
        for recall in recalls
    ]


def curves(rows: Sequence[SparseRow]) -> dict[tuple[str, int], dict[str, list[Point]]]:
    """Return the points of every system, by dataset and k."""
    found: dict[tuple[str, int], dict[str, list[Point]]] = {}
    for row in rows:
        if row.recall is not None:
            lines = found.setdefault((row.dataset, row.k), {})
            lines.setdefault(row.system, []).append(Point(row.recall, row.us, row.setting))
    return found


def print_targets(rows: Sequence[TargetRow]) -> None:
    """Print the times at each recall, and the ratio of every peer to ours."""
    systems = list(dict.fromkeys(name for row in rows for name in row.us))
    head = "".join(f"{f'{name} us':>13}{'ratio':>7}" for name in systems)
    print(f"\n{'dataset':<20}{'k':>5}{'recall':>8}{head}")
    for row in rows:
        ours = row.us.get("ours")
        cells = [row.us.get(name) for name in systems]
        ratios = [us / ours if us and ours else None for us in cells]
        text = "".join(
            f"{_said(us, '.0f'):>13}{_said(ratio, '.2f'):>7}"
            for us, ratio in zip(cells, ratios, strict=True)
        )
        print(f"{row.dataset:<20}{row.k:>5}{row.recall:>8.2f}{text}")


def _said(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None else format(value, form)
