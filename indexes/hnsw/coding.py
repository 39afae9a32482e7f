"""What an index holds of its documents to be compared with queries, and how queries are made ready.

A query is projected and cut to int8, in whole numbers. Its inner product with a code is a sum of
whole numbers, the same on every CPU; it differs from the true one by a factor and a term that all
documents share. Inner product and cosine rank by it as it is. Of the squared distance
|q − x|² = |q|² − 2 (q·x − |x|² / 2) the half square, `biases`, is taken off.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.errors import CorruptIndex
from indexes.hnsw.codes import ROWS_PER_BLOCK, TINY, Coder
from indexes.hnsw.graph import Graph
from indexes.hnsw.settings import HnswBuild
from indexes.hnsw.traversal import Space
from indexes.jit import kernel
from indexes.metric import Metric
from indexes.packed import LINE, cut, dot, values_per_line
from indexes.validate import check_array, check_finite, frozen, stored
from indexes.vectors import DenseVectors

LARGEST = np.finfo(np.float32).max

_NONE = frozen(np.empty(0, np.float32))


class Lens(NamedTuple):
    """How queries are projected.

    origin  (dim,)                   float32  what is taken from a query first
    codes   (width · wide,) or (0,)  uint8    directions as rows, values + 128; `wide` is dim in
                                              whole lines; none: queries stay as they are
    step    float32                  of the directions
    unit    float32                  of the documents' codes
    width   values of a code
    """

    origin: NDArray[np.float32]
    codes: NDArray[np.uint8]
    step: np.float32
    unit: np.float32
    width: int

    @classmethod
    def none(cls, dim: int) -> "Lens":
        """Return what leaves queries as they are."""
        one = np.float32(1)
        origin = frozen(np.zeros(dim, np.float32))
        return cls(origin, frozen(np.empty(0, np.uint8)), one, one, 0)

    @classmethod
    def of(cls, coder: Coder, build: HnswBuild) -> "Lens":
        """Return what queries are seen through where documents are coded."""
        dim, width = coder.columns.shape
        largest = np.float32(np.abs(coder.columns).max(initial=TINY))
        steps = np.rint(coder.columns.T * (np.float32(127) / largest)).astype(np.int16)
        codes = np.full((width, -(-dim // LINE) * LINE), 128, np.uint8)
        codes[:, :dim] = (steps + 128).astype(np.uint8)
        euclidean = build.metric == Metric.EUCLIDEAN
        origin = coder.centre if euclidean else frozen(np.zeros(dim, np.float32))
        step, unit = largest / np.float32(127), coder.step(build.bits)
        return cls(origin, frozen(codes.reshape(-1)), step, unit, width)


class Coding(NamedTuple):
    """Codes of the documents and how they came to be; where vectors are read, only `biases`.

    codes      (n, n_bytes)    uint8    see `indexes.packed`
    centre     (dim,)          float32  see `Coder`, as the next two
    columns    (dim, width)    float32
    deviation  (1,)            float32
    biases     (n,) or (0,)    float32  half the squared length of each centred document; none
                                        where products rank
    """

    codes: NDArray[np.uint8]
    centre: NDArray[np.float32]
    columns: NDArray[np.float32]
    deviation: NDArray[np.float32]
    biases: NDArray[np.float32]

    @classmethod
    def of(cls, values: NDArray[np.float32], coder: Coder, build: HnswBuild) -> "Coding":
        """Code documents (n, dim)."""
        if not build.bits:
            return cls._uncoded(_biases(values, np.zeros_like(coder.centre), build.metric))
        return cls(
            frozen(coder.codes(values, build.metric, build.bits)),
            coder.centre,
            coder.columns,
            frozen(np.array([coder.deviation], np.float32)),
            _biases(values, coder.centre, build.metric),
        )

    @classmethod
    def _uncoded(cls, biases: NDArray[np.float32]) -> "Coding":
        none = frozen(np.empty((0, 0), np.uint8))
        return cls(none, _NONE, frozen(np.empty((0, 0), np.float32)), _NONE, biases)

    @classmethod
    def from_arrays(
        cls, vectors: DenseVectors, arrays: Mapping[str, NDArray[Any]], build: HnswBuild
    ) -> "Coding":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        n, dim = len(vectors), min(vectors.dimension, build.prefix or vectors.dimension)
        biases = stored(arrays, "biases")
        check_array("biases", biases, np.float32, (n if build.metric == Metric.EUCLIDEAN else 0,))
        check_finite("biases", biases, CorruptIndex)
        if not build.bits:
            return cls._uncoded(frozen(biases))
        codes, centre, columns, deviation = (stored(arrays, name) for name in cls._fields[:4])
        check_array("centre", centre, np.float32, (dim,))
        check_array("columns", columns, np.float32, (dim, -1))
        check_array("deviation", deviation, np.float32, (1,))
        for name, array in (("centre", centre), ("columns", columns), ("deviation", deviation)):
            check_finite(name, array, CorruptIndex)
        width = columns.shape[1]
        if deviation[0] <= 0 or not width or width % values_per_line(build.bits):
            raise CorruptIndex(
                f"codes of {width} values with a deviation of {deviation[0]:g} cannot be: "
                "the file is damaged"
            )
        check_array("codes", codes, np.uint8, (n, width * build.bits // 8))
        return cls(*map(frozen, (codes, centre, columns, deviation, biases)))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is stored."""
        own: dict[str, NDArray[Any]] = self._asdict()
        return own if self.codes.shape[1] else {"biases": self.biases}

    def space(
        self, vectors: DenseVectors, norms: NDArray[np.float32], graph: Graph, build: HnswBuild
    ) -> tuple[Space, Lens]:
        """Return what a search reads; `norms` (n,) are the lengths of the vectors."""
        values, factors = vectors.values, _NONE
        flat = frozen(values.reshape(-1))
        if not build.bits:
            if build.metric == Metric.COSINE:
                factors = frozen(np.where(norms > 0, 1 / np.maximum(norms, TINY), 0).astype("f4"))
            n_bytes = values.shape[1] * 4
            space = Space(flat.view(np.uint8), flat, factors, self.biases, n_bytes, 0, graph)
            return space, Lens.none(values.shape[1])
        coder = Coder(self.centre, self.columns, np.float32(self.deviation[0]))
        codes, n_bytes = frozen(self.codes.reshape(-1)), self.codes.shape[1]
        space = Space(codes, flat, factors, self.biases, n_bytes, build.bits, graph)
        return space, Lens.of(coder, build)


