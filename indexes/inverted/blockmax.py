"""Block-max pruning: only blocks whose upper bound reaches the threshold are scored.

The blocks with the highest bounds come first and give a threshold, the rest follow in the order of
the index, which memory likes best. Inside a block terms are added heaviest first; as soon as no
document can reach the threshold with all that the other terms have there, the block is left: terms
up to that point are its essential terms (MaxScore, Turtle and Flood 1995; block-max MaxScore in
Lucene). Bounds and visiting order follow BMP (Mallia et al., SIGIR 2024).

Rank-safe as long as `alpha` is 1 and the budget is not used up: a block is skipped only if its
bound, loosened by what rounding may have taken from it, is below the threshold.
"""

from typing import Any, NamedTuple

import numpy as np

from indexes.inverted.bounds import BLOCK
from indexes.inverted.collecting import SMALLEST, float_of, gather, highest, rank, settle, tighten
from indexes.inverted.cursors import cursors_of, enter
from indexes.inverted.postings import WINDOW
from indexes.inverted.rows import forget, prepare
from indexes.jit import kernel
from indexes.topk import offer, sort_best_first

SEEDS = 8
"""Blocks that are scored first, to find a threshold; more of them where k is large."""

CHECKED = 8
"""Terms added between two looks at whether a block can be left."""


class Limits(NamedTuple):
    """What bounds the work of one search, and makes it approximate.

    blocks  how many blocks may be scored, those with the highest bounds; 0: as many as it takes
    alpha   what bounds are multiplied with before they are compared with the threshold
    most    blocks after the first ones from which it is better to score everything
    """

    blocks: int
    alpha: np.float32
    most: int


@kernel
def search(
    lists: Any, query: Any, allowed: Any, limits: Any, scratch: Any, ids: Any, scores: Any
) -> Any:
    """Rank documents of one query, its bounds being in the scratch memory.

    lists    see `Lists`
    query    terms (m,) int32, weights (m,) float32
    allowed  (⌈n/8⌉,) or (0,)  uint8    allowed ordinals; empty: all
    limits   see `Limits`
    scratch  see `Scratch`; bounds as `bound_blocks` wrote them, consumed
    ids      (k,)  int32    written; untouched where there are fewer hits
    scores   (k,)  float32  written

    Returns 0; or, where more blocks than `limits.most` would have to be scored, what the k-th best
    score is known to reach, and writes nothing.
    """
    bounds, k, n = scratch.bounds, len(ids), len(lists.order)
    cursors = cursors_of(lists, query)
    loose = np.float32(1.0 + (2 * len(query[0]) + 8) * 2.0**-23) * limits.alpha
    n_seeds = limits.blocks if limits.blocks else SEEDS + 3 * k // BLOCK
    seeds = _highest_blocks(bounds, min(n_seeds, len(bounds)))
    turns = len(seeds) if limits.blocks else len(seeds) + len(bounds)
    if lists.coded:
        prepare(query, scratch.slots, scratch.seen)
    threshold: Any = SMALLEST
    zero: Any = np.int64(0)
    size, upper = zero, lists.coded
    window: Any = np.int64(-1)
    for turn in range(turns):
        seeding = turn < len(seeds)
        block: Any = np.int64(seeds[turn]) if seeding else turn - len(seeds)
        if turn == len(seeds):
            size, threshold, upper = tighten(lists, query, scratch, (size, threshold, upper), k)
            if _count_above(bounds, threshold / loose) > limits.most:
                if lists.coded:
                    forget(query, scratch.slots, scratch.seen)
                return threshold
        if bounds[block] == 0 or bounds[block] * loose < threshold:
            continue
        if block >> 8 != window:
            window = block >> 8
            enter(lists.postings, cursors, window)
        low, high = (block & 255) * BLOCK, (block & 255) * BLOCK + min(BLOCK, n - block * BLOCK)
        if _score_block(lists, cursors, block, loose, threshold, scratch):
            before, own = size, lists.order[block * BLOCK : block * BLOCK + high - low]
            size = gather(scratch, low, high, own, allowed, threshold, size)
            if lists.coded and not upper:
                size = settle(lists.rows, query, scratch, before, size, threshold)
            if size >= 2 * k or threshold == SMALLEST:
                size, threshold, upper = tighten(lists, query, scratch, (size, threshold, upper), k)
        scratch.scores[low:high] = np.float32(0.0)
        if seeding:
            bounds[block] = np.float32(0.0)
    if upper:
        size = settle(lists.rows, query, scratch, zero, size, threshold)
    if lists.coded:
        forget(query, scratch.slots, scratch.seen)
    rank(scratch, size, ids, scores)
    return np.float32(0.0)


