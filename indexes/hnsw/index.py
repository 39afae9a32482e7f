"""The graph index: arrays in, hits out."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isqrt
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from indexes.bitmap import Bitmap, kernel_bits
from indexes.errors import InvalidInput
from indexes.exhaustive import Rows
from indexes.hits import Hits
from indexes.hnsw.answering import Effort, Memory, Reader, answer
from indexes.hnsw.build import grown
from indexes.hnsw.codes import Coder
from indexes.hnsw.coding import Coding
from indexes.hnsw.graph import Graph, layer_sizes
from indexes.hnsw.settings import EF_SEARCH, HnswBuild, HnswSearch
from indexes.operating_point import OperatingPoints, Report, RungSearch, evenly
from indexes.threads import for_chunks
from indexes.validate import (
    check_candidates,
    check_k,
    check_one,
    check_ordinal,
    check_ordinals,
    check_settings,
    frozen,
    stored,
)
from indexes.vectors import DenseVectors, gathered

MEASURED_FROM = 2_000
"""Documents from which it is measured what searches find; fewer are all scored for a target."""

LADDER = tuple(
    HnswSearch(ef_search=ef)
    for ef in (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
)
"""Searches whose recall is measured; another ladder is another format version."""

STEP_NS, ROW_NS = 300, 70
"""About what a step through the graph takes, and the score of a vector of 384 dimensions."""

TWO_HOPS = 3
"""How much longer a step over documents that pass takes."""


class Hnsw:
    """Top k over dense vectors through a graph: nearly all of the best, in microseconds."""

    kind = "hnsw"
    format_version = 1
    Vectors = DenseVectors
    Build = HnswBuild
    Search = HnswSearch

    def __init__(
        self,
        vectors: DenseVectors,
        parts: tuple[Rows, Coding | None, Graph | None],
        build: HnswBuild,
        points: OperatingPoints[HnswSearch] | None = None,
    ) -> None:
        self._vectors, self.settings = vectors, build
        self._rows, self._coding, self._graph = parts
        self._points = OperatingPoints[HnswSearch].none() if points is None else points
        self._scratch = threading.local()
        self._reader: Reader | None = None
        if self._coding is not None and self._graph is not None:
            sizes = frozen(np.array(layer_sizes(len(vectors), build), np.int64))
            space, lens = self._coding.space(vectors, self._rows.norms, self._graph, build)
            self._reader = Reader(space, sizes, vectors.values, lens, int(build.metric))

    @classmethod
    def build(
        cls,
        batches: NDArray[Any] | DenseVectors | Iterable[DenseVectors],
        settings: HnswBuild | None = None,
    ) -> "Hnsw":
        """Index vectors: a matrix (n, dimension), `DenseVectors`, or batches of them.

        The same vectors and settings give the same arrays, whatever the number of threads.

        Raises:
            InvalidVectors: NaN or infinity, no batch at all, or batches of different dimensions.
        """
        if isinstance(batches, np.ndarray):
            return cls.build(DenseVectors.of(batches), settings)
        vectors = gathered(cast("DenseVectors | Iterable[DenseVectors]", batches), DenseVectors)
        build = check_settings(settings, HnswBuild)
        if len(vectors) < build.graph_from:
            rows = Rows.of(vectors, build.metric, "int8")
            return cls(vectors, (rows, None, None), build)
        seen = build.seen(vectors.values)
        coder = Coder.of(seen, build)
        rows, coding = Rows.of(vectors, build.metric, "float32"), Coding.of(seen, coder, build)
        index = cls(vectors, (rows, coding, grown(seen, coder, build)), build)
        if len(vectors) >= MEASURED_FROM:
            index._points = index._measured_on_documents()
        return index

    @classmethod
    def from_arrays(
        cls, vectors: DenseVectors, arrays: Mapping[str, NDArray[Any]], settings: HnswBuild
    ) -> "Hnsw":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        if len(vectors) < settings.graph_from:
            rows = Rows.from_arrays(vectors, arrays, settings.metric, "int8")
            return cls(vectors, (rows, None, None), settings)
        rows = Rows.from_arrays(vectors, arrays, settings.metric, "float32")
        coding = Coding.from_arrays(vectors, arrays, settings)
        graph = Graph.from_arrays(len(vectors), arrays, settings)
        points = OperatingPoints.stored(LADDER, stored(arrays, "recalls"))
        return cls(vectors, (rows, coding, graph), settings, points)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays derived from the vectors.

        See `Rows`, `Coding`, `Graph` and, for `recalls`, `OperatingPoints`.
        """
        own = self._rows.arrays()
        if self._coding is None or self._graph is None:
            return own
        graph: dict[str, NDArray[Any]] = self._graph._asdict()
        return own | self._coding.arrays() | graph | {"recalls": self._points.recalls}

    def __len__(self) -> int:
        return len(self._vectors)

    def vectors(self, ordinals: NDArray[np.int64] | None = None) -> DenseVectors:
        """Return the stored vectors, all or those at `ordinals`."""
        if ordinals is None:
            return self._vectors
        return self._vectors.take(check_ordinals(ordinals, len(self)))

    def queries(self, values: Any) -> DenseVectors:
        """Check query vectors against this index: (n_queries, dimension) or one (dimension,)."""
        return self._vectors.queries(values)

    def search(
        self,
        queries: Any,
        k: int,
        settings: HnswSearch | None = None,
        *,
        allowed: Bitmap | None = None,
    ) -> Hits:
        """Return k of the best documents of each query, with their exact scores.

        Never fewer than k where k documents are allowed.

        Raises:
            InvalidVectors: queries of another dimension, or with NaN or infinity.
            InvalidInput: k negative, or `allowed` of another size.
        """
        asked, k = check_settings(settings, HnswSearch), check_k(k)
        batch = self.queries(queries).values
        passing = kernel_bits(allowed, len(self))
        count = len(self) if allowed is None else allowed.count
        most = min(k, count)
        effort, reader = self._effort(asked, most, count), self._reader
        if effort is None or reader is None:
            return self._rows.search(batch, k, allowed)
        hits = Hits.empty(len(batch), most)

        def work(start: int, stop: int) -> None:
            with self._memory(reader, effort.ef) as memory:
                answer(reader, batch, start, stop, effort, passing, memory, hits.ids, hits.scores)

        for_chunks(work, len(batch))
        self._complete(batch, allowed, hits)
        return hits.padded(k)

    def _complete(self, batch: NDArray[np.float32], allowed: Bitmap | None, hits: Hits) -> None:
        """Answer exactly where the walk met too few documents that pass."""
        if hits.ids[:, -1:].min(initial=0) < 0:
            short = np.flatnonzero(hits.ids[:, -1] < 0)
            found = self._rows.search(frozen(batch[short]), hits.ids.shape[1], allowed)
            hits.ids[short], hits.scores[short] = found.ids, found.scores

    def _effort(self, asked: HnswSearch, k: int, count: int) -> Effort | None:
        """Return how to search for k of `count` documents; None: exactly."""
        share = count / max(len(self), 1)
        if asked.recall is not None:
            point = self._points.choose(asked.recall, k)
            if point is None:
                return None
            asked = point
        if not k:
            return None
        ef = max(asked.ef_search or EF_SEARCH, k)
        rescored = min(max(asked.rescored or k + max(3 * isqrt(k), ef // 8), k), ef)
        wide = min(len(self), int(ef / share) + 1) if count < len(self) else ef
        hops = ef * TWO_HOPS
        row_ns = ROW_NS * self._vectors.dimension / 384
        if count * row_ns <= min(wide, hops) * STEP_NS:
            return None
        return Effort(ef, rescored, True) if hops < wide else Effort(wide, rescored, False)

    def score(
        self, queries: Any, candidates: NDArray[np.integer], settings: HnswSearch | None = None
    ) -> NDArray[np.float32]:
        """Return the exact scores of candidates (n_queries, m), −inf where a candidate is −1."""
        check_settings(settings, HnswSearch)
        batch = self.queries(queries).values
        return self._rows.score(batch, check_candidates(candidates, len(batch), len(self)))

    def explain(
        self, query: Any, ordinal: int, settings: HnswSearch | None = None
    ) -> dict[str, float]:
        """Return the score of one document and the numbers it is made of."""
        check_settings(settings, HnswSearch)
        batch, row = check_one(self.queries(query)), check_ordinal(ordinal, len(self))
        return self._rows.explain(batch.values, row)

    @property
    def ladder(self) -> Sequence[HnswSearch]:
        """Settings whose recall can be measured: none where all are scored."""
        return () if self._reader is None else LADDER

    @property
    def points(self) -> OperatingPoints[HnswSearch]:
        """What recall targets are answered with: measured on documents, unless by `measured`."""
        return self._points

    def as_queries(self, ordinals: NDArray[np.int64]) -> DenseVectors:
        """Return documents as queries."""
        return self.vectors(ordinals)

    def measured(self, queries: Any) -> "tuple[Hnsw, Report]":
        """Return this index with recall targets measured on queries, and what they reach there.

        Raises:
            InvalidVectors: queries of another dimension, or with NaN or infinity.
            InvalidInput: queries too few to tell anything, or no graph to search.
        """
        if not self.ladder:
            raise InvalidInput(
                f"there is no graph below {self.settings.graph_from:,} documents: searches are "
                "exact, so there is nothing to measure"
            )
        points = OperatingPoints.measured(self._searching(self.queries(queries)), LADDER)
        parts = (self._rows, self._coding, self._graph)
        return Hnsw(self._vectors, parts, self.settings, points), Report(self._points, points)

    def _measured_on_documents(self) -> OperatingPoints[HnswSearch]:
        """Measure on documents; none where too few have a neighbour."""
        own = evenly(len(self))
        try:
            search = self._searching(self.as_queries(own))
            return OperatingPoints.measured(search, LADDER, own=own)
        except InvalidInput:
            return OperatingPoints.none()

    def _searching(self, queries: DenseVectors) -> RungSearch[HnswSearch]:
        exact = HnswSearch(recall=1.0)
        return lambda settings, k: self.search(queries, k, settings or exact)

    @contextmanager
    def _memory(self, reader: Reader, ef: int) -> Iterator[Memory]:
        """Lend this thread's working memory; what a failed search may have left in it is lost."""
        memory: Memory | None = getattr(self._scratch, "memory", None)
        if memory is None or len(memory.best) < ef:
            memory = Memory.of(reader, max(ef, 256))
        self._scratch.memory = None
        yield memory
        self._scratch.memory = memory
