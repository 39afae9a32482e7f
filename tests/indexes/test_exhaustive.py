"""Bounds hold whatever the numbers, are used, and leave alone what need not be read."""

import numpy as np
import pytest
import reference
import strategies
from comparison import same
from hypothesis import given
from hypothesis import strategies as st

from indexes.bitmap import Bitmap
from indexes.errors import InvalidInput
from indexes.exhaustive import LISTED_MAX, Rows
from indexes.first_pass import Codes, bound_all, multiply, multiply_codes
from indexes.hits import Hits
from indexes.metric import Metric
from indexes.validate import frozen
from indexes.vectors import DenseVectors

elements = st.sampled_from([strategies.wholes, strategies.floats, strategies.magnitudes])
STORAGES = ["int8", "float32"]


def rows_of(values, metric=Metric.INNER_PRODUCT, storage="int8"):
    return Rows.of(DenseVectors.of(values), metric, storage)


def queries_of(values):
    return frozen(np.array(values, np.float32))


def bounds_of(rows, queries, metric):
    """Return what the first pass says of every row, for each query."""
    asked, out = rows._asked(queries), np.empty((len(queries), len(rows)), np.float32)
    for query in range(len(queries)):
        pass_over = multiply_codes if len(rows._all.codes) else multiply
        pass_over(rows._all, 0, asked, query, out[query])
        bound_all(rows._all, 0, asked, query, int(metric), out[query])
    return out


def check_bounds(values, queries, metric, storage):
    rows = rows_of(values, metric, storage)
    if len(values):
        bounds = bounds_of(rows, frozen(queries), metric)
        exact = [reference.exact_scores(values, query, metric) for query in queries]
        assert (bounds >= np.reshape(exact, bounds.shape)).all()


@given(data=st.data(), numbers=elements, dimension=st.integers(1, 6))
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("metric", Metric)
def test_no_bound_is_below_its_score(metric, storage, data, numbers, dimension):
    values = data.draw(strategies.matrices(numbers, dimension))
    queries = data.draw(strategies.matrices(numbers, dimension, rows=(0, 3)))
    check_bounds(values, queries, metric, storage)


@pytest.mark.compiled
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("exponent", [-45, -43, -38, -30, -19, 0, 19, 30, 37])
def test_no_bound_is_below_its_score_at_any_magnitude(metric, storage, exponent):
    random = np.random.default_rng(1)
    values = random.standard_normal((60, 67)) * 10.0**exponent
    values[:20] *= random.integers(0, 2, (20, 67))
    values[20:40, 1:] *= 1e-3  # one component takes all the steps of a code
    for scale in (10.0**exponent, 1.0, 10.0 ** -min(exponent, 37)):
        queries = (random.standard_normal((3, 67)) * scale).clip(-3e38, 3e38).astype(np.float32)
        near = np.concatenate([queries, values.clip(-3e38, 3e38).astype(np.float32)])
        check_bounds(near, queries, metric, storage)


def left_out():
    """Return a vector whose codes leave out as much as they can, and one in that direction.

    The other is held exactly by its codes, so the inequality of Cauchy and Schwarz is an equality.
    Third comes how much of their product the codes miss.
    """
    other = np.where(np.arange(64) % 3 == 0, -1.0, 1.0)
    other[0] = 0
    coarse = np.round(np.linspace(-90, 90, 64)) + 0.49 * other
    coarse[0] = 127  # sets the scale
    return coarse * 2.0**-10, other, 63 * 0.49 * 2.0**-10


@pytest.mark.compiled
@pytest.mark.parametrize("turned", [False, True])
def test_bounds_have_nothing_to_give_away(turned):
    """One that is a hundredth nearer would be wrong."""
    coarse, other, missed = left_out()
    row, query = (other, coarse) if turned else (coarse, other)
    bounds = bounds_of(rows_of([row]), queries_of([query]), Metric.INNER_PRODUCT)
    exact = reference.exact_score(row, query, Metric.INNER_PRODUCT)
    assert exact <= bounds[0, 0] < exact + missed / 100


def test_the_best_row_is_found_though_its_codes_say_little():
    coarse, other, missed = left_out()
    almost = other * (
        (coarse @ other - missed / 20) / 63
    )  # better than what codes know of the best
    values = np.array([almost, coarse, -other], np.float32)
    rows, query = rows_of(values), queries_of([other])
    assert rows.search(query, 1).ids.tolist() == [[1]]
    less = {**rows.arrays(), "errors": rows.arrays()["errors"] * np.float32(0.9)}
    lying = Rows.from_arrays(DenseVectors.of(values), less, Metric.INNER_PRODUCT, "int8")
    assert lying.search(query, 1).ids.tolist() == [[0]]


