"""Rows of an evaluation, as JSON for machines and as a table for people."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

SIGNIFICANT_BELOW = 0.05
"""The level of the significance mark."""


@dataclass(frozen=True, slots=True)
class EvalRow:
    """One measure of one system on one dataset.

    A run that was read from a file has no latency and no index. `p_value` is the one of the
    difference from the baseline, adjusted for the number of systems; None without a baseline.
    """

    dataset: str
    system: str
    measure: str
    value: float
    n_queries: int
    latency_us_p50: float | None = None
    index_bytes: int | None = None
    p_value: float | None = None

    @property
    def significant(self) -> bool:
        """Whether the difference from the baseline is unlikely to be chance."""
        return self.p_value is not None and self.p_value < SIGNIFICANT_BELOW


def write_json(rows: Iterable[EvalRow], path: str | Path) -> None:
    """Write the rows as a JSON array of objects, one row a line."""
    lines = ",\n".join(json.dumps(asdict(row), ensure_ascii=False) for row in rows)
    Path(path).write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def table(rows: Sequence[EvalRow], baseline: str | None = None) -> "Table":
    """Lay out rows: a line per dataset and system, a column per measure, then time and size.

    The best value of a measure on a dataset is bold. ▲ and ▼ mark values significantly above and
    below those of the baseline.
    """
    from rich.table import Table
    from rich.text import Text

    measures = list(dict.fromkeys(row.measure for row in rows))
    cells = {(row.dataset, row.system, row.measure): row for row in rows}
    laid_out = Table(title=_title(rows), caption=_caption(rows, baseline))
    laid_out.add_column("dataset")
    laid_out.add_column("system")
    for heading in (*measures, "p50 ms", "MB"):
        laid_out.add_column(heading, justify="right")
    for dataset, system in dict.fromkeys((row.dataset, row.system) for row in rows):
        line = [cells.get((dataset, system, measure)) for measure in measures]
        values = (_value(row, cells, baseline) for row in line)
        laid_out.add_row(Text(dataset), Text(system), *values, *_costs(line))
    return laid_out


def _title(rows: Sequence[EvalRow]) -> str | None:
    counts = dict.fromkeys(f"{row.dataset}: {row.n_queries} queries" for row in rows)
    return ", ".join(counts) or None


def _caption(rows: Sequence[EvalRow], baseline: str | None) -> str | None:
    if baseline is None or all(row.p_value is None for row in rows):
        return None
    return f"▲ ▼ p < {SIGNIFICANT_BELOW} against {baseline} (randomisation test, Holm)"


def _value(
    row: EvalRow | None, cells: Mapping[tuple[str, str, str], EvalRow], baseline: str | None
) -> "Text":
    from rich.text import Text

    if row is None:
        return Text("-")
    peers = {
        system: one.value
        for (dataset, system, measure), one in cells.items()
        if (dataset, measure) == (row.dataset, row.measure)
    }
    style = "bold" if row.value == max(peers.values()) else ""
    mark = ""
    if baseline in peers and row.significant:
        mark = " ▲" if row.value > peers[baseline] else " ▼"
    return Text(f"{row.value:.4f}", style).append(mark)


def _costs(line: Sequence[EvalRow | None]) -> tuple[str, str]:
    row = next(row for row in line if row is not None)
    latency = "-" if row.latency_us_p50 is None else f"{row.latency_us_p50 / 1e3:.2f}"
    size = "-" if row.index_bytes is None else f"{row.index_bytes / 1e6:.1f}"
    return latency, size
