"""From accumulated scores to the best k: what both traversals do with a block they have scored.

Candidates are pooled until there are 2k of them. Then the best k stay, and the worst of those is
the new threshold: cheaper than a heap where k is large, and nearly as tight where it is small. Of
lists that hold codes, scores are upper bounds: what may still be among the best stays in the pool,
and is scored by its vector once, at the end.
"""

from typing import Any

import numpy as np

from indexes.inverted.bounds import BLOCK
from indexes.inverted.rows import FETCHED, fetch, score_row
from indexes.inverted.steps import TINY, step, worth
from indexes.jit import kernel
from indexes.topk import keep_best

SMALLEST = np.float32(1.4e-45)
"""The threshold before there are k candidates: a score of 0 is no hit."""

_HIGHEST, _FINITE = 2**31 - 1, np.finfo(np.float32).max

GROUPS = 4
"""Groups of documents for each hit, of which the best stand for all when a threshold is sought."""


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
def kth_highest(bits: Any, n: int, k: int) -> Any:
    """Return a score that k of n documents reach, 0 where none is known.

    bits  (≥ n,)  int32  the memory of their scores

    The k-th highest of what groups of documents have for a highest score: near the k-th highest of
    all, since few of the best share a group, and found in a tenth of the time.
    """
    size: Any = max(np.int64(1), np.int64(n // (GROUPS * k)))
    n_groups = n // size
    if n_groups < k:
        return np.float32(0.0)
    peaks = np.empty(n_groups, np.int32)
    for group in range(n_groups):
        peaks[group] = highest(bits, group * size, (group + 1) * size)
    return float_of(np.partition(peaks, n_groups - k)[n_groups - k])


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
    found = scratch.ids[:size]
    for place in range(before, before + FETCHED):
        fetch(rows, found, place)
    for place in range(before, size):
        fetch(rows, found, place + FETCHED)
        ordinal: Any = np.int64(scratch.ids[place])  # of one type, wherever it comes from
        score = score_row(rows, query, scratch.slots, scratch.seen, scratch.parts, ordinal)
        if score >= threshold:
            scratch.ids[kept], scratch.best[kept] = ordinal, score
            kept += 1
    return kept


@kernel
def tighten(lists: Any, query: Any, scratch: Any, pool: Any, k: int) -> Any:
    """Drop candidates that cannot be among the best k, and return the pool.

    pool  size       of the candidates in `scratch`
          threshold  what the k-th best score is known to reach
          upper      whether their scores are upper bounds
    """
    size, threshold, upper = pool
    zero: Any = np.int64(0)
    if size < k:
        return size, threshold, upper
    keep_best(scratch.ids, scratch.best, size, k)
    worst = _worst(scratch.best[:k])
    if upper:
        threshold = max(threshold, reached(lists, query, worst))
        kept = k
        for place in range(k, size):
            if scratch.best[place] >= threshold:
                scratch.ids[kept], scratch.best[kept] = scratch.ids[place], scratch.best[place]
                kept += 1
        if kept <= 2 * k + BLOCK:
            return kept, threshold, upper
        size = settle(lists.rows, query, scratch, zero, kept, threshold)
        if size < k:
            return size, threshold, False
        keep_best(scratch.ids, scratch.best, size, k)
        worst = _worst(scratch.best[:k])
    return np.int64(k), worst, False


@kernel
def _worst(scores: Any) -> Any:
    """Return the lowest of some scores."""
    worst = scores[0]
    for score in scores:
        worst = min(worst, score)
    return worst


@kernel
def reached(lists: Any, query: Any, score: Any) -> Any:
    """Return what a document's score reaches for sure whose upper bound is `score`.

    Every code is at most one step more than the impact.
    """
    terms, weights = query
    least = np.float32(score)
    if not lists.coded:
        return max(least, SMALLEST)
    for j in range(len(terms)):
        if terms[j] >= 0:
            one = worth(weights[j], step(lists.bounds.peaks[terms[j]]) * lists.looseness)
            if one <= TINY and weights[j] > 0:
                return SMALLEST  # more than it is worth
            least -= one
    if not least <= _FINITE:
        return SMALLEST  # the bound is infinite, the score need not be
    least -= np.float32(score) * np.float32(2.0**-16)  # for what is rounded
    least *= lists.firmness / lists.looseness
    return max(least, SMALLEST)


@kernel
def rank(scratch: Any, size: int, ids: Any, scores: Any) -> None:
    """Write the best candidates, best first.

    ids     (k,)  int32    written; untouched where there are fewer
    scores  (k,)  float32  written
    """
    if size > len(ids):
        keep_best(scratch.ids, scratch.best, size, len(ids))
    kept = min(size, len(ids))
    keys = np.empty(kept, np.int64)
    for i in range(kept):
        falling: Any = np.int64(_HIGHEST) - np.int64(bits_of(scratch.best[i]))
        keys[i] = falling << 32 | np.int64(scratch.ids[i])
    keys.sort()
    for i in range(kept):
        ids[i] = keys[i] & _HIGHEST
        scores[i] = float_of(np.int32(_HIGHEST - (keys[i] >> 32)))
