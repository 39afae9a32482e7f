"""Late-interaction search is brute force, whatever the numbers, the blocks and the lengths."""

import numpy as np
import pytest
import reference
import strategies
from comparison import one, same
from hypothesis import given
from hypothesis import strategies as st

from indexes.bitmap import Bitmap
from indexes.multivector import MultiVector
from indexes.multivector.index import QUERIES_PER_GROUP, TOKENS_PER_BLOCK
from indexes.vectors import MultiVectors

elements = st.sampled_from([strategies.wholes, strategies.floats, strategies.magnitudes])


def check(documents, queries, k, mask=None):
    dimension = [*documents, *queries][0].shape[1] if [*documents, *queries] else 1
    index = MultiVector.build(MultiVectors.of_rows(documents, dimension=dimension))
    asked = MultiVectors.of_rows(queries, dimension=dimension)
    allowed = None if mask is None else Bitmap.of_mask(mask)
    found = index.search(asked, k, allowed=allowed)
    same(found, reference.multivector_search(documents, queries, k, mask=mask))
    every = np.repeat(np.arange(len(documents))[None], len(queries), 0)
    expected = [[reference.maxsim(d, q) for d in documents] for q in queries]
    scores = index.score(asked, every)
    np.testing.assert_array_equal(scores, np.reshape(expected, scores.shape))


@given(data=st.data(), numbers=elements, k=st.integers(0, 10), dimension=st.integers(1, 5))
def test_search_is_brute_force(data, numbers, k, dimension):
    documents = data.draw(strategies.token_matrices(numbers, dimension))
    queries = data.draw(strategies.token_matrices(numbers, dimension, most=4))
    check(documents, queries, k, data.draw(strategies.masks(len(documents))))


@given(data=st.data(), k=st.integers(0, 10), dimension=st.integers(1, 5))
def test_halves_are_widened_exactly(data, k, dimension):
    """Of every magnitude that float16 has, below its normal range too."""
    halves = st.floats(width=16, allow_nan=False, allow_infinity=False)
    drawn = data.draw(strategies.token_matrices(halves, dimension))
    queries = data.draw(strategies.token_matrices(strategies.floats, dimension, most=4))
    check([document.astype(np.float16) for document in drawn], queries, k)


@pytest.mark.parametrize("exponent", [-44, -38, -30, -19, -10, 0, 10, 18, 19, 20, 30, 37])
def test_every_magnitude_is_exact(exponent):
    """Products of float32 leave its range below 1e-19 and above 1e19, sums of maxima earlier."""
    random = np.random.default_rng(3)
    lengths = random.integers(0, 7, 60)
    documents = [random.standard_normal((n, 5)) * 10.0**exponent for n in lengths]
    documents[7] = documents[5] * (1e3 if exponent < 30 else 1e-3)
    documents[9] = documents[5]
    for scale in (10.0**exponent, 1.0, 10.0 ** -min(exponent, 37)):
        queries = [(random.standard_normal((n, 5)) * scale).clip(-3e38, 3e38) for n in (1, 3, 9)]
        wide = [query.astype(np.float32) for query in queries]
        check([document.astype(np.float32) for document in documents], wide, 6)


def test_an_infinite_score_is_a_hit():
    documents = [np.full((1, 2), value, np.float32) for value in (3e38, -3e38, 1)]
    check(documents, [np.full((2, 2), 3e38, np.float32)], 3)


def test_products_below_the_range_of_float32_are_found():
    """Each product is rounded to nothing or to too much; their sum in float64 is not."""
    random = np.random.default_rng(6)
    documents = [(random.standard_normal((3, 64)) * 1e-23).astype(np.float32) for _ in range(80)]
    queries = [(random.standard_normal((4, 64)) * 1e-22).astype(np.float32)]
    check(documents, queries, 5)


def test_differences_below_float32_sums_are_told_apart():
    """Tokens so close that float32 sums would choose others, and order the documents otherwise."""
    random = np.random.default_rng(4)
    base = random.standard_normal((6, 128))
    documents = [
        (base[random.permutation(6)] + random.standard_normal((6, 128)) * 1e-7).astype(np.float32)
        for _ in range(150)
    ]
    queries = [(base + random.standard_normal((6, 128)) * 1e-3).astype(np.float32)]
    check(documents, queries, 10)


def test_scores_that_round_to_one_float32_are_ties():
    """They differ in float64, the second being higher: the lower ordinal comes first."""
    documents = [np.array([[1.0, x]], np.float32) for x in (0.0, 2.0**-30, -(2.0**-20))]
    query = np.ones((1, 2), np.float32)
    check(documents, [query], 1)
    assert MultiVector.build(MultiVectors.of_rows(documents)).search(query, 2).ids.tolist() == [
        [0, 1]
    ]


def test_all_negative_scores_stay_negative():
    """Padding with zeros, of documents or of queries, would lift them."""
    documents = [-np.ones((n, 3), np.float32) * n for n in (2, 1, 5, 3)]
    queries = [np.ones((n, 3), np.float32) for n in (1, 5, 32)]
    check(documents, queries, 4)
    found = MultiVector.build(MultiVectors.of_rows(documents)).search(queries[0], 1)
    assert found.scores.tolist() == [[-3.0]]


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_blocks_of_tokens_and_groups_of_queries_do_not_show(dtype):
    random = np.random.default_rng(5)
    lengths = [*random.integers(0, 90, 150), 2 * TOKENS_PER_BLOCK + 1, 3, TOKENS_PER_BLOCK, 1]
    documents = [random.integers(-9, 10, (n, 3)).astype(dtype) for n in lengths]
    queries = [random.integers(-9, 10, (i % 7, 3)) for i in range(2 * QUERIES_PER_GROUP + 3)]
    queries = [query.astype(np.float32) for query in queries]
    index, asked = MultiVector.build(MultiVectors.of_rows(documents)), MultiVectors.of_rows(queries)
    for mask in (None, random.random(len(documents)) < 0.5, np.arange(len(documents)) == 150):
        allowed = None if mask is None else Bitmap.of_mask(mask)
        found = index.search(asked, 20, allowed=allowed)
        for query in (0, 1, QUERIES_PER_GROUP - 1, QUERIES_PER_GROUP, len(queries) - 1):
            row = queries[query : query + 1]
            expected = reference.multivector_search(documents, row, 20, mask=mask)
            same(one(found, query), expected)
            same(index.search(row[0], 20, allowed=allowed), expected)


def test_halves_of_another_width_are_another_collection():
    """What is exact is the stored values: rounded ones where they are stored in float16."""
    random = np.random.default_rng(8)
    wide = [random.standard_normal((5, 16)).astype(np.float32) for _ in range(30)]
    half = [document.astype(np.float16) for document in wide]
    check(wide, wide[:3], 30)
    check(half, wide[:3], 30)
