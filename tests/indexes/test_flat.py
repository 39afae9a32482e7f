"""Flat search is brute force, whatever the numbers, the blocks and the number of queries."""

import numpy as np
import pytest
import reference
import strategies
from comparison import one, same
from hypothesis import given
from hypothesis import strategies as st

from indexes import exhaustive
from indexes.bitmap import Bitmap
from indexes.errors import InvalidInput
from indexes.flat import Flat, FlatBuild
from indexes.metric import Metric
from indexes.vectors import DenseVectors

elements = st.sampled_from([strategies.wholes, strategies.floats, strategies.magnitudes])


def check(values, queries, k, *, metric, mask=None):
    allowed = None if mask is None else Bitmap.of_mask(mask)
    expected = reference.flat_search(values, queries, k, metric=metric, mask=mask)
    for storage in ("float32", "int8"):
        index = Flat.build(DenseVectors.of(values), FlatBuild(metric, storage))
        same(index.search(DenseVectors.of(queries), k, allowed=allowed), expected)
    every = np.repeat(np.arange(len(values))[None], len(queries), 0)
    expected = [reference.exact_scores(values, query, metric) for query in queries]
    scores = index.score(DenseVectors.of(queries), every)
    np.testing.assert_array_equal(scores, np.reshape(expected, scores.shape))


@given(data=st.data(), numbers=elements, k=st.integers(0, 15), dimension=st.integers(1, 6))
@pytest.mark.parametrize("metric", Metric)
def test_search_is_brute_force(metric, data, numbers, k, dimension):
    values = data.draw(strategies.matrices(numbers, dimension))
    queries = data.draw(strategies.matrices(numbers, dimension, rows=(0, 6)))
    mask = data.draw(strategies.masks(len(values)))
    check(values, queries, k, metric=metric, mask=mask)


@pytest.mark.compiled
@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("exponent", [-44, -38, -30, -19, -10, 0, 10, 18, 19, 20, 30, 37])
def test_every_magnitude_is_exact(metric, exponent):
    """Products of float32 leave its range below 1e-19 and above 1e19, norms of sums earlier."""
    random = np.random.default_rng(3)
    values = random.standard_normal((90, 4)) * 10.0**exponent
    values[::5] *= 1e3 if exponent < 30 else 1e-3
    values[1::9] = values[2]
    for scale in (10.0**exponent, 1.0, 10.0 ** -min(exponent, 37)):
        queries = (random.standard_normal((5, 4)) * scale).clip(-3e38, 3e38)
        for some in (queries[:1], queries):  # one query at a time, and a matrix product
            check(values.astype(np.float32), some.astype(np.float32), 6, metric=metric)


def test_a_cosine_whose_norms_overflow_together_is_found():
    """Their product exceeds float32 while the inner product does not."""
    values = np.array([[1, 10], [0.8 * 2e19, 0.6 * 2e19]], np.float32)
    check(values, np.array([[2e19, 0]], np.float32), 1, metric=Metric.COSINE)


def test_a_cosine_of_subnormal_numbers_is_found():
    """A subnormal norm is rounded so coarsely that it says little about the angle."""
    values = np.array([[1, 1, 0.5], [1.4e-45] * 3], np.float32)
    check(values, np.full((1, 3), 1e18, np.float32), 1, metric=Metric.COSINE)


@pytest.mark.compiled
@pytest.mark.parametrize("n_queries", [1, 5])
def test_sums_of_products_below_the_range_of_float32_are_found(n_queries):
    """Each product is rounded to nothing or to too much; their sum in float64 is not."""
    random = np.random.default_rng(6)
    values = (random.standard_normal((300, 64)) * 1e-23).astype(np.float32)
    queries = (random.standard_normal((n_queries, 64)) * 1e-22).astype(np.float32)
    check(values, queries, 5, metric=Metric.INNER_PRODUCT)


@pytest.mark.compiled
@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("n_queries", [2, 9])
def test_differences_below_float32_sums_are_told_apart(metric, n_queries):
    """Rows so close that a float32 sum would put them in another order."""
    random = np.random.default_rng(4)
    base = random.standard_normal(384)
    values = (base + random.standard_normal((400, 384)) * 1e-6).astype(np.float32)
    queries = (base + random.standard_normal((n_queries, 384)) * 1e-3).astype(np.float32)
    check(values, queries, 10, metric=metric)


@pytest.mark.compiled
@pytest.mark.parametrize("storage", ["int8", "float32"])
@pytest.mark.parametrize("metric", Metric)
def test_blocks_of_rows_and_queries_do_not_show(metric, storage, monkeypatch):
    for name, size in (("ROWS_PER_BLOCK", 5000), ("MATRIX_ROWS", 3001), ("QUERIES_PER_BLOCK", 8)):
        monkeypatch.setattr(exhaustive, name, size)
    random = np.random.default_rng(5)
    values = random.integers(-9, 10, (12_345, 3)).astype(np.float32)
    queries = random.integers(-9, 10, (11, 3)).astype(np.float32)
    index = Flat.build(DenseVectors.of(values), FlatBuild(metric, storage))
    for share in (None, 0.9, 0.5, 0.1):
        mask = None if share is None else random.random(len(values)) < share
        bitmap = None if mask is None else Bitmap.of_mask(mask)
        for k in (20, 6000):
            found = index.search(queries, k, allowed=bitmap)
            for query in (0, 1, 7, 8, 10):
                row = queries[query : query + 1]
                expected = reference.flat_search(values, row, k, metric=metric, mask=mask)
                same(one(found, query), expected)
                same(one(found, query), index.search(row, k, allowed=bitmap))


def test_an_infinite_score_is_a_hit():
    values = np.full((3, 2), [[3e38], [-3e38], [1]], np.float32)
    check(values, np.full((1, 2), 3e38, np.float32), 3, metric=Metric.INNER_PRODUCT)
    check(values, np.full((1, 2), 3e38, np.float32), 3, metric=Metric.EUCLIDEAN)


@pytest.mark.parametrize("wrong", ["int4", "", None, [], 8])
def test_storage_is_one_of_two(wrong):
    with pytest.raises(InvalidInput, match="storage is"):
        FlatBuild(storage=wrong)
