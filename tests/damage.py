"""What can be wrong with a stored array, other than its checksum."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Damage = tuple[str, NDArray | None]


def of(array: NDArray, *, offsets: bool = False, below: int | None = None) -> Iterator[Damage]:
    """Name each damage and do it; None: the array is left out.

    Args:
        array: a sound array, not empty.
        offsets: it rises from 0 to a total.
        below: it holds ordinals or term numbers, rising inside a row; the first that is too large.
    """
    yield "missing", None
    for dtype in (np.float64, np.int16, ">i4", ">f4", bool, object):
        yield f"as {dtype}", array.astype(dtype)
    yield "too short", array[:-1]
    yield "too long", np.concatenate([array, array[-1:]])
    yield "empty", array[:0]
    yield "deeper", array[None]
    yield "a number", array.reshape(-1)[0]
    if array.dtype.kind == "f":
        yield "NaN", _changed(array, -1, np.nan)
    if below is not None:
        for wrong in (below, below + 1, -1, 2**31 - 1, -(2**31)):
            yield f"{wrong} at the end", _changed(array, -1, wrong)
        yield "turned round", array[::-1].copy()
        yield "one value", np.zeros_like(array)
    if offsets:
        yield "late start", _changed(array, 0, 1)
        yield "early end", _changed(array, -1, array[-1] - 1)
        yield "falling", _changed(array, 1, array[-1] + 1)
        yield "wrapping", _wrapping(array)


def _changed(array: NDArray, place: int, value: float) -> NDArray:
    copy = array.copy()
    copy.reshape(-1)[place] = value
    return copy


def _wrapping(offsets: NDArray) -> NDArray:
    """Rise by steps whose sum wraps around to what it was."""
    steps = [0, 2**62, -(2**63), -(2**62)]
    return np.array([*steps, *([offsets[-1]] * (len(offsets) - len(steps)))], np.int64)
