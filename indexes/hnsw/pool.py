"""A pool of candidates: the best so far, sorted, and which of them have been expanded.

A candidate is one int64, so that two are compared and many are moved at once: above, the score as
a whole number that falls as scores rise; below, twice the ordinal, plus 1 once it was expanded.
"""

from typing import Any

import numpy as np

from indexes.jit import kernel
from indexes.simd import shift

WORST = 2**63 - 1
"""A key that no candidate has."""


@kernel
def key_of(score: Any, ordinal: Any) -> Any:
    """Return the key of a candidate: lower keys are better, ties by lower ordinal."""
    sound = score == score  # what overflowed and says nothing comes last
    falling = np.float32(0.0 - score if sound else np.inf)  # never −0
    number: Any = np.int64(falling.view(np.int32))
    if number < 0:  # the bits of negative numbers rise as they fall
        number ^= 0x7FFFFFFF
    return (number << 32) | (np.int64(ordinal) << 1)


@kernel
def ordinal_of(key: Any) -> Any:
    """Return the ordinal of a candidate."""
    return (key & 0xFFFFFFFF) >> 1


@kernel
def distance_of(key: Any) -> Any:
    """Return the distance of a candidate whose score is a distance, negated."""
    falling: Any = np.int32(key >> 32)
    if falling < 0:
        falling ^= np.int32(0x7FFFFFFF)
    number = np.int32(falling)
    return number.view(np.float32)


@kernel
def insert(pool: Any, size: int, most: int, key: Any) -> Any:
    """Put a key in its place among the best `most`; it is better than the last, if that many.

    pool  (≥ most + 1,)  int64  sorted; the first `size` places are used

    Returns the place.
    """
    low, high = 0, size
    while low < high:
        middle = (low + high) >> 1
        if pool[middle] < key:
            low = middle + 1
        else:
            high = middle
    shift(pool, low, min(size, most - 1))
    pool[low] = key
    return low
