"""One file, read by its ending.

Readers of single formats are imported by the first file that needs them, so that importing this
package stays cheap.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from retrieval.ingest.fields import DETECTED, Fields
from retrieval.ingest.formats import jsonl, parquet, pdf, tables, trec, whole
from retrieval.ingest.outcome import (
    Content,
    Found,
    NoContent,
    Skipped,
    found_or_skipped,
    printable,
    reason_of,
)
from retrieval.ingest.worker import Worker
from retrieval.limits import HTML_BYTES_MAX, MARKDOWN_BYTES_MAX, TEXT_BYTES_MAX
from retrieval.lines import open_lines

ENDINGS = (
    *whole.ENDINGS,
    *pdf.ENDINGS,
    *jsonl.ENDINGS,
    *tables.CSV_ENDINGS,
    *tables.TSV_ENDINGS,
    *parquet.ENDINGS,
    *trec.ENDINGS,
)
"""Every ending that is read, in lower case; upper case is read as well."""


def is_readable(name: str) -> bool:
    """Say whether a file of this name has an ending that is read."""
    return name.lower().endswith(ENDINGS)


def is_whole(name: str) -> bool:
    """Say whether a file of this name is one document."""
    return name.lower().endswith((*whole.ENDINGS, *pdf.ENDINGS))


def read_file(
    path: Path, name: str, *, fields: Fields = DETECTED, worker: Worker | None = None
) -> Iterator[Found | Skipped]:
    """Yield what one file holds; `name` is its docno, or the place of its lines.

    `worker` parses what is not parsed in this process; None: one for this file alone.
    """
    if is_whole(name):
        with nullcontext(worker) if worker else Worker() as parser:
            yield _read_whole(path, name, parser)
        return
    place, empty = printable(name), True
    for outcome in _read_records(path, name.lower(), place, fields):
        empty = False
        yield outcome
    if empty:
        yield Skipped(place, "it holds no documents")


def _read_records(path: Path, name: str, place: str, fields: Fields) -> Iterator[Found | Skipped]:
    if name.endswith(parquet.ENDINGS):
        return parquet.read_rows(path, place, fields)
    lines = open_lines(path)
    if name.endswith(jsonl.ENDINGS):
        return jsonl.read_lines(lines, place, fields)
    if name.endswith(tables.CSV_ENDINGS):
        return tables.read_csv(lines, place, fields)
    if name.endswith(tables.TSV_ENDINGS):
        return tables.read_tsv(lines, place, fields)
    return trec.read_lines(lines, place)


def _read_whole(path: Path, name: str, worker: Worker) -> Found | Skipped:
    place = printable(name)
    try:
        size = path.stat().st_size
        if size > TEXT_BYTES_MAX:
            return Skipped(place, f"it has {size:,} bytes, more than {TEXT_BYTES_MAX:,}: split it")
        content = _content(path, size, worker)
    except OSError as error:
        return Skipped(place, reason_of(error), unread=True, docno=name)
    return found_or_skipped(content, docno=name, place=place)


def _content(path: Path, size: int, worker: Worker) -> Content | NoContent:
    name = path.name.lower()
    if name.endswith(pdf.ENDINGS):
        return worker.read_content(pdf.__name__, path)
    large_markdown = size > MARKDOWN_BYTES_MAX and name.endswith(whole.MARKDOWN_ENDINGS)
    if large_markdown or (size > HTML_BYTES_MAX and name.endswith(whole.HTML_ENDINGS)):
        return worker.read_content(whole.__name__, path)
    return whole.read_content(path)
