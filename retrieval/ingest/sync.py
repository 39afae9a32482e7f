"""Make a collection hold what a folder holds: encode what changed, delete what vanished."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from retrieval.chunking import Chunking
from retrieval.collection import Collection
from retrieval.config import Recipe
from retrieval.document import Document
from retrieval.encoding import Progress
from retrieval.errors import DuplicateDocument, InvalidDocument, InvalidInput
from retrieval.ingest import Found, Skipped, read
from retrieval.ingest.fields import Fields
from retrieval.limits import BUFFER_DOCUMENTS_DEFAULT
from retrieval.opening import prepare
from retrieval.passages import cut
from retrieval.representation import Spec
from retrieval.writer import Writer

Entries: TypeAlias = Callable[[], Iterable[Found | Skipped]]
"""Reads everything from the beginning, each time it is called."""

_CHUNK = 256
_CHUNK_BYTES = 4 * 2**20
_COMMIT_SECONDS = 30.0
"""About how much work an interruption may lose."""


@dataclass(slots=True)
class SyncReport:
    """What a sync did."""

    new: int = 0
    changed: int = 0
    deleted: int = 0
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def incomplete(self) -> bool:
        """Whether something could not be read that may hold anything: so nothing is deleted."""
        return any(skipped.unread and not skipped.docno for skipped in self.skipped)

    def __str__(self) -> str:
        counts = f"{self.new:,} new, {self.changed:,} changed, {self.deleted:,} deleted, "
        counts += f"{self.unchanged:,} unchanged"
        counts += f", {len(self.skipped):,} skipped" if self.skipped else ""
        return counts + ("; nothing deleted, as not all could be read" if self.incomplete else "")


def sync(
    collection: Collection,
    folder: str | Path | Sequence[str | Path],
    *,
    keep_missing: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
) -> SyncReport:
    """Bring a collection up to date with folders and commit, about every half minute.

    A document is new, changed or unchanged by the digest of its title, text and metadata; one that
    came from the same folder before and is not there any more is deleted. A file that could not be
    read in this pass keeps its document; if a folder could not, or a file of many documents,
    nothing is deleted. Documents are counted as they are stored: where the
    collection cuts them into passages, each passage is one.

    Args:
        collection: what to bring up to date.
        folder: folder or file to read, or several.
        keep_missing: do not delete what vanished.
        strict: an unreadable or empty file is an error, not a warning in the report.
        progress: called as documents are read and encoded.

    Raises:
        DuplicateDocument: two documents of one docno; both places are named.
        InvalidDocument: invalid JSON, or with `strict` anything that cannot be read.
    """
    fields = Fields(**collection.settings.get("fields", {}))
    paths = [Path(one) for one in ([folder] if isinstance(folder, str | Path) else folder)]
    entries = {str(path.resolve()): partial(read, path, fields) for path in paths}
    return _synced(collection, entries, keep_missing=keep_missing, strict=strict, progress=progress)


def sync_entries(
    collection: Collection, source: str, entries: Entries, progress: Progress | None = None
) -> SyncReport:
    """Bring a collection up to date with documents that are not files, as `sync` does.

    `source` names where they come from; what came from it before and is not read now is deleted.
    """
    return _synced(
        collection, {source: entries}, keep_missing=False, strict=False, progress=progress
    )


def _synced(
    collection: Collection,
    sources: Mapping[str, Entries],
    *,
    keep_missing: bool,
    strict: bool,
    progress: Progress | None,
) -> SyncReport:
    report, writer = SyncReport(), collection.writer()
    writer.progress = progress
    try:
        for source, entries in sources.items():
            _Sync(writer, source, entries, report).go(keep_missing=keep_missing, strict=strict)
    except BaseException:
        collection.rollback()
        raise
    collection.commit()
    return report


def index(
    folder: str | Path | Recipe,
    path: str | Path,
    *,
    representations: Sequence[str] | Mapping[str, Spec] | None = None,
    chunking: Chunking | str | None = None,
    fields: Fields | None = None,
    rebuild: bool = False,
    keep_missing: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
) -> Collection:
    """Index a folder, or bring its index up to date, and return the collection.

    Args:
        folder: folder of documents, or one file; or a `Recipe`, which says all of the next three.
        path: where the index is or shall be.
        representations: specs such as "bm25", or name → spec; None: those the index has, or
            BM25 and dense for a new one.
        chunking: how documents are cut into passages, such as "sentences:200"; None: as the index
            has it, not at all in a new one.
        fields: which keys or columns of a row make a document; None: as the index has it.
        rebuild: start again, with these representations.
        keep_missing: do not delete documents whose file vanished.
        strict: raise on an unreadable or empty file in place of skipping it.
        progress: called as documents are read and encoded.

    Raises:
        RecipeMismatch: the index was built with another recipe.
        See also `sync`.
    """
    if isinstance(folder, Recipe):
        if any(part is not None for part in (representations, chunking, fields)):
            raise InvalidInput(
                "a recipe was given, and more of it beside: put that into the recipe"
            )
        recipe = folder
    else:
        cut = Chunking.parse(chunking) if isinstance(chunking, str) else chunking
        recipe = Recipe((str(folder),), cut, fields, representations)
    for source in recipe.sources:
        if not Path(source).exists():
            raise InvalidInput(f"there is no folder or file {source}")
    collection = prepare(path, recipe, rebuild=rebuild)
    sources = recipe.sources
    try:
        sync(collection, sources, keep_missing=keep_missing, strict=strict, progress=progress)
    finally:
        collection.close()
    return collection


def _chunk(found: Iterator[Found]) -> list[Found]:
    """Take the next documents: a few hundred, or less if they are long."""
    chunk: list[Found] = []
    n_bytes = 0
    while len(chunk) < _CHUNK and n_bytes < _CHUNK_BYTES and (one := next(found, None)):
        chunk.append(one)
        n_bytes += one.document.size
    return chunk


class _Sync:
    """One pass over one source."""

    def __init__(self, writer: Writer, source: str, entries: Entries, report: SyncReport) -> None:
        self._writer, self._entries, self._report = writer, entries, report
        self._source = writer.source(source)
        # What was there before; segments that are not in here hold what this pass wrote.
        self._old = list(writer.segments)  # kept, so that no other segment can get an id of theirs
        self._seen = {id(p): np.zeros(len(p.dead), bool) for p in self._old}
        self._uncommitted, self._commit_at, self._since = 0, 4 * _CHUNK, time.monotonic()

    def go(self, *, keep_missing: bool, strict: bool) -> None:
        """Read everything and write what is new; the last of it waits for a commit."""
        found = self._documents(strict=strict)
        while chunk := _chunk(found):
            self._take(chunk)
            if self._writer.progress is not None:
                self._writer.progress("read", len(chunk))
            self._pace()
        self._delete_vanished(kept=keep_missing or self._report.incomplete)

    def _documents(self, *, strict: bool) -> Iterator[Found]:
        for entry in self._entries():
            if isinstance(entry, Found):
                chunking = self._writer.chunking
                for passage in cut(entry.document, chunking, entry.headings):
                    yield Found(passage, entry.place)
            elif strict:
                raise InvalidDocument(
                    f"{entry.place}: {entry.reason}; without --strict it is skipped"
                )
            else:
                self._report.skipped.append(entry)

    def _take(self, chunk: list[Found]) -> None:
        """Write the documents of a chunk that are new or changed."""
        fresh: dict[str, Document] = {}
        unchanged: set[str] = set()
        places = self._writer.find([found.document.docno for found in chunk])
        for found, place in zip(chunk, places, strict=True):
            docno = found.document.docno
            if docno in fresh or docno in unchanged or self._written(place):
                raise self._duplicate(found)
            if place == (-1, -1):
                self._report.new += 1
                fresh[docno] = found.document
            elif self._is_unchanged(found, *place):
                unchanged.add(docno)
            else:
                self._report.changed += 1
                fresh[docno] = found.document
        self._report.unchanged += len(unchanged)
        self._writer.put(list(fresh.values()), source=self._source)
        self._uncommitted += len(fresh)

    def _written(self, place: tuple[int, int]) -> bool:
        """Return whether this pass has met the document before."""
        number, ordinal = place
        if number < 0:
            return ordinal == 0
        seen = self._seen.get(id(self._writer.segments[number]))
        return seen is None or bool(seen[ordinal])

    def _is_unchanged(self, found: Found, number: int, ordinal: int) -> bool:
        pending = self._writer.segments[number]
        self._seen[id(pending)][ordinal] = True
        table = pending.segment.documents
        source = int(table.sources[ordinal])
        if source != self._source:
            where = self._writer.manifest.sources[source] if source >= 0 else "a call of add"
            raise DuplicateDocument(
                f"document {found.document.docno!r} of {found.place} is in the collection already, "
                f"from {where}: rename one of them, or rebuild (--rebuild) if the folder has moved"
            )
        return bool(table.digests[ordinal].tobytes() == found.document.digest())

    def _duplicate(self, found: Found) -> DuplicateDocument:
        entries = (entry for entry in self._entries() if isinstance(entry, Found))
        parent = found.document.parent
        first = next(entry.place for entry in entries if entry.document.docno == parent)
        return DuplicateDocument(
            f"document {parent!r} is in {first} and again in {found.place}: docnos are unique, "
            "rename or remove one of them"
        )

    def _pace(self) -> None:
        """Commit about every half minute, whatever the speed of the encoders."""
        if self._uncommitted < self._commit_at:
            return
        if self._writer.rebuilding:
            self._writer.flush()  # the old index stays until the new one is whole
        else:
            n_old = sum(id(pending) in self._seen for pending in self._writer.segments)
            self._writer.commit(merge_from=n_old)
        now = time.monotonic()
        rate = self._uncommitted / max(now - self._since, 1e-3)
        self._commit_at = int(min(max(rate * _COMMIT_SECONDS, _CHUNK), BUFFER_DOCUMENTS_DEFAULT))
        self._uncommitted, self._since = 0, now

    def _delete_vanished(self, *, kept: bool) -> None:
        """Delete what was not met; if documents are `kept`, only the passages they have no more.

        What a file holds that could not be read this time stays.
        """
        unread = {skipped.docno for skipped in self._report.skipped if skipped.unread}
        for pending in self._old:
            table, seen = pending.segment.documents, self._seen[id(pending)]
            unmet = ~pending.dead & ~seen & (table.sources == self._source)
            gone = np.flatnonzero(unmet)
            if kept and len(gone):
                first = self._writer.find([f"{table.parent(int(i))}#0" for i in gone])
                gone = gone[[self._written(place) for place in first]]
            if unread and len(gone):
                gone = gone[[table.parent(int(i)) not in unread for i in gone]]
            if len(gone):
                self._report.deleted += len(gone)
                pending.kill(gone)
