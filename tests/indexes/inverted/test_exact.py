"""Every way to the exact top k is scoring every document, to the last bit."""

import numpy as np
import pytest
import reference
import strategies
import traversals
from comparison import same
from hypothesis import given
from hypothesis import strategies as st
from traversals import BLOCK, WAYS, Case, examples, forced, reopened, vectors

from indexes.bitmap import Bitmap
from indexes.inverted import Inverted, InvertedBuild, InvertedSearch, exact
from indexes.inverted.dictionary import Terms
from indexes.inverted.postings import WINDOW
from indexes.inverted.steps import STEPS
from indexes.vectors import SparseVectors

weights = st.sampled_from([strategies.whole_weights, strategies.real_weights])
saturations = st.none() | traversals.saturations


@given(data=st.data(), weights=weights, k=st.integers(0, 14), saturation=saturations)
def test_search_and_score_are_the_formula(data, weights, k, saturation):
    rows = data.draw(strategies.sparse_rows(weights))
    queries = data.draw(strategies.sparse_queries(weights))
    mask = data.draw(strategies.masks(len(rows)))
    index, settings = Inverted.build(SparseVectors.of_rows(rows)), InvertedSearch(saturation)
    batch = SparseVectors.of_rows(queries)
    allowed = None if mask is None else Bitmap.of_mask(mask)
    same(
        index.search(batch, k, settings, allowed=allowed),
        reference.inverted_search(rows, queries, k, saturation=saturation, mask=mask),
    )
    candidates = data.draw(
        st.lists(
            st.lists(st.integers(-1, len(rows) - 1), min_size=3, max_size=3),
            min_size=len(queries),
            max_size=len(queries),
        )
    )
    found = index.score(batch, np.reshape(candidates, (-1, 3)).astype(int), settings)
    expected = reference.score_rows(rows, queries, candidates, saturation=saturation)
    np.testing.assert_array_equal(found, np.reshape(expected, found.shape))


def every_way_is_brute_force(data, case: Case, index: Inverted, saturation=None):
    """Force each traversal, let the index choose, and open it again."""
    n = len(case.documents)
    mask = data.draw(traversals.masks(n))
    allowed = None if mask is None else Bitmap.of_mask(mask)
    for k in data.draw(st.lists(traversals.ks(n), min_size=1, max_size=2)):
        expected = reference.table_search(
            case.documents, case.known, k, saturation=saturation, mask=mask
        )
        for one in (index, reopened(index)):
            same(one.search(case.batch, k, InvertedSearch(saturation), allowed=allowed), expected)
            for way in WAYS:
                same(forced(way, one, case.batch, k, saturation=saturation, mask=mask), expected)


@examples(1000)
@given(data=st.data(), case=traversals.cases(), build=traversals.builds)
def test_impacts(data, case, build):
    every_way_is_brute_force(data, case, Inverted.build(case.vectors, build))


@examples(500)
@given(data=st.data(), case=traversals.cases(extreme=True), build=traversals.builds)
def test_impacts_at_the_ends_of_the_range(data, case, build):
    every_way_is_brute_force(data, case, Inverted.build(case.vectors, build))


@examples(500)
@given(data=st.data(), case=traversals.cases(), build=traversals.bm25_builds)
def test_bm25_with_the_values_that_bounds_are_made_for(data, case, build):
    index = Inverted.build(case.vectors, build)
    average = float(index.lengths.mean(dtype=np.float64)) if len(index) else 1.0
    saturation = traversals.Saturation(build.k1, build.b, average or 1.0)
    every_way_is_brute_force(data, case, index, saturation)


@examples(600)
@given(
    data=st.data(),
    case=traversals.cases(),
    build=traversals.bm25_builds | traversals.builds,
    saturation=saturations,
)
def test_bounds_made_for_other_values(data, case, build, saturation):
    every_way_is_brute_force(data, case, Inverted.build(case.vectors, build), saturation)


