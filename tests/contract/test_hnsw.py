"""A graph keeps the promises of every index: by scoring all, and by walking wherever it leads."""

from typing import Any, ClassVar

import numpy as np
import pytest
import reference
from contract.promises import IndexContract, N

from indexes.errors import InvalidVectors
from indexes.flat import FlatSearch
from indexes.hits import Hits
from indexes.hnsw import Hnsw, HnswBuild, HnswSearch
from indexes.hnsw import index as hnsw_index
from indexes.metric import Metric
from indexes.vectors import DenseVectors, SparseVectors


def linked(*settings: Any, **more: Any) -> HnswBuild:
    """Return settings of an index that has a graph, however few documents."""
    return HnswBuild(*settings, graph_from=0, **more)


class HnswContract(IndexContract):
    kind = Hnsw
    other_vectors = SparseVectors.of_rows([{"a": 1.0}])
    other_settings = FlatSearch()
    build_with: ClassVar = linked()

    def documents(self, n: int = N) -> DenseVectors:
        values = np.random.default_rng(1).integers(-2, 3, (N, 3))
        values[::7] = 0
        return DenseVectors.of(values[:n])

    def queries(self, n: int = 11) -> DenseVectors:
        values = np.random.default_rng(2).integers(-2, 3, (max(n, 11), 3))
        values[4] = 0
        return DenseVectors.of(values[:n])

    def brute_force(self, k: int, mask: Any = None) -> Hits:
        values, queries = self.documents().values, self.queries().values
        metric = self.build_with.metric
        return reference.flat_search(values, queries, k, metric=metric, mask=mask)

    def search_with(self, index: Any, value: float) -> object:
        return index.search(np.array([[0.0, value, 0.0]]), 1)

    @property
    def build_settings(self) -> HnswBuild:
        return self.build_with

    def test_another_dimension_is_refused(self, index: Hnsw) -> None:
        for wrong in (np.zeros((1, 4)), np.zeros(2), np.zeros((0, 2)), np.zeros((1, 0))):
            with pytest.raises(InvalidVectors, match="dimension"):
                index.search(wrong, 1)


class TestHnswFew(HnswContract):
    """So few that all are scored."""

    build_with = HnswBuild(Metric.COSINE)


@pytest.mark.compiled
class TestHnswOfAnEmptyGraph(HnswContract):
    """As few, with a graph that is not worth walking."""


@pytest.mark.compiled
class WalkedContract(HnswContract):
    """The graph is walked, however few there are; candidates enough for all of them."""

    settings: ClassVar = HnswSearch(ef_search=2 * N, rescored=2 * N)

    @pytest.fixture(autouse=True)
    def _all_walk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hnsw_index, "ROW_NS", 10**9)


class TestHnswWalked(WalkedContract):
    pass


class TestHnswWalkedInt8Cosine(WalkedContract):
    build_with = linked(Metric.COSINE, "int8", M=4, entry="sampled")


class TestHnswWalkedFloat32Euclidean(WalkedContract):
    build_with = linked(Metric.EUCLIDEAN, "float32", M=3, insertion="given")


class TestHnswWalkedInt4Euclidean(WalkedContract):
    build_with = linked(Metric.EUCLIDEAN, M=2)


class TestHnswWalkedFloat32Cosine(WalkedContract):
    build_with = linked(Metric.COSINE, "float32", M=2, seed=3)


class TestHnswWalkedByAPrefix(WalkedContract):
    build_with = linked(prefix=2, dimensions=2)
