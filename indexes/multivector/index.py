"""The exhaustive multi-vector index: arrays in, hits out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.bitmap import Bitmap, kernel_bits
from indexes.errors import InvalidVectors
from indexes.hits import Hits
from indexes.multivector.maxsim import (
    LARGEST,
    SMALLEST,
    Block,
    Queries,
    Scratch,
    estimate,
    longest,
    score,
    slack,
    widen,
)
from indexes.threads import for_chunks
from indexes.validate import (
    check_candidates,
    check_k,
    check_lengths,
    check_matrix,
    check_numbers,
    check_one,
    check_ordinal,
    check_ordinals,
    check_settings,
    frozen,
    stored,
)
from indexes.vectors import MultiVectors, gathered
from indexes.vectors.ragged import offsets_of

TOKENS_PER_BLOCK = 2048
"""Tokens of float16 widened at once: they stay in the second-level cache."""

QUERIES_PER_GROUP = 16
"""Queries scored in one pass over the documents; their estimates take 4 bytes a document each."""


@dataclass(frozen=True, slots=True)
class MultiVectorBuild:
    """Settings of a multi-vector index: there are none."""


@dataclass(frozen=True, slots=True)
class MultiVectorSearch:
    """Settings of a search in a multi-vector index: there are none, it is always exact."""


class MultiVector:
    """An exhaustive late-interaction index: the token vectors, and how long they are."""

    kind = "multivector"
    format_version = 1
    Vectors = MultiVectors
    Build = MultiVectorBuild
    Search = MultiVectorSearch

    def __init__(
        self, vectors: MultiVectors, norms: NDArray[np.float32], build: MultiVectorBuild
    ) -> None:
        self._vectors, self._norms, self.settings = vectors, norms, build

    @classmethod
    def build(
        cls,
        batches: MultiVectors | Iterable[MultiVectors],
        settings: MultiVectorBuild | None = None,
    ) -> "MultiVector":
        """Index vectors, given whole or in batches; float16 stays float16.

        Raises:
            InvalidVectors: no batch at all, or batches of different dimensions.
        """
        vectors = gathered(batches, MultiVectors)
        norms = np.zeros(len(vectors), np.float32)
        index = cls(vectors, frozen(norms), check_settings(settings, MultiVectorBuild))
        for span, block in index._blocks(np.arange(len(vectors))):
            longest(block.values, block.starts, block.stops, norms[span])
        return index

    @classmethod
    def from_arrays(
        cls, vectors: MultiVectors, arrays: Mapping[str, NDArray[Any]], settings: MultiVectorBuild
    ) -> "MultiVector":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        norms = stored(arrays, "norms")
        check_lengths("norms", norms, len(vectors))
        return cls(vectors, frozen(norms), settings)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays derived from the vectors: norms (n,) float32, of the longest tokens."""
        return {"norms": self._norms}

    def __len__(self) -> int:
        return len(self._vectors)

    def vectors(self, ordinals: NDArray[np.int64] | None = None) -> MultiVectors:
        """Return the stored vectors, all or those at `ordinals`."""
        if ordinals is None:
            return self._vectors
        return self._vectors.take(check_ordinals(ordinals, len(self)))

    def queries(self, values: Any) -> MultiVectors:
        """Check queries against this index: `MultiVectors`, or one as (n_tokens, dimension)."""
        if isinstance(values, MultiVectors):
            queries = values
        else:
            matrix = check_matrix("a query", check_numbers("a query", values))
            queries = MultiVectors.of(matrix, [0, len(matrix)])
        if len(self) and queries.dimension != self._vectors.dimension:
            raise InvalidVectors(
                f"queries have dimension {queries.dimension}, the index {self._vectors.dimension}: "
                "encode them with the encoder of the documents"
            )
        return queries

    def search(
        self,
        queries: Any,
        k: int,
        settings: MultiVectorSearch | None = None,
        *,
        allowed: Bitmap | None = None,
    ) -> Hits:
        """Return the k best documents of each query by MaxSim, exactly.

        Raises:
            InvalidVectors: queries of another dimension or kind, or with NaN or infinity.
            InvalidInput: k negative, or `allowed` of another size.
        """
        check_settings(settings, MultiVectorSearch)
        batch, k = Queries.of(self.queries(queries)), check_k(k)
        docs = self._candidates(allowed)
        hits = Hits.empty(len(batch.counts), min(k, len(self)))
        if min(hits.ids.shape[1], len(docs)):

            def work(start: int, stop: int) -> None:
                for first in range(start, stop, QUERIES_PER_GROUP):
                    self._search(batch, first, min(first + QUERIES_PER_GROUP, stop), docs, hits)

            for_chunks(work, len(hits), smallest=1)
        return hits.padded(k)

    def score(
        self,
        queries: Any,
        candidates: NDArray[np.integer],
        settings: MultiVectorSearch | None = None,
    ) -> NDArray[np.float32]:
        """Return the scores of candidates (n_queries, m), −inf where a candidate is −1.

        So it is where the query or the candidate has no tokens: they have no score.
        """
        check_settings(settings, MultiVectorSearch)
        batch = Queries.of(self.queries(queries))
        ids = check_candidates(candidates, len(batch.counts), len(self))
        out = np.full(ids.shape, -np.inf, np.float32)

        def work(start: int, stop: int) -> None:
            for query in range(start, stop):
                places = np.flatnonzero(ids[query] >= 0)
                places = places[self._lengths(ids[query, places]) > 0]
                out[query, places] = self._scores(batch, query, ids[query, places])

        for_chunks(work, len(ids), smallest=1)
        return out

    def explain(
        self, query: Any, ordinal: int, settings: MultiVectorSearch | None = None
    ) -> dict[str, float]:
        """Return the score of one document and where it comes from, empty if there is none.

        After "score" comes one entry for each token of the query, such as "3→17": the inner product
        of its token 3 with token 17 of the document, the best one. These add up to the score.
        """
        check_settings(settings, MultiVectorSearch)
        batch = Queries.of(check_one(self.queries(query)))
        doc = np.array([check_ordinal(ordinal, len(self))])
        if not batch.counts[0] or not self._lengths(doc)[0]:
            return {}
        scratch = self._scratch(batch, doc)
        parts = {"score": float(self._scores(batch, 0, doc, scratch)[0])}
        best = zip(scratch.tokens.tolist(), scratch.best.tolist(), strict=True)
        for i, (token, product) in zip(range(batch.counts[0]), best, strict=False):
            parts[f"{i}→{token}"] = product
        return parts

    def _search(
        self, queries: Queries, first: int, last: int, docs: NDArray[np.int64], hits: Hits
    ) -> None:
        """Write the hits of queries first .. last − 1 among documents that have tokens."""
        k, scratch = hits.ids.shape[1], self._scratch(queries, docs)
        estimates = np.empty((last - first, len(docs)), np.float32)
        for span, block in self._blocks(docs):
            part = np.empty((last - first, len(block.starts)), np.float32)
            estimate(block, queries, first, last, scratch, part)
            estimates[:, span] = part
        for query in range(first, last):
            if queries.counts[query]:
                left = docs[self._survivors(queries, query, docs, estimates[query - first], k)]
                scores = self._scores(queries, query, left, scratch)
                order = np.lexsort((left, -scores))[:k]
                hits.ids[query, : len(order)] = left[order]
                hits.scores[query, : len(order)] = scores[order]

    def _survivors(
        self, queries: Queries, query: int, docs: NDArray[np.int64], estimates: Any, k: int
    ) -> NDArray[np.bool_] | slice:
        """Say which documents could be among the k best, going by their estimates."""
        if k >= len(docs):
            return slice(None)
        with np.errstate(all="ignore"):  # an estimate that does not hold may be NaN
            scale = queries.reach(query) * self._norms[docs].astype(np.float64)
            error = slack(self._vectors.dimension) * scale + queries.counts[query] * SMALLEST
            holds = scale < LARGEST
            low = np.where(holds, estimates - error, -np.inf)
            high = np.where(holds, estimates + error, np.inf)
        survivors: NDArray[np.bool_] = high >= np.partition(low, len(docs) - k)[len(docs) - k]
        return survivors

    def _scores(
        self, queries: Queries, query: int, docs: NDArray[np.int64], scratch: Scratch | None = None
    ) -> NDArray[np.float32]:
        """Return the exact scores of one query with documents that have tokens."""
        scores = np.full(len(docs), -np.inf, np.float32)
        if queries.counts[query] and len(docs):
            scratch = scratch or self._scratch(queries, docs)
            for span, block in self._blocks(docs):
                score(block, queries, query, scratch, scores[span])
        return scores

    def _scratch(self, queries: Queries, docs: NDArray[np.int64]) -> Scratch:
        return Scratch.of(int(self._lengths(docs).max()), int(np.diff(queries.starts).max()))

    def _candidates(self, allowed: Bitmap | None) -> NDArray[np.int64]:
        """Return the documents that may be hits, rising."""
        kernel_bits(allowed, len(self))
        if allowed is None:
            return np.flatnonzero(self._lengths(slice(None)))
        docs = allowed.ordinals()
        return docs[self._lengths(docs) > 0]

    def _lengths(self, docs: Any) -> NDArray[np.int64]:
        """Return how many tokens documents have."""
        offsets = self._vectors.offsets
        lengths: NDArray[np.int64] = offsets[1:][docs] - offsets[:-1][docs]
        return lengths

    def _blocks(self, docs: NDArray[np.int64]) -> Iterator[tuple[slice, Block]]:
        """Yield documents as float32, and where they are in `docs`: float16 some at a time."""
        values, offsets = self._vectors.values, self._vectors.offsets
        starts, stops, norms = offsets[:-1][docs], offsets[1:][docs], self._norms[docs]
        if values.dtype == np.float32:
            yield slice(None), Block(values, frozen(starts), frozen(stops), frozen(norms))
            return
        ends = offsets_of(stops - starts)
        first = 0
        while first < len(docs):
            full = int(np.searchsorted(ends, ends[first] + TOKENS_PER_BLOCK, "right")) - 1
            span = slice(first, max(full, first + 1))
            first = span.stop
            wide = np.empty((ends[span.stop] - ends[span.start], values.shape[1]), np.float32)
            widen(values.view(np.uint16), starts[span], stops[span], wide.view(np.uint32), wide)
            places = frozen(ends[span.start : span.stop + 1] - ends[span.start])
            yield span, Block(frozen(wide), places[:-1], places[1:], frozen(norms[span]))
