"""Every kind of index keeps the promises of `contract.promises`, and some of its own."""

from typing import Any, ClassVar

import numpy as np
import pytest
import reference
from comparison import one, same
from contract.promises import IndexContract, N
from numpy.typing import NDArray

from indexes.errors import InvalidVectors
from indexes.flat import Flat, FlatBuild, FlatSearch
from indexes.hits import Hits
from indexes.inverted import Inverted, InvertedBuild, InvertedSearch, Saturation
from indexes.metric import Metric
from indexes.multivector import MultiVector, MultiVectorBuild
from indexes.vectors import DenseVectors, MultiVectors, SparseVectors


class FlatContract(IndexContract):
    kind = Flat
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
    def build_settings(self) -> FlatBuild:
        return FlatBuild(self.metric)

    def test_another_dimension_is_refused(self, index: Flat) -> None:
        for wrong in (np.zeros((1, 4)), np.zeros(2), np.zeros((0, 2)), np.zeros((1, 0))):
            with pytest.raises(InvalidVectors, match="dimension"):
                index.search(wrong, 1)
        with pytest.raises(InvalidVectors, match="dimensions"):
            self.built([self.documents(), DenseVectors.of(np.zeros((1, 4)))])
        with pytest.raises(InvalidVectors, match="shape"):
            index.search(np.zeros((1, 1, 3)), 1)

    def test_one_vector_and_lists_are_queries(self, index: Flat) -> None:
        values = self.queries().values
        expected = one(index.search(self.queries(), 5), 0)
        for query in (values[0], values[0].tolist(), values[:1].astype(np.int8), values[:1]):
            same(index.search(query, 5), expected)

    def test_explain_says_the_score_and_what_it_is_made_of(self, index: Flat) -> None:
        query, values = self.queries(1), self.documents().values
        for ordinal in range(N):
            score = reference.exact_score(values[ordinal], query.values[0], self.metric)
            norms = [
                float(np.float32(np.linalg.norm(v))) for v in (query.values[0], values[ordinal])
            ]
            assert index.explain(query, ordinal) == {
                "score": score, "query_norm": norms[0], "document_norm": norms[1]
            }  # fmt: skip


class TestFlatInnerProduct(FlatContract):
    metric = Metric.INNER_PRODUCT


class TestFlatCosine(FlatContract):
    metric = Metric.COSINE


class TestFlatEuclidean(FlatContract):
    metric = Metric.EUCLIDEAN


class TestFlatWithoutCodes(FlatContract):
    metric = Metric.COSINE

    @property
    def build_settings(self) -> FlatBuild:
        return FlatBuild(self.metric, "float32")


def sparse(seed: int, n: int, weights: list[float], terms: str) -> list[dict[str, float]]:
    """Draw rows; every ninth is empty."""
    random = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        chosen = random.permutation(list(terms))[: random.integers(1, 5)] if i % 9 else []
        rows.append({str(term): float(random.choice(weights)) for term in chosen})
    return rows


class InvertedContract(IndexContract):
    kind = Inverted
    other_vectors = DenseVectors.of(np.eye(3))
    other_settings = FlatSearch()
    weights: ClassVar[list[float]]
    ids: ClassVar = {"docs": N, "terms": 6}
    offsets: ClassVar = {"offsets", "vocabulary.offsets", "runs", "starts"}
    build_with: ClassVar = InvertedBuild()

    def documents(self, n: int = N) -> SparseVectors:
        return SparseVectors.of_rows(sparse(1, N, self.weights, "abcdeé")[:n])

    def queries(self, n: int = 11) -> SparseVectors:
        return SparseVectors.of_rows(sparse(2, n, self.weights, "aßceéxz"))

    def brute_force(self, k: int, mask: Any = None) -> Hits:
        rows, queries = sparse(1, N, self.weights, "abcdeé"), sparse(2, 11, self.weights, "aßceéxz")
        saturation = self.settings.saturation if self.settings else None
        return reference.inverted_search(rows, queries, k, saturation=saturation, mask=mask)

    def search_with(self, index: Any, value: float) -> object:
        return index.search(SparseVectors.of_rows([{"a": value}]), 1)

    @property
    def build_settings(self) -> InvertedBuild:
        return self.build_with

    def test_parts_of_explain_add_up(self, index: Inverted) -> None:
        for query in range(11):
            row = self.queries().take(np.array([query]))
            for ordinal in range(N):
                parts = index.explain(row, ordinal, self.settings)
                total = np.float32(0)
                for part in parts.values():
                    total += np.float32(part)
                assert total == self.score(index, row, [[ordinal]])[0, 0]
                assert set(parts) <= set(row.row(0)) & set(self.documents().row(ordinal))


class TestInvertedImpacts(InvertedContract):
    weights: ClassVar = [1.0, 2.0, 3.0, 200.0]


class TestInvertedRealImpacts(InvertedContract):
    weights: ClassVar = [0.25, 0.5, 1.75, 300.0]


class TestInvertedBisected(InvertedContract):
    weights: ClassVar = [1.0, 2.0, 3.0, 200.0]
    build_with = InvertedBuild("bisection", density=0.01)


