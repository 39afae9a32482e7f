"""A score is one float64 sum in the order of the dimensions, rounded once."""

import numpy as np
import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st

from indexes.metric import Metric, dot_products, exact_score, norms_of

pairs = st.integers(1, 9).flatmap(
    lambda dimension: strategies.matrices(
        strategies.floats | strategies.magnitudes, dimension, rows=(2, 2)
    )
)


@given(values=pairs)
@pytest.mark.parametrize("metric", Metric)
def test_exact_score_is_the_formula(metric, values):
    found = exact_score(values[:1], 0, values[1:], 0, int(metric))
    expected = reference.exact_score(values[0], values[1], metric)
    assert np.float32(found).tobytes() == expected.tobytes()
    assert reference.exact_scores(values[:1], values[1], metric)[0].tobytes() == expected.tobytes()


def test_the_sum_is_taken_in_the_order_of_the_dimensions():
    """In any other order these cancel differently."""
    values = np.array([[1e18, 1.0, -1e18, 1.0, 1e-3]], np.float32)
    ones = np.ones((1, 5), np.float32)
    in_order = (((np.float64(np.float32(1e18)) + 1.0) - np.float64(np.float32(1e18))) + 1.0) + (
        np.float64(np.float32(1e-3))
    )
    assert exact_score(values, 0, ones, 0, 0) == np.float32(in_order)


def test_cosine_with_a_zero_vector_is_zero():
    rows = np.array([[0, 0], [3, 4]], np.float32)
    assert exact_score(rows, 0, rows, 1, Metric.COSINE) == 0
    assert exact_score(rows, 0, rows, 0, Metric.COSINE) == 0
    assert exact_score(rows, 1, rows, 1, Metric.COSINE) == 1


@given(values=pairs)
def test_norms_are_the_lengths_of_the_rows(values):
    exact = np.sqrt((values.astype(np.float64) ** 2).sum(1))
    np.testing.assert_allclose(norms_of(values), exact.astype(np.float32), rtol=2e-7)


def test_a_norm_beyond_float32_is_infinite():
    assert norms_of(np.full((1, 2), 3e38, np.float32))[0] == np.inf


@given(seed=st.integers(0, 2**32 - 1), dimension=st.integers(1, 300))
def test_fast_products_stay_within_the_bound_that_pruning_relies_on(seed, dimension):
    random = np.random.default_rng(seed)
    scale = 10.0 ** random.integers(-12, 12, (7, 1))
    values = (random.standard_normal((7, dimension)) * scale).astype(np.float32)
    query = random.standard_normal(dimension).astype(np.float32)
    out = np.empty(5, np.float32)
    dot_products(values, 1, 6, query, out)
    exact = values[1:6].astype(np.float64) @ query.astype(np.float64)
    lengths = norms_of(values[1:6]).astype(np.float64) * np.linalg.norm(query)
    assert (np.abs(out - exact) <= dimension * 2.0**-24 * lengths + 1e-37).all()
