"""How two dense vectors are compared: the one place that knows signs and rounding.

A score is the float32 nearest to the float64 sum taken in the order of the dimensions, so that it
does not depend on the machine, the batch or the block a vector is scanned in.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.jit import kernel, reordered


class Metric(IntEnum):
    """Similarities; larger is always better."""

    INNER_PRODUCT = 0
    COSINE = 1
    """0 where either vector is all zeros."""
    EUCLIDEAN = 2
    """The squared distance, negated."""


def norms_of(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the length of every row (n,); infinite where float32 cannot hold it."""
    squares = np.einsum("ij,ij->i", values, values, dtype=np.float64)
    with np.errstate(over="ignore"):
        norms: NDArray[np.float32] = np.sqrt(squares).astype(np.float32)
    return norms


@kernel
def exact_score(values: Any, row: int, queries: Any, query: int, metric: int) -> Any:
    """Return the score of one pair, in the canonical order of summation.

    values   (n, dim)          float32
    queries  (n_queries, dim)  float32
    """
    dot, own, other = 0.0, 0.0, 0.0
    for i in range(values.shape[1]):
        x, q = np.float64(values[row, i]), np.float64(queries[query, i])
        if metric == 2:
            dot -= (x - q) * (x - q)
        else:
            dot += x * q
        if metric == 1:
            own += x * x
            other += q * q
    if metric == 1:
        norm = np.sqrt(own) * np.sqrt(other)
        return np.float32(dot / norm) if norm > 0 else np.float32(0.0)
    return np.float32(dot)


@reordered
def dot_products(values: Any, start: int, stop: int, query: Any, out: Any) -> None:
    """Write approximate inner products of rows start:stop with one query into out[:stop - start].

    values  (n, dim)  float32
    query   (dim,)    float32
    out     (rows,)   float32
    """
    for row in range(start, stop):
        total = np.float32(0.0)
        for i in range(values.shape[1]):
            total += values[row, i] * query[i]
        out[row - start] = total
