"""Exhaustive scoring, term at a time inside windows of documents.

Scores are added up in an array that covers one window of documents and stays in the cache,
following the windowed accumulators of SINDI (arXiv 2509.08395, §3). Once there are k candidates,
the last terms of a query may not be able to lift a document among the best by themselves: only
documents that the terms before them have brought near are then scored by their vectors (MaxScore,
Turtle and Flood 1995), or the terms are added up all the same, whichever costs less. The best
method for short queries and small collections, where looking at bounds of blocks costs more than it
saves.
"""

from typing import Any

import numpy as np

from indexes.inverted.bounds import BLOCK
from indexes.inverted.collecting import (
    SMALLEST,
    bits_of,
    is_allowed,
    kth_highest,
    rank,
    reached,
    settle,
    tighten,
)
from indexes.inverted.cursors import bound_windows, cursors_of, enter
from indexes.inverted.postings import WINDOW
from indexes.inverted.rows import forget, prepare
from indexes.jit import kernel
from indexes.simd import prefetch

SPARSE = 10
"""Documents of a window for each of its postings from which these are walked again to find the
best, in place of looking at all documents."""

_FINITE = np.finfo(np.float32).max

SHARE = np.float32(0.4)
"""What share of the threshold the terms that are left out may reach together, at first."""

ROW = 12
"""Postings that are added in the time in which a document is scored by its vector, for each term
that vectors have on average."""


