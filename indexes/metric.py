"""How two dense vectors are compared: the one place that knows signs and rounding.

A score is the float32 nearest to the float64 sum taken in the order of the dimensions, so that it
does not depend on the machine, the batch or the block a vector is scanned in.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.jit import kernel


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


@kernel
def exact_scores(
    values: Any, rows: Any, n: int, queries: Any, query: int, metric: int, out: Any
) -> None:
    """Write the scores of some rows, as `exact_score` has them, into out[:n].

    rows  (≥ n,)  integer  ordinals
    out   (≥ n,)  float32

    Four at a time: each sum waits for its last addition, so four take the time of one.
    """
    dim = values.shape[1]
    other = 0.0
    for i in range(dim):
        other += np.float64(queries[query, i]) * np.float64(queries[query, i])
    for first in range(0, n, 4):
        a, b = rows[first], rows[min(first + 1, n - 1)]
        c, d = rows[min(first + 2, n - 1)], rows[min(first + 3, n - 1)]
        dots, owns = (0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)
        for i in range(dim):
            q = np.float64(queries[query, i])
            w, x = np.float64(values[a, i]), np.float64(values[b, i])
            y, z = np.float64(values[c, i]), np.float64(values[d, i])
            if metric == 2:
                w, x, y, z = w - q, x - q, y - q, z - q
                dots = (dots[0] - w * w, dots[1] - x * x, dots[2] - y * y, dots[3] - z * z)
            else:
                dots = (dots[0] + w * q, dots[1] + x * q, dots[2] + y * q, dots[3] + z * q)
            if metric == 1:
                owns = (owns[0] + w * w, owns[1] + x * x, owns[2] + y * y, owns[3] + z * z)
        for place in range(first, min(first + 4, n)):
            score = dots[place - first]
            if metric == 1:
                norm = np.sqrt(owns[place - first]) * np.sqrt(other)
                score = score / norm if norm > 0 else 0.0
            out[place] = np.float32(score)