def _biases(
    values: NDArray[np.float32], centre: NDArray[np.float32], metric: Metric
) -> NDArray[np.float32]:
    if metric != Metric.EUCLIDEAN:
        return _NONE
    out = np.empty(len(values), np.float32)
    for start in range(0, len(values), ROWS_PER_BLOCK):
        block = values[start : start + ROWS_PER_BLOCK] - centre.astype(np.float64)
        squares = np.einsum("ij,ij->i", block, block) / 2
        out[start : start + len(block)] = np.minimum(squares, LARGEST)
    return frozen(out)


@kernel
def see(lens: Any, query: Any, floats: Any, whole: Any, out: Any) -> Any:
    """Write a query, projected, as int8; return what a step of its product with a code stands for.

    query   (≥ dim,)       float32
    floats  (≥ dim, width) float32  memory
    whole   (wide,)        int8     memory, zero beyond dim
    out     (width,)       int8
    """
    origin, codes, step, unit, width = lens
    dim, wide = len(origin), len(whole)
    for i in range(dim):
        floats[i] = query[i] - origin[i]
    factor = cut(floats, dim, whole) * step
    zero, eight = np.int64(0), np.int64(8)  # a literal would be a type of its own
    total = zero
    for i in range(dim):
        total += whole[i]
    for j in range(width):
        product = np.int64(dot(codes, j * wide, whole, zero, wide, eight)) - 128 * total
        floats[j] = np.float32(product) * factor
    return cut(floats, width, out) * unit
