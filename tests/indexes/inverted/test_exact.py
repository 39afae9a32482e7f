"""Windowed scoring is scoring every document, whatever the size of the window."""

import numpy as np
import pytest
import reference
import strategies
from comparison import same
from hypothesis import given
from hypothesis import strategies as st

from indexes.bitmap import Bitmap, kernel_bits
from indexes.hits import Hits
from indexes.inverted import Inverted, InvertedSearch, Saturation
from indexes.inverted.exact import WINDOW_DOCS, saturate, score_rows, search
from indexes.inverted.postings import Postings, find_terms
from indexes.validate import frozen
from indexes.vectors import SparseVectors

weights = st.sampled_from([strategies.whole_weights, strategies.real_weights])
saturations = st.none() | st.builds(
    Saturation,
    k1=st.sampled_from([0.0, 0.9, 1.2, 100.0]),
    b=st.sampled_from([0.0, 0.4, 1.0]),
    average_length=st.floats(0.5, 50),
)


def cells(rows, queries):
    """Queries over the term numbers of the documents, as the kernels take them."""
    own = find_terms(rows.vocabulary, queries.vocabulary)[queries.terms]
    return queries.offsets, frozen(own), frozen(queries.weights.astype(np.float32))


def postings(vectors, rows, saturation):
    """Lists as `search` reads them."""
    lists = Postings.of(vectors)
    if saturation is None:
        return lists
    impacts = np.empty(len(lists.docs), np.float32)
    saturate(lists, frozen(reference.norms(rows, saturation)), impacts)
    return lists._replace(weights=frozen(impacts))


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


@given(
    data=st.data(),
    window=st.integers(1, 5),
    k=st.integers(1, 6),
    first=st.integers(0, 2),
    saturation=saturations,
)
def test_many_windows_are_one(data, window, k, first, saturation):
    rows = data.draw(strategies.sparse_rows(strategies.whole_weights))
    queries = data.draw(strategies.sparse_queries(strategies.real_weights))[first:]
    mask = data.draw(strategies.masks(len(rows)))
    vectors = SparseVectors.of_rows(rows)
    batch = SparseVectors.of_rows([*[{"a": 1.0}] * first, *queries])
    bits = kernel_bits(None if mask is None else Bitmap.of_mask(mask), len(rows))
    scratch, hits = np.zeros(window, np.float32), Hits.empty(len(queries), k)
    lists = postings(vectors, rows, saturation)
    search(lists, cells(vectors, batch), bits, scratch, first, hits.ids, hits.scores)
    expected = reference.inverted_search(rows, queries, k, saturation=saturation, mask=mask)
    same(hits, expected)
    assert not scratch.any()


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_a_collection_larger_than_the_window(weight):
    """The default window, its edges and a masked half; only some documents have the terms."""
    n = 2 * WINDOW_DOCS + 3
    has_a, has_b = np.arange(n) % 5 == 0, np.arange(n) % 7 == 1
    edges = [WINDOW_DOCS - 1, WINDOW_DOCS, 2 * WINDOW_DOCS - 1, 2 * WINDOW_DOCS, n - 1]
    has_b[edges] = True
    counts = has_a.astype(int) + has_b
    terms = np.concatenate([np.arange(2)[[a, b]] for a, b in zip(has_a, has_b, strict=True)])
    rare = SparseVectors.of_rows([{"a": 1.0, "b": 1.0}]).vocabulary
    vectors = SparseVectors.of(
        np.cumsum([0, *counts]), terms, np.full(len(terms), weight, np.float32), rare
    )
    index = Inverted.build(vectors)
    scores = weight * (2.0 * has_a + 3.0 * has_b)
    query = SparseVectors.of_rows([{"a": 2.0, "b": 3.0}])
    for mask in (None, np.arange(n) % 2 == 1):
        among = np.flatnonzero((scores > 0) & (True if mask is None else mask))
        allowed = None if mask is None else Bitmap.of_mask(mask)
        for k in (10, n):
            found = index.search(query, k, allowed=allowed)
            same(found, reference.ranking([scores.tolist()], k, [among.tolist()]))


def test_a_weight_of_zero_counts_nothing():
    """Also where nothing saturates: 0 / 0 is no score, and leaves nothing behind."""
    names = SparseVectors.of_rows([{"a": 1.0, "b": 1.0}]).vocabulary
    index = Inverted.build(SparseVectors.of([0, 2, 3], [0, 1, 0], [0.0, 1.0, 0.0], names))
    query = SparseVectors.of_rows([{"a": 1.0, "b": 1.0}])
    for k1 in (0.0, 1.2):
        for _ in range(2):
            found = index.search(query, 3, InvertedSearch(Saturation(k1, 1.0, 1.0)))
            assert found.ids.tolist() == [[0, -1, -1]]
            assert found.scores[0, 0] == np.float32(1 / (1 + np.float32(k1)))


def test_scores_may_be_asked_of_any_document():
    rows = (np.array([0, 1]), np.array([0], np.int32), np.array([2], np.uint8))
    query = (np.array([0, 1]), np.array([0], np.int32), np.array([3], np.float32))
    out = np.full((1, 2), 9, np.float32)
    score_rows(rows, query, np.empty(0, np.float32), np.array([[-1, 0]]), out)
    assert out.tolist() == [[9, 6]]
