"""JSON lines: one object a line, whose keys are known, asked for, or found in the first object.

Two kinds of bad line are told apart. One that is not what the first line promised (no JSON object,
no docno, a text that is no string) raises `InvalidDocument`: somebody passed the wrong file or
wrote it wrongly. One that is, but gives no document (no text, too long, lone surrogates) is
skipped, so that one bad page out of millions ends nothing. All other keys are kept as metadata, and
those of an object under "metadata" join them.

A first object with `_id` and `text` makes the file a BEIR corpus, see `beir`, which is stricter:
every line has both, and "metadata" is an object if it is there.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from retrieval.errors import InvalidDocument
from retrieval.ingest.fields import DETECTED, Fields, Layout, layout_of
from retrieval.ingest.formats.records import read_records, single_lines
from retrieval.ingest.outcome import Content, Found, Skipped, found_or_skipped
from retrieval.lines import ENDINGS as COMPRESSIONS

ENDINGS = tuple(
    ending + compression for ending in (".jsonl", ".ndjson") for compression in COMPRESSIONS
)
"""A file with one of these endings is read line by line as JSON."""

BEIR = Layout("_id", ("text",), "title")

_BEIR_LINE = '{"_id": "...", "title": "...", "text": "...", "metadata": {...}}'


def read_lines(
    lines: Iterable[bytes], place: str, fields: Fields | Layout = DETECTED
) -> Iterator[Found | Skipped]:
    """Yield a document for each line; blank lines are ignored.

    If the lines themselves raise OSError, the rest of them is skipped as one.

    Raises:
        LayoutUnknown: the first object has no text by any known name, or none by a name asked for.
        InvalidDocument: a line that is not like the first, named as "`place`:number".
    """
    layout = fields

    def read(line: bytes, where: str) -> Found | Skipped:
        nonlocal layout
        record = _parse(line, where, layout)
        if isinstance(layout, Fields):
            layout = _layout_of(record, layout, where)
        return _document(record, layout, where)

    return read_records(lines, place, cut=single_lines, read=read)


def _layout_of(record: dict[str, Any], fields: Fields, place: str) -> Layout:
    if fields == DETECTED and "_id" in record and "text" in record:
        return BEIR
    # A null says nothing about what other lines have under that key.
    texts = [key for key, value in record.items() if value is None or isinstance(value, str)]
    return layout_of(fields, record.keys(), texts, place=place)


def _document(record: dict[str, Any], layout: Layout, place: str) -> Found | Skipped:
    docno = _docno(record.pop(layout.docno, None), layout, place) if layout.docno else place
    texts = [_string(record.pop(key, None), key, layout, place) for key in layout.text]
    title = record.pop(layout.title, None) if layout.title else None
    if title is not None and not isinstance(title, str):
        raise _wrong(place, layout, layout.title, title)
    nested = record.get("metadata")
    if isinstance(nested, dict):
        # What is left in the record is unknown to BEIR; metadata wins where both have a key.
        del record["metadata"]
        record = {**record, **nested}
    elif layout is BEIR and record.pop("metadata", None) is not None:
        raise _wrong(place, layout, "metadata", nested)
    if layout.metadata is not None:
        record = {key: value for key, value in record.items() if key in layout.metadata}
    content = Content("\n".join(filter(None, texts)), title or "", record)
    return found_or_skipped(content, docno=docno, place=place)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON, write null")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _parse(line: bytes, place: str, layout: Layout | Fields) -> dict[str, Any]:
    try:
        record = _DECODER.decode(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(
            f"{place} is not JSON in UTF-8 ({_fault(error)}): {_remedy(layout)}"
        ) from error
    if not isinstance(record, dict):
        raise InvalidDocument(
            f"{place} is {_shortened(record)}, not a JSON object: {_remedy(layout)}"
        )
    return record


def _docno(value: object, layout: Layout, place: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _wrong(place, layout, layout.docno, value)


def _string(value: object, key: str, layout: Layout, place: str) -> str:
    if isinstance(value, str):
        return value
    if value is None and layout is not BEIR:
        return ""  # an article without an abstract is still one with a title
    raise _wrong(place, layout, key, value)


def _wrong(place: str, layout: Layout, key: str, value: object) -> InvalidDocument:
    fault = f"has no {key!r}" if value is None else f"has the {key!r} {_shortened(value)}"
    return InvalidDocument(f"{place} {fault}: {_remedy(layout)}")


def _fault(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        # Its own text says "line 1", which would contradict the number in the place.
        return f"{error.msg} at column {error.colno}"
    return str(error)


def _shortened(value: object) -> str:
    shown = json.dumps(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _remedy(layout: Layout | Fields) -> str:
    if isinstance(layout, Fields):
        return 'each line must be an object, like {"id": "...", "title": "...", "text": "..."}'
    if layout is BEIR:
        return f"each line must read {_BEIR_LINE}"
    keys = [layout.docno, *layout.text] if layout.docno else layout.text
    return f"each line must have {' and '.join(map(repr, keys))}, like the first"
