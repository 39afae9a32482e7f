"""Systems: what answers queries over a collection. Retrieve with one representation, or fuse some.

A batch and a single query go through the same code; a system sees one snapshot from start to end.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from encoders import LexicalEncoder
from encoders.analysis import Analyzer
from encoders.bm25 import Bm25Search
from indexes.bitmap import Bitmap
from indexes.flat import FlatSearch
from indexes.hits import Hits, merge
from indexes.hnsw import HnswSearch
from indexes.inverted import InvertedSearch, Saturation
from indexes.multivector import MultiVectorSearch
from indexes.operating_point import OperatingPoints, Report
from indexes.validate import check_k
from indexes.vectors import SparseVectors, Vectors
from retrieval import measuring
from retrieval.batch import QueryBatch as QueryBatch
from retrieval.errors import InvalidInput, UnknownName
from retrieval.filters import Filter
from retrieval.fusion import reciprocal_ranks
from retrieval.limits import K_MAX
from retrieval.queries import Queries
from retrieval.representation import Representation
from retrieval.results import Results, best_passages
from retrieval.run import Run
from retrieval.store.manifest import Manifest
from retrieval.store.snapshot import Snapshot

SearchSettings: TypeAlias = (
    FlatSearch | HnswSearch | InvertedSearch | MultiVectorSearch | Bm25Search
)

FilterLike: TypeAlias = str | Filter | None
Per: TypeAlias = Literal["passage", "parent"]

_CACHED_CHARACTERS_MAX = 1000

_DEEPER = 4
"""How much deeper to look for more parents, if the passages found have too few."""

RRF_CONSTANT = 60
"""k of Cormack, Clarke and Büttcher: they found it good, and little depends on it."""

FUSION_DEPTH_MIN = 100
"""Documents asked of each system before fusion, unless more are to be returned."""


class Searchable(Protocol):
    """What a system needs of a collection."""

    @property
    def snapshot(self) -> Snapshot:
        """The generation to answer from."""
        ...

    @property
    def analyzer(self) -> Analyzer:
        """What finds the words to highlight."""
        ...

    @property
    def per(self) -> Per:
        """What searches return unless they say it: passages, or their parents."""
        ...

    def representation(self, name: str, snapshot: Snapshot | None = None) -> Representation:
        """Return one representation, as it was in a snapshot."""
        ...


class Stage(ABC):
    """A system over one collection."""

    def __init__(self, collection: Searchable, name: str) -> None:
        self.collection, self.name = collection, name

    @property
    @abstractmethod
    def representations(self) -> tuple[str, ...]:
        """Names of the representations it searches, each once."""

    @abstractmethod
    def hits(self, snapshot: Snapshot, queries: QueryBatch, k: int) -> Hits:
        """Return the best k documents of each query by collection-wide ordinal."""

    def search(
        self, query: Any, k: int = 10, *, filter: FilterLike = None, per: Per | None = None
    ) -> Any:
        """Search one text or vector, or several.

        Returns a list of `Hit` for one text or one vector (dimension,); one list per query for a
        list of texts, a matrix (n_queries, dimension), or vectors of any kind.

        Args:
            query: what to search for.
            k: hits per query.
            filter: which documents may be found, such as `year >= 2020 and lang == "en"`; see
                `retrieval.filters`.
            per: "passage", or "parent": the best passage of each parent document; None: what the
                recipe of the collection says, or passages.

        Raises:
            InvalidInput: a query that is neither text nor vector, k negative, or a filter that
                cannot be read.
            EncoderUnavailable: a text, and the model is not available.
        """
        one = isinstance(query, str) or (isinstance(query, np.ndarray) and query.ndim == 1)
        batch = QueryBatch.of([query] if isinstance(query, str) else query)
        results = self._results(replace(batch, filter=_filter(filter)), k, per)
        lists = [results.of(i) for i in range(len(batch))]
        return lists[0] if one else lists

    def run(
        self,
        queries: "Queries | Mapping[str, str]",
        k: int = 1000,
        *,
        filter: FilterLike = None,
        per: Per | None = None,
    ) -> Run:
        """Search queries with ids and return a run; every query id is in it. See `search`."""
        if not isinstance(queries, Mapping):
            raise InvalidInput(f"{queries!r} has no query ids: pass a mapping of id → text")
        batch = QueryBatch.by_id(queries)
        results = self._results(replace(batch, filter=_filter(filter)), k, per)
        pairs = [results.docnos(i) for i in range(len(batch))]
        docnos, scores = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return Run.from_hits(batch.ids, docnos, scores=scores, tag=self.name)

    def _results(self, batch: QueryBatch, k: int, per: Per | None) -> Results:
        per = per or self.collection.per
        if per not in ("passage", "parent"):
            raise InvalidInput(f"per is {per!r}: use 'passage' or 'parent'")
        snapshot, k = self.collection.snapshot, _checked_k(k)
        found = (
            self.hits(snapshot, batch, k)
            if per == "passage"
            else self._best_passages(snapshot, batch, k)
        )
        return Results(snapshot, found, batch.texts, self.collection.analyzer, per=per)

    def _best_passages(self, snapshot: Snapshot, batch: QueryBatch, k: int) -> Hits:
        """Return the best k parents, each by its best passage.

        Looks as deep as it takes: many good passages of one parent must not push out another.
        """
        depth = k
        while True:
            depth = min(_DEEPER * depth, len(snapshot))
            found = self.hits(snapshot, batch, depth)
            best = best_passages(snapshot, found, k)
            short = (best.counts() < k) & (found.counts() == depth)  # and there may be more
            if depth == len(snapshot) or not short.any():
                return best

    def __repr__(self) -> str:
        return self.name


class Retriever(Stage):
    """Search in one representation: all segments, best scores first."""

    def __init__(
        self,
        collection: Searchable,
        representation: str,
        settings: SearchSettings | None = None,
        *,
        label: str | None = None,
    ) -> None:
        super().__init__(collection, label or representation)
        self._representation, self._settings = representation, settings
        self._points: tuple[Manifest, OperatingPoints[Any] | None] | None = None

    @property
    def representations(self) -> tuple[str, ...]:
        """The one it searches."""
        return (self._representation,)

    def hits(self, snapshot: Snapshot, queries: QueryBatch, k: int) -> Hits:
        """Return the best k documents of each query."""
        if not snapshot.segments or not len(queries):
            return Hits.empty(len(queries), k)
        k = min(k, sum(map(len, snapshot.segments)))
        vectors, settings = self._vectors(snapshot, queries)
        bitmaps = [segment.allowed(queries.filter) for segment in snapshot.segments]
        settings = self._resolved(snapshot, settings, k, bitmaps)
        parts = []
        for segment, allowed in zip(snapshot.segments, bitmaps, strict=True):
            index: Any = segment.index(self._representation)
            parts.append(index.search(vectors, k, settings, allowed=allowed))
        found = merge(parts, snapshot.bases, k)
        blank = queries.blank()
        if blank.any():
            found.ids[blank], found.scores[blank] = -1, -np.inf
        return found

    def explain(self, query: Any, docno: str) -> dict[str, float]:
        """Return what gives a document its score: of sparse vectors, what each term adds.

        Raises:
            UnknownName: no live document of that docno.
            InvalidInput: not one query.
        """
        snapshot = self.collection.snapshot
        batch = QueryBatch.of([query] if isinstance(query, str) else query)
        vectors, settings = self._vectors(snapshot, batch)
        ordinal = snapshot.find(docno)
        if ordinal < 0:
            raise UnknownName(f"there is no document {docno!r}: it may have been deleted")
        segment, inside = snapshot.locate(ordinal)
        index: Any = segment.index(self._representation)
        parts: dict[str, float] = index.explain(vectors, inside, settings)
        return parts

    def _vectors(self, snapshot: Snapshot, queries: QueryBatch) -> tuple[Vectors, Any]:
        """Return encoded and weighted queries, and the settings of the index's search."""
        representation = self.collection.representation(self._representation, snapshot)
        lexical = representation.lexical
        settings = self._settings
        if settings is None:
            settings = representation.index_class.Search()
        fitting = (representation.index_class.Search, *((Bm25Search,) if lexical else ()))
        if not isinstance(settings, fitting):
            raise InvalidInput(
                f"{type(settings).__name__} does not fit representation {representation.name!r}: "
                f"use {' or '.join(kind.__name__ for kind in fitting)}"
            )
        if lexical is not None and getattr(settings, "saturation", None) is None:
            settings = self._saturated(snapshot, lexical)
        if queries.vectors is not None:
            return _checked(queries.vectors, representation), settings
        encoder = representation.checked_encoder
        by_id = representation.reads == "docno" and queries.named
        keys = list((queries.ids if by_id else queries.texts) or ())
        vectors = encoder.encode_queries(keys)
        if len(_checked(vectors, representation)) != len(keys):
            raise InvalidInput(f"the encoder of {self.name!r} did not return {len(keys)} vectors")
        if lexical is not None and isinstance(vectors, SparseVectors):
            statistics = snapshot.statistics(self._representation)
            frequencies = statistics.document_frequencies(vectors.vocabulary)
            vectors = lexical.weigh(vectors, frequencies, statistics.n_documents)
        return vectors, settings

    def _saturated(self, snapshot: Snapshot, lexical: LexicalEncoder) -> InvertedSearch:
        k1, b, asked = lexical.k1, lexical.b, InvertedSearch()
        if isinstance(self._settings, InvertedSearch):
            asked = self._settings
        elif isinstance(self._settings, Bm25Search):
            k1 = k1 if self._settings.k1 is None else self._settings.k1
            b = b if self._settings.b is None else self._settings.b
        average = snapshot.statistics(self._representation).average_length
        return replace(asked, saturation=Saturation(k1, b, average))

    def _resolved(
        self, snapshot: Snapshot, settings: Any, k: int, allowed: Sequence[Bitmap | None]
    ) -> Any:
        """Return the settings that reach a recall target, where it was measured for all segments.

        Otherwise every index has its own.
        """
        recall = getattr(settings, "recall", None)
        if recall in (None, 1) or settings != type(settings)(recall=recall):
            return settings
        kept, manifest = self._points, snapshot.manifest
        if kept is None or kept[0] is not manifest:
            representation = self.collection.representation(self._representation, snapshot)
            kept = manifest, measuring.recorded(manifest.settings, representation)
            self._points = kept  # at once: threads are safe
        points = kept[1]
        if points is None:
            return settings
        pairs = zip(snapshot.segments, allowed, strict=True)
        n_allowed = sum(len(segment) if bits is None else bits.count for segment, bits in pairs)
        share = n_allowed / max(len(snapshot), 1)
        return points.choose(recall, k, allowed=share) or replace(settings, recall=1.0)

    def measured(self, queries: Any = None) -> Report:
        """Measure which settings find which share of the exact hits; nothing is recorded.

        Args:
            queries: texts, vectors or a mapping of id → text; None: documents stand in for them.

        Raises:
            InvalidInput: its searches are exact anyway, or too few queries have hits.
        """
        snapshot, name = self.collection.snapshot, self._representation
        vectors: Vectors | None = None
        if queries is not None:
            named = isinstance(queries, Mapping)
            given = [queries] if isinstance(queries, str) else queries
            batch = QueryBatch.by_id(queries) if named else QueryBatch.of(given)
            vectors, _ = self._vectors(snapshot, batch)

        def search(sample: Vectors, settings: SearchSettings, k: int) -> Hits:
            system = Retriever(self.collection, name, settings)
            return system.hits(snapshot, QueryBatch.of(sample), k)

        representation = self.collection.representation(name, snapshot)
        return measuring.measure(snapshot, representation, search, vectors)


