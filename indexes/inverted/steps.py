"""Impacts in 255 steps of a term's largest, rounded up: block maxima and coded postings.

Whatever float32 rounds, a coded impact never stands for less than the impact does, nor its product
with a weight: steps and codes are a little larger than they need be, and never subnormal, where
rounding takes more than its share.
"""

from typing import Any

import numpy as np

from indexes.jit import kernel

STEPS = 255

_LARGER, _ROUNDED = np.float32((1.0 + 2.0**-18) / STEPS), np.float32(1.0 + 2.0**-20)

TINY = np.finfo(np.float32).tiny
"""The smallest float32 with all its digits."""


@kernel
def step(peak: Any) -> Any:
    """Return a 255th of the largest impact of a term, rounded up."""
    return max(np.float32(peak) * _LARGER, TINY)


@kernel
def code(impact: Any, unit: Any) -> Any:
    """Return an impact in steps of `unit`, rounded up: 0 for nothing, else from 1 to 255."""
    steps = min(np.ceil(np.float32(impact) / unit * _ROUNDED), np.float32(STEPS))
    return max(steps, np.float32(1.0)) if impact > 0 else np.float32(0.0)


@kernel
def worth(weight: Any, unit: Any) -> Any:
    """Return what a step adds to a score when the query's weight is `weight`."""
    product = np.float32(weight) * np.float32(unit)
    return max(product, TINY) if weight > 0 else np.float32(0.0)