@examples(8)
@given(case=traversals.cases(most=2 * BLOCK + 3), build=traversals.builds)
def test_every_k(case, build):
    index = Inverted.build(case.vectors, build)
    n = len(index)
    longest = reference.table_search(case.documents, case.known, n + 2)
    for k in range(1, n + 3):
        expected = type(longest)(longest.ids[:, :k], longest.scores[:, :k])
        for way in WAYS:
            same(forced(way, index, case.batch, k), expected)


def wide_case(weight: float) -> Case:
    """Two windows and some; only some documents have the terms, those at the edges do."""
    n = 2 * WINDOW + 3
    documents = np.zeros((n, 3), np.float32)
    documents[:, 0], documents[:, 1] = np.arange(n) % 5 == 0, np.arange(n) % 7 == 1
    documents[[WINDOW - 1, WINDOW, 2 * WINDOW - 1, 2 * WINDOW, n - 1], 1] = 1
    documents[WINDOW + 5 :: 997, 2] = 2
    queries = np.zeros((4, 5), np.float32)
    queries[:, :3] = [[2, 3, 0], [0, 0, 1], [1, 1, 1], [0.5, 0.25, 7]]
    return Case(documents * np.float32(weight), queries)


@pytest.mark.compiled
@pytest.mark.parametrize("weight", [1.0, 0.3])
@pytest.mark.parametrize("order", ["given", "bisection"])
@pytest.mark.parametrize("density", [0.01, 20.0])
def test_a_collection_larger_than_a_window(weight, order, density):
    """Its edges and a masked half."""
    case = wide_case(weight)
    n = len(case.documents)
    for impacts in ("stored", "uint8"):
        index = Inverted.build(case.vectors, InvertedBuild(order, impacts, density))
        for mask in (None, np.arange(n) % 2 == 1):
            allowed = None if mask is None else Bitmap.of_mask(mask)
            for k in (1, 10, 3000):
                expected = reference.table_search(case.documents, case.known, k, mask=mask)
                same(index.search(case.batch, k, allowed=allowed), expected)
                for way in WAYS:
                    same(forced(way, index, case.batch, k, mask=mask), expected)


@pytest.mark.compiled
@examples(6)
@given(
    seed=st.integers(0, 2**32 - 1),
    build=traversals.builds | traversals.bm25_builds,
    saturation=saturations,
    filtered=st.booleans(),
)
def test_light_terms_that_are_in_most_documents(seed, build, saturation, filtered):
    """They are left out of windows, added after all or looked up in the vectors."""
    random, n = np.random.default_rng(seed), 2 * WINDOW + 700
    documents = random.choice(np.array([1, 2, 3, 7], np.float32), (n, 7))
    documents *= random.random((n, 7)) < [0.001, 0.01, 0.05, 0.2, 0.5, 0.9, 0.02]
    documents[:WINDOW, 0] = 0
    documents[WINDOW + 9 : WINDOW + 30] = documents[WINDOW + 8]  # as good as each other
    weights = np.zeros((4, 9), np.float32)
    weights[:, :7] = [
        [200, 150, 90, 3, 2, 1, 0],
        [8, 7, 6, 5, 4, 3, 2],
        [0, 0, 9, 0, 0, 1, 100],
        [1, 0, 0, 0, 0, 1, 0],
    ]
    case = Case(documents, weights)
    index = Inverted.build(case.vectors, build)
    mask = random.random(n) < 0.3 if filtered else None
    for k in (1, 10, 300):
        expected = reference.table_search(
            documents, case.known, k, saturation=saturation, mask=mask
        )
        found = forced("exhaustive", index, case.batch, k, saturation=saturation, mask=mask)
        same(found, expected)


@pytest.mark.compiled
@examples(5)
@given(
    seed=st.integers(0, 2**32 - 1),
    build=traversals.builds,
    weights=st.sampled_from([traversals.WHOLE, traversals.QUARTERS, traversals.MANY]),
)
def test_more_documents_than_a_window_with_few_terms_each(seed, build, weights):
    random = np.random.default_rng(seed)
    documents = traversals.table(random, (70_000, 6), weights, 0.25)
    documents[:, 0] *= np.arange(70_000) % 9000 < 300  # its best documents are side by side
    documents[:, 0] *= 100
    case = Case(documents, traversals.table(random, (3, 8), traversals.WHOLE, 0.8))
    index = Inverted.build(case.vectors, build)
    for k in (1, 100):
        expected = reference.table_search(documents, case.known, k)
        same(index.search(case.batch, k), expected)
        for way in WAYS:
            same(forced(way, index, case.batch, k), expected)


