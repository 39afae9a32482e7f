"""Rows of different lengths, one after the other: row i is cells offsets[i]:offsets[i + 1]."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def offsets_of(lengths: ArrayLike) -> NDArray[np.int64]:
    """Return the offsets (n + 1,) of rows of these lengths (n,)."""
    counts = np.asarray(lengths, np.int64)
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def taken(
    offsets: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the offsets of the chosen rows, and the cells that they own."""
    counts = offsets[rows + 1] - offsets[rows]
    moved = offsets_of(counts)
    return moved, np.repeat(offsets[rows] - moved[:-1], counts) + np.arange(moved[-1])


def joined(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the offsets of all rows, one part after the other."""
    return offsets_of(np.concatenate([np.diff(offsets) for offsets in parts]))
