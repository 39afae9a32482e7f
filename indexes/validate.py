"""Checks that run before a kernel sees an array, on input (`InvalidVectors`) and on stored bytes.

A kernel never checks a bound: an ordinal out of range reads foreign memory or kills the process.
So every array is checked here once, when it is built or loaded.
"""

from collections.abc import Mapping, Sequence, Sized
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexes.errors import CorruptIndex, InvalidInput, InvalidVectors

Scalar = TypeVar("Scalar", bound=np.generic)
Settings = TypeVar("Settings")
Batch = TypeVar("Batch", bound=Sized)

DIMENSION_MAX = 65_536
"""Components of a vector: memory is asked for by it, also where there is no vector yet."""

_VALUES_PER_BLOCK = 1 << 16
"""Values tested at once, so that what is computed of them stays in the cache."""


def frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return a plain, aligned, contiguous, read-only view: built and mapped are one numba type."""
    view = np.asarray(array).view()
    if not (view.flags.c_contiguous and view.flags.aligned):
        view = np.require(view, requirements=("C", "A"))
    view.flags.writeable = False
    return view


def check_k(k: int) -> int:
    """Return `k`, a number of hits, or raise `InvalidInput`."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 0:
        raise InvalidInput(f"k is {k!r}: pass the number of hits you want, 0 or more")
    return int(k)


def check_settings(settings: object, kind: type[Settings]) -> Settings:
    """Return `settings`, by default those of `kind`, or raise `InvalidInput`."""
    if settings is None:
        return kind()
    if not isinstance(settings, kind):
        raise InvalidInput(f"settings are {settings!r}: this index takes {kind.__name__}")
    return settings


def check_one(queries: Batch) -> Batch:
    """Return a batch of one query, or raise `InvalidInput`."""
    if len(queries) != 1:
        raise InvalidInput(f"{len(queries)} queries cannot be explained at once: pass one")
    return queries


