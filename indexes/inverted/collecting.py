"""From accumulated scores to the best k: what both traversals do with a block they have scored.

Candidates are gathered until there are 2k of them. Then the best k stay, and the worst of those is
the new threshold: cheaper than a heap where k is large, and nearly as tight where it is small.
"""

from typing import Any

import numpy as np

from indexes.inverted.rows import score_row
from indexes.jit import kernel
from indexes.topk import keep_best, offer, sort_best_first

SMALLEST = np.float32(1.4e-45)
"""The threshold before there are k candidates: a score of 0 is no hit."""

GROUP = 16
"""Documents of which one stands for all when the first threshold is sought."""


@kernel
def bits_of(score: Any) -> Any:
    """Return the bits of a score: those of floats that are not negative sort as the floats do."""
    single = np.float32(score)
    return single.view(np.int32)


@kernel
def float_of(bits: Any) -> Any:
    """Return the score that has these bits."""
    whole = np.int32(bits)
    return whole.view(np.float32)


@kernel
def highest(bits: Any, low: int, high: int) -> Any:
    """Return the largest of bits[low:high].

    bits  (WINDOW,)  int32  the accumulators' memory

    Whole numbers, since only of those the compiler compares many at once: 0.07 ns a document.
    """
    block, most = bits[low:high], np.int32(0)
    for i in range(len(block)):
        value = block[i]
        most = value if value > most else most
    return most


@kernel
def first_threshold(scratch: Any, top: int, k: int) -> Any:
    """Return a score that k documents of a window reach, `SMALLEST` where none is known.

    scratch  see `Scratch`; the scores of the window are at 0 .. top − 1

    The k-th highest of what groups of documents have for a highest score: near the k-th highest of
    all, since few of the best share a group, and found in a tenth of the time.
    """
    n_groups = top // GROUP
    if n_groups < 2 * k:
        return SMALLEST
    peaks = np.empty(n_groups, np.int32)
    for group in range(n_groups):
        peaks[group] = highest(scratch.bits, group * GROUP, (group + 1) * GROUP)
    return max(float_of(np.partition(peaks, n_groups - k)[n_groups - k]), SMALLEST)


@kernel
def gather(
    scratch: Any, low: int, high: int, order: Any, allowed: Any, threshold: Any, size: int
) -> int:
    """Add the allowed documents of a block that reach the threshold; return how many there are.

    scratch  see `Scratch`; the scores of the block are at low .. high − 1
    order    (≥ high − low,)   int32  ordinals of the block's documents
    allowed  (⌈n/8⌉,) or (0,)  uint8  one bit per ordinal; empty: all
    """
    scores = scratch.scores[low:high]
    for i in range(len(scores)):
        if scores[i] >= threshold and is_allowed(allowed, order[i]):
            scratch.ids[size], scratch.best[size] = order[i], scores[i]
            size += 1
    return size


@kernel
def glean(scratch: Any, docs: Any, order: Any, allowed: Any, threshold: Any, size: int) -> int:
    """Do as `gather` does for some documents of a window, and zero their scores.

    docs   (≤ BLOCK,)   uint16  places in the window
    order  (≤ WINDOW,)  int32   ordinals of the window's documents
    """
    for i in range(len(docs)):
        doc = np.uint32(docs[i])
        score = scratch.scores[doc]
        if score >= threshold:
            ordinal = order[doc]
            if is_allowed(allowed, ordinal):
                scratch.ids[size], scratch.best[size] = ordinal, score
                size += 1
        scratch.scores[doc] = np.float32(0.0)
    return size


@kernel
def is_allowed(allowed: Any, ordinal: int) -> bool:
    """Return whether a document may be returned."""
    return len(allowed) == 0 or (allowed[ordinal >> 3] >> (ordinal & 7)) & 1 != 0


@kernel
def settle(rows: Any, query: Any, scratch: Any, before: int, size: int, threshold: Any) -> int:
    """Replace upper bounds by scores in candidates before .. size − 1, and drop those too low.

    rows     see `Rows`
    query    terms (m,) int32, weights (m,) float32; `scratch` has been prepared for it

    Returns how many candidates are left.
    """
    kept = before
    for place in range(before, size):
        ordinal: Any = np.int64(scratch.ids[place])  # of one type, wherever it comes from
        score = score_row(rows, query, scratch.slots, scratch.parts, ordinal)
        if score >= threshold:
            scratch.ids[kept], scratch.best[kept] = ordinal, score
            kept += 1
    return kept


@kernel
def tighten(scratch: Any, size: int, k: int, threshold: Any) -> Any:
    """Drop all but the best k once there are twice as many; return the size and the threshold."""
    if size < k or (size < 2 * k and threshold > SMALLEST):
        return size, threshold
    keep_best(scratch.ids, scratch.best, size, k)
    worst = scratch.best[0]
    for i in range(k):
        worst = min(worst, scratch.best[i])
    return k, worst


@kernel
def rank(scratch: Any, size: int, ids: Any, scores: Any) -> None:
    """Write the best candidates, best first.

    ids     (k,)  int32    written; untouched where there are fewer
    scores  (k,)  float32  written
    """
    if size > len(ids):
        keep_best(scratch.ids, scratch.best, size, len(ids))
    kept: Any = np.int64(0)  # a literal 0 would be one more type
    for i in range(min(size, len(ids))):
        ordinal: Any = np.int64(scratch.ids[i])
        kept = offer(ids, scores, kept, ordinal, scratch.best[i])
    sort_best_first(ids, scores, kept)
