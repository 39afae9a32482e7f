"""Exhaustive search over dense vectors: exact, and the fastest choice for small collections.

The answer equals brute force over the stored values, ids and scores, ties by lower ordinal
(`indexes.exhaustive`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from indexes.bitmap import Bitmap
from indexes.errors import InvalidInput
from indexes.exhaustive import Rows, Storage
from indexes.hits import Hits
from indexes.metric import Metric
from indexes.validate import (
    check_candidates,
    check_k,
    check_one,
    check_ordinal,
    check_ordinals,
    check_settings,
)
from indexes.vectors import DenseVectors, gathered


@dataclass(frozen=True, slots=True)
class FlatBuild:
    """Settings of a flat index.

    metric   how vectors are compared
    storage  what a search reads of each document: a code of a byte a dimension, kept beside the
             vector, or the float32 vector itself, which is slower. Answers are the same

    Raises:
        InvalidInput: no such storage.
    """

    metric: Metric = Metric.INNER_PRODUCT
    storage: Storage = "int8"

    def __post_init__(self) -> None:
        if self.storage not in get_args(Storage):
            raise InvalidInput(f"storage is {self.storage!r}: use one of {list(get_args(Storage))}")


@dataclass(frozen=True, slots=True)
class FlatSearch:
    """Settings of a search in a flat index: there are none, it is always exact."""


class Flat:
    """An exhaustive dense index: the vectors themselves, their lengths and their codes."""

    kind = "flat"
    format_version = 2
    Vectors = DenseVectors
    Build = FlatBuild
    Search = FlatSearch

    def __init__(self, vectors: DenseVectors, rows: Rows, build: FlatBuild) -> None:
        self._vectors, self._rows, self.settings = vectors, rows, build

    @classmethod
    def build(
        cls,
        batches: NDArray[Any] | DenseVectors | Iterable[DenseVectors],
        settings: FlatBuild | None = None,
    ) -> "Flat":
        """Index vectors: a matrix (n, dimension), `DenseVectors`, or batches of them.

        Raises:
            InvalidVectors: NaN or infinity, no batch at all, or batches of different dimensions.
        """
        if isinstance(batches, np.ndarray):
            return cls.build(DenseVectors.of(batches), settings)
        vectors = gathered(cast("DenseVectors | Iterable[DenseVectors]", batches), DenseVectors)
        build = check_settings(settings, FlatBuild)
        return cls(vectors, Rows.of(vectors, build.metric, build.storage), build)

    @classmethod
    def from_arrays(
        cls, vectors: DenseVectors, arrays: Mapping[str, NDArray[Any]], settings: FlatBuild
    ) -> "Flat":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        rows = Rows.from_arrays(vectors, arrays, settings.metric, settings.storage)
        return cls(vectors, rows, settings)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays derived from the vectors, those of `Rows`."""
        return self._rows.arrays()

    def __len__(self) -> int:
        return len(self._vectors)

    def vectors(self, ordinals: NDArray[np.int64] | None = None) -> DenseVectors:
        """Return the stored vectors, all or those at `ordinals`."""
        if ordinals is None:
            return self._vectors
        return self._vectors.take(check_ordinals(ordinals, len(self)))

    def queries(self, values: Any) -> DenseVectors:
        """Check query vectors against this index: (n_queries, dimension) or one (dimension,)."""
        return self._vectors.queries(values)

    def search(
        self,
        queries: Any,
        k: int,
        settings: FlatSearch | None = None,
        *,
        allowed: Bitmap | None = None,
    ) -> Hits:
        """Return the k best documents of each query, exactly.

        Raises:
            InvalidVectors: queries of another dimension, or with NaN or infinity.
            InvalidInput: k negative, or `allowed` of another size.
        """
        check_settings(settings, FlatSearch)
        return self._rows.search(self.queries(queries).values, check_k(k), allowed)

    def score(
        self, queries: Any, candidates: NDArray[np.integer], settings: FlatSearch | None = None
    ) -> NDArray[np.float32]:
        """Return the exact scores of candidates (n_queries, m), −inf where a candidate is −1."""
        check_settings(settings, FlatSearch)
        batch = self.queries(queries).values
        ids = check_candidates(candidates, len(batch), len(self))
        return self._rows.score(batch, ids)

    def explain(
        self, query: Any, ordinal: int, settings: FlatSearch | None = None
    ) -> dict[str, float]:
        """Return the score of one document and the numbers it is made of."""
        check_settings(settings, FlatSearch)
        batch, row = check_one(self.queries(query)), check_ordinal(ordinal, len(self))
        return self._rows.explain(batch.values, row)
