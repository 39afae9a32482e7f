"""Posting lists: the transpose of the document rows.

Documents are numbered in the order of the index (see `order`), and cut into windows of 65,536. The
part of a term's list inside one window is a run; a posting is a document's place in its window, two
bytes, and its weight. Lists lie one after the other in the order of terms.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.errors import CorruptIndex
from indexes.inverted.steps import code, step
from indexes.jit import kernel
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

WINDOW = 1 << 16
"""Documents of a window: what two bytes can tell apart."""

LISTS = ("runs", "windows", "starts", "docs", "weights")
"""The arrays of lists, all but what is told of documents."""


class Postings(NamedTuple):
    """For every term the documents that contain it, rising, and its weight in each.

    runs     (n_terms + 1,)   int64             term t owns the runs runs[t] .. runs[t + 1] − 1
    windows  (n_runs,)        uint16            which window each run is in; rising inside a term
    starts   (n_runs + 1,)    uint32 or int64   run r owns docs[starts[r]:starts[r + 1]]
    docs     (n_postings,)    uint16            place in the window; rising inside a run
    weights  (n_postings,)    uint8 or float32
    lengths  (n_docs,)        float32           sum of the weights of each document, by ordinal
    """

    runs: NDArray[np.int64]
    windows: NDArray[np.uint16]
    starts: NDArray[Any]
    docs: NDArray[np.uint16]
    weights: NDArray[Any]
    lengths: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: SparseVectors, order: NDArray[np.int32]) -> "Postings":
        """Invert document rows, taken in `order` (see `order.identity`). O(postings)."""
        n_terms, n_postings = len(vectors.vocabulary), len(vectors.terms)
        rows = (vectors.offsets, vectors.terms, vectors.weights)
        runs = np.zeros(n_terms + 1, np.int64)
        _count_runs(rows, order, np.full(n_terms, -1, np.int32), runs[1:])
        np.cumsum(runs, out=runs)
        heads = np.zeros(n_terms + 1, np.int64)
        np.cumsum(np.bincount(vectors.terms, minlength=n_terms), out=heads[1:])
        starts = np.empty(runs[-1] + 1, np.uint32 if n_postings < 2**32 else np.int64)
        starts[-1] = n_postings
        windows, docs = np.empty(runs[-1], np.uint16), np.empty(n_postings, np.uint16)
        weights = np.empty(n_postings, vectors.weights.dtype)
        lengths = np.empty(len(vectors), np.float32)
        places = (np.full(n_terms, -1, np.int32), runs[:-1].copy(), heads[:-1])
        _invert(rows, order, places, windows, starts, docs, weights, lengths)
        return cls(*map(frozen, (runs, windows, starts, docs, weights, lengths)))

    @classmethod
    def from_arrays(
        cls, vectors: SparseVectors, arrays: Mapping[str, NDArray[Any]], *, coded: bool = False
    ) -> "Postings":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        n_terms, n_docs = len(vectors.vocabulary), len(vectors)
        dtype = np.dtype(np.uint8) if coded else vectors.weights.dtype
        lengths = frozen(stored(arrays, "lengths"))
        check_lengths("lengths", lengths, n_docs)
        found = cls._checked(arrays, "", n_terms, dtype, lengths)
        if len(found.docs) != len(vectors.terms):
            raise CorruptIndex(
                f"docs has {len(found.docs)} postings, the vectors {len(vectors.terms)}: "
                "the file is damaged"
            )
        return found

    def part_from_arrays(self, arrays: Mapping[str, NDArray[Any]], prefix: str) -> "Postings":
        """Rebuild lists that have some of these postings, or raise `CorruptIndex`."""
        n_terms = len(self.runs) - 1
        return Postings._checked(arrays, prefix, n_terms, self.weights.dtype, self.lengths)

    @classmethod
    def _checked(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        prefix: str,
        n_terms: int,
        dtype: np.dtype[Any],
        lengths: NDArray[np.float32],
    ) -> "Postings":
        """Return lists of n_terms terms whose arrays have a prefix to their names."""
        named = (frozen(stored(arrays, prefix + name)) for name in LISTS)
        runs, windows, starts, docs, weights = named
        check_array(f"{prefix}windows", windows, np.uint16, (-1,))
        check_array(f"{prefix}runs", runs, np.int64, (n_terms + 1,))
        check_offsets(f"{prefix}runs", runs, len(windows))
        check_range(f"{prefix}windows", windows, below=-(-len(lengths) // WINDOW))
        check_rising(f"{prefix}windows", windows, runs)
        check_array(f"{prefix}docs", docs, np.uint16, (-1,))
        offset = np.uint32 if starts.dtype == np.uint32 else np.int64
        check_array(f"{prefix}starts", starts, offset, (len(windows) + 1,))
        ends = starts.astype(np.int64)
        check_offsets(f"{prefix}starts", ends, len(docs))
        check_rising(f"{prefix}docs", docs, ends)
        # The last posting of a run is its largest.
        held = np.diff(ends) > 0
        last = windows[held].astype(np.int64) * WINDOW + docs[ends[1:][held] - 1]
        check_range(f"{prefix}docs", last, below=len(lengths))
        check_array(f"{prefix}weights", weights, dtype, (len(docs),))
        check_weights(f"{prefix}weights", weights, len(docs))
        return cls(runs, windows, starts, docs, weights, lengths)

    def counts(self, terms: NDArray[np.int32] | None = None) -> NDArray[np.int64]:
        """Return in how many documents each term occurs, all or those at `terms`."""
        first, stop = self.runs[:-1], self.runs[1:]
        if terms is not None:
            first, stop = self.runs[terms], self.runs[terms + 1]
        counts: NDArray[np.int64] = self.starts[stop].astype(np.int64) - self.starts[first]
        return counts

    def coded(self, peaks: NDArray[np.float32], norms: NDArray[np.float32]) -> "Postings":
        """Return the lists with impacts in steps of each term's peak, rounded up (uint8).

        norms  (n,) or (0,)  what saturates a weight, by place in the order of the index
        """
        codes = np.empty(len(self.weights), np.uint8)
        _encode(self, norms, peaks, codes)
        return self._replace(weights=frozen(codes))


@kernel
def _encode(postings: Any, norms: Any, peaks: Any, codes: Any) -> None:
    """Write the impacts of every list in steps of its peak."""
    for term in range(len(peaks)):
        unit = step(peaks[term])
        for run in range(postings.runs[term], postings.runs[term + 1]):
            base = np.int64(postings.windows[run]) * WINDOW
            for place in range(np.int64(postings.starts[run]), np.int64(postings.starts[run + 1])):
                impact = np.float32(postings.weights[place])
                if len(norms):
                    impact = impact / (impact + norms[base + postings.docs[place]])
                # Not 0, also for nothing: times infinity that would be no bound.
                codes[place] = np.uint8(max(code(impact, unit), np.float32(1.0)))


@kernel
def _count_runs(rows: Any, order: Any, last: Any, counts: Any) -> None:
    """Count in how many windows each term occurs.

    rows    offsets (n + 1,) int64, terms (nnz,) int32, weights (nnz,): the document vectors
    order   (n,)        int32  the ordinals in the order of the index
    last    (n_terms,)  int32  −1; scratch
    counts  (n_terms,)  int64  written
    """
    offsets, terms, _ = rows
    for doc in range(len(order)):
        for cell in range(offsets[order[doc]], offsets[order[doc] + 1]):
            term = terms[cell]
            if last[term] != doc >> 16:
                last[term] = doc >> 16
                counts[term] += 1


@kernel
def _invert(
    rows: Any, order: Any, places: Any, windows: Any, starts: Any, docs: Any, weights: Any,
    lengths: Any,
) -> None:  # fmt: skip
    """Distribute rows over lists, a counting sort by term that keeps documents rising.

    rows     see `_count_runs`
    order    see `_count_runs`
    places   last (n_terms,) int32, −1; runs (n_terms,) int64, the next run of each term;
             heads (n_terms,) int64, the next posting of each term; all three are moved on
    windows  (n_runs,)      uint16   written
    starts   (n_runs + 1,)  integer  written, but for the last
    docs     (nnz,)         uint16   written
    weights  (nnz,)                  written
    lengths  (n,)           float32  written
    """
    offsets, terms, row_weights = rows
    last, runs, heads = places
    for doc in range(len(order)):
        length = np.float64(0.0)
        for cell in range(offsets[order[doc]], offsets[order[doc] + 1]):
            term = terms[cell]
            place = heads[term]
            heads[term] = place + 1
            if last[term] != doc >> 16:
                last[term] = doc >> 16
                windows[runs[term]] = doc >> 16
                starts[runs[term]] = place
                runs[term] += 1
            docs[place] = doc & 0xFFFF
            weights[place] = row_weights[cell]
            length += np.float64(row_weights[cell])
        lengths[order[doc]] = np.float32(length)
