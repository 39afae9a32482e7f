"""The exact top k: exhaustive windows or block-max pruning, whichever costs less."""

from typing import Any

import numpy as np

from indexes.inverted import blockmax, exhaustive
from indexes.inverted.blockmax import Limits
from indexes.inverted.bounds import bound_blocks
from indexes.inverted.collecting import SMALLEST
from indexes.jit import kernel

POSTING_NS, SATURATED_NS, DOCUMENT_NS = 0.7, 1.3, 0.08
"""Exhaustive scoring: a posting, one with BM25's division, and a document of the windows."""

BOUND_NS, BLOCK_NS = 0.06, 400.0
"""Pruning: a term's bound of one block, and a block that is scored."""

PRUNING_NS = 1_000_000.0
"""What scoring everything must cost, at least, before bounds of blocks are looked at: the windows
do without most postings anyway, and a threshold alone is soon had."""


@kernel
def search(
    lists: Any, queries: Any, allowed: Any, scratch: Any, first: int, ids: Any, scores: Any
) -> None:
    """Rank the documents that share a term with queries first, first + 1 and so on.

    lists    see `Lists`
    queries  see `Terms`
    allowed  (⌈n/8⌉,) or (0,)   uint8    allowed ordinals; empty: all
    scratch  see `Scratch`
    ids      (queries here, k)  int32    written; untouched where there are fewer hits
    scores   (queries here, k)  float32  written
    """
    offsets, terms, weights = queries
    for i in range(len(ids)):
        span = slice(offsets[first + i], offsets[first + i + 1])
        search_one(lists, (terms[span], weights[span]), allowed, scratch, ids[i], scores[i])


@kernel
def search_one(lists: Any, query: Any, allowed: Any, scratch: Any, ids: Any, scores: Any) -> None:
    """Do as `search` for one query: terms (m,), weights (m,)."""
    most, threshold = _blocks_worth(lists, query), SMALLEST
    everything: Any = np.int64(0)
    if most > 0 and cost_ns(lists, query) >= PRUNING_NS:
        bound_blocks(lists, query, scratch.bounds)
        limits = Limits(everything, np.float32(1.0), most)
        threshold = blockmax.search(lists, query, allowed, limits, scratch, ids, scores)
    if threshold > 0:
        exhaustive.search(lists, query, allowed, threshold, scratch, ids, scores)


@kernel
def is_cheaper(lists: Any, query: Any, n_blocks: int) -> Any:
    """Return whether scoring everything costs less than scoring so many blocks."""
    return _blocks_worth(lists, query) < n_blocks


@kernel
def cost_ns(lists: Any, query: Any) -> Any:
    """Estimate what scoring everything costs."""
    postings, n_postings = lists.postings, np.int64(0)
    for term in query[0]:
        if term >= 0:
            first, stop = postings.runs[term], postings.runs[term + 1]
            n_postings += np.int64(postings.starts[stop]) - np.int64(postings.starts[first])
    posting = SATURATED_NS if len(lists.norms) else POSTING_NS
    return posting * n_postings + DOCUMENT_NS * len(lists.order)


@kernel
def _blocks_worth(lists: Any, query: Any) -> Any:
    """Return how many blocks can be scored for what scoring everything costs; 0: none."""
    everything, n_blocks = cost_ns(lists, query), lists.bounds.tops.shape[1]
    left = everything - BOUND_NS * len(query[0]) * n_blocks
    if left <= 0:
        return 0
    return np.int64(left / (BLOCK_NS + everything / n_blocks))
