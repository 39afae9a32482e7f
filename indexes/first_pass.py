"""Upper bounds of the scores of many rows, cheaply: from codes of int8 or float32 products.

A row x is coded as x = s·c + r: a scale s, whole numbers c of −127 .. 127, and what is left. With
a query coded likewise as q = t·d + u, the inequality of Cauchy and Schwarz says

    q·x = t·s·(d·c) + (q − u)·r + u·x  ≤  t·s·(d·c) + (|q| + |u|)·|r| + |u|·|x|,

where d·c is a whole number, and |r| and |u| are rounded up. Without codes the bound of q·x is its
sum in float32 and what rounding can add to that.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.errors import CorruptIndex
from indexes.jit import kernel, reordered
from indexes.packed import LINE, dot
from indexes.threads import for_chunks
from indexes.validate import check_array, check_finite, check_lengths, frozen, stored
from indexes.vectors import DenseVectors


class Codes(NamedTuple):
    """Vectors of int8 and what they leave out."""

    codes: NDArray[np.uint8]  # (n, n_bytes) value + 128, in whole lines filled with 128
    scales: NDArray[np.float32]  # (n,)
    errors: NDArray[np.float32]  # (n,) length of what is left, rounded up; perhaps infinite

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> "Codes":
        """Code the rows of a matrix (n, dim)."""
        n, dim = values.shape
        codes = np.full((n, -(-dim // LINE) * LINE), 128, np.uint8)
        made = cls(codes, np.empty(n, np.float32), np.empty(n, np.float32))
        for_chunks(lambda first, last: _code(values, first, last, *made), n, smallest=1024)
        return cls(frozen(codes), frozen(made.scales), frozen(made.errors))

    @classmethod
    def from_arrays(cls, vectors: DenseVectors, arrays: Mapping[str, NDArray[Any]]) -> "Codes":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        codes, scales, errors = (stored(arrays, name) for name in cls._fields)
        n = len(vectors)
        check_array("codes", codes, np.uint8, (n, -(-vectors.dimension // LINE) * LINE))
        check_lengths("scales", scales, n)
        check_finite("scales", scales, CorruptIndex)
        check_lengths("errors", errors, n)
        return cls(frozen(codes), frozen(scales), frozen(errors))


_NOTHING = frozen(np.empty(0, np.float32))
NO_CODES = Codes(frozen(np.empty((0, LINE), np.uint8)), _NOTHING, _NOTHING)
"""What a kernel is given where there are no codes."""


class Places(NamedTuple):
    """What a kernel needs of the rows it looks at: all of a matrix, or some, by place."""

    values: NDArray[np.float32]  # (n, dim) all rows
    codes: NDArray[np.uint8]  # (n · n_bytes,) all rows; (0,): the first pass reads the values
    norms: NDArray[np.float32]  # (m,)
    scales: NDArray[np.float32]  # (m,)
    errors: NDArray[np.float32]  # (m,)
    ordinals: NDArray[np.int64]  # (m,) the row of each place, rising; (0,): places are rows
    bits: NDArray[np.uint8]  # (⌈n / 8⌉,) rows allowed, where places are rows; (0,): all


class Asked(NamedTuple):
    """What a kernel needs of the queries."""

    values: NDArray[np.float32]  # (n_queries, dim)
    norms: NDArray[np.float64]  # (n_queries,)
    codes: NDArray[np.int8]  # (n_queries · n_bytes,)
    scales: NDArray[np.float32]  # (n_queries,)
    errors: NDArray[np.float32]  # (n_queries,)


@kernel
def _code(values: Any, first: int, last: int, codes: Any, scales: Any, errors: Any) -> None:
    """Write the codes of rows first .. last − 1; see `Codes`."""
    for row in range(first, last):
        largest = np.float32(0.0)
        for i in range(values.shape[1]):
            largest = max(largest, abs(values[row, i]))
        scale = largest / np.float32(127.0)  # perhaps 0: then all is left
        squares, step = 0.0, np.float64(scale)
        for i in range(values.shape[1]):
            x = np.float64(values[row, i])
            code = min(max(np.rint(x / step), -127.0), 127.0) if step > 0 else 0.0
            codes[row, i] = np.uint8(code + 128.0)
            squares += (x - code * step) * (x - code * step)
        scales[row] = scale
        # Rounding to float32 errs by a factor of 2⁻²⁴, near 0 by 7e-46.
        errors[row] = np.float32(np.sqrt(squares) * (1 + 2.0**-20) + 3e-45)


@kernel
def multiply_codes(places: Any, start: int, asked: Any, query: int, out: Any) -> None:
    """Write the products of codes, a query's with those of places start .. start + len(out) − 1."""
    codes, ordinals, asked_codes = places.codes, places.ordinals, asked.codes
    n_bytes = len(codes) // len(places.values)
    at, offset = query * n_bytes, np.int64(0)
    for i in range(at, at + n_bytes):
        offset += np.int64(asked_codes[i]) * 128
    for i in range(len(out)):
        row = ordinals[start + i] if len(ordinals) else start + i
        product = dot(codes, row * n_bytes, asked_codes, at, n_bytes, 8)
        out[i] = np.float32(product - offset)


