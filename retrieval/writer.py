"""The one writer of a collection: collects changes, flushes segments, commits generations.

Segments are written when the buffer is full and become part of the collection at the next commit;
until then no reader sees them, and a writer that dies leaves only files that nobody names.
"""

import errno
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexes.vectors import DenseVectors, MultiVectors, SparseVectors, Vectors
from retrieval import measuring
from retrieval.chunking import Chunking
from retrieval.document import Document
from retrieval.encoding import Progress, concatenate
from retrieval.errors import (
    CorruptIndex,
    InvalidInput,
    Locked,
    RetrievalError,
    StorageFailed,
    UnknownName,
)
from retrieval.limits import BUFFER_BYTES_DEFAULT, BUFFER_DOCUMENTS_DEFAULT
from retrieval.representation import Representation
from retrieval.store import manifest as manifests
from retrieval.store.container import FileEntry
from retrieval.store.documents import DocumentTable
from retrieval.store.files import Folder, storing
from retrieval.store.manifest import Manifest, SegmentEntry
from retrieval.store.merging import due
from retrieval.store.pending import Pending
from retrieval.store.segment import Segment, write_documents, write_index, write_tombstones
from retrieval.store.snapshot import Snapshot, find_live

Setting = TypeVar("Setting")

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No room on the disk, for this user, or in one file: what is smaller may still fit."""


class Writer:
    """Changes to a collection that are not committed yet. Holds the lock until it is closed."""

    def __init__(
        self,
        folder: Folder,
        recorded: Callable[[Manifest], dict[str, Representation]],
        *,
        known: Sequence[Segment] = (),
    ) -> None:
        self._folder = folder
        self._process = os.getpid()
        self._committed: Manifest | None = None
        self._stack = ExitStack()
        with storing(folder, "locking"):
            self._stack.enter_context(folder.lock())
        try:
            # Another process may have committed since our reader opened: start from what is there.
            snapshot = Snapshot.open(folder, known)
            with storing(folder, "opening for writing"):
                # A writer killed inside its commit may have left a manifest that is not durable
                # yet; it must be, before what the one before it needs is removed.
                folder.sync()
                manifests.collect(folder, snapshot.manifest)
            self._manifest = snapshot.manifest
            self.representations = recorded(self._manifest)
            self.segments = [Pending.of(segment) for segment in snapshot.segments]
            self._committed = self._manifest
        except BaseException:
            self.close()
            raise
        self.buffer: dict[str, tuple[Document, int]] = {}
        self._buffered_bytes = 0
        self.rebuilding = False
        self.progress: Progress | None = None

    @property
    def manifest(self) -> Manifest:
        """The generation this writer builds on."""
        return self._manifest

    def close(self) -> None:
        """Give up what is not committed, with the space it takes, and the lock."""
        try:
            self._drop()
        finally:
            self._stack.close()

    def check_process(self) -> None:
        """Raise `Locked` in a process that was forked while this writer was open."""
        if os.getpid() != self._process:
            raise Locked(
                f"{self._folder.path} is being written by process {self._process}, from which this "
                "one was forked: open the collection again in this one"
            )

    @property
    def chunking(self) -> Chunking | None:
        """How documents are cut before they are put; None: they are not."""
        return chunking_of(self._manifest.settings)

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Record how sources are read and cut, and which systems have names."""
        own = dict(settings)
        if self.rebuilding:
            own.pop(measuring.KEY, None)  # of indexes that are no more
        self._manifest = replace(self._manifest, settings=own)

    def record(self, name: str, measured: Mapping[str, Any] | None) -> None:
        """Record what was measured of a representation; None: forget it.

        Raises:
            UnknownName: there is no such representation any more.
        """
        if name not in self.representations:
            raise UnknownName.of("representation", name, self.representations)
        settings = dict(self._manifest.settings)
        kept = {one: said for one, said in settings.pop(measuring.KEY, {}).items() if one != name}
        if measured is not None:
            kept[name] = measured
        self.configure({**settings, **({measuring.KEY: kept} if kept else {})})

    def source(self, place: str) -> int:
        """Return the number of a source folder, registering it if it is new."""
        sources = self._manifest.sources
        if place not in sources:
            self._manifest = replace(self._manifest, sources=(*sources, place))
        return self._manifest.sources.index(place)

    def forget_sources(self, kept: Collection[str]) -> int:
        """Delete the documents of all sources but these, return how many; those added stay."""
        sources = self._manifest.sources
        gone = [i for i, place in enumerate(sources) if place not in kept]
        n_deleted = 0
        for pending in self.segments:
            dead = np.flatnonzero(~pending.dead & np.isin(pending.segment.documents.sources, gone))
            if len(dead):
                n_deleted += len(dead)
                pending.kill(dead)
        for docno in [docno for docno, (_, source) in self.buffer.items() if source in gone]:
            del self.buffer[docno]
            n_deleted += 1
        # Documents refer to sources by position, so the others keep theirs.
        left = tuple(place if place in kept else "" for place in sources)
        self._manifest = replace(self._manifest, sources=left)
        return n_deleted

    def find(self, docnos: Sequence[str]) -> list[tuple[int, int]]:
        """Return (segment, ordinal) of each live document; (−1, 0) buffered, (−1, −1) nowhere."""
        places = [(-1, 0 if docno in self.buffer else -1) for docno in docnos]
        for number, pending in enumerate(self.segments):
            found = find_live(pending.segment, docnos, pending.dead)
            for i in np.flatnonzero(found >= 0):
                places[i] = (number, int(found[i]))
        return places

    def put(self, documents: Sequence[Document], *, source: int = -1) -> None:
        """Add documents or replace the ones of the same docno; the last write decides the order.

        All of them are taken before any is written out, so that an error loses none.
        """
        self._kill([document.docno for document in documents])
        for document in documents:
            self.buffer.pop(document.docno, None)
            self.buffer[document.docno] = (document, source)
            self._buffered_bytes += document.size
        full = len(self.buffer) >= BUFFER_DOCUMENTS_DEFAULT
        if full or self._buffered_bytes >= BUFFER_BYTES_DEFAULT:
            self.flush()

    def delete(self, docnos: Sequence[str]) -> None:
        """Delete documents; none is deleted unless all exist.

        Raises:
            UnknownName: a docno that is not in the collection.
        """
        for docno, place in zip(docnos, self.find(docnos), strict=True):
            if place == (-1, -1):
                raise UnknownName(f"no document {docno!r} in {self._folder.path}: nothing deleted")
        self._kill(docnos)
        for docno in docnos:
            self.buffer.pop(docno, None)

    def _kill(self, docnos: Sequence[str]) -> None:
        found = [find_live(pending.segment, docnos, pending.dead) for pending in self.segments]
        for pending, ordinals in zip(self.segments, found, strict=True):
            if (ordinals >= 0).any():
                pending.kill(ordinals[ordinals >= 0])

    def flush(self) -> None:
        """Encode and index the buffered documents as a new segment, not committed yet."""
        if not self.buffer:
            return
        documents = [document for document, _ in self.buffer.values()]
        table = DocumentTable.of(documents, [source for _, source in self.buffer.values()])
        indexes = {
            name: representation.build(representation.encode(documents, self.progress))
            for name, representation in self.representations.items()
        }
        with storing(self._folder, "writing a segment"):
            number = self._number()
            files = write_documents(self._folder, number, table)
            for name, index in indexes.items():
                files |= write_index(self._folder, number, name, index)
            self._append(files, len(table))
        self.buffer.clear()
        self._buffered_bytes = 0

    def _append(self, files: Mapping[str, FileEntry], n_documents: int) -> None:
        segment = Segment(self._folder, SegmentEntry(n_documents, files))
        self.segments.append(Pending.of(segment))

    def commit(self, *, merge_from: int = 0) -> None:
        """Make every change durable and visible to readers that open from now on.

        Segments are merged where that is due, but none before position `merge_from`, and none at
        all where the disk has no room for it: the next commit tries again.
        """
        self.flush()
        unmerged = list(self.segments)
        try:
            self.merge_due(merge_from)
            entries = self._entries()
        except StorageFailed as error:
            self.segments = unmerged
            if not _is_full(error) or self._due(merge_from) is None:
                raise
            # Merging is upkeep: a commit for which there is room must not fail for want of it.
            self._drop(unmerged)
            entries = self._entries()
        following = replace(
            self._manifest,
            generation=self._manifest.generation + 1,
            representations={n: dict(r.recipe) for n, r in self.representations.items()},
            segments=entries,
        )
        manifests.commit(self._folder, following)
        self._manifest = self._committed = following
        self.rebuilding = False
        with suppress(OSError, Locked):  # the commit stands, and the next writer collects again
            manifests.collect(self._folder, following)
        self.segments = [p for p in self.segments if len(p.live)]
        for pending, entry in zip(self.segments, entries, strict=True):
            pending.entry, pending.changed = entry, False

    def _entries(self) -> tuple[SegmentEntry, ...]:
        with storing(self._folder, "committing"):
            return tuple(self._entry(pending) for pending in self.segments if len(pending.live))

    def _entry(self, pending: Pending) -> SegmentEntry:
        """Return a segment for the manifest, writing its tombstones if they changed."""
        if not pending.changed:
            return pending.entry
        n_deleted = int(pending.dead.sum())
        tombstones = write_tombstones(self._folder, self._number(), pending.dead)
        return replace(pending.entry, tombstones=tombstones, n_deleted=n_deleted)

    def merge_due(self, start: int = 0) -> None:
        """Merge segments where that is due, but none before position `start`."""
        while run := self._due(start):
            self.merge(start + run[0], start + run[1])

    def _due(self, start: int) -> tuple[int, int] | None:
        return due([pending.size for pending in self.segments[start:]])

    def merge(self, start: int, stop: int) -> None:
        """Put the live documents of adjacent segments into one; nothing is encoded again."""
        rows = [(part.segment, part.live) for part in self.segments[start:stop]]
        with storing(self._folder, "merging segments"):
            number = self._number()
            table = DocumentTable.concatenate([(s.checked_documents(), live) for s, live in rows])
            files = write_documents(self._folder, number, table)
            del table  # texts and vectors are never in memory together
            for name, representation in self.representations.items():
                vectors = concatenate([_live_vectors(s, name, live) for s, live in rows])
                index = representation.build(vectors)
                files |= write_index(self._folder, number, name, index)
            self._append(files, sum(len(live) for _, live in rows))
        self.segments[start:stop] = [self.segments.pop()]

    def compact(self) -> None:
        """Merge everything into one segment without deleted documents, and commit."""
        self.flush()
        clean = len(self.segments) == 1 and not self.segments[0].dead.any()
        if self.segments and not clean:
            if sum(len(pending.live) for pending in self.segments):
                self.merge(0, len(self.segments))
            else:
                self.segments.clear()
        self.commit()

    def add_representation(self, representation: Representation) -> None:
        """Encode and index all documents in one more way."""
        self.flush()
        name, written = representation.name, []
        for pending in self.segments:
            table = pending.segment.documents
            documents = [table.document(int(i)) for i in pending.live]
            vectors = representation.encode(documents, self.progress)
            index = representation.build(_spread(vectors, pending.live, len(table)))
            with storing(self._folder, f"writing representation {name!r}"):
                written.append(write_index(self._folder, self._number(), name, index))
        pairs = zip(self.segments, written, strict=True)
        self._replace([{**pending.entry.files, **files} for pending, files in pairs])
        self.representations[name] = representation

    def drop_representation(self, name: str) -> None:
        """Forget one representation; the others stay as they are."""
        every = [pending.entry.files for pending in self.segments]
        gone = {f"{name}.vectors", f"{name}.index"}
        self._replace([{k: f for k, f in files.items() if k not in gone} for files in every])
        self.record(name, None)
        del self.representations[name]

    def clear(self, representations: Mapping[str, Representation]) -> None:
        """Start again with no documents and other representations, at the next commit."""
        self.segments, self.representations = [], dict(representations)
        self.buffer.clear()
        self._buffered_bytes = 0
        self._manifest, self.rebuilding = replace(self._manifest, sources=()), True
        self.configure(self._manifest.settings)

    def _replace(self, files: Sequence[Mapping[str, FileEntry]]) -> None:
        """Let every segment consist of other files, all of them or none."""
        pairs = zip(self.segments, files, strict=True)
        with storing(self._folder, "opening segments"):
            segments = [Segment(self._folder, replace(p.entry, files=f)) for p, f in pairs]
        for pending, segment in zip(self.segments, segments, strict=True):
            pending.segment, pending.entry = segment, segment.entry

    def _drop(self, kept: Sequence[Pending] = ()) -> None:
        """Remove the files that neither the last commit nor the segments `kept` need."""
        before = self._committed
        if before is None or before.next_file == self._manifest.next_file:
            return
        needed = (*before.segments, *(pending.entry for pending in kept))
        with suppress(OSError, RetrievalError):  # the next writer removes what is left over
            # Unless a commit that failed has replaced the manifest all the same.
            if manifests.is_current(self._folder, before):
                manifests.collect(self._folder, replace(before, segments=needed))

    def _number(self) -> int:
        number = self._manifest.next_file
        self._manifest = replace(self._manifest, next_file=number + 1)
        return number