def _checked(vectors: Vectors, representation: Representation) -> Vectors:
    wanted = representation.index_class.Vectors
    if not isinstance(vectors, wanted):
        raise InvalidInput(
            f"representation {representation.name!r} is searched with {wanted.__name__}, "
            f"not {type(vectors).__name__}: name the system the vectors are for"
        )
    return vectors


class Fusion(Stage):
    """Reciprocal rank fusion of several systems (Cormack, Clarke and Büttcher, SIGIR 2009)."""

    def __init__(
        self,
        systems: Sequence[Stage],
        *,
        k: float = RRF_CONSTANT,
        depth: int | None = None,
        name: str | None = None,
    ) -> None:
        if isinstance(k, bool) or not isinstance(k, int | float) or not 0 <= k < float("inf"):
            raise InvalidInput(f"the constant of reciprocal ranks is {k!r}: use 0 or more")
        if depth is not None and _checked_k(depth) == 0:
            raise InvalidInput("the depth of a fusion is 0: fuse at least one hit of each system")
        if not all(isinstance(system, Stage) for system in systems):
            raise InvalidInput(
                f"fusing {list(systems)!r}: pass systems, such as collection.retriever('bm25')"
            )
        if len(systems) < 2 or len({id(system.collection) for system in systems}) != 1:
            raise InvalidInput(
                f"fusing {list(systems)!r}: pass two or more systems of one collection"
            )
        name = name or f"rrf({', '.join(system.name for system in systems)})"
        super().__init__(systems[0].collection, name)
        self._systems, self._k, self._depth = tuple(systems), k, depth

    @property
    def representations(self) -> tuple[str, ...]:
        """Those of all its systems."""
        return tuple(dict.fromkeys(n for system in self._systems for n in system.representations))

    def hits(self, snapshot: Snapshot, queries: QueryBatch, k: int) -> Hits:
        """Return the best k documents of each query by the sum of reciprocal ranks."""
        if queries.vectors is not None:
            raise InvalidInput(
                f"{self.name} cannot be searched with one vector: name one representation"
            )
        depth = self._depth or max(k, FUSION_DEPTH_MIN)
        parts = [system.hits(snapshot, queries, depth) for system in self._systems]
        return reciprocal_ranks(parts, k, constant=self._k)


def rrf(
    *systems: Stage, k: float = RRF_CONSTANT, depth: int | None = None, name: str | None = None
) -> Fusion:
    """Fuse systems by reciprocal ranks: score = Σ 1 / (k + rank).

    Args:
        systems: two or more systems of one collection.
        k: the constant that flattens the top ranks.
        depth: documents asked of each system; None: as many as are returned, at least 100.
        name: what runs and tables call it; None: "rrf(…)".
    """
    return Fusion(systems, k=k, depth=depth, name=name)


def _filter(given: FilterLike) -> Filter | None:
    if isinstance(given, str):
        return _parsed(given) if len(given) <= _CACHED_CHARACTERS_MAX else Filter.parse(given)
    if not isinstance(given, Filter | None):
        raise InvalidInput(f"filter {given!r} is none: pass an expression such as 'year >= 2020'")
    return given


_parsed = lru_cache(maxsize=256)(Filter.parse)
"""The same few filters come with query after query; reading one takes 0.1 ms."""


def _checked_k(k: int) -> int:
    if check_k(k) > K_MAX:
        raise InvalidInput(f"k is {k:,}: at most {K_MAX:,} hits a query")
    return k
