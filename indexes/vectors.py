"""What encoders hand over: dense and sparse vectors, as plain arrays that are checked once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexes.errors import CorruptIndex, InvalidVectors
from indexes.strings import Strings, union
from indexes.validate import (
    check_array,
    check_finite,
    check_integers,
    check_matrix,
    check_numbers,
    check_offsets,
    check_rising,
    check_weights,
    frozen,
    stored,
)


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
        check_array("values", values, np.float32, (-1, -1))
        if values.shape[1] == 0:
            raise CorruptIndex("values has dimension 0: the file is damaged")
        check_finite("values", values, CorruptIndex)
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

    @classmethod
    def concatenate(cls, parts: Sequence["DenseVectors"]) -> "DenseVectors":
        """Return all vectors of `parts`, which must share one dimension."""
        if len({part.dimension for part in parts}) > 1:
            sizes = sorted({part.dimension for part in parts})
            raise InvalidVectors(f"vectors of dimensions {sizes} cannot share one index")
        return cls(frozen(np.concatenate([part.values for part in parts])))


@dataclass(frozen=True, slots=True)
class SparseVectors:
    """Weighted terms per document, row by row (CSR).

    offsets     (n + 1,)  int64             row i owns terms[offsets[i]:offsets[i + 1]]
    terms       (nnz,)    int32             rising inside a row, each < len(vocabulary)
    weights     (nnz,)    uint8 or float32  finite, not negative
    vocabulary  (n_terms) UTF-8 strings in byte order: the names of the terms
    """

    offsets: NDArray[np.int64]
    terms: NDArray[np.int32]
    weights: NDArray[Any]
    vocabulary: Strings

    _CSR: ClassVar = ("offsets", "terms", "weights")

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, float]]) -> "SparseVectors":
        """Build from one mapping of term to weight per document; zero weights are dropped."""
        kept = [{term: w for term, w in row.items() if w != 0} for row in rows]
        names = sorted({term for row in kept for term in row})
        position = {term: i for i, term in enumerate(names)}
        lengths = [len(row) for row in kept]
        flat = sorted(
            ((i, position[term], w) for i, row in enumerate(kept) for term, w in row.items()),
            key=lambda cell: cell[:2],
        )
        terms = np.array([cell[1] for cell in flat], np.int32)
        weights = np.array([cell[2] for cell in flat], np.float64)
        try:
            vocabulary = Strings.of(name.encode() for name in names)
        except UnicodeEncodeError as error:
            raise InvalidVectors(f"a term is not Unicode: {error}") from error
        return cls.of(np.cumsum([0, *lengths]), terms, weights, vocabulary)

    @classmethod
    def of(cls, offsets: Any, terms: Any, weights: Any, vocabulary: Strings) -> "SparseVectors":
        """Check and wrap CSR arrays; small whole weights are stored as uint8.

        Raises:
            InvalidVectors: negative, NaN or infinite weights, or arrays that do not fit together.
        """
        values = check_numbers("sparse weights", weights)
        if values.dtype != np.uint8:
            with np.errstate(over="ignore"):
                values = values.astype(np.float32)
            check_finite("sparse weights", values, InvalidVectors)
            if (values < 0).any():
                raise InvalidVectors("sparse weights must not be negative: clip them at 0")
            if values.size == 0 or (values.max() <= 255 and (values == np.rint(values)).all()):
                values = values.astype(np.uint8)
        vectors = cls(
            frozen(check_integers("offsets", offsets, np.int64)),
            frozen(check_integers("terms", terms, np.int32)),
            frozen(values),
            vocabulary,
        )
        try:
            vectors._check()
        except CorruptIndex as error:
            raise InvalidVectors(str(error)) from error
        return vectors

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "SparseVectors":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        vocabulary = Strings.from_arrays(arrays, "vocabulary")
        offsets, terms, weights = (frozen(stored(arrays, name)) for name in cls._CSR)
        vectors = cls(offsets, terms, weights, vocabulary)
        vectors._check()
        return vectors

    def _check(self) -> None:
        check_array("terms", self.terms, np.int32, (-1,))
        check_offsets("offsets", self.offsets, len(self.terms))
        check_weights("weights", self.weights, len(self.terms))
        check_rising("terms", self.terms, self.offsets)
        if not self.vocabulary.rises():
            raise CorruptIndex("the vocabulary is not in byte order, or names a term twice")
        if len(self.terms) and not 0 <= self.terms.min() <= self.terms.max() < len(self.vocabulary):
            raise CorruptIndex(f"terms reach outside the vocabulary of {len(self.vocabulary)}")

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that make these vectors."""
        own: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in self._CSR}
        return own | self.vocabulary.arrays("vocabulary")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def row(self, row: int) -> dict[str, float]:
        """Return one vector as a mapping of term to weight."""
        span = slice(self.offsets[row], self.offsets[row + 1])
        names = (self.vocabulary[int(term)].decode() for term in self.terms[span])
        return dict(zip(names, map(float, self.weights[span]), strict=True))

    def take(self, rows: NDArray[np.int64]) -> "SparseVectors":
        """Return the vectors at `rows`, in that order, over the terms they still use."""
        counts = self.offsets[rows + 1] - self.offsets[rows]
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(counts, out=offsets[1:])
        cells = np.repeat(self.offsets[rows] - offsets[:-1], counts) + np.arange(offsets[-1])
        used = np.zeros(len(self.vocabulary), bool)
        used[self.terms[cells]] = True
        move = np.cumsum(used, dtype=np.int32) - np.int32(1)
        vocabulary = self.vocabulary.take(np.flatnonzero(used))
        terms, weights = move[self.terms[cells]], self.weights[cells]
        return SparseVectors(frozen(offsets), frozen(terms), frozen(weights), vocabulary)

    @classmethod
    def concatenate(cls, parts: Sequence["SparseVectors"]) -> "SparseVectors":
        """Return all rows of `parts` over the union of their vocabularies."""
        vocabulary, moves = union([part.vocabulary for part in parts])
        terms = [move[part.terms] for move, part in zip(moves, parts, strict=True)]
        counts = [np.diff(part.offsets) for part in parts]
        offsets = np.zeros(sum(map(len, parts)) + 1, np.int64)
        np.cumsum(np.concatenate(counts), out=offsets[1:])
        weights = np.concatenate([part.weights for part in parts])  # uint8 with float32 is float32
        return cls(frozen(offsets), frozen(np.concatenate(terms)), frozen(weights), vocabulary)


Vectors: TypeAlias = DenseVectors | SparseVectors
Kind = TypeVar("Kind", DenseVectors, SparseVectors)


def gathered(batches: Kind | Iterable[Kind], kind: type[Kind]) -> Kind:
    """Return what an index is built from, given whole or in batches, as one.

    Raises:
        InvalidVectors: no batch at all, or one of another kind.
    """
    if isinstance(batches, kind):
        return batches
    parts = list(batches) if isinstance(batches, Iterable) else [batches]
    if not parts:
        raise InvalidVectors("no vectors to index: pass at least one batch, it may be empty")
    for part in parts:
        if not isinstance(part, kind):
            name = kind.__name__
            raise InvalidVectors(
                f"{type(part).__name__} cannot be indexed: pass {name}, such as {name}.of(…)"
            )
    return parts[0] if len(parts) == 1 else kind.concatenate(parts)
