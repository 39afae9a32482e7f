"""A segment: some documents, their vectors and an index over them per representation.

A segment never changes; what is deleted from it is a bitmap beside it. It is made of one container
of documents and, per representation, one of vectors and one of what its index derived from them.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexes.bitmap import Bitmap
from indexes.flat import Flat, FlatBuild
from indexes.hnsw import Hnsw, HnswBuild
from indexes.inverted import Inverted, InvertedBuild
from indexes.metric import Metric
from indexes.multivector import MultiVector, MultiVectorBuild
from indexes.validate import check_array, frozen
from retrieval.errors import CorruptIndex, InvalidInput
from retrieval.filters import Filter
from retrieval.filters.columns import Columns
from retrieval.store import container
from retrieval.store.container import Container, FileEntry
from retrieval.store.documents import CONTENT, DocumentTable
from retrieval.store.files import Folder
from retrieval.store.formats import CONTENTS, check_known, content_of, told
from retrieval.store.manifest import SegmentEntry

Index: TypeAlias = Flat | Hnsw | Inverted | MultiVector
Build: TypeAlias = FlatBuild | HnswBuild | InvertedBuild | MultiVectorBuild
INDEXES: Mapping[str, type[Flat] | type[Hnsw] | type[Inverted] | type[MultiVector]] = {
    kind.kind: kind for kind in (Flat, Hnsw, Inverted, MultiVector)
}


FILTERS_KEPT = 16
"""Bitmaps of filters kept per segment: a query per filter is rare, a filter per user is not."""


class _Opened:
    """What has been opened and checked of the files of a segment, for all its generations."""

    def __init__(self, folder: Folder, files: Mapping[str, FileEntry]) -> None:
        self.containers = {
            role: Container(folder, file, role.rpartition(".")[2]) for role, file in files.items()
        }
        self._parts: dict[str, Any] = {}
        self._passed: dict[Filter, Bitmap] = {}
        self._lock = threading.Lock()

    def part(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what `make` made the first time; one that fails is tried again."""
        with self._lock:
            if name not in self._parts:
                self._parts[name] = make()
            return self._parts[name]

    def passed(self, filter: Filter, columns: Columns) -> Bitmap:
        """Return the documents that a filter lets pass; the last few answers are kept."""
        with self._lock:
            known = self._passed.get(filter)
        # Not under the lock: other searches need it to find their index.
        passed = Bitmap.of_mask(filter.mask(columns)) if known is None else known
        with self._lock:
            self._passed.pop(filter, None)
            self._passed[filter] = passed  # at the end again: the first one is the least used
            if len(self._passed) > FILTERS_KEPT:
                del self._passed[next(iter(self._passed))]
        return passed


