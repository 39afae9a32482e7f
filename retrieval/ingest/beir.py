"""BEIR corpora: one JSON object a line, with `_id`, `text`, and perhaps `title` and `metadata`.

Two kinds of bad line are told apart. One that is not BEIR at all (no JSON object, no `_id` or
`text`, a wrong type) raises `InvalidDocument`: somebody passed the wrong file or wrote it wrongly.
One that is BEIR but gives no document (empty, too long, lone surrogates) is skipped, so that one
bad page out of millions ends nothing. Keys that BEIR does not know are kept in the metadata.
"""

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from retrieval.errors import InvalidDocument
from retrieval.ingest.outcome import Content, Found, Skipped, found_or_skipped, reason_of
from retrieval.limits import TEXT_BYTES_MAX
from retrieval.lines import ENDINGS as COMPRESSIONS

ENDINGS = tuple(".jsonl" + compression for compression in COMPRESSIONS)
"""A file with one of these endings is read line by line as BEIR."""

CORPUS_NAMES = tuple("corpus" + ending for ending in ENDINGS)
"""The file that makes a folder a BEIR folder; the first of these that exists is the corpus."""


def read_lines(lines: Iterable[bytes], place: str) -> Iterator[Found | Skipped]:
    """Yield a document for each line; blank lines are ignored.

    If the lines themselves raise OSError, the rest of them is skipped as one.

    Raises:
        InvalidDocument: a line that is not BEIR, named as "`place`:number".
    """
    number = 0
    try:
        for number, line in enumerate(lines, start=1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if len(line) > TEXT_BYTES_MAX:
                yield Skipped(f"{place}:{number}", f"it has more than {TEXT_BYTES_MAX:,} bytes")
            elif line and not line.isspace():
                yield _read_line(line, f"{place}:{number}")
    except OSError as error:
        # A file that could not even be opened has no line to blame.
        yield Skipped(f"{place}:{number + 1}" if number else place, reason_of(error), unread=True)


def _read_line(line: bytes, place: str) -> Found | Skipped:
    fields = _parse(line, place)
    docno, text = _docno(fields.pop("_id", None), place), fields.pop("text", None)
    title, metadata = fields.pop("title", None), fields.pop("metadata", None)
    if not isinstance(text, str):
        raise _wrong(place, "text", text)
    if title is not None and not isinstance(title, str):
        raise _wrong(place, "title", title)
    if metadata is not None and not isinstance(metadata, dict):
        raise _wrong(place, "metadata", metadata)
    # What is left in fields is unknown to BEIR; metadata wins where both have a key.
    content = Content(text, title or "", {**fields, **(metadata or {})})
    return found_or_skipped(content, docno=docno, place=place)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON, write null")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _parse(line: bytes, place: str) -> dict[str, Any]:
    try:
        fields = _DECODER.decode(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(
            f"{place} is not JSON in UTF-8 ({_fault(error)}): {_REMEDY}"
        ) from error
    if not isinstance(fields, dict):
        raise InvalidDocument(f"{place} is {_shortened(fields)}, not a JSON object: {_REMEDY}")
    return fields


def _docno(value: object, place: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _wrong(place, "_id", value)


def _wrong(place: str, key: str, value: object) -> InvalidDocument:
    fault = f"has no {key!r}" if value is None else f"has the {key!r} {_shortened(value)}"
    return InvalidDocument(f"{place} {fault}: {_REMEDY}")


def _fault(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        # Its own text says "line 1", which would contradict the number in the place.
        return f"{error.msg} at column {error.colno}"
    return str(error)


def _shortened(value: object) -> str:
    shown = json.dumps(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


_REMEDY = 'each line must read {"_id": "...", "title": "...", "text": "...", "metadata": {...}}'
