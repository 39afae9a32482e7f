"""A score is one float64 sum in the order of the dimensions, rounded once."""

import numpy as np
import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st

from indexes.metric import Metric, exact_score, exact_scores, norms_of

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


@given(
    n=st.integers(0, 11), seed=st.integers(0, 2**32 - 1), dimension=st.integers(1, 40),
    metric=st.sampled_from(Metric),
)  # fmt: skip
def test_four_scores_at_once_are_those_of_one_by_one(n, seed, dimension, metric):
    random = np.random.default_rng(seed)
    scale = 10.0 ** random.integers(-20, 20, (9, 1)) * (random.random((9, 1)) < 0.8)
    values = (random.standard_normal((9, dimension)) * scale).astype(np.float32)
    queries = random.standard_normal((2, dimension)).astype(np.float32)
    rows, out = random.integers(0, 9, n + 2), np.full(n + 2, 7, np.float32)
    exact_scores(values, rows, n, queries, 1, int(metric), out)
    expected = [exact_score(values, row, queries, 1, int(metric)) for row in rows[:n]]
    assert out.tolist() == [*expected, 7, 7]
