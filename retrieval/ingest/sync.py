"""Make a collection hold what a folder holds: encode what changed, delete what vanished."""

import time
from collections import Counter
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
from retrieval.errors import CorruptIndex, DuplicateDocument, InvalidDocument, InvalidInput
from retrieval.ingest import Found, Skipped, read
from retrieval.ingest.fields import Fields
from retrieval.limits import BUFFER_DOCUMENTS_DEFAULT
from retrieval.opening import prepare
from retrieval.passages import cut, surplus
from retrieval.representation import Spec
from retrieval.writer import Writer, setting_of

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
    only: bool = False,
    progress: Progress | None = None,
) -> SyncReport:
    """Bring a collection up to date with folders and commit, about every half minute.

    Before the first commit in the middle everything is read once to its end, so that a line that
    cannot be read leaves the collection as it was.

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
        only: delete what came from any other folder, too.
        progress: called as documents are read and encoded.

    Raises:
        DuplicateDocument: two documents of one docno; both places are named.
        InvalidDocument: invalid JSON, or with `strict` anything that cannot be read.
    """
    fields = setting_of(Fields, collection.writer().manifest.settings, "fields") or Fields()
    paths = [Path(one) for one in ([folder] if isinstance(folder, str | Path) else folder)]
    whole = {str(path.resolve()): partial(read, path, fields) for path in paths}
    records = {name: partial(reading, records_only=not strict) for name, reading in whole.items()}
    return _synced(
        collection,
        {name: (whole[name], records[name]) for name in whole},
        _Options(keep_missing, strict),
        only=only,
        progress=progress,
    )


def sync_entries(
    collection: Collection, source: str, entries: Entries, progress: Progress | None = None
) -> SyncReport:
    """Bring a collection up to date with documents that are not files, as `sync` does.

    `source` names where they come from; what came from it before and is not read now is deleted.
    """
    sources = {source: (entries, entries)}
    return _synced(collection, sources, _Options(), only=False, progress=progress)


@dataclass(frozen=True, slots=True)
class _Options:
    """What a sync is lenient with."""

    keep_missing: bool = False
    strict: bool = False


def _synced(
    collection: Collection,
    sources: Mapping[str, tuple[Entries, Entries]],
    options: _Options,
    *,
    only: bool,
    progress: Progress | None,
) -> SyncReport:
    report, writer = SyncReport(), collection.writer()
    writer.progress = progress
    try:
        for source, (entries, rehearsal) in sources.items():
            _Sync(writer, source, entries, report).go(options, rehearsal)
        if only and not options.keep_missing and not report.incomplete:
            report.deleted += writer.forget_sources(set(sources))
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
        recipe = Recipe((str(folder),), chunking, fields, representations)
    check_sources(recipe.sources)
    collection = prepare(path, recipe, rebuild=rebuild)
    sources = recipe.sources
    options: dict[str, bool] = {"keep_missing": keep_missing, "strict": strict}
    try:
        sync(collection, sources, **options, only=recipe.complete, progress=progress)
    finally:
        collection.close()
    return collection


def check_sources(sources: Iterable[str]) -> None:
    """Raise `InvalidInput` for a folder or file that is not there, before anything is made."""
    for source in sources:
        if not Path(source).exists():
            raise InvalidInput(f"there is no folder or file {source}")


def _chunk(documents: Iterator[list[Found]]) -> list[Found]:
    """Take the next documents, each with all its passages: a few hundred, or less if long."""
    chunk: list[Found] = []
    n_bytes = 0
    while len(chunk) < _CHUNK and n_bytes < _CHUNK_BYTES and (passages := next(documents, None)):
        chunk += passages
        n_bytes += sum(found.document.size for found in passages)
    return chunk


