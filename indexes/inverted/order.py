"""The order in which an index numbers its documents: similar ones side by side.

Block-max pruning skips a block of documents when the largest weights in it cannot reach the top k,
so bounds are tight where neighbours share their terms. `bisected` is recursive graph bisection
(Dhulipala et al., KDD 2016, §4): halves of the collection exchange documents until each term's
postings lie in few of the halves, then each half is treated alike.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.errors import CorruptIndex
from indexes.jit import kernel
from indexes.validate import check_array, check_range, frozen, stored
from indexes.vectors import SparseVectors

TERMS_PER_DOCUMENT = 32
"""Only the heaviest terms of a document place it: a third of the work, the same bounds."""

ROUNDS = 8
"""Exchanges between two halves; most documents have found their half by then."""

LEAF = 32
"""Documents that are left as they are."""


def of(vectors: SparseVectors, name: str) -> NDArray[np.int32]:
    """Return the order of this name: "given" or "bisection"."""
    return bisected(vectors) if name == "bisection" else identity(len(vectors))


def arrays(order: NDArray[np.int32], name: str) -> dict[str, NDArray[Any]]:
    """Return what has to be stored of an order."""
    return {} if name == "given" else {"order": order}


def from_arrays(n: int, arrays: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.int32]:
    """Return a stored order, or raise `CorruptIndex`."""
    if name == "given":
        return identity(n)
    order = frozen(stored(arrays, "order"))
    check_array("order", order, np.int32, (n,))
    check_range("order", order, below=n)
    if len(order) and np.bincount(order, minlength=n).max() > 1:
        raise CorruptIndex("order has a document twice: the file is damaged")
    return order


def identity(n: int) -> NDArray[np.int32]:
    """Return the order given."""
    return frozen(np.arange(n, dtype=np.int32))


def bisected(vectors: SparseVectors) -> NDArray[np.int32]:
    """Return ordinals in an order that puts similar documents side by side.

    O(documents · TERMS_PER_DOCUMENT · ROUNDS · log₂(documents / LEAF)), one thread.
    """
    n, n_terms = len(vectors), len(vectors.vocabulary)
    frequencies = np.bincount(vectors.terms, minlength=n_terms)
    offsets = np.zeros(n + 1, np.int64)
    terms = np.empty(min(len(vectors.terms), n * TERMS_PER_DOCUMENT), np.int32)
    rows = (vectors.offsets, vectors.terms, vectors.weights)
    _heaviest(rows, frequencies, TERMS_PER_DOCUMENT, offsets, terms)
    order = np.arange(n, dtype=np.int32)
    degrees = np.zeros((2, n_terms), np.int32)
    logarithms = np.log2(np.arange(1, 1 << 16)).astype(np.float32)
    _bisect(offsets, terms, order, degrees, logarithms, np.empty(n, np.float32))
    return frozen(order)


@kernel
def _heaviest(rows: Any, frequencies: Any, width: int, offsets: Any, terms: Any) -> None:
    """Copy the heaviest `width` terms of each document that another document has too.

    rows         offsets (n + 1,) int64, terms (nnz,) int32, weights (nnz,): the document vectors
    frequencies  (n_terms,)  int64
    offsets      (n + 1,)    int64  written
    terms        (…,)        int32  written
    """
    starts, all_terms, weights = rows
    kept = 0
    for doc in range(len(offsets) - 1):
        start, stop = starts[doc], starts[doc + 1]
        cut = np.float32(0.0)
        if stop - start > width:
            row = weights[start:stop].astype(np.float32)
            cut = np.partition(row, len(row) - width)[len(row) - width]
        room = kept + width
        for cell in range(start, stop):
            if weights[cell] >= cut and frequencies[all_terms[cell]] > 1 and kept < room:
                terms[kept] = all_terms[cell]
                kept += 1
        offsets[doc + 1] = kept


@kernel
def _bisect(
    offsets: Any, terms: Any, order: Any, degrees: Any, logarithms: Any, gains: Any
) -> None:
    """Reorder documents, half by half.

    offsets     (n + 1,)      int64
    terms       (nnz,)        int32    the terms that place a document
    order       (n,)          int32    changed
    degrees     (2, n_terms)  int32    zeros; scratch: documents of each half that have a term
    logarithms  (m,)          float32  log₂(i + 1)
    gains       (n,)          float32  scratch: how much better off a document is on the right
    """
    todo = [(0, len(order))]
    zero, one = np.int64(0), np.int64(1)  # literals would be types of their own
    while len(todo):
        low, high = todo.pop()
        if high - low <= LEAF:
            continue
        half = ((high - low) // 2 + LEAF - 1) // LEAF * LEAF
        middle = low + half
        for _ in range(ROUNDS):
            _count(offsets, terms, order[low:middle], degrees[0], one)
            _count(offsets, terms, order[middle:high], degrees[1], one)
            _gain(offsets, terms, order[low:high], degrees, logarithms, gains[low:high])
            _count(offsets, terms, order[low:high], degrees[0], zero)
            _count(offsets, terms, order[low:high], degrees[1], zero)
            if _exchange(order, gains, low, middle, high) * 1000 < high - low:
                break
        todo.append((low, middle))
        todo.append((middle, high))


@kernel
def _count(offsets: Any, terms: Any, docs: Any, degrees: Any, step: Any) -> None:
    """Count how many documents have each term; a step of 0 forgets them."""
    for doc in docs:
        for cell in range(offsets[doc], offsets[doc + 1]):
            degrees[terms[cell]] = (degrees[terms[cell]] + step) * step


@kernel
def _gain(offsets: Any, terms: Any, docs: Any, degrees: Any, logarithms: Any, gains: Any) -> None:
    """Write, for each document, by how much the gaps in its lists shrink towards the right.

    The formula is Σ_t log₂(right(t) + 1) − log₂(left(t) + 1): a posting costs about the logarithm
    of the gap before it, and gaps are small where many documents have the term.
    """
    left, right, most = degrees[0], degrees[1], len(logarithms) - 1
    for i in range(len(docs)):
        total = np.float32(0.0)
        for cell in range(offsets[docs[i]], offsets[docs[i] + 1]):
            term = terms[cell]
            total += logarithms[min(right[term], most)] - logarithms[min(left[term], most)]
        gains[i] = total


@kernel
def _exchange(order: Any, gains: Any, low: int, middle: int, high: int) -> int:
    """Swap the documents that gain most, pair by pair; return how many pairs."""
    leaving = np.argsort(-gains[low:middle], kind="mergesort")
    coming = np.argsort(gains[middle:high], kind="mergesort")
    pairs = min(middle - low, high - middle)
    for pair in range(pairs):
        i, j = low + leaving[pair], middle + coming[pair]
        if gains[i] <= gains[j]:
            return pair
        order[i], order[j] = order[j], order[i]
    return pairs