class Segment:
    """An opened segment, read-only; arrays are mapped at once and checked when first used.

    What a `known` segment of the same files has checked is not checked again: only tombstones
    differ from one generation to the next.
    """

    def __init__(self, folder: Folder, entry: SegmentEntry, known: "Segment | None" = None) -> None:
        self.entry = entry
        same = known is not None and known.entry.files == entry.files
        self._opened: _Opened = known._opened if known and same else _Opened(folder, entry.files)
        tombstones = entry.tombstones
        self._tombstones = Container(folder, tombstones, "tombstones") if tombstones else None
        # Memory is asked for by these counts, so a file must have as many before one is believed.
        self._check_count(self._opened.containers["documents"], "order", len(self))
        if self._tombstones is not None:
            self._check_count(self._tombstones, "dead", (len(self) + 7) // 8)

    def _check_count(self, opened: Container, name: str, n: int) -> None:
        with _blaming(opened):
            if opened.shape(name) != (n,):
                raise CorruptIndex(
                    f"its array {name!r} has the shape {opened.shape(name)}, but the manifest says "
                    f"{len(self)} documents: restore either from a copy, or index again (--rebuild)"
                )

    def __len__(self) -> int:
        return self.entry.n_documents

    @cached_property
    def documents(self) -> DocumentTable:
        """The documents, deleted ones included."""
        table: DocumentTable = self._opened.part("documents", self._open_documents)
        return table

    def _open_documents(self) -> DocumentTable:
        opened = self._opened.containers["documents"]
        _check_told(opened, "documents")
        arrays = opened.arrays(unchecked=CONTENT)
        with _blaming(opened):
            table = DocumentTable.from_arrays(arrays, place=opened.name)
            self._check_length(len(table))
        check_known(opened.name, "array", arrays, table.arrays())
        return table

    def checked_documents(self) -> DocumentTable:
        """Return the documents, every byte of them verified: what a merge may copy."""
        self._opened.containers["documents"].arrays()
        return self.documents

    @cached_property
    def live(self) -> Bitmap | None:
        """The documents that are not deleted; None: all."""
        if self._tombstones is None:
            return None
        _check_told(self._tombstones, "tombstones")
        bits = self._tombstones.array("dead")
        check_known(self._tombstones.name, "array", self._tombstones.arrays(), ["dead"])
        with _blaming(self._tombstones):
            check_array("dead", bits, np.uint8, ((len(self) + 7) // 8,))
            dead = Bitmap(frozen(bits), len(self))
            if dead.count != self.entry.n_deleted:
                raise CorruptIndex(f"{dead.count} are dead, not {self.entry.n_deleted}")
        return Bitmap.of_mask(~dead.mask())

    def allowed(self, filter: Filter | None) -> Bitmap | None:
        """Return the documents that are not deleted and that a filter lets pass; None: all."""
        if filter is None:
            return self.live
        columns = self._columns()
        with _blaming(self._opened.containers["documents"]):
            passed = self._opened.passed(filter, columns)
        return passed if self.live is None else passed & self.live

    def absent(self, filter: Filter) -> set[str]:
        """Return the fields of a filter that no document has a value of, deleted ones included."""
        columns = self._columns()
        with _blaming(self._opened.containers["documents"]):
            return filter.absent(columns)

    def _columns(self) -> Columns:
        table = self.documents
        columns: Columns = self._opened.part("metadata", lambda: self._open_metadata(table))
        return columns

    def _open_metadata(self, table: DocumentTable) -> Columns:
        opened = self._opened.containers["documents"]
        opened.array("metadata.data")  # every byte of it is checked before any of it is believed
        return Columns.of(table.metadata)

    @property
    def n_live(self) -> int:
        """Number of documents that are not deleted."""
        return len(self) - self.entry.n_deleted

    def live_ordinals(self) -> NDArray[np.int64]:
        """Return the ordinals that are not deleted, rising."""
        return np.arange(len(self)) if self.live is None else self.live.ordinals()

    @cached_property
    def dead_ordinals(self) -> NDArray[np.int64]:
        """The deleted ordinals, rising."""
        return np.empty(0, np.int64) if self.live is None else np.flatnonzero(~self.live.mask())

    def index(self, name: str) -> Index:
        """Return the index of a representation, opened and checked the first time."""
        index: Index = self._opened.part(f"{name}.index", lambda: self._open(name))
        return index

    def _open(self, name: str) -> Index:
        derived = self._opened.containers[f"{name}.index"]
        place = f"{derived.name}: the index of {name!r} is a file that"
        versions = {kind: one.format_version for kind, one in INDEXES.items()}
        found, settings = content_of(place, derived.settings, versions)
        kind = INDEXES[found]
        with _blaming(derived):
            build: Any = stored_settings(place, kind, settings)
        stored = self._opened.containers[f"{name}.vectors"]
        _check_told(stored, kind.Vectors.__name__)
        arrays, more = stored.arrays(), derived.arrays()
        with _blaming(stored):
            vectors: Any = kind.Vectors.from_arrays(arrays)
            self._check_length(len(vectors))
        with _blaming(derived):
            index: Index = kind.from_arrays(vectors, more, build)
        check_known(stored.name, "array", arrays, vectors.arrays())
        check_known(derived.name, "array", more, index.arrays())
        return index

    def _check_length(self, n: int) -> None:
        if n != len(self):
            raise CorruptIndex(f"{n} documents, the manifest says {len(self)}: run verify")

    def verify(self) -> None:
        """Check every byte and every structure, or raise `CorruptIndex`.

        Each index is built again, since one that is well formed may not be what its vectors give.
        """
        table = self.documents
        with _blaming(self._opened.containers["documents"]):
            docnos = [docno.decode() for docno in table.docno]
            if (table.find(docnos) != np.arange(len(table))).any():
                raise CorruptIndex("the table of docnos does not find its own documents")
            for ordinal in range(len(table)):
                table.document(ordinal)
        _ = self.live
        for role in self._opened.containers:
            if role.endswith(".index"):
                self._check_built(role.removesuffix(".index"))

    def _check_built(self, name: str) -> None:
        """Raise `CorruptIndex` unless an index is what its vectors give."""
        index: Any = self.index(name)
        derived = self._opened.containers[f"{name}.index"]
        stored = derived.arrays()
        built = type(index).build(index.vectors(), index.settings).arrays()
        for array in {**stored, **built}:
            if not _same(stored.get(array), built.get(array)):
                raise CorruptIndex(
                    f"{derived.name}: its array {array!r} is not what its vectors give: "
                    "restore it from a copy, or index again (--rebuild)"
                )

    @property
    def size_bytes(self) -> int:
        """Bytes on disk of all its files."""
        return sum(file.size for file in self.entry.files.values())

    def size(self, name: str) -> int:
        """Return the bytes on disk of one representation."""
        return sum(self._opened.containers[f"{name}.{part}"].size for part in ("vectors", "index"))


def _same(one: NDArray[Any] | None, other: NDArray[Any] | None) -> bool:
    if one is None or other is None:
        return False
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    # A sum may differ in its last bits between processors: kernels bound that in their estimates.
    return bool(np.isclose(one, other, rtol=1e-6, atol=0).all())


@contextmanager
def _blaming(opened: Container) -> Iterator[None]:
    """Name the file in an error about what its arrays hold."""
    try:
        yield
    except CorruptIndex as error:
        raise CorruptIndex(f"{opened.name}: {error}") from error


def _check_told(opened: Container, kind: str) -> None:
    """Raise `FormatUnknown` unless a file holds this kind of content, which has no settings."""
    _, rest = content_of(opened.name, opened.settings, {kind: CONTENTS[kind]})
    check_known(opened.name, "setting", rest, ())


def stored_settings(place: str, kind: type[Any], values: Mapping[str, Any]) -> Any:
    """Return the build settings of an index kind as they were stored, all of them and no other.

    Raises:
        FormatTooNew: `place` has a setting that this release does not know.
        CorruptIndex: one is missing, or has a value that none can have.
    """
    known = [one.name for one in fields(kind.Build)]
    check_known(place, "setting", values, known)
    if missing := [name for name in known if name not in values]:
        raise CorruptIndex(f"the setting {missing[0]!r} of an index {kind.__name__} is missing")
    return build_settings(kind, values)


def build_settings(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """Return the build settings of an index kind from JSON, or raise `CorruptIndex`."""
    settings = dict(values)
    try:
        if "metric" in settings:
            settings["metric"] = Metric[settings["metric"]]
        return kind.Build(**settings)
    except (KeyError, TypeError, InvalidInput) as error:
        raise CorruptIndex(
            f"{dict(values)} are no settings of an index {kind.__name__} ({error!r})"
        ) from error


def settings_json(build: Any) -> dict[str, Any]:
    """Return build settings as JSON; enumerations by name."""
    return {k: v.name if isinstance(v, Metric) else v for k, v in asdict(build).items()}


def write_index(folder: Folder, number: int, name: str, index: Index) -> dict[str, FileEntry]:
    """Write one representation of a segment: its vectors and what the index derived from them."""
    settings = {"kind": index.kind, "version": index.format_version}
    settings |= settings_json(index.settings)
    stem, given = f"{number:08}.{name}", index.vectors()
    vectors = container.write(
        folder,
        f"{stem}.vectors",
        "vectors",
        arrays=given.arrays(),
        settings=told(type(given).__name__),
    )
    derived = container.write(
        folder, f"{stem}.index", "index", arrays=index.arrays(), settings=settings
    )
    return {f"{name}.vectors": vectors, f"{name}.index": derived}


def write_documents(folder: Folder, number: int, table: DocumentTable) -> dict[str, FileEntry]:
    """Write the documents of a segment."""
    name, arrays = f"{number:08}.documents", table.arrays()
    settings = told("documents")
    return {
        "documents": container.write(folder, name, "documents", arrays=arrays, settings=settings)
    }


def write_tombstones(folder: Folder, number: int, dead: NDArray[np.bool_]) -> FileEntry:
    """Write which documents of a segment are deleted."""
    name, arrays = f"{number:08}.tombstones", {"dead": Bitmap.of_mask(dead).bits}
    settings = told("tombstones")
    return container.write(folder, name, "tombstones", arrays=arrays, settings=settings)
