"""Exact scores of sparse vectors, apart from every engine, and the recall of what an engine found.

An answer counts when its own exact score is no worse than the k-th best one: equal scores are
equally right, whichever document an engine prefers. The work is plain numpy in float64, one term's
list at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from indexes.vectors import SparseVectors

_TOLERANCE = 1e-5
"""Of the k-th score: engines sum in float32 or lower, and in orders of their own."""

_CELLS_AT_ONCE = 1 << 24
"""Postings in memory at once: 8 bytes of each for what they score, twice that to move them."""


@dataclass(frozen=True, slots=True)
class Truth:
    """How well the best k documents of each query score.

    thresholds  k -> (n_queries,)  float64  the k-th best score, or the least above 0 if fewer match
    n_right     k -> (n_queries,)  int64    min(k, documents with a score above 0)
    """

    thresholds: Mapping[int, NDArray[np.float64]]
    n_right: Mapping[int, NDArray[np.int64]]


def truth_of(documents: SparseVectors, queries: SparseVectors, ks: Sequence[int]) -> Truth:
    """Return the thresholds of exhaustive search; both sides use the same term numbers."""
    largest = max(ks)
    best = np.zeros((len(queries), 0))
    for block in _blocks(documents):
        scores = _scores(block, queries, min(largest, len(block)))
        best = np.concatenate([best, scores], axis=1)
        best = -np.sort(-best, axis=1)[:, :largest]
    matched = np.count_nonzero(best > 0, axis=1)
    right = {k: np.minimum(k, matched) for k in ks}
    rows = np.arange(len(queries))
    thresholds = {k: best[rows, np.maximum(right[k], 1) - 1] for k in ks}
    return Truth(thresholds, right)


def recall(
    found: NDArray[np.integer], truth: Truth, documents: SparseVectors, queries: SparseVectors
) -> float:
    """Return the mean share of the right answers among `found` (n_queries, k); −1 is none.

    A document found twice counts once.
    """
    k = found.shape[1]
    shares = []
    for number, (start, stop) in enumerate(pairwise(queries.offsets)):
        right = int(truth.n_right[k][number])
        if right == 0:
            continue
        ids = np.unique(found[number][found[number] >= 0])
        query = np.zeros(len(queries.vocabulary))
        query[queries.terms[start:stop]] = queries.weights[start:stop]
        floor = float(truth.thresholds[k][number]) * (1 - _TOLERANCE)
        n_good = int(np.count_nonzero(_dots(documents, ids, query) >= floor))
        shares.append(min(right, n_good) / right)
    return float(np.mean(shares)) if shares else 1.0


def _dots(
    documents: SparseVectors, ids: NDArray[np.integer], query: NDArray[np.float64]
) -> NDArray[np.float64]:
    lengths = np.diff(documents.offsets)[ids]
    ends = np.cumsum(lengths)
    cells = np.repeat(documents.offsets[ids] - (ends - lengths), lengths)
    cells += np.arange(len(cells))
    products = query[documents.terms[cells]] * documents.weights[cells]
    sums = np.concatenate([np.zeros(1), np.cumsum(products)])
    return np.asarray(sums[ends] - sums[ends - lengths])


def _blocks(documents: SparseVectors) -> Iterator[SparseVectors]:
    """Cut the documents into runs of about `_CELLS_AT_ONCE` postings, over the same terms."""
    offsets = documents.offsets
    marks = np.arange(0, offsets[-1], _CELLS_AT_ONCE)
    starts = np.unique(np.searchsorted(offsets, marks, side="left"))
    for start, stop in pairwise([*starts.tolist(), len(documents)]):
        cells = slice(offsets[start], offsets[stop])
        yield SparseVectors(
            offsets[start : stop + 1] - offsets[start],
            documents.terms[cells],
            documents.weights[cells],
            documents.vocabulary,
        )


def _scores(block: SparseVectors, queries: SparseVectors, k: int) -> NDArray[np.float64]:
    """Return the k best scores of each query in one block (n_queries, k), in no order."""
    order = np.argsort(block.terms, kind="stable")
    rows = np.repeat(np.arange(len(block), dtype=np.int32), np.diff(block.offsets))[order]
    weights = block.weights[order]
    counts = np.bincount(block.terms, minlength=len(block.vocabulary))
    lists = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    best = np.empty((len(queries), k))
    for number, (start, stop) in enumerate(pairwise(queries.offsets)):
        sums = np.zeros(len(block))
        cells = zip(queries.terms[start:stop], queries.weights[start:stop], strict=True)
        for term, weight in cells:
            one = slice(lists[term], lists[term + 1])
            sums[rows[one]] += weights[one] * np.float64(weight)
        best[number] = np.partition(sums, len(sums) - k)[len(sums) - k :]
    return best
