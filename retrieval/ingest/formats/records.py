"""The loop that all formats of lines share: numbers, marks, limits, and input that breaks off."""

import codecs
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, TypeVar

from retrieval.ingest.outcome import Found, Skipped, reason_of
from retrieval.limits import TEXT_BYTES_MAX

Record = TypeVar("Record")
Outcomes: TypeAlias = Iterator[Found | Skipped]


class Lines:
    """Lines that know how many of them were read, without a byte order mark.

    number  of the line read last, from 1; 0 before the first
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = lines
        self.number = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.number += 1
            yield line.removeprefix(codecs.BOM_UTF8) if self.number == 1 else line


def read_records(
    lines: Iterable[bytes],
    place: str,
    *,
    cut: Callable[[Lines], Iterable[tuple[int, Record | None]]],
    read: Callable[[Record, str], Found | Skipped],
) -> Outcomes:
    """Cut lines into records and yield what `read` makes of each, given "`place`:first line".

    A record that is None was over the limit of bytes. If the lines themselves raise OSError, the
    rest of them is skipped as one, the record that was begun included.
    """
    counted = Lines(lines)
    try:
        for number, record in cut(counted):
            if record is None:
                yield Skipped(f"{place}:{number}", f"it has more than {TEXT_BYTES_MAX:,} bytes")
            else:
                yield read(record, f"{place}:{number}")
    except OSError as error:
        # A file that could not even be opened has no line to blame.
        where = f"{place}:{counted.number + 1}" if counted.number else place
        yield Skipped(where, reason_of(error), unread=True)


def single_lines(lines: Lines) -> Iterator[tuple[int, bytes | None]]:
    """Cut into lines that are not blank; a record is a line."""
    for line in lines:
        if len(line) > TEXT_BYTES_MAX:
            yield lines.number, None
        elif line and not line.isspace():
            yield lines.number, line
