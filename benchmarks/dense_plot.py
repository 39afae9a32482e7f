"""The picture of many engines: recall against queries per second."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

from benchmarks.curves import Point, front
from benchmarks.dense_rows import SHOWN
from benchmarks.peers.dense_engines import OURS

COLOURS, STYLES = 10, ("-", "--", ":")
"""Engines beyond the number of colours get the next style of line."""


def plot_curves(curves: Mapping[tuple[str, int], Mapping[str, Sequence[Point]]], to: Path) -> None:
    """Draw one picture per dataset and k, one line per engine, ours thick."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5 * len(curves)), layout="constrained")
    axes = figure.subplots(len(curves), 1, squeeze=False)[:, 0]
    names = list(dict.fromkeys(name for lines in curves.values() for name in lines))
    looks = {name: (f"C{i % COLOURS}", STYLES[i // COLOURS % 3]) for i, name in enumerate(names)}
    markers = dict(zip(names, cycle("osv^D"), strict=False))
    for axis, ((dataset, k), lines) in zip(axes, curves.items(), strict=True):
        for name, points in lines.items():
            line, (colour, style) = front(points), looks[name]
            axis.plot(
                [point.recall for point in line], [1e6 / point.us for point in line],
                color=colour, linestyle=style, marker=markers[name], markersize=3, label=name,
                linewidth=2.5 if name.startswith(OURS) else 1.0,
            )  # fmt: skip
        axis.set(title=f"{dataset}, k = {k}", xlabel=f"recall@{k}", ylabel="queries/s, 1 thread")
        axis.set_yscale("log")
        axis.set_xlim(SHOWN[0], 1.0)
        axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        axis.grid(which="both", alpha=0.3)
    figure.savefig(to, dpi=120)
