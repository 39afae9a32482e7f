"""Posting lists: the transpose of the document rows, and the dictionary look-up of terms."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.jit import kernel
from indexes.lexicographic import compare
from indexes.strings import Strings
from indexes.validate import (
    check_array,
    check_lengths,
    check_offsets,
    check_range,
    check_rising,
    check_weights,
    frozen,
    stored,
)
from indexes.vectors import SparseVectors


class Postings(NamedTuple):
    """For every term the documents that contain it, rising, and its weight in each.

    offsets  (n_terms + 1,)  int64             term t owns docs[offsets[t]:offsets[t + 1]]
    docs     (n_postings,)   int32
    weights  (n_postings,)   uint8 or float32
    lengths  (n_docs,)       float32           sum of the weights of each document
    """

    offsets: NDArray[np.int64]
    docs: NDArray[np.int32]
    weights: NDArray[Any]
    lengths: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: SparseVectors) -> "Postings":
        """Invert document rows. O(postings)."""
        n_postings = len(vectors.terms)
        counts = np.bincount(vectors.terms, minlength=len(vectors.vocabulary))
        offsets = np.zeros(len(vectors.vocabulary) + 1, np.int64)
        np.cumsum(counts, out=offsets[1:])
        docs = np.empty(n_postings, np.int32)
        weights = np.empty(n_postings, vectors.weights.dtype)
        lengths = np.empty(len(vectors), np.float32)
        heads = offsets[:-1].copy()
        rows = (vectors.offsets, vectors.terms, vectors.weights)
        _invert(rows, heads, docs, weights, lengths)
        return cls(frozen(offsets), frozen(docs), frozen(weights), frozen(lengths))

    @classmethod
    def from_arrays(cls, vectors: SparseVectors, arrays: Mapping[str, NDArray[Any]]) -> "Postings":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        n_postings, n_docs = len(vectors.terms), len(vectors)
        found = cls(*(frozen(stored(arrays, name)) for name in cls._fields))
        check_array("offsets", found.offsets, np.int64, (len(vectors.vocabulary) + 1,))
        check_offsets("offsets", found.offsets, n_postings)
        check_array("docs", found.docs, np.int32, (n_postings,))
        check_range("docs", found.docs, below=n_docs)
        check_rising("docs", found.docs, found.offsets)
        check_array("weights", found.weights, vectors.weights.dtype, (n_postings,))
        check_weights("weights", found.weights, n_postings)
        check_lengths("lengths", found.lengths, n_docs)
        return found


@kernel
def _invert(rows: Any, heads: Any, docs: Any, weights: Any, lengths: Any) -> None:
    """Distribute rows over lists, a counting sort by term that keeps documents rising.

    rows     offsets (n + 1,) int64, terms (nnz,) int32, weights (nnz,)
    heads    (n_terms,)  int64    where each list starts; moved to where it ends
    docs     (nnz,)      int32    written
    weights  (nnz,)               written
    lengths  (n,)        float32  written
    """
    offsets, row_terms, row_weights = rows
    for doc in range(len(lengths)):
        length = np.float64(0.0)
        for cell in range(offsets[doc], offsets[doc + 1]):
            place = heads[row_terms[cell]]
            heads[row_terms[cell]] = place + 1
            docs[place] = doc
            weights[place] = row_weights[cell]
            length += np.float64(row_weights[cell])
        lengths[doc] = np.float32(length)


def find_terms(dictionary: Strings, terms: Strings) -> NDArray[np.int32]:
    """Return the position of each term in a sorted dictionary, −1 where it is unseen."""
    out = np.empty(len(terms), np.int32)
    _find(dictionary.offsets, dictionary.data, terms.offsets, terms.data, out)
    return out


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
