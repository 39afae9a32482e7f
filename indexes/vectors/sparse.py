"""Sparse vectors: weighted terms per document."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from indexes.errors import CorruptIndex, InvalidVectors
from indexes.strings import Strings, union
from indexes.validate import (
    check_array,
    check_finite,
    check_integers,
    check_numbers,
    check_offsets,
    check_rising,
    check_weights,
    frozen,
    stored,
)
from indexes.vectors import ragged


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
    def of_json(cls, lines: Iterable[str | bytes]) -> tuple[list[str], "SparseVectors"]:
        """Read Anserini's JSON vectors, `{"id": …, "vector": {term: weight}}`, and their ids.

        Raises:
            InvalidVectors: a line that is no such record.
        """
        ids, rows = [], []
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                ids.append(str(record["id"]))
                rows.append({str(t): float(w) for t, w in record["vector"].items()})
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise InvalidVectors(
                    f'line {number} is no {{"id": …, "vector": {{term: weight}}}}: {error!r}'
                ) from error
        return ids, cls.of_rows(rows)

    @classmethod
    def of_matrix(cls, matrix: Any, vocabulary: Strings | None = None) -> "SparseVectors":
        """Convert a sparse matrix or array of scipy (n, n_terms), whose columns are terms.

        Args:
            matrix: of any format; zeros are dropped, duplicates summed.
            vocabulary: the names of the columns, in byte order; None: their numbers, with zeros
                before them so that they are. Documents and queries share one.

        Raises:
            InvalidVectors: no sparse matrix, negative or infinite weights, or names that do not
                fit its columns.
        """
        if not hasattr(matrix, "tocsr") or matrix.ndim != 2:
            raise InvalidVectors(f"{type(matrix).__name__} is no sparse matrix: pass one of scipy")
        csr = matrix.tocsr(copy=True)
        csr.sum_duplicates()
        csr.eliminate_zeros()
        csr.sort_indices()
        n_terms = csr.shape[1]
        if vocabulary is None:
            width = len(str(max(n_terms - 1, 0)))
            vocabulary = Strings.of(b"%0*d" % (width, term) for term in range(n_terms))
        if len(vocabulary) != n_terms:
            raise InvalidVectors(f"{len(vocabulary)} names do not fit {n_terms} columns")
        return cls.of(csr.indptr, csr.indices, csr.data, vocabulary)

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
        offsets, cells = ragged.taken(self.offsets, rows)
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
        offsets = ragged.joined([part.offsets for part in parts])
        terms, stop = np.empty(offsets[-1], np.int32), 0
        for move, part in zip(moves, parts, strict=True):
            start, stop = stop, stop + len(part.terms)
            terms[start:stop] = move[part.terms]
        weights = np.concatenate([part.weights for part in parts])  # uint8 with float32 is float32
        return cls(frozen(offsets), frozen(terms), frozen(weights), vocabulary)
