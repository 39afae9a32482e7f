"""Block maxima: how much a term can add to the score of any document of a block.

A block is 256 documents in the order of the index. Terms in enough documents have a row each: the
largest impact in every block, in 255ths of a scale and rounded up, and where the block's postings
start. The rest is bounded by its largest impact, and by a look at its few postings.

The block-max index of Ding and Suel (SIGIR 2011, §3) with the blocks of BMP (Mallia et al., SIGIR
2024, §3): of documents, the same for all terms.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.errors import CorruptIndex
from indexes.inverted.postings import WINDOW, Postings
from indexes.inverted.steps import code, step, worth
from indexes.jit import kernel
from indexes.validate import check_array, check_range, check_weights, frozen, stored

BLOCK = 256
"""Documents of a block: their scores take 1 KiB, and a bound is still tight."""


class Bounds(NamedTuple):
    """Block maxima of the terms that occur in enough documents.

    rows    (n_terms,)           int32    which row of the others a term has, −1: none
    cuts    (n_rows, n_blocks)   uint16   the block's first posting, counted from its run's first
    tops    (n_rows, n_blocks)   uint8    largest impact in the block / step, rounded up; a step is
                                          the 255th part of the term's peak: see `step`
    peaks   (n_terms,)           float32  largest impact of a term
    """

    rows: NDArray[np.int32]
    cuts: NDArray[np.uint16]
    tops: NDArray[np.uint8]
    peaks: NDArray[np.float32]

    @classmethod
    def of(cls, postings: Postings, norms: NDArray[np.float32], density: float) -> "Bounds":
        """Find the maxima.

        norms    (n,) or (0,)  what saturates a weight, by place in the order of the index
        density  postings in a block, on average, from which a term has a row
        """
        n_blocks, counts = -(-len(postings.lengths) // BLOCK), postings.counts()
        wide = counts >= max(density * n_blocks, 1.0)
        rows = np.where(wide, np.cumsum(wide, dtype=np.int32) - np.int32(1), np.int32(-1))
        n_rows = int(np.count_nonzero(wide))
        cuts = np.zeros((n_rows, n_blocks), np.uint16)
        tops = np.zeros((n_rows, n_blocks), np.uint8)
        peaks = np.zeros(len(rows), np.float32)
        _find_maxima(postings, norms, rows, cuts, tops, peaks)
        return cls(frozen(rows.astype(np.int32)), frozen(cuts), frozen(tops), frozen(peaks))

    @classmethod
    def from_arrays(cls, postings: Postings, arrays: Mapping[str, NDArray[Any]]) -> "Bounds":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        found = cls(*(frozen(stored(arrays, name)) for name in cls._fields))
        n_terms, n_blocks = len(postings.runs) - 1, -(-len(postings.lengths) // BLOCK)
        check_array("rows", found.rows, np.int32, (n_terms,))
        wide = found.rows >= 0
        n_rows = int(np.count_nonzero(wide))
        if (found.rows[wide] != np.arange(n_rows)).any() or (found.rows < -1).any():
            raise CorruptIndex("rows do not number the rows of bounds: the file is damaged")
        check_array("cuts", found.cuts, np.uint16, (n_rows, n_blocks))
        check_array("tops", found.tops, np.uint8, (n_rows, n_blocks))
        check_array("peaks", found.peaks, np.float32, (n_terms,))
        check_weights("peaks", found.peaks, n_terms)
        bad = np.zeros(1, np.int64)
        _check_cuts(postings, found.rows, found.cuts, bad)
        check_range("cuts", bad, below=1)
        return found


LOOSEST = 3e38
"""What float32 holds."""


def looseness(
    made: tuple[float, float] | None, asked: tuple[float, float] | None, weights: NDArray[Any]
) -> np.float32:
    """Return by how much an impact can exceed the one that bounds were made for.

    made, asked  smallest and largest K of BM25 of any document, None: weights are impacts; K is
                 linear in the length, so both have their extremes at the same documents
    weights      (n_postings,)  of all postings

    The quotient of two impacts is (w + K) / (w + K'): between its value at the smallest weight and
    1, and monotonic in the length.
    """
    if made == asked:
        return np.float32(1.0)
    positive = weights[weights > 0] if weights.dtype != np.uint8 else np.array([1.0, 255.0])
    least, most = (float(positive.min()), float(positive.max())) if len(positive) else (1.0, 1.0)
    if made is None:
        factor = 1.0 / (least + asked[0]) if asked else 1.0
    elif asked is None:
        factor = most + made[1]
    else:
        quotients = [(least + old) / (least + new) for old, new in zip(made, asked, strict=True)]
        factor = max(1.0, *quotients)
    return np.float32(min(factor * (1.0 + 2.0**-20), LOOSEST))


def firmness(
    made: tuple[float, float] | None, asked: tuple[float, float] | None, weights: NDArray[Any]
) -> np.float32:
    """Return what share of the impact that bounds were made for an impact has at least."""
    most = looseness(asked, made, weights)
    return np.float32(1.0) / most if most < LOOSEST else np.float32(0.0)


@kernel
def _find_maxima(postings: Any, norms: Any, rows: Any, cuts: Any, tops: Any, peaks: Any) -> None:
    """Write the bounds of every term.

    postings  see `Postings`
    norms     (n,) or (0,)          float32
    rows      (n_terms,)            int32
    cuts      (n_rows, n_blocks)    uint16   zeros; written
    tops      (n_rows, n_blocks)    uint8    zeros; written
    peaks     (n_terms,)            float32  written
    """
    for term in range(len(rows)):
        peak: Any = np.float32(0.0)
        for run in range(postings.runs[term], postings.runs[term + 1]):
            start: Any = np.int64(postings.starts[run])
            stop: Any = np.int64(postings.starts[run + 1])
            peak = max(peak, _largest(postings, norms, run, start, stop))
        peaks[term] = peak
        if rows[term] >= 0 and peak > 0:
            _fill_row(postings, norms, term, step(peak), cuts[rows[term]], tops[rows[term]])


@kernel
def _fill_row(postings: Any, norms: Any, term: int, unit: Any, cuts: Any, tops: Any) -> None:
    """Write one row of the bounds."""
    for run in range(postings.runs[term], postings.runs[term + 1]):
        first: Any = np.int64(postings.starts[run])
        stop: Any = np.int64(postings.starts[run + 1])
        base: Any = np.int64(postings.windows[run]) * (WINDOW // BLOCK)
        place = first
        for block in range(base, min(base + WINDOW // BLOCK, len(cuts))):
            cuts[block] = place - first
            start = place
            while place < stop and base + np.int64(postings.docs[place] >> 8) == block:
                place += 1
            if place > start:
                tops[block] = code(_largest(postings, norms, run, start, place), unit)


@kernel
def _largest(postings: Any, norms: Any, run: int, start: int, stop: int) -> Any:
    """Return the largest impact of some postings of a run."""
    base = np.int64(postings.windows[run]) * WINDOW
    most = np.float32(0.0)
    for place in range(start, stop):
        impact = np.float32(postings.weights[place])
        if len(norms):
            impact = impact / (impact + norms[base + postings.docs[place]])
        most = max(most, impact)
    return most


@kernel
def _check_cuts(postings: Any, rows: Any, cuts: Any, bad: Any) -> None:
    """Count cuts that do not rise inside a run, or leave it, or are where there is no run.

    bad  (1,)  int64  written
    """
    for term in range(len(rows)):
        if rows[term] < 0:
            continue
        row = cuts[rows[term]]
        run, stop = postings.runs[term], postings.runs[term + 1]
        for block in range(len(row)):
            while run < stop and np.int64(postings.windows[run]) < block >> 8:
                run += 1
            here = run < stop and postings.windows[run] == block >> 8
            length = np.int64(postings.starts[run + 1]) - postings.starts[run] if here else 0
            before = row[block - 1] if block & 255 else 0
            if row[block] < before or row[block] > length:
                bad[0] += 1


@kernel
def bound_blocks(lists: Any, query: Any, out: Any) -> None:
    """Write an upper bound of the scores in each block.

    lists  see `Lists`
    query  terms (m,) int32, −1: unseen; weights (m,) float32
    out    (n_blocks,)  float32  written

    O(m · n_blocks + postings of terms without a row).
    """
    bounds, (terms, weights) = lists.bounds, query
    out[:] = np.float32(0.0)
    for j in range(len(terms)):
        if terms[j] < 0:
            continue
        peak, row = bounds.peaks[terms[j]], bounds.rows[terms[j]]
        if row >= 0:
            _add_row(bounds.tops[row], worth(weights[j], step(peak) * lists.looseness), out)
        else:
            _add_list(lists, terms[j], weights[j], out)


@kernel
def _add_row(tops: Any, weight: Any, out: Any) -> None:
    """Add one term's maxima.

    tops  (n_blocks,)  uint8
    out   (n_blocks,)  float32  added to
    """
    for block in range(len(out)):
        out[block] += weight * np.float32(tops[block])


@kernel
def _add_list(lists: Any, term: int, weight: Any, out: Any) -> None:
    """Add the maxima of a term without a row, from its postings."""
    postings, norms = lists.postings, lists.norms
    if lists.coded:
        weight = worth(weight, step(lists.bounds.peaks[term]) * lists.looseness)
    for run in range(postings.runs[term], postings.runs[term + 1]):
        base = np.int64(postings.windows[run]) * WINDOW
        here, most = np.int64(-1), np.float32(0.0)
        for place in range(np.int64(postings.starts[run]), np.int64(postings.starts[run + 1])):
            doc = base + postings.docs[place]
            impact = np.float32(postings.weights[place])
            if len(norms):
                impact = impact / (impact + norms[doc])
            if doc >> 8 != here:
                if here >= 0:
                    out[here] += weight * most
                here, most = doc >> 8, np.float32(0.0)
            most = max(most, impact)
        if here >= 0:
            out[here] += weight * most
