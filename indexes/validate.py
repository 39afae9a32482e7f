"""Checks that run before a kernel sees an array, on input (`InvalidVectors`) and on stored bytes.

A kernel never checks a bound: an ordinal out of range reads foreign memory or kills the process.
So every array is checked here once, when it is built or loaded.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexes.errors import CorruptIndex, InvalidInput, InvalidVectors

Scalar = TypeVar("Scalar", bound=np.generic)


def frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return a plain, contiguous, read-only view: built and mapped arrays become one numba type."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view


def check_k(k: int) -> int:
    """Return `k`, a number of hits, or raise `InvalidInput`."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 0:
        raise InvalidInput(f"k is {k!r}: pass the number of hits you want, 0 or more")
    return int(k)


def check_matrix(name: str, values: Any) -> NDArray[np.float32]:
    """Return `values` as a finite float32 matrix, or raise `InvalidVectors`."""
    try:
        matrix = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise InvalidVectors(f"{name} is no array of numbers: {error}") from error
    if matrix.dtype.kind not in "fiub" or matrix.ndim != 2:
        raise InvalidVectors(
            f"{name} has dtype {matrix.dtype} and shape {matrix.shape}: pass (n, dimension) numbers"
        )
    if matrix.shape[1] == 0:
        raise InvalidVectors(f"{name} has dimension 0: a vector has at least one")
    with np.errstate(over="ignore"):
        matrix = np.ascontiguousarray(matrix, np.float32)
    check_finite(name, matrix, InvalidVectors)
    return matrix


def check_finite(name: str, values: NDArray[Any], error: type[Exception]) -> None:
    """Raise `error`, naming the first row with a NaN or infinite value."""
    if values.size == 0 or np.isfinite(np.dot(values.ravel(), np.zeros(values.size, np.float32))):
        return  # 0 × finite sums to 0, 0 × (inf or NaN) does not: one pass, no boolean copy
    row = int(np.argwhere(~np.isfinite(values))[0][0])
    raise error(f"{name} row {row} holds NaN or infinity: remove or repair that vector")


def check_offsets(name: str, offsets: NDArray[Any], total: int) -> None:
    """Raise `CorruptIndex` unless `offsets` rises from 0 to `total`."""
    if offsets.dtype != np.int64 or offsets.ndim != 1 or len(offsets) == 0:
        raise CorruptIndex(f"{name} has dtype {offsets.dtype}, shape {offsets.shape}: run verify")
    if offsets[0] != 0 or offsets[-1] != total or (np.diff(offsets) < 0).any():
        raise CorruptIndex(f"{name} does not rise from 0 to {total}: the file is damaged")


def check_range(name: str, values: NDArray[Any], *, below: int) -> None:
    """Raise `CorruptIndex` unless every integer is in 0 .. below − 1."""
    if values.size and (int(values.min()) < 0 or int(values.max()) >= below):
        raise CorruptIndex(
            f"{name} holds {int(values.min())} .. {int(values.max())}, "
            f"outside 0 .. {below - 1}: the file is damaged"
        )


def check_array(name: str, array: NDArray[Any], dtype: Any, shape: tuple[int, ...]) -> None:
    """Raise `CorruptIndex` unless `array` has this dtype and shape (−1 accepts any length)."""
    same = len(array.shape) == len(shape) and all(
        want in (-1, have) for have, want in zip(array.shape, shape, strict=True)
    )
    if array.dtype != np.dtype(dtype) or not same:
        raise CorruptIndex(
            f"{name} has dtype {array.dtype}, shape {array.shape}, "
            f"not {np.dtype(dtype)}, {shape}: the file is damaged"
        )