@kernel
def multiply(places: Any, start: int, asked: Any, query: int, out: Any) -> None:
    """Write the products of a query with the values of places start .. start + len(out) − 1."""
    values, ordinals, queries = places.values, places.ordinals, asked.values
    for i in range(len(out)):
        row = ordinals[start + i] if len(ordinals) else start + i
        out[i] = float_product(values, row, queries, query)


@reordered
def float_product(values: Any, row: int, queries: Any, query: int) -> Any:
    """Return the inner product of one pair in float32, added up in any order."""
    total = np.float32(0.0)
    for i in range(values.shape[1]):
        total += values[row, i] * queries[query, i]
    return total


@kernel
def bound_all(places: Any, start: int, asked: Any, query: int, metric: int, out: Any) -> None:
    """Turn products (rows,) float32 into upper bounds of scores; NaN never."""
    coded, slack, length = len(places.codes) > 0, slack_of(places.values), asked.norms[query]
    norms = places.norms[start : start + len(out)]
    if not coded:
        for i in range(len(out)):
            out[i] = limit_of(np.float64(out[i]), np.float64(norms[i]), length, metric, slack)
        return
    scales = places.scales[start : start + len(out)]
    errors = places.errors[start : start + len(out)]
    step, error = np.float64(asked.scales[query]), np.float64(asked.errors[query])
    for i in range(len(out)):
        norm = np.float64(norms[i])
        product = np.float64(out[i]) * (step * scales[i])
        product += (length + error) * errors[i]
        # The norm is the nearest float32 likewise.
        product += error * (norm * (1 + 2.0**-20) + 3e-45)
        out[i] = limit_of(product, norm, length, metric, slack)


@kernel
def slack_of(values: Any) -> Any:
    """Return what rounding adds to a score, in units of |x||q|.

    A sum of dim products in float32 errs by dim · 2⁻²⁴ in any order; doubled, and 64 for all else.
    """
    return (2 * values.shape[1] + 64) * 2.0**-24


@kernel
def limit_of(product: float, norm: float, length: float, metric: int, slack: float) -> Any:
    """Return an upper bound of a score from one of q·x; infinity where the numbers say nothing.

    product  float64  may be too small by slack · |x||q|
    norm     float64  of x, as float32 holds it; length: of q
    """
    limit = product + 1e-37  # for products below the normal range of float32
    if metric == 1:
        # A norm below the normal range is rounded so coarsely that it says little.
        limit = limit / (norm * length) + slack if min(norm, length) > 1e-37 else np.inf
    elif metric == 2:
        limit = 2 * limit - norm * norm - length * length
        limit += slack * (norm + length) * (norm + length)
    else:
        limit += slack * norm * length
    sound = -np.inf < product < np.inf and norm < np.inf and limit == limit
    return np.float32(limit) if sound else np.float32(np.inf)
