"""Directions that vectors are coded along: of the largest variance, then mixed.

Embeddings vary much in some directions and hardly in others. Codes keep a number of the first and
drop the rest: a basis of the dominant subspace of the covariance, found by subspace iteration
(Halko, Martinsson and Tropp 2011, algorithm 4.4), which is turned at random within that subspace so
that every dimension varies alike and one step of a code suits all. Sums are taken in one order, so
that the same vectors give the same directions on any machine and any number of threads.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.jit import kernel
from indexes.threads import for_chunks

SAMPLED = 8192
"""Vectors that a covariance is taken of."""

ITERATIONS = 6
"""Multiplications with the covariance: the spectrum of embeddings falls off slowly."""

ENERGY = 0.95
"""Share of the variance that is kept, where no number of dimensions is asked for."""

RIDGE = 1e-6
"""Of the mean variance, added to each: no direction vanishes where vectors are few."""

Doubles = NDArray[np.float64]


def directions(
    rows: NDArray[np.float32], step: int, asked: int | None, seed: int
) -> NDArray[np.float32]:
    """Return columns (dim, width) that keep inner products, as far as width < dim lets them.

    Args:
        rows: centred vectors (n, dim); of many, some are taken.
        step: width is a multiple of it.
        asked: how many directions to keep, at the least; None: as few as hold `ENERGY`.
        seed: of the random turn.
    """
    dim = rows.shape[1]
    random = np.random.default_rng(seed)
    basis = np.eye(dim)
    most = (dim - 1) // step * step if asked is None else -(-asked // step) * step
    if 0 < most < dim and len(rows):
        basis = _dominant(rows, random.standard_normal((most, dim)), step, asked)
    width = -(-len(basis) // step) * step
    turn = random.standard_normal((width, width))
    _orthonormalise(turn)
    return _product(np.ascontiguousarray(basis.T), turn[: len(basis)]).astype(np.float32)


def _dominant(rows: NDArray[np.float32], basis: Doubles, step: int, asked: int | None) -> Doubles:
    """Return a basis (width, dim) of the directions of largest variance, all if few are not enough.

    basis  (most, dim)  what iterations start from
    """
    places = np.linspace(0, len(rows) - 1, min(len(rows), SAMPLED)).astype(np.int64)
    sample, dim = np.ascontiguousarray(rows[places]), rows.shape[1]
    covariance = np.zeros((dim, dim))
    for_chunks(lambda low, high: _covariance(sample, low, high, covariance), dim)
    variance = float(np.trace(covariance))
    covariance += np.eye(dim) * (RIDGE * variance / dim or 1.0)
    _orthonormalise(basis)
    for _ in range(ITERATIONS):
        basis = _product(basis, covariance)
        _orthonormalise(basis)
    if not np.isfinite(basis).all():  # of numbers that float32 cannot add up
        return np.eye(dim)
    if asked is not None:
        return basis
    held = np.cumsum((_product(basis, covariance) * basis).sum(axis=1))
    enough = np.flatnonzero(held[step - 1 :: step] >= ENERGY * variance)
    return basis[: (int(enough[0]) + 1) * step] if len(enough) else np.eye(dim)


def _product(left: Doubles, right: Doubles) -> Doubles:
    """Return left @ right, added up in one order."""
    out = np.zeros((len(left), right.shape[1]))
    for_chunks(lambda low, high: _multiply(left, right, low, high, out), len(left))
    return out


@kernel
def _covariance(rows: Any, low: int, high: int, out: Any) -> None:
    """Add up rows low .. high − 1 of the covariance.

    rows  (n, dim)    float32  centred
    out   (dim, dim)  float64
    """
    for row in range(len(rows)):
        for i in range(low, high):
            factor = np.float64(rows[row, i])
            for j in range(rows.shape[1]):
                out[i, j] += factor * rows[row, j]


@kernel
def _multiply(left: Any, right: Any, low: int, high: int, out: Any) -> None:
    """Write rows low .. high − 1 of left @ right; all are float64."""
    for i in range(low, high):
        for j in range(left.shape[1]):
            factor = left[i, j]
            for k in range(right.shape[1]):
                out[i, k] += factor * right[j, k]


@kernel
def _orthonormalise(rows: Any) -> None:
    """Make the rows (m, dim) orthonormal, one after the other (modified Gram–Schmidt)."""
    for i in range(len(rows)):
        for j in range(i):
            dot = 0.0
            for k in range(rows.shape[1]):
                dot += rows[i, k] * rows[j, k]
            for k in range(rows.shape[1]):
                rows[i, k] -= dot * rows[j, k]
        squares = 0.0
        for k in range(rows.shape[1]):
            squares += rows[i, k] * rows[i, k]
        scale = 1.0 / np.sqrt(squares)
        for k in range(rows.shape[1]):
            rows[i, k] *= scale
