"""Multi-vectors: one vector per token of each document, for late interaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from indexes.errors import CorruptIndex, InvalidVectors
from indexes.validate import (
    check_integers,
    check_matrix,
    check_numbers,
    check_offsets,
    check_values,
    frozen,
    stored,
)
from indexes.vectors import ragged


@dataclass(frozen=True, slots=True)
class MultiVectors:
    """Any number of vectors of the same dimension per document, one for each of its tokens.

    values   (n_tokens, dimension)  float16 or float32, finite
    offsets  (n + 1,)               int64  row i owns values[offsets[i]:offsets[i + 1]]
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    _DTYPES: ClassVar = (np.dtype(np.float16), np.dtype(np.float32))

    @classmethod
    def of(cls, values: Any, offsets: Any) -> "MultiVectors":
        """Check and wrap token vectors; float16 is kept, every other type becomes float32.

        Raises:
            InvalidVectors: NaN or infinity, or arrays that do not fit together.
        """
        numbers = check_numbers("token vectors", values)
        dtype = np.float16 if numbers.dtype == np.float16 else np.float32
        matrix = frozen(check_matrix("token vectors", numbers, dtype))
        starts = frozen(check_integers("offsets", offsets, np.int64))
        try:
            check_offsets("offsets", starts, len(matrix))
        except CorruptIndex as error:
            raise InvalidVectors(str(error)) from error
        return cls(matrix, starts)

    @classmethod
    def of_rows(cls, rows: Sequence[Any], *, dimension: int | None = None) -> "MultiVectors":
        """Build from one matrix (n_tokens, dimension) per document.

        Args:
            rows: matrices; float16 is kept where all of them are.
            dimension: needed only where there may be no row at all.

        Raises:
            InvalidVectors: NaN or infinity, or matrices of different dimensions.
        """
        if len(rows) == 0:
            if dimension is None:
                raise InvalidVectors("no rows: pass dimension=…, it cannot be seen from them")
            return cls.of(np.empty((0, dimension), np.float32), [0])
        parts = [cls._of_row(i, row) for i, row in enumerate(rows)]
        whole = cls.concatenate(parts)
        if dimension not in (None, whole.dimension):
            raise InvalidVectors(f"rows have dimension {whole.dimension}, not {dimension}")
        return whole

    @classmethod
    def _of_row(cls, row: int, values: Any) -> "MultiVectors":
        matrix = check_numbers(f"row {row}", values)
        if matrix.ndim != 2:
            raise InvalidVectors(
                f"row {row} has shape {matrix.shape}: pass (n_tokens, dimension) numbers"
            )
        return cls.of(matrix, [0, len(matrix)])

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "MultiVectors":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        values, offsets = stored(arrays, "values"), stored(arrays, "offsets")
        check_values("values", values, cls._DTYPES)
        check_offsets("offsets", offsets, len(values))
        return cls(frozen(values), frozen(offsets))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that make these vectors."""
        return {"values": self.values, "offsets": self.offsets}

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def dimension(self) -> int:
        """Number of components of each token vector."""
        return int(self.values.shape[1])

    def row(self, row: int) -> NDArray[Any]:
        """Return the token vectors (n_tokens, dimension) of one document."""
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def take(self, rows: NDArray[np.int64]) -> "MultiVectors":
        """Return the documents at `rows`, in that order."""
        offsets, tokens = ragged.taken(self.offsets, rows)
        return MultiVectors(frozen(self.values[tokens]), frozen(offsets))

    @classmethod
    def concatenate(cls, parts: Sequence["MultiVectors"]) -> "MultiVectors":
        """Return all rows of `parts`, which must share one dimension; float32 if any part is."""
        if len({part.dimension for part in parts}) > 1:
            sizes = sorted({part.dimension for part in parts})
            raise InvalidVectors(f"vectors of dimensions {sizes} cannot share one index")
        values = np.concatenate([part.values for part in parts])
        return cls(frozen(values), frozen(ragged.joined([part.offsets for part in parts])))
