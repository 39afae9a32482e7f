"""Is a difference between two systems more than chance? A paired test and its correction.

The randomisation test asks how often a difference at least as large appears when, query by query,
the two systems are swapped at random; it assumes nothing about how scores are distributed
(Smucker, Allan and Carterette, CIKM 2007). Holm's correction keeps the chance of one false alarm
among several comparisons below the level (Holm, Scandinavian Journal of Statistics 1979).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexes.errors import InvalidInput

EXACT_QUERIES_MAX = 16
"""Up to here all 2**n swaps are enumerated; beyond, they are sampled."""

PERMUTATIONS = 100_000
"""Sampled swaps: the standard error of a p-value of 0.05 is then 0.0007."""

_BLOCK_CELLS = 2**20  # swaps × queries drawn at once, so that memory does not grow with either


def randomisation_test(system: ArrayLike, baseline: ArrayLike, *, seed: int = 0) -> float:
    """Return the two-sided p-value of a paired randomisation test on the mean difference.

    system, baseline  (n_queries,)  values of one measure, query by query in the same order

    Exact up to 16 queries that differ; else (1 + extreme) / (1 + 100 000) of seeded swaps, which
    is never 0. The same arguments give the same p-value. O(100 000 × n_queries).
    """
    first, second = np.asarray(system, np.float64), np.asarray(baseline, np.float64)
    if first.shape != second.shape or first.ndim != 1 or not np.isfinite(first - second).all():
        raise InvalidInput(
            f"a paired test needs two lists of finite values over the same queries, "
            f"got shapes {first.shape} and {second.shape}"
        )
    differences = first - second
    differences = differences[differences != 0]  # swapping equal values changes nothing
    # Sums of the same numbers in another order differ in the last bits: those are ties too.
    extreme = abs(differences.sum()) - 1e-12 * np.abs(differences).sum()
    if len(differences) <= EXACT_QUERIES_MAX:
        return float(np.mean(np.abs(_all_sums(differences)) >= extreme))
    return (1 + _count_extreme(differences, extreme, seed=seed)) / (1 + PERMUTATIONS)


def _all_sums(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate((sums + difference, sums - difference))
    return sums  # (2 ** n,)


def _count_extreme(differences: NDArray[np.float64], extreme: float, *, seed: int) -> int:
    generator, total, count = np.random.default_rng(seed), differences.sum(), 0
    block = max(1, _BLOCK_CELLS // len(differences))
    for start in range(0, PERMUTATIONS, block):
        shape = (min(block, PERMUTATIONS - start), len(differences))
        packed = np.frombuffer(generator.bytes(-(-shape[0] * shape[1] // 8)), np.uint8)
        swapped = np.unpackbits(packed, count=shape[0] * shape[1]).reshape(shape)
        sums = total - 2 * (swapped @ differences)  # a swap turns +d into −d
        count += int(np.count_nonzero(np.abs(sums) >= extreme))
    return count


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted by Holm's step-down method, in the order they came."""
    ascending = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    stepped = np.maximum.accumulate(np.asarray(p_values, np.float64)[ascending] * factors)
    adjusted = np.empty(len(p_values))
    adjusted[ascending] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def against_baseline(values: Mapping[str, ArrayLike], baseline: str) -> dict[str, float]:
    """Return the p-value of every other system against the baseline, Holm-adjusted over them.

    values  system -> (n_queries,)  one measure, every system over the same queries in one order
    """
    if baseline not in values:
        raise InvalidInput(f"the baseline {baseline!r} was not evaluated: {', '.join(values)} were")
    others = [name for name in values if name != baseline]
    tests = [randomisation_test(values[name], values[baseline]) for name in others]
    return dict(zip(others, holm(tests), strict=True))
