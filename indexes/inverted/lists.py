"""What kernels are given: lists, how a posting becomes an impact, and memory to work in."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.inverted.bounds import BLOCK, Bounds
from indexes.inverted.postings import WINDOW, Postings
from indexes.inverted.rows import SEEN


class Rows(NamedTuple):
    """Document vectors, by ordinal.

    offsets  (n + 1,)      int64
    terms    (nnz,)        int32
    weights  (nnz,)        uint8 or float32
    norms    (n,) or (0,)  float32           K of BM25; empty: weights are impacts
    """

    offsets: NDArray[np.int64]
    terms: NDArray[np.int32]
    weights: NDArray[Any]
    norms: NDArray[np.float32]


class Lists(NamedTuple):
    """An inverted index as one search reads it.

    postings  see `Postings`
    bounds    see `Bounds`
    looseness how much more an impact can be than it was when the bounds were made
    firmness  how much less it can be, relative to that
    norms     (n,) or (0,)  float32  K of BM25, by place in the order of the index; empty: weights
                                     are impacts
    order     (n,)          int32    ordinals in the order of the index
    rows      see `Rows`
    whole     whether postings are all there are of the rows
    coded     whether weights are steps of an upper bound, and `rows` have what they stand for
    """

    postings: Postings
    bounds: Bounds
    looseness: np.float32
    firmness: np.float32
    norms: NDArray[np.float32]
    order: NDArray[np.int32]
    rows: Rows
    whole: bool
    coded: bool


class Scratch(NamedTuple):
    """Memory of one thread.

    scores  (WINDOW,)         float32  zeros between searches: the accumulators of a window
    bits    (WINDOW,)         int32    the same memory
    docs    (WINDOW + 1,)     uint16   places in a window: documents that may be among the best
    near    (WINDOW + 1,)     float32  and their scores
    nearest (WINDOW + 1,)     int32    the same memory
    bounds  (n_blocks,)       float32  upper bounds of blocks
    ids     (2k + 2 BLOCK,)   int32    candidates of one query: ordinals
    best    (2k + 2 BLOCK,)   float32  and their scores
    slots   (n_terms,)        int32    zeros between searches: where a query has each term
    seen    (SEEN + 1,)       uint8    zeros between searches: see `prepare`
    parts   (terms,)          float32  zeros: what each term gives to the score of a document
    """

    scores: NDArray[np.float32]
    bits: NDArray[np.int32]
    docs: NDArray[np.uint16]
    near: NDArray[np.float32]
    nearest: NDArray[np.int32]
    bounds: NDArray[np.float32]
    ids: NDArray[np.int32]
    best: NDArray[np.float32]
    slots: NDArray[np.int32]
    seen: NDArray[np.uint8]
    parts: NDArray[np.float32]

    @property
    def k(self) -> int:
        """How many hits there is room for."""
        return len(self.ids) // 2 - BLOCK

    @classmethod
    def of(cls, lists: Lists, k: int, longest: int) -> "Scratch":
        """Make room for searches of up to k hits by queries of up to `longest` terms."""
        scores, room = np.zeros(WINDOW, np.float32), 2 * (k + BLOCK)
        bounds = np.empty(lists.bounds.tops.shape[1], np.float32)
        ids, best = np.empty(room, np.int32), np.empty(room, np.float32)
        slots, parts = np.zeros(len(lists.bounds.rows), np.int32), np.zeros(longest, np.float32)
        docs, near = np.empty(WINDOW + 1, np.uint16), np.empty(WINDOW + 1, np.float32)
        return cls(
            scores, scores.view(np.int32), docs, near, near.view(np.int32), bounds, ids, best,
            slots, np.zeros(SEEN + 1, np.uint8), parts,
        )  # fmt: skip
