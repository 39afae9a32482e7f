"""A collection: a folder of documents with any number of representations."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from encoders import Encoder
from encoders.analysis import Analyzer
from indexes.operating_point import Report
from retrieval import measuring, systems
from retrieval.chunking import Chunking
from retrieval.document import Document, batches
from retrieval.errors import DuplicateDocument, InvalidInput, UnknownName
from retrieval.passages import cut, stored, surplus
from retrieval.pipeline import FilterLike, Per, Retriever, SearchSettings, Stage
from retrieval.representation import Representation, Spec
from retrieval.store.files import Folder
from retrieval.store.manifest import Manifest
from retrieval.store.snapshot import Snapshot
from retrieval.store.verification import Verification, verify
from retrieval.view import View
from retrieval.view import system as system_of
from retrieval.writer import Writer, chunking_of


class Collection:
    """Documents, their representations, and searches over them.

    Reads answer from the last commit; `add`, `update`, `delete` and the changes of representations
    are collected until `commit`. Used as a context manager it commits at the end, or gives up the
    changes if an exception passes.
    """

    def __init__(self, folder: Folder, encoders: Mapping[str, Encoder] | None = None) -> None:
        self._folder = folder
        self._given = {name: [encoder] for name, encoder in (encoders or {}).items()}
        snapshot = Snapshot.open(folder)
        # Replaced in one assignment: searches may run beside a commit.
        self._view = View(snapshot, self._recorded(snapshot.manifest))
        self._changing = threading.RLock()
        self._writer: Writer | None = None
        if unknown := set(self._given) - set(self._view.parts):
            raise UnknownName.of("representation", unknown.pop(), self._view.parts)

    def _recorded(self, manifest: Manifest) -> dict[str, Representation]:
        return {
            name: Representation.recorded(name, recipe, self._given_for(name, recipe))
            for name, recipe in manifest.representations.items()
        }

    def _given_for(self, name: str, recipe: Mapping[str, Any]) -> Encoder | None:
        """Return the encoder the caller gave for a recipe; the first one if none fits it."""
        given = self._given.get(name, [])
        if len(given) < 2:
            return given[0] if given else None
        fitting = (e for e in given if e.fingerprint == recipe["fingerprint"])
        return next(fitting, given[0])

    # ------------------------------------------------------------------ what is in it

    @property
    def path(self) -> Path:
        """The folder it lives in."""
        return self._folder.path

    @property
    def snapshot(self) -> Snapshot:
        """The generation that searches answer from."""
        return self._view.snapshot

    @property
    def generation(self) -> int:
        """Number of the commit that searches answer from."""
        return self.snapshot.manifest.generation

    @property
    def representations(self) -> tuple[str, ...]:
        """Names of the representations."""
        return self._view.representations

    @property
    def settings(self) -> Mapping[str, Any]:
        """How sources are read and cut, and the systems that have names; JSON."""
        return self._view.settings

    @property
    def chunking(self) -> Chunking | None:
        """How documents are cut into passages; None: they are not."""
        return chunking_of(self.settings)

    def representation(self, name: str, snapshot: Snapshot | None = None) -> Representation:
        """Return one representation, as it was in a snapshot, or raise `UnknownName`."""
        view = self._view
        if snapshot is not None and snapshot is not view.snapshot:
            view = View(snapshot, self._recorded(snapshot.manifest))
        return view.representation(name)

    def use_encoders(self, encoders: Mapping[str, Encoder]) -> None:
        """Take encoders of the caller's, by representation, where they made what is stored."""
        with self._changing:
            for name, encoder in encoders.items():
                self._given.setdefault(name, []).insert(0, encoder)
            snapshot = self.snapshot
            self._view = View(snapshot, self._recorded(snapshot.manifest))

    def __len__(self) -> int:
        return len(self.snapshot)

    def __contains__(self, docno: object) -> bool:
        """Say whether a document is there, or a passage of that docno."""
        if not isinstance(docno, str):
            return False
        view = self._view
        first = f"{docno}#0" if chunking_of(view.settings) is not None else docno
        return view.snapshot.find(docno) >= 0 or view.snapshot.find(first) >= 0

    def __getitem__(self, docno: str) -> Document:
        snapshot = self.snapshot
        ordinal = snapshot.find(docno) if isinstance(docno, str) else -1
        if ordinal < 0:
            hint = ": documents are cut, see passages()" if docno in self else ""
            raise UnknownName(f"no document {docno!r} in {self.path}{hint}")
        return _document(snapshot, ordinal)

    def passages(self, parent: str) -> list[Document]:
        """Return the passages of a document in order; [itself] where documents are not cut.

        Raises:
            UnknownName: there is no such document.
        """
        if self.chunking is None:
            return [self[parent]]
        snapshot = self.snapshot
        docnos = stored(lambda names: [(-1, snapshot.find(name)) for name in names], [parent])
        if not docnos:
            raise UnknownName(f"no document {parent!r} in {self.path}")
        return [_document(snapshot, snapshot.find(docno)) for docno in docnos]

    def __iter__(self) -> Iterator[str]:
        """Yield the docnos in the order of their last write."""
        for segment in self.snapshot.segments:
            for ordinal in segment.live_ordinals():
                yield segment.documents.docno[int(ordinal)].decode()

    def __repr__(self) -> str:
        names = ", ".join(self.representations)
        return f"<Collection {self.path}: {len(self):,} documents; {names}>"

    @property
    def analyzer(self) -> Analyzer:
        """What finds the words to highlight: the analyzer of the lexical representation."""
        return self._view.analyzer

    # ------------------------------------------------------------------ searching it

    def retriever(self, name: str, settings: SearchSettings | None = None) -> Retriever:
        """Return the system that searches one representation, or raise `UnknownName`."""
        return Retriever(self, self.representation(name).name, settings)

    def system(self, name: str | None = None) -> Stage:
        """Return a system by name: a representation, one of its recipe, or "hybrid", all fused.

        Without a name it is the one its recipe says, else the hybrid, else what there is.
        """
        return system_of(self, name)

    def search(
        self,
        query: Any,
        k: int = 10,
        *,
        system: str | Stage | None = None,
        filter: FilterLike = None,
        per: Per | None = None,
    ) -> Any:
        """Search one text or vector, or several; see `Stage.search`.

        Args:
            query: text, list of texts, vector (dimension,), matrix, or vectors of any kind.
            k: hits per query.
            system: a name, or a system made by `retriever` or `rrf`; None: see `system`, and for
                vectors the one representation of their kind.
            filter: which documents may be found, such as `year >= 2020 and lang == "en"`.
            per: "passage" or "parent"; None: what the recipe says, or passages.
        """
        view = self._view  # one for all parts of a fusion
        if system is None and systems.are_vectors(query):
            system = systems.of_vectors(view, query)
        asked = system if isinstance(system, Stage) else system_of(view, system)
        return asked.search(query, k, filter=filter, per=per)

    @property
    def per(self) -> Per:
        """What searches return unless they say it: passages, or their parents."""
        return self._view.per

    # ------------------------------------------------------------------ changing it

    def add(self, documents: Iterable[Document]) -> None:
        """Add new documents, visible after `commit`.

        Raises:
            DuplicateDocument: a docno that is in the collection, or twice in `documents`; the
                thousand documents around it are not added, those before them are.
        """
        for chunk in batches(documents):
            _check_distinct([document.docno for document in chunk])
            with self._changing:
                passages = self._cut(chunk)
                places = self.writer().find([passage.docno for passage in passages])
                for passage, place in zip(passages, places, strict=True):
                    if place != (-1, -1):
                        raise DuplicateDocument(
                            f"document {passage.parent!r} is in {self.path} already: use update"
                        )
                self.writer().put(passages)

    def _cut(self, documents: Iterable[Document]) -> list[Document]:
        """Return what documents are stored as."""
        chunking = self.writer().chunking
        return [passage for document in documents for passage in cut(document, chunking)]

    def update(self, documents: Iterable[Document]) -> None:
        """Replace documents of the same docno, add the others; visible after `commit`.

        If writing some out fails (`StorageFailed`), those taken so far are kept for a later commit.
        """
        for chunk in batches(documents):
            with self._changing:
                writer = self.writer()
                # Of one docno that comes twice, the last counts, and none of the first's passages.
                latest: dict[str, Document] = {}
                for document in chunk:
                    latest.pop(document.docno, None)
                    latest[document.docno] = document
                passages = self._cut(latest.values())
                if writer.chunking is not None:
                    counts = Counter(passage.parent for passage in passages)
                    writer.delete(surplus(writer.find, counts))
                writer.put(passages)

    def delete(self, docnos: str | Iterable[str]) -> None:
        """Delete documents with all their passages, invisible after `commit`.

        Raises:
            UnknownName: one is not in the collection; none is deleted.
        """
        with self._changing:
            writer, names = self.writer(), [docnos] if isinstance(docnos, str) else list(docnos)
            if writer.chunking is not None:
                first = writer.find([f"{name}#0" for name in names])
                for name, place in zip(names, first, strict=True):
                    if place == (-1, -1):
                        raise UnknownName(f"no document {name!r} in {self.path}: nothing deleted")
                names = stored(writer.find, names)
            writer.delete(names)

    def add_representation(self, name: str, spec: Spec | None = None) -> None:
        """Encode and index all documents in one more way; the others are left untouched."""
        with self._changing:
            writer = self.writer()
            if name in writer.representations:
                raise InvalidInput(f"{self.path} has a representation {name!r}: drop it first")
            asked = Representation.of(name, name if spec is None else spec)
            writer.add_representation(asked)
            if asked.encoder is not None:
                self._given.setdefault(name, []).append(asked.encoder)

    def drop_representation(self, name: str) -> None:
        """Remove one representation; the others are left untouched."""
        with self._changing:
            writer = self.writer()
            if name not in writer.representations:
                raise UnknownName.of("representation", name, writer.representations)
            if len(writer.representations) == 1:
                raise InvalidInput(f"{name!r} is the only representation: add another one first")
            rest = {n: r for n, r in writer.representations.items() if n != name}
            systems.check(writer.manifest.settings, rest)
            writer.drop_representation(name)

    def measure(self, name: str, queries: Any = None) -> Report:
        """Measure recall targets of a representation on queries; print what is returned.

        The last commit is measured, and after the next one `InvertedSearch(recall=0.95)` goes by
        it; see `Retriever.measured`. It stays when documents come or go, so measure again when the
        collection has become another, and is lost with the representation or a rebuild.
        """
        with self._changing:
            report = self.retriever(name).measured(queries)
            self.writer().record(name, measuring.to_json(report.points))
            return report

    def commit(self) -> int:
        """Make all changes durable and visible; return the generation.

        If it fails the changes since the last commit are given up, and the collection is as it was.
        """
        with self._changing:
            if self._writer is not None:
                try:
                    self.writer().commit()
                finally:
                    self.rollback()
            return self.generation

    def compact(self) -> int:
        """Merge all segments into one without deleted documents, commit; return the generation."""
        with self._changing:
            try:
                self.writer().compact()
            finally:
                self.rollback()
            return self.generation

    def rollback(self) -> None:
        """Give up the changes since the last commit."""
        with self._changing:
            self.close()
            self.refresh()

    def writer(self) -> Writer:
        """Return the writer, taking the lock; raises `Locked` while another one has it."""
        with self._changing:
            if self._writer is None:
                known = self.snapshot.segments
                self._writer = Writer(self._folder, self._recorded, known=known)
            self._writer.check_process()
            return self._writer

    def refresh(self) -> None:
        """Move on to the newest commit, whoever made it."""
        with self._changing:
            before, parts = self.snapshot, self._view.parts
            snapshot = Snapshot.open(self._folder, before.segments)
            if snapshot.manifest == before.manifest:
                return
            if snapshot.manifest.representations != before.manifest.representations:
                self._release(snapshot.manifest)
                parts = self._recorded(snapshot.manifest)
            self._view = View(snapshot, parts)

    def _release(self, manifest: Manifest) -> None:
        """Let go of encoders that no representation is made with any more."""
        for name, given in list(self._given.items()):
            recipe = manifest.representations.get(name)
            fits = [e for e in given if recipe and e.fingerprint == recipe["fingerprint"]]
            self._given[name] = fits[:1]

    def close(self) -> None:
        """Give up uncommitted changes and the lock; reading goes on."""
        with self._changing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def __enter__(self) -> "Collection":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.commit()
        self.close()

    # ------------------------------------------------------------------ looking after it

    def verify(self) -> Verification:
        """Check every byte and structure of the current commit; see its `problems`."""
        return verify(self._folder)

    def info(self) -> dict[str, Any]:
        """Return counts, sizes and recipes as JSON."""
        view = self._view
        manifest, segments = view.snapshot.manifest, view.snapshot.segments
        sizes = {name: sum(s.size(name) for s in segments) for name in view.parts}
        return {
            "path": str(self.path),
            "generation": manifest.generation,
            "documents": len(view.snapshot),
            "deleted": sum(len(segment) - segment.n_live for segment in segments),
            "segments": len(segments),
            "bytes": sum(segment.size_bytes for segment in segments),
            "sources": [source for source in manifest.sources if source],
            "representations": {
                name: {"bytes": sizes[name], **part.recipe} for name, part in view.parts.items()
            },
        }


def _document(snapshot: Snapshot, ordinal: int) -> Document:
    segment, inside = snapshot.locate(ordinal)
    return segment.documents.document(inside)


def _check_distinct(docnos: Sequence[str]) -> None:
    docno, count = Counter(docnos).most_common(1)[0]
    if count > 1:
        raise DuplicateDocument(f"document {docno!r} is given twice: docnos are unique")