@kernel
def _score_block(
    lists: Any, cursors: Any, block: int, loose: Any, threshold: Any, scratch: Any
) -> Any:
    """Add up the scores of a block; return False where none can reach the threshold."""
    docs, stored, starts = lists.postings.docs, lists.postings.weights, lists.postings.starts
    cuts, norms, scores = lists.bounds.cuts, lists.norms, scratch.scores
    base = (block >> 8) * WINDOW
    low = (block & 255) * BLOCK
    n_terms = len(cursors.weights)
    check = _essential(lists, cursors, block, loose, threshold)
    for j in range(n_terms):
        if j == check:
            reached = float_of(highest(scratch.bits, low, low + BLOCK)) + cursors.rest[j]
            if reached * loose < threshold:
                return False
            check += CHECKED
        row, run = cursors.rows[j], cursors.here[j]
        if run < 0:
            continue
        if row < 0:
            start, stop = _walk(docs, cursors.places, j, starts[run], starts[run + 1], low)
        else:
            begin = np.int64(starts[run])
            last = (block & 255) == 255 or block + 1 == cuts.shape[1]
            stop = np.int64(starts[run + 1]) if last else begin + cuts[row, block + 1]
            start = begin + cuts[row, block]
        weight = cursors.weights[j]
        if len(norms) == 0:
            for place in range(start, stop):
                scores[np.uint32(docs[place])] += weight * np.float32(stored[place])
        else:
            for place in range(start, stop):
                doc, frequency = np.uint32(docs[place]), np.float32(stored[place])
                norm = norms[np.uint32(base) + doc]
                scores[doc] += weight * (frequency / (frequency + norm))
    return float_of(highest(scratch.bits, low, low + BLOCK)) >= threshold


@kernel
def _essential(lists: Any, cursors: Any, block: int, loose: Any, threshold: Any) -> int:
    """Return how many terms come before those that cannot reach the threshold by themselves.

    Writes what terms from there on can add; for a term without a row, its peak.
    """
    tops, rest, total = lists.bounds.tops, cursors.rest, np.float32(0.0)
    rest[len(cursors.weights)] = total
    essential = len(cursors.weights)
    for j in range(len(cursors.weights) - 1, -1, -1):
        row, most = cursors.rows[j], cursors.units[j]
        if row >= 0:
            most *= np.float32(tops[row, block])
        total += most
        if not total * loose < threshold:
            break
        rest[j] = total
        essential = j
    return essential


@kernel
def _walk(docs: Any, places: Any, j: int, first: Any, end: Any, low: int) -> Any:
    """Return the postings of a run in the block that starts at `low`.

    Forwards from where the term stands, or from the run's first if that is past the block.
    """
    place, stop = places[j], np.int64(end)
    if place > np.int64(first) and np.int64(docs[place - 1]) >= low:
        place = np.int64(first)
    while place < stop and np.int64(docs[place]) < low:
        place += 1
    past = place
    while past < stop and np.int64(docs[past]) < low + BLOCK:
        past += 1
    places[j] = past
    return place, past


@kernel
def _highest_blocks(bounds: Any, most: int) -> Any:
    """Return the blocks with the highest bounds above 0, best first."""
    blocks, keys = np.empty(most, np.int32), np.empty(most, np.float32)
    size: Any = np.int64(0)  # a literal 0 would be one more type
    for block in range(len(bounds)):
        if bounds[block] > 0 and (size < most or bounds[block] > keys[0]):
            size = offer(blocks, keys, size, block, bounds[block])
    sort_best_first(blocks, keys, size)
    return blocks[:size]


@kernel
def _count_above(bounds: Any, threshold: Any) -> Any:
    """Return how many bounds reach a threshold."""
    count = np.int64(0)
    for block in range(len(bounds)):
        count += bounds[block] > 0 and bounds[block] >= threshold
    return count
