"""Tables of text: csv with a header and quotes, tsv as MS MARCO and others write it.

csv is RFC 4180, the first record names the columns. In tsv nothing is quoted, since passages of MS
MARCO hold bare quotes, and a tab or line break cannot be in a value. Its first line names the
columns if one of them has a known name for text; else the number of columns tells them:

    2  docno, text                MS MARCO's collection.tsv
    3  docno, title, text
    4  docno, url, title, text    MS MARCO's msmarco-docs.tsv; the second must look like an address

Both are UTF-8. A row with more or fewer columns than the first raises `InvalidDocument`: a quote or
tab went astray, and what stands in which column from there on is a guess. Columns that make no part
of the document are its metadata, with the types of `columns`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeAlias

from retrieval.errors import InvalidDocument
from retrieval.ingest.fields import (
    DETECTED,
    TEXTS,
    Fields,
    LayoutUnknown,
    check_metadata,
    layout_of,
)
from retrieval.ingest.formats.columns import SAMPLE_CHARACTERS, SAMPLE_ROWS, Convert, type_of
from retrieval.ingest.formats.records import Lines, read_records, single_lines
from retrieval.ingest.formats.rfc4180 import cut_records, decoded
from retrieval.ingest.outcome import Content, Found, Skipped, found_or_skipped
from retrieval.lines import ENDINGS as COMPRESSIONS

CSV_ENDINGS = tuple(".csv" + compression for compression in COMPRESSIONS)
TSV_ENDINGS = tuple(".tsv" + compression for compression in COMPRESSIONS)

MARCO_PASSAGES = ("docno", "text")
"""The columns of MS MARCO's collection.tsv."""

MARCO_DOCUMENTS = ("docno", "url", "title", "text")
"""The columns of MS MARCO's msmarco-docs.tsv."""

COLLECTION_NAMES = tuple(
    name + compression
    for name in ("collection.tsv", "msmarco-docs.tsv")
    for compression in COMPRESSIONS
)
"""The files that make a folder one of MS MARCO's, beside queries and judgements."""

_WITHOUT_HEADER = {2: MARCO_PASSAGES, 3: ("docno", "title", "text"), 4: MARCO_DOCUMENTS}
_COLUMN_NAME = re.compile(r"[\w .-]{1,64}")
_QUERY_COLUMNS = ("query-id", "query_id", "qid", "topic")

_Rows: TypeAlias = Iterator[tuple[int, list[str] | None]]


def read_csv(
    lines: Iterable[bytes], place: str, fields: Fields = DETECTED
) -> Iterator[Found | Skipped]:
    """Yield a document for each record after the header.

    Raises:
        LayoutUnknown: the header names no column known to hold text, or not one asked for.
        InvalidDocument: what is not csv in UTF-8, and a wrong number of columns, named as
            "`place`:line".
    """
    table = _Table(place, fields)
    return read_records(
        lines, place, cut=lambda counted: table.rows(cut_records(counted, place)), read=table.read
    )


def read_tsv(
    lines: Iterable[bytes],
    place: str,
    fields: Fields = DETECTED,
    *,
    columns: Sequence[str] | None = None,
) -> Iterator[Found | Skipped]:
    """Yield a document for each line.

    Args:
        lines: lines of bytes, as `retrieval.lines.open_lines` yields them.
        place: what errors call the file.
        fields: which columns make the document.
        columns: names of the columns of a file without a header; None: by its first line.

    Raises:
        LayoutUnknown: the first line has no layout that is known, or no column asked for.
        InvalidDocument: a line that is not UTF-8, or has a wrong number of columns, named as
            "`place`:line".
    """
    table = _Table(place, fields, columns, header=False)
    return read_records(
        lines, place, cut=lambda counted: table.rows(_tabbed(counted, place)), read=table.read
    )


def _tabbed(lines: Lines, place: str) -> _Rows:
    for number, line in single_lines(lines):
        if line is None:
            yield number, None
        else:
            yield number, decoded(line, f"{place}:{number}").rstrip("\r\n").split("\t")


