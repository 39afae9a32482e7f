"""Parquet: one document a row, read in batches of a few megabytes whatever the row groups hold.

Columns that make no part of the document are its metadata. They keep their types: whole numbers of
every size, floats, truth values, text, lists and structs are JSON as they are; dates and times are
ISO 8601, those with a time zone in UTC; decimals are whole numbers where they have
no fraction by their type, else floats. Nulls, NaN and infinities are absent, as JSON has no such
numbers. Columns of bytes and of types not named here are left out, and so are lists of floats,
which are vectors of the document, if they are not asked for.

A row that gives no document is skipped, and so is all from the first row that cannot be read on.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from retrieval.errors import InvalidDocument
from retrieval.ingest.fields import (
    DETECTED,
    Fields,
    Layout,
    LayoutUnknown,
    check_metadata,
    layout_of,
)
from retrieval.ingest.outcome import Content, Found, Skipped, found_or_skipped, reason_of

ENDINGS = (".parquet",)

_BATCH_BYTES = 2**22
_BATCH_ROWS_MAX = 1024
_BUFFER_BYTES = 2**20
_NO_VALUE = (ValueError, OverflowError)  # not UTF-8; a date beyond those of Python


def read_rows(path: Path, place: str, fields: Fields = DETECTED) -> Iterator[Found | Skipped]:
    """Yield a document for each row, named "`place`:row" with rows counted from 1.

    Raises:
        LayoutUnknown: no column is known to hold text, or there is none of a name asked for.
        InvalidDocument: a docno that is neither text nor a whole number, or null.
    """
    import pyarrow as pa

    number = 0
    try:
        with path.open("rb") as stream:
            file = _opened(stream)
            reader = _Rows(file.schema_arrow, fields, place)
            for batch in file.iter_batches(
                batch_size=_batch_rows(file.metadata), columns=reader.columns, use_threads=False
            ):
                for row in reader.rows(batch):
                    number += 1
                    yield reader.document(row, f"{place}:{number}")
    except InvalidDocument:
        raise
    except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:  # from the system
            reason = reason_of(error)
        else:
            reason = f"its data are damaged ({_first_line(error)})"
        yield Skipped(f"{place}:{number + 1}" if number else place, reason, unread=True)


def _opened(stream: Any) -> Any:
    from pyarrow import parquet

    # With a buffer size and without pre-buffering, a column is read as a stream of pages.
    return parquet.ParquetFile(
        stream, buffer_size=_BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True
    )


def _batch_rows(metadata: Any) -> int:
    """Return how many rows make about a batch, by what the file says of itself."""
    n_bytes = sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))
    row_bytes: int = max(n_bytes // max(metadata.num_rows, 1), 1)
    return max(1, min(_BATCH_BYTES // row_bytes, _BATCH_ROWS_MAX))


class _Rows:
    """Rows of one file to documents, by its schema."""

    def __init__(self, schema: Any, fields: Fields, place: str) -> None:
        import pyarrow.types as kinds

        textual = [field.name for field in schema if _is_text(field.type)]
        names = schema.names
        if len(set(names)) < len(names):
            raise LayoutUnknown(f"{place} has two columns of one name: rename one of them")
        check_metadata(fields, names, place)
        self._layout = layout_of(fields, names, textual, place=place)
        for name in (*self._layout.text, self._layout.title):
            kind = schema.field(name).type if name else None
            if kind is not None and not _is_text(kind) and not kinds.is_binary(kind):
                raise LayoutUnknown(f"{place}: column {name!r} holds {kind}: text is needed")
        self._kinds = {field.name: kind for field in schema if (kind := self._kept(field, place))}
        self._texts = {*self._layout.text, self._layout.title}
        wanted = {self._layout.docno, *self._texts, *self._kinds}
        self.columns = [name for name in names if name in wanted]

    def _kept(self, field: Any, place: str) -> Any:
        """Return the type in which a column is metadata; None if it is not."""
        if not self._layout.keeps(field.name):
            return None
        asked = self._layout.metadata is not None
        kind = _readable(field.type)
        if kind is None and asked:
            raise InvalidDocument(
                f"{place}: column {field.name!r} holds {field.type}, which cannot be metadata"
            )
        return None if _is_vector(field.type) and not asked else kind

    def rows(self, batch: Any) -> Iterator[Mapping[str, Any] | str]:
        """Yield the rows of a batch by column name; in place of one that is no text, the reason."""
        try:
            rows = self._converted(batch).to_pylist()
        except _NO_VALUE:
            yield from map(self._single, (batch.slice(at, 1) for at in range(len(batch))))
        else:
            yield from rows

    def _single(self, batch: Any) -> Mapping[str, Any] | str:
        try:
            (row,) = self._converted(batch).to_pylist()
            return cast("Mapping[str, Any]", row)
        except _NO_VALUE as error:
            return f"it has a value that cannot be read ({_first_line(error)})"

    def _converted(self, batch: Any) -> Any:
        """Return the batch with the types that Python can read, by `_readable` and as text."""
        import pyarrow as pa

        columns = []
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            kind = self._kinds.get(name, pa.string() if name in self._texts else column.type)
            # Timestamps lose what is below a microsecond.
            columns.append(column if column.type == kind else column.cast(kind, safe=False))
        return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)

    def document(self, row: Mapping[str, Any] | str, place: str) -> Found | Skipped:
        """Return the document of a row."""
        if isinstance(row, str):
            return Skipped(place, row)
        layout = self._layout
        text = "\n".join(filter(None, (row[name] for name in layout.text)))
        metadata = {name: value for name in self._kinds if (value := _plain(row[name])) is not None}
        content = Content(text, (row[layout.title] or "") if layout.title else "", metadata)
        return found_or_skipped(content, docno=_docno(row, layout, place), place=place)


def _docno(row: Mapping[str, Any], layout: Layout, place: str) -> str:
    if not layout.docno:
        return place
    value = row[layout.docno]
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise InvalidDocument(
        f"{place} has the {layout.docno!r} {value!r}: a docno is text or a whole number"
    )


def _is_text(kind: Any) -> bool:
    import pyarrow.types as kinds

    kind = kind.value_type if kinds.is_dictionary(kind) else kind
    view = getattr(kinds, "is_string_view", kinds.is_string)
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or view(kind))


def _readable(kind: Any) -> Any:
    """Return the type to turn a column of metadata into first; None: Python has none for it."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if kinds.is_timestamp(kind):
        return pa.timestamp(_unit(kind), None if kind.tz is None else "UTC")
    if kinds.is_duration(kind):
        return pa.duration(_unit(kind))
    if kinds.is_time64(kind):
        return pa.time64("us")
    if kinds.is_float16(kind):
        return pa.float32()
    if kinds.is_struct(kind):
        inside = [(field.name, _readable(field.type)) for field in kind]
        return pa.struct(inside) if all(one is not None for _, one in inside) else None
    if kinds.is_map(kind):
        key, item = _readable(kind.key_type), _readable(kind.item_type)
        return None if key is None or item is None else pa.map_(key, item)
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        inner = _readable(kind.value_type)
        return None if inner is None else pa.large_list(inner)
    simple = kinds.is_primitive(kind) or kinds.is_decimal(kind) or kinds.is_null(kind)
    return kind if simple or _is_text(kind) else None


def _unit(kind: Any) -> str:
    # What Python has no type for would be a type of pandas, if that is installed, or an error.
    return "us" if kind.unit == "ns" else str(kind.unit)


def _is_vector(kind: Any) -> bool:
    import pyarrow.types as kinds

    lists = kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind)
    return bool(lists and kinds.is_floating(kind.value_type))


def _plain(value: Any) -> Any:
    """Return a value of Python as JSON has it; None where JSON has nothing like it."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(one, tuple) for one in value):  # a map
            return {str(_plain(key)): _plain(one) for key, one in value}
        return [_plain(one) for one in value]
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        return int(value) if isinstance(exponent, int) and exponent >= 0 else float(value)
    return value.total_seconds() if isinstance(value, timedelta) else None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
