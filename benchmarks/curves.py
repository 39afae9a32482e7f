"""Recall against latency: fronts, what lies between their points, and pictures of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_RECALL_SHOWN = 0.85
"""Pictures start here, at the lowest."""


@dataclass(frozen=True, slots=True)
class Point:
    """What one setting reached, in microseconds a query."""

    recall: float
    us: float
    setting: str


def front(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other beats in both recall and time, by rising recall."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (-p.recall, p.us)):
        if not kept or point.us < kept[-1].us:
            kept.append(point)
    return kept[::-1]


def us_at(points: Sequence[Point], recall: float) -> float | None:
    """Return the microseconds at a recall: on the line between two points of the front, log time.

    Below the front, its fastest point has the recall and more; above it, nothing has.
    """
    found = front(points)
    if not found or found[-1].recall < recall:
        return None
    logs = np.log([point.us for point in found])
    return float(np.exp(np.interp(recall, [point.recall for point in found], logs)))


def plot_curves(curves: Mapping[tuple[str, int], Mapping[str, Sequence[Point]]], to: Path) -> None:
    """Draw recall against time: one picture per dataset and k, one line per system."""
    figure, axes = _canvas(len(curves))
    for axis, ((dataset, k), systems) in zip(axes, curves.items(), strict=True):
        for system, points in systems.items():
            line = front(points)
            recalls, times = [p.recall for p in line], [p.us for p in line]
            axis.plot(recalls, times, marker="o", markersize=3, label=system)
        axis.set(title=f"{dataset}, k = {k}", xlabel=f"recall@{k}", ylabel="µs a query, 1 thread")
        axis.set_yscale("log")
        axis.set_xlim(left=max(_RECALL_SHOWN, axis.get_xlim()[0]))
        axis.legend()
        axis.grid(which="both", alpha=0.3)
    figure.savefig(to, dpi=120)


def plot_growth(lines: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]], to: Path) -> None:
    """Draw quantities against documents, both in logarithms: one picture each, lines by system."""
    figure, axes = _canvas(len(lines))
    for axis, (quantity, systems) in zip(axes, lines.items(), strict=True):
        for system, points in systems.items():
            axis.plot(*zip(*points, strict=True), marker="o", markersize=3, label=system)
        axis.set(title=quantity, xlabel="documents", xscale="log", yscale="log")
        axis.legend()
        axis.grid(which="both", alpha=0.3)
    figure.savefig(to, dpi=120)


def _canvas(n: int) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    columns = min(n, 2)
    rows = -(-n // columns)
    figure = Figure(figsize=(6 * columns, 4 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for unused in axes[n:]:
        unused.set_visible(False)
    return figure, axes[:n]