@given(data=st.data())
def test_codes_and_what_they_leave_out_make_the_vector(data):
    values = data.draw(strategies.matrices(data.draw(elements), data.draw(st.integers(1, 70))))
    codes, scales, errors = Codes.of(frozen(values))
    whole = codes.astype(np.float64) - 128
    assert (np.abs(whole) <= 127).all()
    assert (whole[:, values.shape[1] :] == 0).all()
    rest = values - whole[:, : values.shape[1]] * scales.astype(np.float64)[:, None]
    assert (np.linalg.norm(rest, axis=1) <= errors).all()
    assert (errors <= np.linalg.norm(rest, axis=1) * (1 + 1e-5) + 1e-44).all()
    assert (np.abs(rest) <= 0.51 * scales[:, None] + 1e-44).all()


@given(data=st.data(), numbers=elements, k=st.integers(0, 15), dimension=st.integers(1, 6))
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("metric", Metric)
def test_among_is_brute_force_over_a_list(metric, storage, data, numbers, k, dimension):
    values = data.draw(strategies.matrices(numbers, dimension))
    queries = data.draw(strategies.matrices(numbers, dimension, rows=(0, 6)))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    mask = mask.astype(bool)
    expected = reference.flat_search(values, queries, k, metric=metric, mask=mask)
    rows = rows_of(values, metric, storage)
    same(rows.among(frozen(queries), k, np.flatnonzero(mask)), expected)
    same(rows.search(frozen(queries), k, Bitmap.of_mask(mask)), expected)


@pytest.mark.compiled
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("n_queries", [1, 6])
def test_rows_that_are_nearly_equal_are_told_apart(metric, storage, n_queries):
    """By far less than a code can say, and than a sum in float32 can."""
    random = np.random.default_rng(4)
    base = random.standard_normal(200)
    for spread in (1e-1, 1e-3, 1e-6):
        values = (base + random.standard_normal((700, 200)) * spread).astype(np.float32)
        values[1::50] = values[2]
        queries = (base + random.standard_normal((n_queries, 200)) * spread).astype(np.float32)
        rows = rows_of(values, metric, storage)
        for k in (1, 10, 699, 703):
            expected = reference.flat_search(values, queries, k, metric=metric)
            same(rows.search(frozen(queries), k), expected)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("n_queries", [1, 6])
def test_among_reads_no_other_rows(storage, n_queries):
    """They hold NaN, as does all that is known of them."""
    random = np.random.default_rng(2)
    values = random.standard_normal((90, 5)).astype(np.float32)
    ordinals = np.flatnonzero(np.arange(90) % 7 == 3)
    others = np.setdiff1d(np.arange(90), ordinals)
    queries = queries_of(random.standard_normal((n_queries, 5)))
    expected = rows_of(values, storage=storage).among(queries, 4, ordinals)
    arrays = {
        name: array.copy() for name, array in rows_of(values, storage=storage).arrays().items()
    }
    values[others], arrays["norms"][others] = np.nan, np.inf
    vectors = DenseVectors(frozen(values))
    rows = Rows.from_arrays(vectors, arrays, Metric.INNER_PRODUCT, storage)
    same(rows.among(queries, 4, ordinals), expected)


@pytest.mark.compiled
@pytest.mark.parametrize("metric", Metric)
def test_rows_whose_codes_say_enough_are_not_read(metric):
    """Of most only the codes are: they hold NaN, which would be offered."""
    random = np.random.default_rng(3)
    values = random.standard_normal((500, 64)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    queries = queries_of(values[7:8])
    arrays = rows_of(values, metric).arrays()
    expected = rows_of(values, metric).search(queries, 3)
    ranked = np.argsort(-(values @ values[7]), kind="stable")
    values[ranked[60:]] = np.nan
    rows = Rows.from_arrays(DenseVectors(frozen(values)), arrays, metric, "int8")
    same(rows.search(queries, 3), expected)


@pytest.mark.compiled
@pytest.mark.parametrize("n_allowed", [0, 1, 40, 41, 79, 80])
@pytest.mark.parametrize("storage", STORAGES)
def test_few_allowed_and_many_are_found_alike(storage, n_allowed):
    assert LISTED_MAX == 0.5, "one way up to 40 of 80 rows, another above"
    random = np.random.default_rng(5)
    values = random.integers(-3, 4, (80, 4)).astype(np.float32)
    queries = queries_of(random.integers(-3, 4, (6, 4)))
    mask = np.zeros(80, bool)
    mask[random.permutation(80)[:n_allowed]] = True
    found = rows_of(values, storage=storage).search(queries, 50, Bitmap.of_mask(mask))
    same(found, reference.flat_search(values, queries, 50, metric=0, mask=mask))


def test_an_empty_list_and_a_bitmap_of_another_size():
    rows, queries = rows_of(np.eye(3)), queries_of(np.eye(3)[:2])
    same(rows.among(queries, 4, np.empty(0, np.int64)), Hits.empty(2, 4))
    with pytest.raises(InvalidInput, match="allowed covers 4 documents"):
        rows.search(queries, 1, Bitmap.of_mask(np.ones(4, bool)))


def test_scores_are_exact_and_of_no_candidate_nothing():
    rows, queries = rows_of(np.arange(6.0).reshape(3, 2)), queries_of([[1, 2]])
    scores = rows.score(queries, frozen(np.array([[2, -1, 0]])))
    assert scores.tolist() == [[14, -np.inf, 2]]
