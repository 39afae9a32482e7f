"""A bounded heap of the best documents, as two arrays that a kernel fills and then sorts.

The root is the worst kept document: the lowest score and, among equals, the highest ordinal. A
kernel that visits ordinals in rising order may therefore skip every score ≤ the root's once the
heap is full.
"""

from typing import Any

import numpy as np

from indexes.jit import kernel


@kernel
def offer(ids: Any, scores: Any, size: int, ordinal: int, score: float) -> int:
    """Keep `ordinal` if it is among the best len(ids) so far; return the new size.

    ids     (k,)  integer   heap; the first `size` places are used
    scores  (k,)  float32   heap keys

    O(log k).
    """
    if size < len(ids):
        place = size
        while place > 0:
            parent = (place - 1) >> 1
            if scores[parent] < score or (scores[parent] == score and ids[parent] > ordinal):
                break  # the parent is worse: the heap holds
            ids[place], scores[place] = ids[parent], scores[parent]
            place = parent
        ids[place], scores[place] = ordinal, score
        return size + 1
    if size == 0 or score < scores[0] or (score == scores[0] and ordinal > ids[0]):
        return size
    _sink(ids, scores, size, ordinal, score)
    return size


@kernel
def sort_best_first(ids: Any, scores: Any, size: int) -> None:
    """Turn the heap into a ranking, in place. O(size log size)."""
    for last in range(size - 1, 0, -1):
        ordinal: Any = np.int64(ids[last])  # of one type, whatever that of the heap
        score = scores[last]
        ids[last], scores[last] = ids[0], scores[0]
        _sink(ids, scores, last, ordinal, score)


@kernel
def keep_best(ids: Any, scores: Any, size: int, k: int) -> None:
    """Move the best k of `size` to the front, in no order: Hoare's selection.

    ids     (…,)  integer  the first `size` places are used; k ≤ size
    scores  (…,)  float32

    O(size) on average.
    """
    low, high = np.int64(0), np.int64(size - 1)
    while low < high:
        middle = (low + high) >> 1
        ordinal, score = ids[middle], scores[middle]
        i, j = low, high
        while i <= j:
            while scores[i] > score or (scores[i] == score and ids[i] < ordinal):
                i += 1
            while scores[j] < score or (scores[j] == score and ids[j] > ordinal):
                j -= 1
            if i <= j:
                ids[i], ids[j] = ids[j], ids[i]
                scores[i], scores[j] = scores[j], scores[i]
                i += 1
                j -= 1
        if k - 1 <= j:
            high = j
        elif k - 1 >= i:
            low = i
        else:
            return


@kernel
def offer_all(ids: Any, scores: Any, base: int, heaps: Any, keys: Any, sizes: Any) -> None:
    """Offer ranked hits, their ordinals moved up by `base`, to the heaps of their queries.

    ids     (n_queries, m)  int32 or int64  −1 after the last hit
    scores  (n_queries, m)  float32
    heaps   (n_queries, k)  int64
    keys    (n_queries, k)  float32
    sizes   (n_queries,)    int64           used places of each heap
    """
    for query in range(len(ids)):
        size = sizes[query]
        for place in range(ids.shape[1]):
            if ids[query, place] < 0:
                break
            ordinal = int(ids[query, place]) + base
            size = offer(heaps[query], keys[query], size, ordinal, scores[query, place])
        sizes[query] = size


@kernel
def rank_all(heaps: Any, keys: Any, sizes: Any) -> None:
    """Turn every heap into a ranking, in place."""
    for query in range(len(heaps)):
        sort_best_first(heaps[query], keys[query], sizes[query])


@kernel
def _sink(ids: Any, scores: Any, size: int, ordinal: int, score: float) -> None:
    """Put a document at the root of a heap of `size` and let it sink below worse ones."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            scores[other] < scores[child]
            or (scores[other] == scores[child] and ids[other] > ids[child])
        ):
            child = other
        if score < scores[child] or (score == scores[child] and ordinal > ids[child]):
            break
        ids[place], scores[place] = ids[child], scores[child]
        place = child
    ids[place], scores[place] = ordinal, score
