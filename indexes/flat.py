"""Exhaustive search over dense vectors: exact, and the fastest choice for small collections.

Every row is scored approximately (a fast inner product whose rounding error is bounded); a row that
could still enter the top k is scored again in the canonical way (`indexes.metric`). The answer
therefore equals brute force over the stored values, ids and scores, ties by lower ordinal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from indexes.bitmap import Bitmap, kernel_bits
from indexes.errors import InvalidVectors
from indexes.hits import Hits
from indexes.jit import kernel
from indexes.metric import Metric, dot_products, exact_score, norms_of
from indexes.threads import for_chunks
from indexes.topk import offer, rank_all
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
from indexes.vectors import DenseVectors, gathered

ROWS_PER_BLOCK = 8192
"""Rows scored before the survivors are looked at: their scores stay in the first-level cache."""

QUERIES_PER_BLOCK = 64
"""Queries multiplied with a block at once."""

MATRIX_QUERIES_MIN = 4
"""From this many queries on, a matrix product beats one pass over the rows per query."""


@dataclass(frozen=True, slots=True)
class FlatBuild:
    """Settings of a flat index."""

    metric: Metric = Metric.INNER_PRODUCT


@dataclass(frozen=True, slots=True)
class FlatSearch:
    """Settings of a search in a flat index: there are none, it is always exact."""


class _Block(NamedTuple):
    """What a kernel needs of some rows and some queries."""

    values: NDArray[np.float32]  # (n, dim)
    norms: NDArray[np.float32]  # (n,)
    queries: NDArray[np.float32]  # (n_queries, dim)
    query_norms: NDArray[np.float32]  # (n_queries,)
    approximate: NDArray[np.float32]  # (n_queries, rows) inner products


class Flat:
    """An exhaustive dense index: the vectors themselves and their lengths."""

    kind = "flat"
    format_version = 1
    Vectors = DenseVectors
    Build = FlatBuild
    Search = FlatSearch

    def __init__(self, vectors: DenseVectors, norms: NDArray[np.float32], build: FlatBuild) -> None:
        self._vectors, self._norms, self.settings = vectors, norms, build

    @classmethod
    def build(
        cls,
        batches: NDArray[Any] | DenseVectors | Iterable[DenseVectors],
        settings: FlatBuild | None = None,
    ) -> "Flat":
        """Index vectors: a matrix (n, dimension), `DenseVectors`, or batches of them.

        Raises:
            InvalidVectors: NaN or infinity, no batch at all, or batches of different dimensions.
        """
        if isinstance(batches, np.ndarray):
            return cls.build(DenseVectors.of(batches), settings)
        vectors = gathered(cast("DenseVectors | Iterable[DenseVectors]", batches), DenseVectors)
        build = check_settings(settings, FlatBuild)
        return cls(vectors, frozen(norms_of(vectors.values)), build)

    @classmethod
    def from_arrays(
        cls, vectors: DenseVectors, arrays: Mapping[str, NDArray[Any]], settings: FlatBuild
    ) -> "Flat":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        norms = stored(arrays, "norms")
        check_lengths("norms", norms, len(vectors))
        return cls(vectors, frozen(norms), settings)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays derived from the vectors: norms (n,) float32."""
        return {"norms": self._norms}

    def __len__(self) -> int:
        return len(self._vectors)

    def vectors(self, ordinals: NDArray[np.int64] | None = None) -> DenseVectors:
        """Return the stored vectors, all or those at `ordinals`."""
        if ordinals is None:
            return self._vectors
        return self._vectors.take(check_ordinals(ordinals, len(self)))

    def queries(self, values: Any) -> DenseVectors:
        """Check query vectors against this index: (n_queries, dimension) or one (dimension,)."""
        if isinstance(values, DenseVectors):
            queries = values
        else:
            rows = np.atleast_2d(check_numbers("queries", values))
            queries = DenseVectors(frozen(check_matrix("queries", rows)))
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
        settings: FlatSearch | None = None,
        *,
        allowed: Bitmap | None = None,
    ) -> Hits:
        """Return the k best documents of each query, exactly.

        Raises:
            InvalidVectors: queries of another dimension, or with NaN or infinity.
            InvalidInput: k negative, or `allowed` of another size.
        """
        check_settings(settings, FlatSearch)
        batch, k = self.queries(queries).values, check_k(k)
        hits = Hits.empty(len(batch), min(k, len(self)))
        bits = kernel_bits(allowed, len(self))
        if hits.ids.shape[1]:
            for start in range(0, len(batch), QUERIES_PER_BLOCK):
                stop = start + QUERIES_PER_BLOCK
                block = Hits(hits.ids[start:stop], hits.scores[start:stop])
                self._search_block(batch[start:stop], bits, block)
        return hits.padded(k)

    def _search_block(
        self, queries: NDArray[np.float32], bits: NDArray[np.uint8], hits: Hits
    ) -> None:
        values, metric = self._vectors.values, int(self.settings.metric)
        norms = norms_of(queries)
        sizes = np.zeros(len(queries), np.int64)
        approximate = np.empty((len(queries), min(ROWS_PER_BLOCK, len(values))), np.float32)
        for start in range(0, len(values), ROWS_PER_BLOCK):
            stop = min(start + ROWS_PER_BLOCK, len(values))
            if len(queries) >= MATRIX_QUERIES_MIN:
                with np.errstate(all="ignore"):  # an overflow is scored again in float64
                    approximate = queries @ values[start:stop].T
            else:
                for query in range(len(queries)):
                    dot_products(values, start, stop, queries[query], approximate[query])
            block = _Block(values, self._norms, queries, norms, approximate)

            def work(first: int, last: int, block: _Block = block, start: int = start) -> None:
                _keep_best(block, start, first, last, metric, bits, hits.ids, hits.scores, sizes)

            for_chunks(work, len(queries))
        rank_all(hits.ids, hits.scores, sizes)

    def score(
        self, queries: Any, candidates: NDArray[np.integer], settings: FlatSearch | None = None
    ) -> NDArray[np.float32]:
        """Return the exact scores of candidates (n_queries, m), −inf where a candidate is −1."""
        check_settings(settings, FlatSearch)
        batch = self.queries(queries).values
        ids = check_candidates(candidates, len(batch), len(self))
        out = np.full(ids.shape, -np.inf, np.float32)
        _score(self._vectors.values, batch, int(self.settings.metric), ids, out)
        return out

    def explain(
        self, query: Any, ordinal: int, settings: FlatSearch | None = None
    ) -> dict[str, float]:
        """Return the score of one document and the numbers it is made of."""
        batch, row = check_one(self.queries(query)), check_ordinal(ordinal, len(self))
        return {
            "score": float(self.score(batch, np.array([[row]]), settings)[0, 0]),
            "query_norm": float(norms_of(batch.values)[0]),
            "document_norm": float(self._norms[row]),
        }