@pytest.mark.compiled
@pytest.mark.parametrize("impacts", ["stored", "uint8"])
@pytest.mark.parametrize("side_by_side", [True, False])
def test_so_many_postings_that_bounds_are_looked_at(impacts, side_by_side):
    """Pruning finds all where the best documents are side by side, else the windows do."""
    random = np.random.default_rng(3)
    documents = random.choice(np.array([0.25, 0.5, 1.75], np.float32), (70_000, 24))
    if side_by_side:
        documents[30_000:30_300] += 4
    case = Case(documents, traversals.table(random, (2, 26), traversals.WHOLE, 1.0))
    index = Inverted.build(case.vectors, InvertedBuild(impacts=impacts, champions=0.0))
    lists, terms = index._scored(None), Terms.of(index.vectors().vocabulary, case.batch)
    query = (terms.terms[:24], terms.weights[:24])
    assert exact.cost_ns(lists, query) >= exact.PRUNING_NS
    for k in (1, 100):
        expected = reference.table_search(documents, case.known, k)
        same(index.search(case.batch, k), expected)


@pytest.mark.compiled
def test_coded_weights_are_never_too_low():
    """Weights just above whole numbers of steps, of two documents that tie.

    The one with the higher ordinal is scored first, so its score is the threshold of the other.
    """
    random = np.random.default_rng(7)
    step = np.float64(np.float32((1.0 + 2.0**-20) / STEPS))
    for code in range(100, STEPS, 3):
        weight = np.float32(step * code)
        if weight <= step * code:
            weight = np.nextafter(weight, np.float32(2))
        documents = np.zeros((3 * BLOCK, 3), np.float32)
        documents[[0, 2 * BLOCK], 0] = weight
        documents[2 * BLOCK + 1, 1] = 0.001  # raises the bound of the last block
        documents[BLOCK, 0] = 1  # the peak, which is not allowed
        index = Inverted.build(vectors(documents), InvertedBuild(impacts="uint8", density=0.01))
        queries = np.zeros((20, 5), np.float32)
        queries[:, :2] = random.random((20, 1)) + 1
        case, mask = Case(documents, queries), np.arange(len(documents)) != BLOCK
        expected = reference.table_search(documents, case.known, 1, mask=mask)
        same(forced("block-max", index, case.batch, 1, mask=mask), expected)


def test_a_weight_of_zero_counts_nothing():
    """Also where nothing saturates: 0 / 0 is no score, and leaves nothing behind."""
    names = SparseVectors.of_rows([{"a": 1.0, "b": 1.0}]).vocabulary
    vectors = SparseVectors.of([0, 2, 3], [0, 1, 0], [0.0, 1.0, 0.0], names)
    query = SparseVectors.of_rows([{"a": 1.0, "b": 1.0}])
    for build in (InvertedBuild(), InvertedBuild(k1=0.0), InvertedBuild.bm25()):
        index = Inverted.build(vectors, build)
        for k1 in (0.0, 1.2):
            for _ in range(2):
                saturation = traversals.Saturation(k1, 1.0, 1.0)
                found = index.search(query, 3, InvertedSearch(saturation))
                assert found.ids.tolist() == [[0, -1, -1]]
                assert found.scores[0, 0] == np.float32(1 / (1 + np.float32(k1)))
                same(forced("block-max", index, query, 3, saturation=saturation), found)


def test_queries_of_weight_zero_find_nothing():
    names = SparseVectors.of_rows([{"a": 1.0}]).vocabulary
    index = Inverted.build(SparseVectors.of_rows([{"a": 1.0}] * 3))
    query = SparseVectors.of([0, 1], [0], [0.0], names)
    assert (index.search(query, 3).ids == -1).all()
    for way in WAYS:
        assert (forced(way, index, query, 3).ids == -1).all()