class TestInvertedCoded(InvertedContract):
    weights: ClassVar = [0.25, 0.5, 1.75, 300.0]
    build_with = InvertedBuild(impacts="uint8")


class TestInvertedBisectedAndCoded(InvertedContract):
    weights: ClassVar = [0.3, 0.5, 1.7]
    build_with = InvertedBuild("bisection", "uint8")


class TestInvertedShortcutsThatLeaveNothingOut(InvertedContract):
    weights: ClassVar = [1.0, 2.0, 3.0, 200.0]
    settings: ClassVar = InvertedSearch(blocks=1, terms=6, rescored=7)


class TestInvertedRecallThatNothingReaches(InvertedContract):
    weights: ClassVar = [0.25, 0.5, 1.75, 300.0]
    settings: ClassVar = InvertedSearch(recall=0.99)


class TestInvertedBm25(InvertedContract):
    weights: ClassVar = [1.0, 2.0, 3.0]
    settings: ClassVar = InvertedSearch(Saturation(0.9, 0.4, 4.5))


class TestInvertedBm25WithItsBounds(TestInvertedBm25):
    build_with = InvertedBuild(density=0.01, k1=0.9, b=0.4)


class TestInvertedBm25WithOtherBounds(TestInvertedBm25):
    build_with = InvertedBuild("bisection", density=0.01, k1=1.2, b=0.75)


class MultiVectorContract(IndexContract):
    kind = MultiVector
    other_vectors = SparseVectors.of_rows([{"a": 1.0}])
    other_settings = FlatSearch()
    offsets: ClassVar = {"offsets"}
    dtype: ClassVar[Any]

    def tokens(self, seed: int, n: int) -> list[NDArray[Any]]:
        """Draw documents of no to five tokens; every ninth has none."""
        random = np.random.default_rng(seed)
        lengths = [int(random.integers(1, 6)) if i % 9 else 0 for i in range(n)]
        return [random.integers(-2, 3, (length, 3)).astype(self.dtype) for length in lengths]

    def documents(self, n: int = N) -> MultiVectors:
        return MultiVectors.of_rows(self.tokens(1, N)).take(np.arange(n))

    def queries(self, n: int = 11) -> MultiVectors:
        return MultiVectors.of_rows(self.tokens(2, max(n, 11))).take(np.arange(n))

    def brute_force(self, k: int, mask: Any = None) -> Hits:
        return reference.multivector_search(self.tokens(1, N), self.tokens(2, 11), k, mask=mask)

    def search_with(self, index: Any, value: float) -> object:
        return index.search(np.array([[0.0, 0.0, 0.0], [0.0, value, 0.0]]), 1)

    @property
    def build_settings(self) -> MultiVectorBuild:
        return MultiVectorBuild()

    def test_vectors_keep_their_type(self, index: MultiVector) -> None:
        again = self.reopened(index.vectors().arrays(), index.arrays())
        assert index.vectors().values.dtype == again.vectors().values.dtype == self.dtype

    def test_another_dimension_is_refused(self, index: MultiVector) -> None:
        for wrong in (np.zeros((1, 4)), np.zeros((0, 2)), np.zeros((1, 0))):
            with pytest.raises(InvalidVectors, match="dimension"):
                index.search(wrong, 1)
        with pytest.raises(InvalidVectors, match="dimensions"):
            self.built([self.documents(), MultiVectors.of_rows([np.zeros((1, 4))])])
        for wrong in (np.zeros(3), np.zeros((1, 1, 3))):
            with pytest.raises(InvalidVectors, match="shape"):
                index.search(wrong, 1)

    def test_one_query_may_be_a_matrix(self, index: MultiVector) -> None:
        for query, matrix in enumerate(self.tokens(2, 11)):
            expected = one(index.search(self.queries(), 5), query)
            for same_query in (matrix, matrix.astype(np.int8), matrix.astype(np.float64)):
                same(index.search(same_query, 5), expected)

    def test_what_has_no_tokens_is_no_hit_and_has_none(self, index: MultiVector) -> None:
        found = self.search(index, self.queries(), N)
        assert (found.ids[[0, 9]] == -1).all()
        assert not (found.ids % 9 == 0).any()
        assert self.score(index, self.queries(2), [[1], [0]]).tolist() == [[-np.inf], [-np.inf]]
        assert index.explain(self.queries(1), 1) == index.explain(self.tokens(2, 2)[1], 0) == {}

    def test_explain_names_the_best_token_of_the_document(self, index: MultiVector) -> None:
        documents = self.tokens(1, N)
        for query in self.tokens(2, 9)[1:]:
            for ordinal in (1, 2, 3, N - 1):
                parts = index.explain(query, ordinal)
                best = reference.best_tokens(documents[ordinal], query)
                assert parts.pop("score") == sum(parts.values())
                assert parts == {f"{i}→{j}": product for i, (j, product) in enumerate(best)}


class TestMultiVectorFloat32(MultiVectorContract):
    dtype = np.float32


class TestMultiVectorFloat16(MultiVectorContract):
    dtype = np.float16