@kernel
def _keep_best(
    block: Any, start: int, first: int, last: int, metric: int,
    bits: Any, ids: Any, scores: Any, sizes: Any,
) -> None:  # fmt: skip
    """Offer the rows of one block to the heaps of queries first .. last − 1.

    block   see `_Block`; its rows are the documents from ordinal `start` on
    bits    (⌈n / 8⌉,) or (0,)  uint8    allowed documents; empty: all
    ids     (n_queries, k)      int32    heaps
    scores  (n_queries, k)      float32  heap keys
    sizes   (n_queries,)        int64    used places of each heap
    """
    values, norms, queries, query_norms, approximate = block
    # |fl(x·q) − x·q| ≤ dim · 2⁻²⁴ · |x||q| in any order of summation; doubled, and 16 for the rest.
    # Where float32 cannot hold the numbers that make up a bound, the row is scored again.
    slack = np.float32((2 * values.shape[1] + 16) * 2.0**-24)
    n_rows = min(approximate.shape[1], len(values) - start)
    for query in range(first, last):
        size, norm = sizes[query], query_norms[query]
        for i in range(n_rows):
            row = start + i
            if len(bits) and not (bits[row >> 3] >> (row & 7)) & 1:
                continue
            if size == ids.shape[1]:
                estimate, scale = approximate[query, i], norms[row] * norm
                if metric == 1:
                    holds = 1e-30 < scale < np.inf and min(norms[row], norm) > 1e-37
                    estimate = estimate / scale if holds else np.float32(np.inf)
                    scale = np.float32(1.0)
                elif metric == 2:
                    scale = (norms[row] + norm) * (norms[row] + norm)
                    estimate = 2 * estimate - norms[row] * norms[row] - norm * norm
                # The absolute term covers products below the normal range of float32.
                bound = estimate + slack * scale + np.float32(1e-37)
                if -np.inf < bound < scores[query, 0]:
                    continue  # false for NaN and after an overflow
            score = exact_score(values, row, queries, query, metric)
            size = offer(ids[query], scores[query], size, row, score)
        sizes[query] = size


@kernel
def _score(values: Any, queries: Any, metric: int, candidates: Any, out: Any) -> None:
    """Write the exact score of each candidate (n_queries, m) that is not −1 into `out`."""
    for query in range(len(candidates)):
        for place in range(candidates.shape[1]):
            row = candidates[query, place]
            if row >= 0:
                out[query, place] = exact_score(values, row, queries, query, metric)
