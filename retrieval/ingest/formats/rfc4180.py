"""Comma-separated values, by RFC 4180: records of fields, which quotes may wrap over lines.

The csv module of Python is not used because it refuses fields of 128 KiB unless a limit is raised
for the whole process. Stricter than that module where a guess could tear a record apart: text after
a closing quote and a quote that is never closed are errors. A quote inside of an unquoted field is
an ordinary character.
"""

import re
from collections.abc import Iterator

from retrieval.errors import InvalidDocument
from retrieval.ingest.formats.records import Lines
from retrieval.limits import TEXT_BYTES_MAX

# Text up to the quote that closes the field, if there is one; possessive, so that it is linear.
_QUOTED = re.compile(r'[^"]*+(?:""[^"]*+)*+')


def cut_records(lines: Lines, place: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line and the fields of each record; blank lines are ignored.

    Raises:
        InvalidDocument: a line that is not UTF-8, text after a closing quote, a quote that is not
            closed, or a record over the limit of bytes; named as "`place`:line".
    """
    record = _Record()
    first, n_bytes = 0, 0
    for line in lines:
        if not record.quoted:
            first, n_bytes = lines.number, 0
        n_bytes += len(line)
        if n_bytes > TEXT_BYTES_MAX:
            raise InvalidDocument(
                f"{place}:{first} begins a record of more than {TEXT_BYTES_MAX:,} bytes: "
                "close its quotes, or split it"
            )
        text = decoded(line, f"{place}:{lines.number}")
        if not record.quoted and '"' not in text:
            if text and not text.isspace():
                yield first, _without_end(text).split(",")
        elif record.add(text, f"{place}:{lines.number}"):
            yield first, record.take()
    if record.quoted:
        raise InvalidDocument(
            f"{place}:{first} opens a quote that is not closed before the end of the file: close "
            'it, and write "" for a quote inside of quotes'
        )


def decoded(line: bytes, place: str) -> str:
    """Return the text of a line.

    Raises:
        InvalidDocument: it is not UTF-8, or holds NUL. What it is instead is not guessed line by
            line: nobody would notice a file read half in one encoding and half in another.
    """
    if b"\0" in line:
        raise InvalidDocument(f"{place} holds NUL characters: it is binary, or text in UTF-16")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidDocument(
            f"{place} is not UTF-8 ({error.reason} at byte {error.start + 1}): convert the file, "
            "for instance with `iconv -f WINDOWS-1252 -t UTF-8`"
        ) from error


def _without_end(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


class _Record:
    """A record being read; `quoted` while its last field waits for the closing quote."""

    def __init__(self) -> None:
        self.quoted = False
        self._fields: list[str] = []
        self._parts: list[str] = []  # of the quoted field

    def take(self) -> list[str]:
        fields, self._fields = self._fields, []
        return fields

    def add(self, line: str, place: str) -> bool:
        """Add a line, and say whether the record ends with it."""
        at, stop = 0, len(_without_end(line))
        while True:
            at = self._add_quoted(line, at) if self.quoted else self._add_field(line, at, stop)
            if at == stop and not self.quoted:
                return True
            if self.quoted:
                return False
            if line[at] != ",":
                raise InvalidDocument(
                    f"{place} has text after a closing quote, at character {at + 1}: write "
                    '"" for a quote inside of quotes'
                )
            at += 1

    def _add_field(self, line: str, at: int, stop: int) -> int:
        """Add the field that begins at `at`, and return where it ends."""
        if line.startswith('"', at):
            self.quoted = True
            return self._add_quoted(line, at + 1)
        end = line.find(",", at, stop)
        end = stop if end < 0 else end
        self._fields.append(line[at:end])
        return end

    def _add_quoted(self, line: str, at: int) -> int:
        match = _QUOTED.match(line, at)
        end = len(line) if match is None else match.end()
        self._parts.append(line[at:end])
        if end == len(line):
            return end
        self._fields.append("".join(self._parts).replace('""', '"'))
        self._parts.clear()
        self.quoted = False
        return end + 1