class _Sync:
    """One pass over one source."""

    def __init__(self, writer: Writer, source: str, entries: Entries, report: SyncReport) -> None:
        self._writer, self._entries, self._report = writer, entries, report
        self._source = writer.source(source)
        # What was there before; segments that are not in here hold what this pass wrote.
        self._old = list(writer.segments)  # kept, so that no other segment can get an id of theirs
        self._seen = {id(p): np.zeros(len(p.dead), bool) for p in self._old}
        self._rehearsed = False
        self._uncommitted, self._commit_at, self._since = 0, 4 * _CHUNK, time.monotonic()

    def go(self, options: _Options, rehearsal: Entries) -> None:
        """Read everything and write what is new; the last of it waits for a commit."""
        documents = self._documents(strict=options.strict)
        while chunk := _chunk(documents):
            self._take(chunk)
            if self._writer.progress is not None:
                self._writer.progress("read", len(chunk))
            if self._uncommitted >= self._commit_at:
                self._rehearse(rehearsal, strict=options.strict)
                self._pace()
        if not options.keep_missing and not self._report.incomplete:
            self._delete_vanished()

    def _rehearse(self, rehearsal: Entries, *, strict: bool) -> None:
        """Read everything once, so that what raises an error does so before anything is committed.

        Files that are one document each raise none, and are left out unless `strict`.
        """
        if not self._rehearsed and not self._writer.rebuilding:
            for entry in rehearsal():
                if strict and isinstance(entry, Skipped):
                    raise _unreadable(entry)
        self._rehearsed = True

    def _documents(self, *, strict: bool) -> Iterator[list[Found]]:
        """Yield what each document is stored as."""
        for entry in self._entries():
            skipped = entry
            if isinstance(entry, Found):
                try:
                    passages = cut(entry.document, self._writer.chunking, entry.headings)
                    yield [Found(passage, entry.place) for passage in passages]
                    continue
                except InvalidDocument as error:  # a docno that leaves no room for a number
                    skipped = Skipped(entry.place, str(error))
            assert isinstance(skipped, Skipped)
            if strict:
                raise _unreadable(skipped)
            self._report.skipped.append(skipped)

    def _take(self, chunk: list[Found]) -> None:
        """Write the documents of a chunk that are new or changed."""
        fresh: dict[str, Document] = {}
        unchanged: set[str] = set()
        places = self._writer.find([found.document.docno for found in chunk])
        for found, place in zip(chunk, places, strict=True):
            docno = found.document.docno
            if docno in fresh or docno in unchanged:
                raise self._duplicate(found)
            if place != (-1, -1):
                self._check_source(found, place)
            if self._written(place):
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
        self._drop_surplus(chunk)
        self._writer.put(list(fresh.values()), source=self._source)
        self._uncommitted += len(fresh)

    def _drop_surplus(self, chunk: list[Found]) -> None:
        """Delete the passages that documents of a chunk have no more."""
        if self._writer.chunking is not None:
            counts = Counter(found.document.parent for found in chunk)
            names = surplus(self._writer.find, counts)
            self._writer.delete(names)
            self._report.deleted += len(names)

    def _check_source(self, found: Found, place: tuple[int, int]) -> None:
        """Raise `DuplicateDocument` if a document that is there came from somewhere else."""
        (number, ordinal), docno = place, found.document.docno
        if number < 0:
            source = self._writer.buffer[docno][1]
        else:
            source = int(self._writer.segments[number].segment.documents.sources[ordinal])
        if source != self._source:
            sources = self._writer.manifest.sources
            if source >= len(sources):
                raise CorruptIndex(f"document {docno!r} is of source {source}: run verify")
            where = sources[source] if source >= 0 else "a call of add"
            raise DuplicateDocument(
                f"document {found.document.parent!r} of {found.place} is in the collection "
                f"already, from {where}: rename one of them, or rebuild (--rebuild) if the folder "
                "has moved"
            )

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
        if self._writer.rebuilding:
            self._writer.flush()  # the old index stays until the new one is whole
        else:
            n_old = sum(id(pending) in self._seen for pending in self._writer.segments)
            self._writer.commit(merge_from=n_old)
        now = time.monotonic()
        rate = self._uncommitted / max(now - self._since, 1e-3)
        self._commit_at = int(min(max(rate * _COMMIT_SECONDS, _CHUNK), BUFFER_DOCUMENTS_DEFAULT))
        self._uncommitted, self._since = 0, now

    def _delete_vanished(self) -> None:
        """Delete what was not met, but for what is in files that could not be read this time."""
        unread = {skipped.docno for skipped in self._report.skipped if skipped.unread}
        for pending in self._old:
            table, seen = pending.segment.documents, self._seen[id(pending)]
            gone = np.flatnonzero(~pending.dead & ~seen & (table.sources == self._source))
            if unread and len(gone):
                gone = gone[[table.parent(int(i)) not in unread for i in gone]]
            if len(gone):
                self._report.deleted += len(gone)
                pending.kill(gone)


def _unreadable(skipped: Skipped) -> InvalidDocument:
    return InvalidDocument(f"{skipped.place}: {skipped.reason}; without --strict it is skipped")
