"""IVF-PQ keeps the promises of every kind: exact where it is small, and where all is looked at."""

from typing import Any, ClassVar

import numpy as np
import pytest
import reference
from contract.promises import IndexContract, N

from indexes.hits import Hits
from indexes.inverted import InvertedSearch
from indexes.ivfpq import IvfPq, IvfPqBuild, IvfPqSearch
from indexes.ivfpq import index as ivfpq_index
from indexes.metric import Metric
from indexes.vectors import DenseVectors, SparseVectors


class IvfPqContract(IndexContract):
    kind = IvfPq
    other_vectors = SparseVectors.of_rows([{"a": 1.0}])
    other_settings = InvertedSearch()
    metric: ClassVar[Metric]

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
        return reference.flat_search(values, queries, k, metric=self.metric, mask=mask)

    def search_with(self, index: Any, value: float) -> object:
        return index.search(np.array([[0.0, value, 0.0]]), 1)

    @property
    def build_settings(self) -> IvfPqBuild:
        return IvfPqBuild(self.metric)


class TestIvfPqInnerProduct(IvfPqContract):
    metric = Metric.INNER_PRODUCT


class TestIvfPqCosine(IvfPqContract):
    metric = Metric.COSINE


class TestIvfPqEuclidean(IvfPqContract):
    metric = Metric.EUCLIDEAN


class ListedContract(IvfPqContract):
    """Lists are made of few documents, and all of them scanned and rescored."""

    settings: ClassVar = IvfPqSearch(nprobe=4, rescored=100)
    ids: ClassVar = {"ordinals": N}
    offsets: ClassVar = {"offsets"}

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ivfpq_index, "LEARNED_FROM", 16)
        monkeypatch.setattr(ivfpq_index, "ROW_NS", 10**9)

    @property
    def build_settings(self) -> IvfPqBuild:
        return IvfPqBuild(self.metric, nlist=4)

    def test_lists_are_there(self, index: IvfPq) -> None:
        assert len(index.arrays()["codes"]) > 0


@pytest.mark.compiled
class TestListedInnerProduct(ListedContract):
    metric = Metric.INNER_PRODUCT


@pytest.mark.compiled
class TestListedCosine(ListedContract):
    metric = Metric.COSINE


@pytest.mark.compiled
class TestListedEuclidean(ListedContract):
    metric = Metric.EUCLIDEAN
