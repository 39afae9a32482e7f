"""Codes of documents.

A vector is centred, projected (`projection.py`) and cut into equal steps: value v of `bits` bits
stands for (v − (2^bits − 1) / 2) · step. For cosine, documents are coded at length 1.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.hnsw.projection import directions
from indexes.hnsw.settings import HnswBuild
from indexes.jit import kernel
from indexes.metric import Metric, norms_of
from indexes.packed import packed, values_per_line
from indexes.threads import for_chunks
from indexes.validate import frozen

STEPS = {8: 0.0308, 4: 0.3352, 2: 0.9957}
"""Bits → best step for a normal distribution of variance 1 (Max 1960, table II)."""

ROWS_PER_BLOCK = 4096
"""Rows that are coded at once: their codes before packing are small."""

SAMPLED = 8192
"""Documents whose deviation is taken."""

TINY = np.finfo(np.float32).tiny


class Coder(NamedTuple):
    """How vectors become codes.

    centre   (dim,)        float32  taken from documents before they are projected
    columns  (dim, width)  float32  see `directions`
    deviation              float32  of a projected value; steps are in its units
    """

    centre: NDArray[np.float32]
    columns: NDArray[np.float32]
    deviation: np.float32

    @classmethod
    def of(cls, values: NDArray[np.float32], build: HnswBuild) -> "Coder":
        """Learn from documents (n, dim); where vectors are read, for the building of the graph."""
        n, dim = values.shape
        total = np.zeros(dim)
        for start in range(0, n, ROWS_PER_BLOCK):
            block = directed(values[start : start + ROWS_PER_BLOCK], build.metric)
            total += block.sum(axis=0, dtype=np.float64)
        centre = frozen((total / max(n, 1)).astype(np.float32))
        places = np.linspace(0, n - 1, min(n, SAMPLED)).astype(np.int64)
        sample = directed(values[places], build.metric)
        step = values_per_line(build.bits or 8)
        columns = frozen(directions(sample - centre, step, build.dimensions, build.seed))
        squares = np.square(_projected(sample, centre, columns), dtype=np.float64)
        spread = np.float32(np.sqrt(squares.mean())) if n else np.float32(0)
        return cls(centre, columns, spread if 0 < spread < np.inf else np.float32(1.0))

    @property
    def width(self) -> int:
        """Number of values of a code."""
        return int(self.columns.shape[1])

    def step(self, bits: int) -> np.float32:
        """Return what neighbouring values of a code of so many bits differ by."""
        return np.float32(STEPS[bits]) * self.deviation

    def codes(self, values: NDArray[np.float32], metric: Metric, bits: int) -> NDArray[np.uint8]:
        """Return the codes of documents (n, bytes)."""
        out = np.empty((len(values), self.width * bits // 8), np.uint8)
        top = np.float32(2**bits - 1)
        for start in range(0, len(values), ROWS_PER_BLOCK):
            block = directed(values[start : start + ROWS_PER_BLOCK], metric)
            steps = _projected(block, self.centre, self.columns) / self.step(bits) + (top + 1) / 2
            # Numbers that float32 cannot add up have codes that say little.
            levels = np.clip(np.floor(np.nan_to_num(steps)), 0, top).astype(np.uint8)
            out[start : start + len(block)] = packed(levels, bits)
        return out


def directed(values: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """Return documents as they are coded: for cosine at length 1, or 0."""
    if metric != Metric.COSINE:
        return values
    norms = norms_of(values)[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where((norms > 0) & (norms < np.inf), values / np.maximum(norms, TINY), 0)


def _projected(
    values: NDArray[np.float32], centre: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    out = np.zeros((len(values), columns.shape[1]), np.float32)
    rows = frozen(values)
    for_chunks(lambda low, high: _project(rows, low, high, centre, columns, out), len(values))
    return out


@kernel
def _project(values: Any, low: int, high: int, centre: Any, columns: Any, out: Any) -> None:
    """Add the projections of rows low .. high − 1 to those of `out`.

    values   (n, dim)      float32
    centre   (dim,)        float32
    columns  (dim, width)  float32
    out      (n, width)    float32
    """
    dim = values.shape[1]
    for row in range(low, high):
        # Four at once are read and written once; the order of additions is that of one by one.
        for i in range(0, dim - 3, 4):
            a, b = values[row, i] - centre[i], values[row, i + 1] - centre[i + 1]
            c, d = values[row, i + 2] - centre[i + 2], values[row, i + 3] - centre[i + 3]
            for j in range(columns.shape[1]):
                total = out[row, j] + a * columns[i, j]
                total = total + b * columns[i + 1, j]
                total = total + c * columns[i + 2, j]
                out[row, j] = total + d * columns[i + 3, j]
        for i in range(dim // 4 * 4, dim):
            a = values[row, i] - centre[i]
            for j in range(columns.shape[1]):
                out[row, j] += a * columns[i, j]
