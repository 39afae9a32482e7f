"""Operating points: which settings of a search find which share of the exact hits.

A ladder is a sequence of search settings, the cheapest first; the exact search comes after its
last rung. Each rung is measured on sample queries, and a recall target gets the first rung that
reached it. One mechanism for all kinds of indexes: a kind has a ladder, says how its documents can
stand in for queries, and stores what was measured beside its other arrays.

A rung is believed to find its mean share less one standard error of that mean, and to miss at least
one in as many hits as were looked at: what five of six samples would have shown at the least. So
few queries are counted with caution, and a recall of 1 is always the exact search.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from math import inf
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexes.errors import CorruptIndex, InvalidInput
from indexes.hits import Hits
from indexes.validate import check_array, frozen

Settings = TypeVar("Settings")

RungSearch: TypeAlias = Callable[[Settings | None, int], Hits]
"""Search the sample queries for k hits with the settings of a rung; None: exactly."""

KS = (10, 100, 1000)
"""Numbers of hits for which recall is measured."""

SAMPLED = 64
"""Documents that stand in for queries where there are none."""

NEARLY_ALL = 0.9
"""Share of the documents that counts as all: a deleted one must not change what is chosen."""

QUERIES_MIN = 16
"""Fewer queries with hits say nothing about others."""

TARGETS = (0.9, 0.95, 0.97, 0.99)
"""Targets that a report shows."""


@dataclass(frozen=True, eq=False, slots=True)
class OperatingPoints(Generic[Settings]):
    """The rungs of a ladder and what each was measured to find; no rungs: nothing was measured.

    ladder   settings of searches, the cheapest first
    recalls  (n_rungs, len(KS), 2)  float32  mean share of the exact top k found, and its standard
                                             error
    """

    ladder: tuple[Settings, ...]
    recalls: NDArray[np.float32]

    @classmethod
    def none(cls) -> "OperatingPoints[Settings]":
        """Return what is known before anything was measured."""
        return cls((), frozen(np.empty((0, len(KS), 2), np.float32)))

    @classmethod
    def stored(
        cls, ladder: Sequence[Settings], recalls: NDArray[Any]
    ) -> "OperatingPoints[Settings]":
        """Return points whose recalls were stored, or raise `CorruptIndex`."""
        n_rungs = len(ladder) if recalls.size else 0
        check_array("recalls", recalls, np.float32, (n_rungs, len(KS), 2))
        if not ((recalls >= 0) & (recalls <= 1)).all():
            raise CorruptIndex("recalls reach outside 0 .. 1: the file is damaged")
        return cls(tuple(ladder) if recalls.size else (), frozen(recalls))

    @classmethod
    def measured(
        cls,
        search: RungSearch[Settings],
        ladder: Sequence[Settings],
        *,
        own: NDArray[np.integer] | None = None,
    ) -> "OperatingPoints[Settings]":
        """Measure every rung of a ladder.

        Scores of hits must be the true ones, whatever the rung: hits are told by them, so that
        another document of an equal score counts.

        Args:
            search: searches the sample queries.
            ladder: the settings to measure.
            own: ordinals (n_queries,) of documents that stand in for queries; they do not count
                as hits of themselves. None: queries are no documents.

        Raises:
            InvalidInput: fewer than `QUERIES_MIN` of the queries have hits.
        """
        truth = _of_others(search, None, KS[-1], own)
        answered = np.isfinite(truth[:, 0])
        if int(answered.sum()) < QUERIES_MIN:
            raise InvalidInput(
                f"{int(answered.sum())} queries with hits say little about others: measure "
                f"{QUERIES_MIN} or more"
            )
        recalls = np.empty((len(ladder), len(KS), 2), np.float32)
        for i, settings in enumerate(ladder):
            for j, k in enumerate(KS):
                found = _of_others(search, settings, k, own)
                shares = _shares(truth[answered, :k], found[answered])
                recalls[i, j] = shares.mean(), _error(shares, k)
        return cls(tuple(ladder), frozen(recalls))

    def rung(self, target: float, k: int, *, allowed: float = 1.0) -> int | None:
        """Return the first rung that reached a recall target; None: only the exact search does.

        Args:
            target: share of the exact top k to find.
            k: number of hits; counted with is the next of `KS`, which is harder to reach.
            allowed: share of the documents that may be found. The k-th hit among these is about
                the k / allowed-th of all, so a rung has to reach the target at that depth.
        """
        depth = _depth(k, allowed)
        if target >= 1 or depth is None:
            return None
        column = self.recalls[:, KS.index(depth)]
        reached = np.flatnonzero(column[:, 0] - column[:, 1] >= target)
        return int(reached[0]) if len(reached) else None

    def choose(self, target: float, k: int, *, allowed: float = 1.0) -> Settings | None:
        """Return the settings of the first rung that reached a recall target; see `rung`.

        Settings that do more for more hits do as much as they did where they were measured.
        """
        rung = self.rung(target, k, allowed=allowed)
        if rung is None:
            return None
        settings: Any = self.ladder[rung]
        if not hasattr(settings, "at_depth"):
            return self.ladder[rung]
        found: Settings = settings.at_depth(_depth(k, allowed))
        return found

    def recall(self, rung: int | None, k: int) -> float | None:
        """Return the mean recall of a rung at one of `KS`; None: it was not measured."""
        if rung is None:
            return 1.0
        return float(self.recalls[rung, KS.index(k), 0]) if self.ladder else None


class Achieved(NamedTuple):
    """What a recall target gives.

    k             number of hits
    target        share of the exact top k asked for
    chosen_on     "documents" or "queries": what the settings were chosen by
    settings      of the rung; None: the exact search
    on_documents  recall on documents that stand in for queries; None: not measured
    on_queries    recall on the user's queries; None: not measured
    """

    k: int
    target: float
    chosen_on: str
    settings: Any
    on_documents: float | None
    on_queries: float | None


@dataclass(frozen=True, eq=False, slots=True)
class Report:
    """One ladder measured on documents and on a user's queries; `str` of it is a table.

    documents  points measured on documents that stand in for queries, perhaps none
    queries    points measured on the user's queries, perhaps none
    """

    documents: OperatingPoints[Any]
    queries: OperatingPoints[Any]

    @property
    def points(self) -> OperatingPoints[Any]:
        """The points to use: those of the queries, where there are any."""
        return self.queries if self.queries.ladder else self.documents

    def rows(self, targets: Sequence[float] = TARGETS) -> list[Achieved]:
        """Return what each target gives at each of `KS`, chosen in either way."""
        ways = {"documents": self.documents, "queries": self.queries}
        return [
            self._row(k, target, way)
            for k in KS
            for target in targets
            for way, points in ways.items()
            if points.ladder
        ]

    def _row(self, k: int, target: float, way: str) -> Achieved:
        points: OperatingPoints[Any] = getattr(self, way)
        rung = points.rung(target, k)
        both = (self.documents.recall(rung, k), self.queries.recall(rung, k))
        return Achieved(k, target, way, points.choose(target, k), *both)

    def __str__(self) -> str:
        lines = [("k", "target", "chosen on", "settings", "on documents", "on queries")]
        for row in self.rows():
            asked = (str(row.k), f"{row.target:g}", row.chosen_on, _told(row.settings))
            lines.append((*asked, _number(row.on_documents), _number(row.on_queries)))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )


def evenly(n: int) -> NDArray[np.int64]:
    """Return the positions, at most `SAMPLED`, of evenly spaced ones of n documents."""
    return np.unique(np.linspace(0, n - 1, min(n, SAMPLED)).astype(np.int64))


def _depth(k: int, allowed: float) -> int | None:
    """Return the next of `KS` that k hits among a share of the documents are sure to be within."""
    deep = inf if allowed <= 0 else k if allowed >= NEARLY_ALL else k / allowed
    return next((most for most in KS if most >= deep), None)


def _of_others(
    search: RungSearch[Settings],
    settings: Settings | None,
    k: int,
    own: NDArray[np.integer] | None,
) -> NDArray[np.float32]:
    """Return the scores (n_queries, k) of the best documents that are not the query itself."""
    if own is None:
        return search(settings, k).scores
    hits = search(settings, k + 1)
    other = hits.ids != own[:, None]
    first = np.argsort(~other, axis=1, kind="stable")[:, :k]  # the query itself goes to the end
    return np.take_along_axis(np.where(other, hits.scores, -np.inf), first, axis=1)


def _shares(truth: NDArray[np.float32], found: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the share of the exact hits (n_queries,) that were found; each query has some."""
    wanted = np.isfinite(truth).sum(axis=1)
    worst = np.take_along_axis(truth, wanted[:, None] - 1, axis=1)
    share: NDArray[np.float64] = np.minimum((found >= worst).sum(axis=1) / wanted, 1.0)
    return share


def _error(shares: NDArray[np.float64], k: int) -> float:
    """Return the standard error of the mean share, no less than one hit missed of all."""
    error: float = shares.std(ddof=1).item() / len(shares) ** 0.5
    return max(error, 1 / (len(shares) * k))


def _told(settings: Any) -> str:
    """Return what differs from the defaults of a dataclass, "exact" for None."""
    if settings is None:
        return "exact"
    said = {one.name: getattr(settings, one.name) for one in fields(settings)}
    plain = {one.name: one.default for one in fields(settings)}
    return " ".join(f"{name}={value}" for name, value in said.items() if value != plain[name])


def _number(recall: float | None) -> str:
    return "-" if recall is None else f"{recall:.4f}"
