"""The documents of one segment: ids, texts, metadata, digests, as arrays."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from indexes.strings import Strings
from indexes.validate import check_array, check_range, frozen, stored
from retrieval.document import WHOLE, Document, digest_of
from retrieval.errors import CorruptIndex

_COLUMNS = ("docno", "title", "text", "metadata")
CONTENT = ("title.data", "text.data", "metadata.data")
"""Arrays that may be large and are read for few documents: each is checked when it is fetched."""

_REST = ("digests", "spans", "sources", "hashes", "order")
_PLACE = "a segment"


@dataclass(frozen=True, slots=True)
class DocumentTable:
    """Columns of equal length, one row per ordinal.

    docno, title, text, metadata  Strings; metadata is JSON, empty for none
    digests  (n, 16)  uint8   content digest of each document
    spans    (n, 2)   int64   characters of its parent that a passage is, −1 −1: no passage
    sources  (n,)     int32   position in the manifest's sources, −1: added by hand
    hashes   (n,)     int64   XXH3-64 of the docnos, rising
    order    (n,)     int32   ordinal of each hash
    place    what errors call the table
    """

    docno: Strings
    title: Strings
    text: Strings
    metadata: Strings
    digests: NDArray[np.uint8]
    spans: NDArray[np.int64]
    sources: NDArray[np.int32]
    hashes: NDArray[np.int64]
    order: NDArray[np.int32]
    place: str = _PLACE

    @classmethod
    def of(cls, documents: Iterable[Document], sources: Sequence[int]) -> "DocumentTable":
        """Lay out documents in columns, in the order given."""
        rows = list(documents)
        strings = [
            Strings.of(document.docno.encode() for document in rows),
            Strings.of(document.title.encode() for document in rows),
            Strings.of(document.text.encode() for document in rows),
            Strings.of(document.metadata_json() for document in rows),
        ]
        digests = np.frombuffer(b"".join(row.digest() for row in rows), np.uint8)
        spans = np.array([row.span or WHOLE for row in rows], np.int64).reshape(-1, 2)
        facts = (digests.reshape(-1, 16), spans, np.array(sources, np.int32))
        return cls._sorted(strings, facts)

    @classmethod
    def _sorted(
        cls, strings: Sequence[Strings], facts: tuple[NDArray[Any], ...]
    ) -> "DocumentTable":
        """Add the hashes of the docnos to columns and `facts`: digests, spans, sources."""
        unsorted = _hashes(strings[0])
        order = np.argsort(unsorted, kind="stable").astype(np.int32)
        return cls._of_columns((*strings, *facts, unsorted[order], order))

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], *, place: str = _PLACE
    ) -> "DocumentTable":
        """Rebuild from arrays stored in a file, its `place`, or raise `CorruptIndex`."""
        columns = [Strings.from_arrays(arrays, name) for name in _COLUMNS]
        digests, spans, sources, hashes, order = (stored(arrays, name) for name in _REST)
        n = len(columns[0])
        if any(len(column) != n for column in columns):
            raise CorruptIndex(f"the columns of {n} documents differ in length")
        check_array("digests", digests, np.uint8, (n, 16))
        check_array("spans", spans, np.int64, (n, 2))
        if ((spans[:, 0] > spans[:, 1]) | (spans[:, 0] < -1)).any():
            raise CorruptIndex("the span of a passage ends before it starts: the file is damaged")
        check_array("sources", sources, np.int32, (n,))
        if n and sources.min() < -1:
            raise CorruptIndex(f"sources holds {sources.min()}, below -1: the file is damaged")
        check_array("hashes", hashes, np.int64, (n,))
        check_array("order", order, np.int32, (n,))
        check_range("order", order, below=max(n, 1))
        met = np.zeros(n, bool)
        met[order] = True
        if (hashes[1:] < hashes[:-1]).any() or not met.all():
            raise CorruptIndex("the hashes of the docnos are out of order: the file is damaged")
        _check_text(columns[0])
        return cls._of_columns((*columns, digests, spans, sources, hashes, order), place)

    @classmethod
    def _of_columns(cls, columns: Sequence[Any], place: str = _PLACE) -> "DocumentTable":
        strings, facts = columns[: len(_COLUMNS)], map(frozen, columns[len(_COLUMNS) :])
        named = dict(zip((*_COLUMNS, *_REST), (*strings, *facts), strict=True))
        return cls(**named, place=place)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays."""
        columns = (self.docno, self.title, self.text, self.metadata)
        named = dict(zip(_COLUMNS, columns, strict=True))
        strings = {k: a for name, column in named.items() for k, a in column.arrays(name).items()}
        return strings | {name: getattr(self, name) for name in _REST}

    def __len__(self) -> int:
        return len(self.docno)

    def document(self, ordinal: int) -> Document:
        """Return one document; its bytes are checked now, against its digest."""
        title, text, metadata = (c[ordinal] for c in (self.title, self.text, self.metadata))
        span = (int(self.spans[ordinal, 0]), int(self.spans[ordinal, 1]))
        try:
            if digest_of(title, text, metadata, span) != self.digests[ordinal].tobytes():
                raise ValueError("its content does not have its digest")
            return Document(
                self.docno[ordinal].decode(),
                text.decode(),
                title.decode(),
                json.loads(metadata) if metadata else {},
                None if span == WHOLE else span,
            )
        except (ValueError, RecursionError) as error:
            raise CorruptIndex(
                f"document {ordinal} of {self.place} is none ({error}): restore it from a copy, "
                "or index again (--rebuild)"
            ) from error

    def parent(self, ordinal: int) -> str:
        """Return the docno of what a document is a passage of; its own if it is none."""
        docno = self.docno[ordinal].decode()
        return docno if self.spans[ordinal, 0] < 0 else docno.rpartition("#")[0] or docno

    def find(self, docnos: Sequence[str]) -> NDArray[np.int64]:
        """Return the ordinal of each docno, −1 where it is not here. O(log n) each."""
        out = np.full(len(docnos), -1, np.int64)
        if not len(self):
            return out
        # One that no document can have, such as half a character, is looked for and not found.
        names = [docno.encode("utf-8", "surrogatepass") for docno in docnos]
        wanted = np.array([_hash(name) for name in names], np.int64)
        places = np.searchsorted(self.hashes, wanted)
        inside = np.flatnonzero(places < len(self))
        for i in inside[self.hashes[places[inside]] == wanted[inside]]:
            out[i] = self._resolve(names[i], int(places[i]))
        return out

    def _resolve(self, docno: bytes, place: int) -> int:
        """Return the ordinal of `docno` among the equal hashes from `place` on."""
        wanted = self.hashes[place]
        while place < len(self) and self.hashes[place] == wanted:
            ordinal = int(self.order[place])
            if self.docno[ordinal] == docno:
                return ordinal
            place += 1
        return -1

    @classmethod
    def concatenate(
        cls, parts: Sequence[tuple["DocumentTable", NDArray[np.int64]]]
    ) -> "DocumentTable":
        """Return the chosen rows of several tables, each rising, one after the other."""
        strings = [
            Strings.concatenate([_rows(getattr(table, name), rows) for table, rows in parts])
            for name in _COLUMNS
        ]
        facts = ("digests", "spans", "sources")
        return cls._sorted(
            strings,
            tuple(np.concatenate([getattr(t, name)[rows] for t, rows in parts]) for name in facts),
        )


def _rows(column: Strings, rows: NDArray[np.int64]) -> Strings:
    return column if len(rows) == len(column) else column.take(rows)  # all rows: nothing to copy


def _check_text(strings: Strings) -> None:
    """Raise `CorruptIndex` unless every string is UTF-8 by itself."""
    try:
        strings.data.tobytes().decode()
    except UnicodeDecodeError as error:
        raise CorruptIndex(f"the docnos are not Unicode: {error}") from error
    starts = strings.offsets[strings.offsets < len(strings.data)]
    if (strings.data[starts] & 0xC0 == 0x80).any():  # the middle of a character
        raise CorruptIndex("a docno begins inside a character: the file is damaged")


def _hashes(docnos: Strings) -> NDArray[np.int64]:
    return np.fromiter(map(_hash, docnos), np.int64, len(docnos))


def _hash(docno: bytes) -> int:
    return int(xxhash.xxh3_64_intdigest(docno)) - 2**63  # signed, as every integer array here
