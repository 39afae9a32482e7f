"""Dense vectors: one per document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.errors import InvalidVectors
from indexes.validate import check_matrix, check_numbers, check_values, frozen, stored


@dataclass(frozen=True, slots=True)
class DenseVectors:
    """One vector of the same dimension per document.

    values  (n, dimension)  float32, finite
    """

    values: NDArray[np.float32]

    @classmethod
    def of(cls, values: Any) -> "DenseVectors":
        """Check and wrap a matrix; raises `InvalidVectors` on a wrong shape, NaN or infinity."""
        return cls(frozen(check_matrix("vectors", values)))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "DenseVectors":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        values = stored(arrays, "values")
        check_values("values", values, [np.float32])
        return cls(frozen(values))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that make these vectors."""
        return {"values": self.values}

    def __len__(self) -> int:
        return len(self.values)

    @property
    def dimension(self) -> int:
        """Number of components of each vector."""
        return int(self.values.shape[1])

    def take(self, rows: NDArray[np.int64]) -> "DenseVectors":
        """Return the vectors at `rows`, in that order."""
        return DenseVectors(frozen(self.values[rows]))

    def queries(self, values: Any) -> "DenseVectors":
        """Check query vectors against these: (n_queries, dimension) or one (dimension,).

        Raises:
            InvalidVectors: another dimension, NaN or infinity.
        """
        queries: DenseVectors = values
        if not isinstance(values, DenseVectors):
            rows = np.atleast_2d(check_numbers("queries", values))
            queries = DenseVectors(frozen(check_matrix("queries", rows)))
        if len(self) and queries.dimension != self.dimension:
            raise InvalidVectors(
                f"queries have dimension {queries.dimension}, the index {self.dimension}: "
                "encode them with the encoder of the documents"
            )
        return queries

    @classmethod
    def concatenate(cls, parts: Sequence["DenseVectors"]) -> "DenseVectors":
        """Return all vectors of `parts`, which must share one dimension."""
        if len({part.dimension for part in parts}) > 1:
            sizes = sorted({part.dimension for part in parts})
            raise InvalidVectors(f"vectors of dimensions {sizes} cannot share one index")
        return cls(frozen(np.concatenate([part.values for part in parts])))