def check_numbers(name: str, values: Any) -> NDArray[Any]:
    """Return `values` as an array of real numbers, or raise `InvalidVectors`."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise InvalidVectors(f"{name} is no array of numbers: {error}") from error
    if array.dtype.kind not in "fiub":
        raise InvalidVectors(f"{name} has dtype {array.dtype}: pass real numbers")
    return array


def check_integers(name: str, values: Any, dtype: Any) -> NDArray[Any]:
    """Return whole numbers as an array of `dtype` that holds each of them, or raise."""
    array = check_numbers(name, values)
    if array.size and array.dtype.kind not in "iu":
        raise InvalidVectors(f"{name} has dtype {array.dtype}: pass whole numbers")
    narrow = array.astype(dtype, copy=False)
    if narrow is not array and (narrow != array).any():
        raise InvalidVectors(f"{name} does not fit {np.dtype(dtype)}")
    return narrow


def check_candidates(candidates: Any, n_queries: int, n_docs: int) -> NDArray[np.int64]:
    """Return ordinals to score (n_queries, m), −1 for none, or raise `InvalidInput`."""
    ids = check_integers("candidates", candidates, np.int64)
    if ids.ndim != 2 or len(ids) != n_queries:
        raise InvalidInput(
            f"candidates {ids.shape} do not fit {n_queries} queries: pass one row each"
        )
    if ids.size and not -1 <= int(ids.min()) <= int(ids.max()) < n_docs:
        raise InvalidInput(
            f"candidates are {int(ids.min())} .. {int(ids.max())}, outside -1 .. {n_docs - 1}"
        )
    return frozen(ids)


def check_ordinals(ordinals: Any, n_docs: int) -> NDArray[np.int64]:
    """Return the ordinals of documents (m,), or raise `InvalidInput`."""
    found = check_integers("ordinals", ordinals, np.int64)
    if found.ndim != 1:
        raise InvalidInput(f"ordinals have shape {found.shape}: pass a list of them")
    if found.size and not 0 <= int(found.min()) <= int(found.max()) < n_docs:
        raise InvalidInput(
            f"ordinals are {int(found.min())} .. {int(found.max())}, outside 0 .. {n_docs - 1}"
        )
    return found


def check_ordinal(ordinal: int, n_docs: int) -> int:
    """Return the ordinal of one document, or raise `InvalidInput`."""
    if isinstance(ordinal, bool) or not isinstance(ordinal, int | np.integer):
        raise InvalidInput(f"ordinal is {ordinal!r}: pass the position of a document")
    if not 0 <= ordinal < n_docs:
        raise InvalidInput(f"ordinal is {ordinal}, outside 0 .. {n_docs - 1}")
    return int(ordinal)


def check_matrix(name: str, values: Any, dtype: Any = np.float32) -> NDArray[Any]:
    """Return `values` as a finite matrix of `dtype`, or raise `InvalidVectors`."""
    matrix = check_numbers(name, values)
    if matrix.ndim != 2:
        raise InvalidVectors(f"{name} has shape {matrix.shape}: pass (n, dimension) numbers")
    if matrix.shape[1] == 0:
        raise InvalidVectors(f"{name} has dimension 0: a vector has at least one")
    if matrix.shape[1] > DIMENSION_MAX:
        raise InvalidVectors(f"{name} has dimension {matrix.shape[1]:,}, over {DIMENSION_MAX:,}")
    with np.errstate(over="ignore"):
        matrix = np.ascontiguousarray(matrix, dtype)
    check_finite(name, matrix, InvalidVectors)
    return matrix


def check_finite(name: str, values: NDArray[Any], error: type[Exception]) -> None:
    """Raise `error`, naming the first row with a NaN or infinite value."""
    flat = values.reshape(-1)
    starts = range(0, flat.size, _VALUES_PER_BLOCK)
    if all(_are_finite(flat[start : start + _VALUES_PER_BLOCK]) for start in starts):
        return
    row = int(np.argwhere(~np.isfinite(values))[0][0])
    raise error(f"{name} row {row} holds NaN or infinity: remove or repair that vector")


def _are_finite(values: NDArray[Any]) -> bool:
    if values.dtype == np.float16:
        # All bits of the exponent are set: numpy is slow at arithmetic on halves.
        return int((values.view(np.uint16) & np.uint16(0x7C00)).max()) < 0x7C00
    with np.errstate(invalid="ignore"):
        # 0 × finite sums to 0, 0 × (inf or NaN) does not: no boolean copy.
        return bool(np.dot(values, np.zeros(len(values), values.dtype)) == 0)


def check_offsets(name: str, offsets: NDArray[Any], total: int) -> None:
    """Raise `CorruptIndex` unless `offsets` rises from 0 to `total`."""
    if offsets.dtype != np.int64 or offsets.ndim != 1 or len(offsets) == 0:
        raise CorruptIndex(f"{name} has dtype {offsets.dtype}, shape {offsets.shape}: run verify")
    # Compared, not subtracted: the difference of two damaged offsets can wrap around.
    if offsets[0] != 0 or offsets[-1] != total or (offsets[1:] < offsets[:-1]).any():
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


def check_rising(name: str, values: NDArray[Any], offsets: NDArray[np.int64]) -> None:
    """Raise `CorruptIndex` unless every span values[offsets[i]:offsets[i + 1]] rises strictly."""
    rising = values[1:] > values[:-1]
    starts = offsets[1:-1]
    rising[starts[(starts > 0) & (starts < len(values))] - 1] = True
    if not rising.all():
        raise CorruptIndex(f"{name} do not rise inside a row: sort each row and merge duplicates")


def check_values(name: str, values: NDArray[Any], dtypes: Sequence[Any]) -> None:
    """Raise `CorruptIndex` unless these are finite vectors (n, dimension) of one of the dtypes."""
    dtype = values.dtype if values.dtype in dtypes else dtypes[0]
    check_array(name, values, dtype, (-1, -1))
    if not 0 < values.shape[1] <= DIMENSION_MAX:
        raise CorruptIndex(f"{name} has dimension {values.shape[1]}: the file is damaged")
    check_finite(name, values, CorruptIndex)


def check_lengths(name: str, lengths: NDArray[Any], n: int) -> None:
    """Raise `CorruptIndex` unless these are n lengths in float32, perhaps infinite, none NaN."""
    check_array(name, lengths, np.float32, (n,))
    check_not_negative(name, lengths)


def check_weights(name: str, weights: NDArray[Any], n_weights: int) -> None:
    """Raise `CorruptIndex` unless these are uint8, or float32 that are finite and not negative."""
    dtype = weights.dtype if weights.dtype == np.uint8 else np.float32
    check_array(name, weights, dtype, (n_weights,))
    if weights.dtype != np.uint8:
        check_finite(name, weights, CorruptIndex)
        check_not_negative(name, weights)


def check_not_negative(name: str, values: NDArray[Any]) -> None:
    """Raise `CorruptIndex` unless every value is 0 or more, perhaps infinite, and none is NaN."""
    if not (values >= 0).all():
        raise CorruptIndex(f"{name} holds NaN or a negative value: the file is damaged")


def stored(arrays: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    """Return a stored array, or raise `CorruptIndex` where it is missing."""
    if name not in arrays:
        raise CorruptIndex(f"the array {name!r} is missing: the file is damaged")
    return arrays[name]
