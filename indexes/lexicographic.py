"""Byte order of strings, for kernels: apart from `indexes.strings`, which loads without numba."""

from typing import Any

import numpy as np

from indexes.jit import kernel


@kernel
def compare(a: Any, start: int, stop: int, b: Any, other: int, end: int) -> Any:
    """Return below 0, 0 or above 0 as a[start:stop] sorts before, with or after b[other:end]."""
    size, length = stop - start, end - other
    for i in range(min(size, length)):
        if a[start + i] != b[other + i]:
            return np.int64(a[start + i]) - np.int64(b[other + i])
    return np.int64(size - length)  # decides where one string is a prefix of the other


@kernel
def rises(offsets: Any, data: Any) -> bool:
    """Say whether the strings of a table (see `Strings`) rise strictly. O(bytes)."""
    for i in range(1, len(offsets) - 1):
        start = offsets[i]
        if compare(data, offsets[i - 1], start, data, start, offsets[i + 1]) >= 0:
            return False
    return True
