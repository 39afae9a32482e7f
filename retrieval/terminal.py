"""What people see: progress bars and tables. Progress goes to standard error, results to output."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from retrieval.results import Hit

_SHOWN_AFTER_SECONDS = 1.0


class _Shown:
    """Bars that are drawn once somebody starts them, and taken away at the end."""

    def __init__(self) -> None:
        self._bars: Bars | None = None

    def __enter__(self) -> Self:
        return self

    def _start(self, bars: "Bars") -> None:
        self._bars = bars
        bars.start()

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()


class Progress(_Shown):
    """A line per kind of work with count and rate, once the work takes longer than a second.

    Silent where standard error is no terminal.
    """

    def __init__(self) -> None:
        super().__init__()
        self._started = time.monotonic()
        self._counts: dict[str, int] = {}
        self._tasks: dict[str, Any] = {}

    def __call__(self, work: str, n_documents: int) -> None:
        """Say that so many documents more are done."""
        self._counts[work] = self._counts.get(work, 0) + n_documents
        late = time.monotonic() - self._started > _SHOWN_AFTER_SECONDS
        if late and self._bars is None and sys.stderr.isatty():
            self._start(_bars())
        if self._bars is not None:
            self._draw(self._bars)

    def _draw(self, bars: "Bars") -> None:
        elapsed = max(time.monotonic() - self._started, 1e-3)
        for work, count in self._counts.items():
            if work not in self._tasks:
                self._tasks[work] = bars.add_task(work, total=None)
            line = f"{work:<12} {count:>10,} documents  {count / elapsed:>9,.0f}/s"
            bars.update(self._tasks[work], description=line)


def _bars() -> "Bars":
    from rich.progress import Progress as Bars
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return Bars(*columns, console=Console(stderr=True), transient=True)


class Transfer(_Shown):
    """A bar for bytes that come from somewhere, with what is left; silent where none looks."""

    def __init__(self) -> None:
        super().__init__()
        self._task: Any = None

    def __call__(self, n_bytes: int, n_total: int | None) -> None:
        """Say how many bytes are there, and how many there will be."""
        if self._bars is None:
            if not sys.stderr.isatty():
                return
            bars = _transfer_bars()
            self._start(bars)
            self._task = bars.add_task("", total=n_total)
        if self._bars is not None:
            self._bars.update(self._task, completed=n_bytes, total=n_total)


def _transfer_bars() -> "Bars":
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Bars(*columns, console=Console(stderr=True), transient=True)


@contextmanager
def notice(text: str) -> Iterator[None]:
    """Show a text on a terminal while something slow goes on."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


def print_hits(hits: Sequence["Hit"]) -> None:
    """Print a ranked table: rank, score, document, snippet with its matching words in bold."""
    console = Console()
    if not hits:
        console.print("no document matches", style="dim")
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for hit in hits:
        name = f"[bold cyan]{_safe(hit.docno)}[/]"
        head = f"{name}  {_safe(hit.title)}" if hit.title else name
        shown = _escaped(hit)
        table.add_row(str(hit.rank), f"{hit.score:.4f}", f"{head}\n{shown}\n")
    console.print(table)


def _escaped(hit: "Hit") -> str:
    """Return the snippet as rich markup; brackets of the text are no markup."""
    snippet, parts, position = hit.snippet, [], 0
    for start, end in snippet.highlights:
        parts.append(_safe(snippet.text[position:start]))
        parts.append(f"[bold]{_safe(snippet.text[start:end])}[/]")
        position = end
    return "".join([*parts, _safe(snippet.text[position:])])


def _safe(text: str) -> str:
    """Return text as markup that shows it; a document must not command the terminal."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))
