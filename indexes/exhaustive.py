"""The exact top k of all rows of a matrix, or of some: a first pass over bounds, then exact scores.

The first pass (`indexes.first_pass`) writes an upper bound of the score of every row. The rows of
the highest bounds are scored exactly; of the others only those whose bound reaches the k-th best
score are looked at again. So the answer is that of brute force over the stored values in the
canonical order of summation (`indexes.metric`), ids and scores, ties by lower ordinal.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from indexes.bitmap import EVERY, Bitmap, kernel_bits
from indexes.first_pass import (
    NO_CODES,
    Asked,
    Codes,
    Places,
    bound_all,
    float_product,
    limit_of,
    multiply,
    multiply_codes,
    slack_of,
)
from indexes.hits import Hits
from indexes.jit import kernel
from indexes.metric import Metric, exact_score, exact_scores, norms_of
from indexes.simd import prefetch_all
from indexes.threads import for_chunks
from indexes.topk import offer, rank_all
from indexes.validate import check_lengths, frozen, stored
from indexes.vectors import DenseVectors

Storage = Literal["int8", "float32"]
"""What the first pass reads of a row."""

ROWS_PER_BLOCK = 65_536
"""Rows whose bounds are known before one of them is scored: they stay in the cache."""

QUERIES_PER_BLOCK = 32
"""Queries that share a pass over the rows."""

MATRIX_QUERIES_MIN = 4
"""From this many queries on, a matrix product beats one pass over float32 rows per query."""

MATRIX_ROWS = 8192
"""Rows of such a product: they may have to be gathered."""

LISTED_MAX = 0.5
"""Share of rows allowed up to which only these are read; above, all are, and some left out."""

_TILE_BYTES = 1 << 17
"""Bytes of codes that each query of a block reads before the next: they stay in the cache."""

_GROUP = 64
"""Bounds compared at once: hardly any group has one that is high enough."""


class Rows:
    """The rows of a matrix, ready to be searched exhaustively."""

    def __init__(
        self, vectors: DenseVectors, metric: Metric, norms: NDArray[np.float32], codes: Codes
    ) -> None:
        self._metric, self._codes, self.norms = int(metric), codes, norms
        flat, every = codes.codes.reshape(-1), frozen(np.empty(0, np.int64))
        self._all = Places(vectors.values, flat, norms, codes.scales, codes.errors, every, EVERY)

    @classmethod
    def of(cls, vectors: DenseVectors, metric: Metric, storage: Storage) -> "Rows":
        """Measure the vectors, and code them where `storage` is int8."""
        codes = Codes.of(vectors.values) if storage == "int8" else NO_CODES
        return cls(vectors, metric, frozen(norms_of(vectors.values)), codes)

    @classmethod
    def from_arrays(
        cls,
        vectors: DenseVectors,
        arrays: Mapping[str, NDArray[Any]],
        metric: Metric,
        storage: Storage,
    ) -> "Rows":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        norms = stored(arrays, "norms")
        check_lengths("norms", norms, len(vectors))
        coded = storage == "int8"
        codes = Codes.from_arrays(vectors, arrays) if coded else NO_CODES
        return cls(vectors, metric, frozen(norms), codes)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return norms (n,) float32 and, where there are codes, the arrays of `Codes`."""
        return {"norms": self.norms} | (self._codes._asdict() if self._is_coded else {})

    def __len__(self) -> int:
        return len(self._all.values)

    @property
    def _is_coded(self) -> bool:
        return self._codes is not NO_CODES

    def search(self, queries: NDArray[np.float32], k: int, allowed: Bitmap | None = None) -> Hits:
        """Return the k best of all rows for each query, or of those that are allowed.

        queries  (n_queries, dim)  float32  read-only

        Raises:
            InvalidInput: `allowed` is of another size.
        """
        bits = kernel_bits(allowed, len(self))
        if allowed is not None and allowed.count <= len(self) * LISTED_MAX:
            return self.among(queries, k, allowed.ordinals())
        return self._search(queries, k, self._all._replace(bits=bits))

    def among(self, queries: NDArray[np.float32], k: int, ordinals: NDArray[np.int64]) -> Hits:
        """Return the k best of some rows, at the cost of these.

        ordinals  (m,)  int64  rising
        """
        if not len(ordinals):
            return Hits.empty(len(queries), k)
        names = ("norms", "scales", "errors") if self._is_coded else ("norms",)
        some = {name: frozen(getattr(self._all, name)[ordinals]) for name in names}
        return self._search(queries, k, self._all._replace(ordinals=frozen(ordinals), **some))

    def _search(self, queries: NDArray[np.float32], k: int, places: Places) -> Hits:
        hits = Hits.empty(len(queries), min(k, len(places.norms)))
        if hits.ids.size:
            for start in range(0, len(queries), QUERIES_PER_BLOCK):
                stop = start + QUERIES_PER_BLOCK
                block = Hits(hits.ids[start:stop], hits.scores[start:stop])
                self._search_block(self._asked(queries[start:stop]), places, block)
        return hits.padded(k)

    def _asked(self, queries: NDArray[np.float32]) -> Asked:
        codes = Codes.of(queries) if self._is_coded else NO_CODES
        norms = np.sqrt(np.einsum("ij,ij->i", queries, queries, dtype=np.float64))
        flat = (codes.codes ^ np.uint8(128)).view(np.int8).reshape(-1)
        return Asked(queries, frozen(norms), frozen(flat), codes.scales, codes.errors)

    def _search_block(self, asked: Asked, places: Places, hits: Hits) -> None:
        n_queries, n = len(asked.values), len(places.norms)
        sizes = np.zeros(n_queries, np.int64)
        multiplied = not self._is_coded and n_queries >= MATRIX_QUERIES_MIN
        step = min(n, MATRIX_ROWS if multiplied else ROWS_PER_BLOCK)
        limits = np.empty((n_queries, 0 if multiplied else step), np.float32)
        for start in range(0, n, step):
            if multiplied:
                rows: Any = slice(start, min(start + step, n))
                rows = places.ordinals[rows] if len(places.ordinals) else rows
                with np.errstate(all="ignore"):  # an overflow is scored again in float64
                    limits = asked.values @ places.values[rows].T

            def work(
                first: int, last: int, start: int = start, limits: NDArray[np.float32] = limits
            ) -> None:
                _search(
                    places, asked, start, first, last, self._metric, multiplied, limits,
                    hits.ids, hits.scores, sizes,
                )  # fmt: skip

            for_chunks(work, n_queries)
        rank_all(hits.ids, hits.scores, sizes)

    def score(
        self, queries: NDArray[np.float32], candidates: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the exact scores of candidates (n_queries, m), −inf where a candidate is −1."""
        out = np.full(candidates.shape, -np.inf, np.float32)
        _score(self._all.values, queries, self._metric, candidates, out)
        return out

    def explain(self, query: NDArray[np.float32], row: int) -> dict[str, float]:
        """Return the score of one row for one query (1, dim), and the numbers it is made of."""
        return {
            "score": float(self.score(query, frozen(np.array([[row]], np.int64)))[0, 0]),
            "query_norm": float(norms_of(query)[0]),
            "document_norm": float(self.norms[row]),
        }


@kernel
def _search(
    places: Any, asked: Any, start: int, first: int, last: int, metric: int,
    multiplied: bool, limits: Any, ids: Any, scores: Any, sizes: Any,
) -> None:  # fmt: skip
    """Offer a block of rows to the heaps of queries first .. last − 1.

    start       its first place
    multiplied  whether `limits` holds the float32 products already
    limits      (n_queries, rows)  float32  scratch: products, then upper bounds of scores
    ids         (n_queries, k)     int32    heaps
    scores      (n_queries, k)     float32  heap keys
    sizes       (n_queries,)       int64    used places of each heap
    """
    n = min(limits.shape[1], len(places.norms) - start)
    n_bytes = len(places.codes) // len(places.values)
    tile = max(_GROUP, _TILE_BYTES // n_bytes) if n_bytes else n
    for low in range(0, 0 if multiplied else n, tile):
        for query in range(first, last):
            out = limits[query, low : min(low + tile, n)]
            if n_bytes:
                multiply_codes(places, start + low, asked, query, out)
            else:
                multiply(places, start + low, asked, query, out)
    best = np.empty(min(ids.shape[1], n), np.int64)
    keys = np.empty(len(best), np.float32)
    for query in range(first, last):
        bounds = limits[query, :n]
        bound_all(places, start, asked, query, metric, bounds)
        _forbid(places.bits, start, bounds)
        sizes[query] = _keep_best(
            places, start, asked, query, metric, bounds, best, keys, ids[query], scores[query],
            sizes[query],
        )  # fmt: skip


@kernel
def _row(places: Any, place: int) -> int:
    """Return the row of a place."""
    return places.ordinals[place] if len(places.ordinals) else place


@kernel
def _forbid(bits: Any, start: int, bounds: Any) -> None:
    """Write NaN, which reaches no score, over the bounds of rows that are not allowed."""
    for byte in range(start >> 3, min(len(bits), (start + len(bounds) + 7) >> 3)):
        if bits[byte] != 255:
            for row in range(max(8 * byte, start), min(8 * byte + 8, start + len(bounds))):
                if not (bits[byte] >> (row & 7)) & 1:
                    bounds[row - start] = np.nan


@kernel
def _keep_best(
    places: Any, start: int, asked: Any, query: int, metric: int, bounds: Any,
    best: Any, keys: Any, heap: Any, scores: Any, size: int,
) -> int:  # fmt: skip
    """Offer a block of rows to the heap of one query; return its new size.

    bounds  (rows,)         float32  of their scores; overwritten
    best    (min(k, rows))  int64    scratch, and keys, float32
    """
    # Those of the highest bounds first: the k-th best score is then soon what it will be.
    n_best = _highest(bounds, _threshold(scores, size), best, keys)
    for i in range(n_best):
        bounds[best[i]] = np.nan  # not to be met again
        best[i] = _row(places, start + best[i])
        prefetch_all(places.values[best[i]], 0, places.values.shape[1], 16)
    exact_scores(places.values, best, n_best, asked.values, query, metric, keys)
    for i in range(n_best):
        size = offer(heap, scores, size, best[i], keys[i])
    for low in range(0, len(bounds), _GROUP):
        if _reach(bounds, low, _threshold(scores, size)):
            for i in range(low, min(low + _GROUP, len(bounds))):
                if bounds[i] >= _threshold(scores, size):
                    size = _consider(places, start + i, asked, query, metric, heap, scores, size)
    return size


@kernel
def _threshold(scores: Any, size: int) -> Any:
    """Return the score that another document must reach."""
    return scores[0] if size == len(scores) else np.float32(-np.inf)


@kernel
def _reach(bounds: Any, low: int, threshold: float) -> Any:
    """Say whether one of a group of bounds reaches a threshold."""
    group, found = bounds[low : low + _GROUP], np.int32(0)
    for i in range(len(group)):
        found |= np.int32(group[i] >= threshold)  # without a branch: many at once
    return found > 0


@kernel
def _highest(bounds: Any, threshold: float, best: Any, keys: Any) -> Any:
    """Collect the places of the highest bounds that reach a threshold; return their number.

    best  (m,)  int64    places
    keys  (m,)  float32  their bounds
    """
    size: Any = np.int64(0)  # as every other size: a kernel has one type
    for low in range(0, len(bounds), _GROUP):
        if _reach(bounds, low, threshold):
            for i in range(low, min(low + _GROUP, len(bounds))):
                if bounds[i] >= threshold:
                    size = offer(best, keys, size, i, bounds[i])
            threshold = max(threshold, _threshold(keys, size))
    return size


@kernel
def _consider(
    places: Any, place: int, asked: Any, query: int, metric: int,
    heap: Any, scores: Any, size: int,
) -> int:  # fmt: skip
    """Offer a row, unless its float32 product says that it is not good enough; return the size."""
    row = _row(places, place)
    if size == len(heap):
        product = np.float64(float_product(places.values, row, asked.values, query))
        norm, length = np.float64(places.norms[place]), asked.norms[query]
        if limit_of(product, norm, length, metric, slack_of(places.values)) < scores[0]:
            return size
    return offer(
        heap, scores, size, row, exact_score(places.values, row, asked.values, query, metric)
    )


@kernel
def _score(values: Any, queries: Any, metric: int, candidates: Any, out: Any) -> None:
    """Write the exact score of each candidate (n_queries, m) that is not −1 into `out`."""
    rows = np.empty(candidates.shape[1], np.int64)
    scores = np.empty(len(rows), np.float32)
    for query in range(len(candidates)):
        n: Any = np.int64(0)  # as in the other call: a kernel has one type
        for place in range(candidates.shape[1]):
            if candidates[query, place] >= 0:
                rows[n] = candidates[query, place]
                prefetch_all(values[rows[n]], 0, values.shape[1], 16)
                n += 1
        exact_scores(values, rows, n, queries, query, metric, scores)
        n_scored = 0
        for place in range(candidates.shape[1]):
            if candidates[query, place] >= 0:
                out[query, place] = scores[n_scored]
                n_scored += 1