class _Table:
    """Rows to documents, by what the first row says."""

    def __init__(
        self,
        place: str,
        fields: Fields,
        columns: Sequence[str] | None = None,
        *,
        header: bool = True,
    ) -> None:
        self._place, self._fields, self._header = place, fields, header
        self._columns: Sequence[str] = columns or ()
        self._docno, self._title = -1, -1
        self._texts: list[int] = []
        self._metadata: list[tuple[str, int, Convert]] = []

    def rows(self, rows: _Rows) -> _Rows:
        """Yield all rows but the header, after the first of them have told layout and types."""
        number, first = next(rows, (0, None))
        if not number:
            return
        if first is None:
            raise LayoutUnknown(f"{self._place}:{number} is too long to be the first line")
        if not self._begin(first):
            rows = chain([(number, first)], rows)
        sample, failure = self._sample(rows) if self._metadata else ([], None)
        yield from sample
        if failure is not None:
            raise failure
        yield from rows

    def read(self, row: list[str], place: str) -> Found | Skipped:
        """Return the document of a row."""
        if len(row) != len(self._columns):
            raise InvalidDocument(
                f"{place} has {len(row)} columns where the file has {len(self._columns)}: "
                f"remove the line, or mend it ({'; '.join(cell[:20] for cell in row[:4])} …)"
            )
        metadata = {name: convert(row[at]) for name, at, convert in self._metadata if row[at]}
        text = "\n".join(filter(None, (row[at] for at in self._texts)))
        content = Content(text, row[self._title] if self._title >= 0 else "", metadata)
        docno = row[self._docno] if self._docno >= 0 else place
        return found_or_skipped(content, docno=docno, place=place)

    def _begin(self, first: list[str]) -> bool:
        """Decide the layout, and say whether the first row only names the columns."""
        cells = [cell.strip() for cell in first]
        is_header = not self._columns and (self._header or self._looks_like_header(cells))
        if is_header:
            self._columns = cells
        elif not self._columns:
            self._columns = self._columns_of(cells)
        names = {name: at for at, name in enumerate(self._columns) if name}
        if is_header and len(names) < sum(map(bool, cells)):
            raise LayoutUnknown(f"{self._place} has two columns of one name: rename one of them")
        check_metadata(self._fields, names, self._place)
        layout = layout_of(self._fields, names, names, place=self._place)
        self._docno, self._title = names.get(layout.docno, -1), names.get(layout.title, -1)
        self._texts = [names[name] for name in layout.text]
        self._metadata = [(name, at, str) for name, at in names.items() if layout.keeps(name)]
        return is_header

    def _looks_like_header(self, cells: list[str]) -> bool:
        asked = [self._fields.text, *self._fields.text.split(",")]
        known = any(cell.casefold() in TEXTS or (cell and cell in asked) for cell in cells)
        return known and all(map(_COLUMN_NAME.fullmatch, cells))

    def _columns_of(self, cells: list[str]) -> Sequence[str]:
        columns = _WITHOUT_HEADER.get(len(cells), ())
        # Queries, runs and judgements often lie beside a collection.
        other = cells[0].casefold() in _QUERY_COLUMNS or cells[-1].lstrip("-").isdecimal()
        if other or not columns or (columns == MARCO_DOCUMENTS and "://" not in cells[1]):
            raise LayoutUnknown(
                f"{self._place} has {len(cells)} columns, and neither a header with a known name "
                "for the text nor the layout of MS MARCO: write a header, like docno<TAB>text"
            )
        return columns

    def _sample(self, rows: _Rows) -> tuple[list[tuple[int, list[str] | None]], OSError | None]:
        """Take the first rows, and the types of the columns from them."""
        sample: list[tuple[int, list[str] | None]] = []
        failure, n_characters = None, 0
        try:
            for number, row in rows:
                sample.append((number, row))
                n_characters += sum(map(len, row or ()))
                if len(sample) == SAMPLE_ROWS or n_characters > SAMPLE_CHARACTERS:
                    break
        except OSError as error:
            failure = error  # the rows before it were read, and come first
        whole = [row for _, row in sample if row is not None and len(row) == len(self._columns)]
        self._metadata = [
            (name, at, type_of(row[at] for row in whole)) for name, at, _ in self._metadata
        ]
        return sample, failure
