"""The dictionary look-up of a query's terms."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.jit import kernel
from indexes.lexicographic import compare
from indexes.strings import Strings
from indexes.validate import frozen
from indexes.vectors import SparseVectors


class Terms(NamedTuple):
    """Queries over the index's own term numbers, for kernels.

    offsets  (n_queries + 1,)  int64
    terms    (cells,)          int32    −1: no document has it
    weights  (cells,)          float32  falling inside a query: the heaviest terms come first
    """

    offsets: NDArray[np.int64]
    terms: NDArray[np.int32]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, dictionary: Strings, queries: SparseVectors) -> "Terms":
        """Look up the terms of queries and put the heaviest first, equal ones as they were."""
        if len(queries.vocabulary) > len(queries.terms):  # names that no query has
            queries = queries.take(np.arange(len(queries)))
        own = find_terms(dictionary, queries.vocabulary)
        terms = np.empty(len(queries.terms), np.int32)
        weights = np.empty(len(queries.terms), np.float32)
        cells = (queries.offsets, queries.terms, queries.weights)
        _heaviest_first(cells, own, terms, weights)
        return cls(queries.offsets, frozen(terms), frozen(weights))


def find_terms(dictionary: Strings, terms: Strings) -> NDArray[np.int32]:
    """Return the position of each term in a sorted dictionary, −1 where it is unseen."""
    out = np.empty(len(terms), np.int32)
    _find(dictionary.offsets, dictionary.data, terms.offsets, terms.data, out)
    return out


@kernel
def _heaviest_first(cells: Any, own: Any, terms: Any, weights: Any) -> None:
    """Write each query's terms and weights, heaviest first.

    cells    offsets (n + 1,) int64, terms (nnz,) int32, weights (nnz,): the queries
    own      (n_terms,)  int32    the index's number of each term of the queries
    terms    (nnz,)      int32    written
    weights  (nnz,)      float32  written
    """
    offsets, query_terms, query_weights = cells
    for query in range(len(offsets) - 1):
        start, stop = offsets[query], offsets[query + 1]
        # By insertion: a query has some dozens of terms.
        for cell in range(start, stop):
            weight, place = np.float32(query_weights[cell]), cell
            while place > start and weights[place - 1] < weight:
                weights[place], terms[place] = weights[place - 1], terms[place - 1]
                place -= 1
            weights[place], terms[place] = weight, own[query_terms[cell]]


@kernel
def _find(offsets: Any, data: Any, wanted_offsets: Any, wanted: Any, out: Any) -> None:
    """Binary search of every wanted string in byte order.

    offsets         (n_terms + 1,)  int64  of the sorted dictionary
    data            (bytes,)        uint8
    wanted_offsets  (n + 1,)        int64
    wanted          (wanted_bytes,) uint8
    out             (n,)            int32  written
    """
    for i in range(len(out)):
        low, high = 0, len(offsets) - 1
        start, stop = wanted_offsets[i], wanted_offsets[i + 1]
        out[i] = -1
        while low < high:
            middle = (low + high) >> 1
            order = compare(data, offsets[middle], offsets[middle + 1], wanted, start, stop)
            if order == 0:
                out[i] = middle
                break
            if order < 0:
                low = middle + 1
            else:
                high = middle