@kernel
def search(
    lists: Any, query: Any, allowed: Any, threshold: Any, scratch: Any, ids: Any, scores: Any
) -> None:
    """Rank the documents that share a term with one query.

    lists      see `Lists`
    query      terms (m,) int32, −1: unseen; weights (m,) float32
    allowed    (⌈n/8⌉,) or (0,)  uint8    allowed ordinals; empty: all
    threshold  what the k-th best score is known to reach, or `SMALLEST`
    scratch    see `Scratch`
    ids        (k,)  int32    written; untouched where there are fewer hits
    scores     (k,)  float32  written

    A score is the float32 sum, over the query's terms in the order given, of weight · impact.
    O(postings of the terms + documents of the windows they are in).
    """
    cursors, n, k = cursors_of(lists, query), len(lists.order), len(ids)
    rest = np.empty((-(-n // WINDOW), len(cursors.units) + 1), np.float32)
    bound_windows(lists, cursors, rest)
    reach, loose = rest[:, 0].copy(), _loose(query)
    share = SHARE if lists.whole else np.float32(0.0)
    prepare(query, scratch.slots, scratch.seen)
    zero: Any = np.int64(0)
    size, upper = zero, lists.coded
    for _ in range(len(reach)):
        window = _highest(reach)
        if reach[window] == 0 or reach[window] * loose < threshold:
            break
        reach[window] = np.float32(0.0)
        found, floor, threshold, share, partly = _score_window(
            lists, query, cursors, rest[window], window, allowed, threshold, share, k, scratch
        )
        order = lists.order[window * WINDOW : min((window + 1) * WINDOW, n)]
        for low in range(0, found, BLOCK):
            before = size
            size = _take(scratch, low, min(low + BLOCK, found), order, floor, size)
            if partly or (lists.coded and not upper):
                size = settle(lists.rows, query, scratch, before, size, threshold)
            if size >= 2 * k + BLOCK:
                size, threshold, upper = tighten(lists, query, scratch, (size, threshold, upper), k)
        if size >= k + k // 4:
            size, threshold, upper = tighten(lists, query, scratch, (size, threshold, upper), k)
    if upper:
        size = settle(lists.rows, query, scratch, zero, size, threshold)
    forget(query, scratch.slots, scratch.seen)
    rank(scratch, size, ids, scores)


@kernel
def _loose(query: Any) -> Any:
    """Return a factor that makes up for what rounding takes from a sum of so many terms."""
    return np.float32(1.0 + (4 * len(query[0]) + 16) * 2.0**-23)


@kernel
def _highest(reach: Any) -> Any:
    """Return the place of the highest value."""
    best = np.int64(0)
    for place in range(len(reach)):
        if reach[place] > reach[best]:
            best = np.int64(place)
    return best


@kernel
def _score_window(
    lists: Any, query: Any, cursors: Any, rest: Any, window: int, allowed: Any, threshold: Any,
    share: Any, k: int, scratch: Any,
) -> Any:  # fmt: skip
    """List the documents of a window that may be among the best.

    rest   (m + 1,)  float32  what terms j, j + 1 … can add to a document of the window
    share  what share of the threshold the terms that are left out may reach together

    Returns how many are listed; what they have reached; the threshold; the share for the next
    window, less where this one left too many documents; and whether terms have been left out.
    """
    order = lists.order[window * WINDOW : min((window + 1) * WINDOW, len(lists.order))]
    loose, n_terms = _loose(query), len(cursors.here)
    enter(lists.postings, cursors, window)
    _fetch(lists.postings, cursors)
    essential = _n_essential(rest, threshold / loose * share)
    zero: Any = np.int64(0)
    n_postings = _add(lists, cursors, zero, essential, window, scratch.scores)
    dense = n_postings * SPARSE > len(order)
    if dense and threshold == SMALLEST and len(allowed) == 0:
        threshold = reached(lists, query, kth_highest(scratch.bits, len(order), k))
    floor = _floor(threshold, loose, rest[essential])
    if dense:
        found = _scan(scratch, order, allowed, floor)
    else:
        found = _glean(lists.postings, cursors, essential, scratch, order, allowed, floor)
    if threshold == SMALLEST:
        threshold = reached(lists, query, kth_highest(scratch.nearest, found, k))
    n_left, row = np.int64(0), np.int64(ROW * len(lists.rows.terms) / len(lists.order))
    for j in range(essential, n_terms):
        n_left += _n_here(lists.postings, cursors, j)
    if 0 < n_left < found * row:
        share *= np.float32(0.5)
    while 0 < n_left < found * row:
        n_left -= _add_near(lists, cursors, essential, window, scratch, found)
        essential += 1
        floor = _floor(threshold, loose, rest[essential])
        found = _narrow(scratch, found, floor)
    return found, floor, threshold, share, n_left > 0


@kernel
def _add_near(lists: Any, cursors: Any, j: int, window: int, scratch: Any, found: int) -> Any:
    """Add what a term gives to the listed documents; return how many postings it has here."""
    docs, near, scores = scratch.docs, scratch.near, scratch.scores
    n_postings = _add(lists, cursors, j, j + 1, window, scores)
    for i in range(found):
        near[i] += scores[np.uint32(docs[i])]
    if n_postings * SPARSE > len(scores):
        scores[:] = np.float32(0.0)
    elif n_postings:
        start = np.int64(lists.postings.starts[cursors.here[j]])
        own = lists.postings.docs[start : start + n_postings]
        for i in range(len(own)):
            scores[np.uint32(own[i])] = np.float32(0.0)
    return n_postings


@kernel
def _fetch(postings: Any, cursors: Any) -> None:
    """Ask for the memory in which the runs of a window begin."""
    for run in cursors.here:
        if run >= 0:
            start = np.int64(postings.starts[run])
            prefetch(postings.docs, start)
            prefetch(postings.weights, start)


@kernel
def _floor(threshold: Any, loose: Any, rest: Any) -> Any:
    """Return what a document must have reached if `rest` can lift it to the threshold."""
    if rest == 0:
        return np.float32(threshold)
    # Infinity is reached by what is added to a finite score, too.
    return max(np.float32(min(threshold, _FINITE) / loose - rest), SMALLEST)


@kernel
def _n_essential(rest: Any, threshold: Any) -> Any:
    """Return how many terms come before those that cannot reach a threshold by themselves."""
    essential = len(rest) - 1
    while essential > 0 and rest[essential - 1] < threshold:
        essential -= 1
    return essential


@kernel
def _n_here(postings: Any, cursors: Any, j: int) -> Any:
    """Return how many postings a term has in the window."""
    run = cursors.here[j]
    if run < 0:
        return np.int64(0)
    return np.int64(postings.starts[run + 1]) - np.int64(postings.starts[run])


@kernel
def _add(lists: Any, cursors: Any, first: int, stop: int, window: int, scores: Any) -> Any:
    """Add postings of terms first … stop − 1 to the scores of a window; return their number."""
    postings, norms, n_postings = lists.postings, lists.norms, np.int64(0)
    for j in range(first, stop):
        run, weight = cursors.here[j], cursors.weights[j]
        if run < 0:
            continue
        start, end = np.int64(postings.starts[run]), np.int64(postings.starts[run + 1])
        docs, stored = postings.docs[start:end], postings.weights[start:end]
        n_postings += end - start
        # Unsigned places spare the test for counting from the end: 0.6 in place of 0.9 ns.
        if len(norms) == 0:
            for i in range(len(docs)):
                scores[np.uint32(docs[i])] += weight * np.float32(stored[i])
        else:
            own = norms[window * WINDOW : (window + 1) * WINDOW]
            for i in range(len(docs)):
                doc, frequency = np.uint32(docs[i]), np.float32(stored[i])
                scores[doc] += weight * (frequency / (frequency + own[doc]))
    return n_postings


@kernel
def _scan(scratch: Any, order: Any, allowed: Any, floor: Any) -> Any:
    """List the allowed documents of a window that reach `floor`; return how many there are."""
    found, docs, near = np.int64(0), scratch.docs, scratch.near
    for low in range(0, len(order), BLOCK):
        high = min(low + BLOCK, len(order))
        # As `highest` does, but a call with arrays takes as long as the search.
        block, most = scratch.bits[low:high], np.int32(0)
        for i in range(len(block)):
            value = block[i]
            most = value if value > most else most
        if most >= bits_of(floor):
            for doc in range(low, high):
                score = scratch.scores[doc]
                if score >= floor and is_allowed(allowed, order[doc]):
                    docs[found], near[found] = doc, score
                    found += 1
        scratch.scores[low:high] = np.float32(0.0)
    return found


@kernel
def _glean(
    postings: Any, cursors: Any, essential: int, scratch: Any, order: Any, allowed: Any, floor: Any
) -> Any:
    """Do as `_scan` from the postings of the essential terms, and zero all other scores."""
    found, kept, near, scores = np.int64(0), scratch.docs, scratch.near, scratch.scores
    for j in range(essential):
        run = cursors.here[j]
        if run < 0:
            continue
        docs = postings.docs[np.int64(postings.starts[run]) : np.int64(postings.starts[run + 1])]
        for i in range(len(docs)):
            doc = np.uint32(docs[i])
            score = scores[doc]
            scores[doc] = np.float32(0.0)
            if score >= floor and is_allowed(allowed, order[doc]):
                kept[found], near[found] = docs[i], score
                found += 1
    return found


@kernel
def _narrow(scratch: Any, found: int, floor: Any) -> Any:
    """Keep the listed documents whose scores reach `floor`; return how many there are."""
    left, docs, near = np.int64(0), scratch.docs, scratch.near
    for i in range(found):
        score = near[i]
        docs[left], near[left] = docs[i], score
        left += score >= floor
    return left


@kernel
def _take(scratch: Any, low: int, high: int, order: Any, threshold: Any, size: int) -> Any:
    """Make listed documents candidates."""
    for i in range(low, high):
        if scratch.near[i] >= threshold:
            scratch.ids[size] = order[np.uint32(scratch.docs[i])]
            scratch.best[size] = scratch.near[i]
            size += 1
    return size