def _is_full(error: StorageFailed) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _FULL


def chunking_of(settings: Mapping[str, Any]) -> Chunking | None:
    """Return the chunking that a manifest records."""
    return setting_of(Chunking, settings, "chunking")


def setting_of(kind: type[Setting], settings: Mapping[str, Any], key: str) -> Setting | None:
    """Return what a manifest records under a key, None if nothing, or raise `CorruptIndex`."""
    try:
        return kind(**settings[key]) if settings.get(key) else None
    except (TypeError, InvalidInput) as error:
        raise CorruptIndex(
            f"the manifest records {key} as {settings[key]!r} ({error}): restore it from a copy"
        ) from error


def _live_vectors(segment: Segment, name: str, live: NDArray[np.int64]) -> Vectors:
    index = segment.index(name)
    return index.vectors() if len(live) == len(segment) else index.vectors(live)


def _spread(vectors: Vectors, live: NDArray[np.int64], n_documents: int) -> Vectors:
    """Return one vector per document: those of the live ones, and nothing for the others."""
    if len(live) == n_documents:
        return vectors
    nothing: Vectors
    if isinstance(vectors, DenseVectors):
        nothing = DenseVectors.of(np.zeros((1, vectors.dimension), np.float32))
    elif isinstance(vectors, SparseVectors):
        nothing = SparseVectors.of_rows([{}])
    else:
        nothing = MultiVectors.of(np.empty((0, vectors.dimension), vectors.values.dtype), [0, 0])
    rows = np.full(n_documents, len(live), np.int64)
    rows[live] = np.arange(len(live))
    return concatenate([vectors, nothing]).take(rows)
