"""Vectors are checked once, when they are made."""

import numpy as np
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from indexes.errors import CorruptIndex, InvalidVectors
from indexes.strings import Strings
from indexes.vectors import DenseVectors, MultiVectors, SparseVectors, gathered

weights = st.sampled_from([strategies.whole_weights, strategies.real_weights])
AB = Strings.of([b"a", b"b"])


def back(vectors: SparseVectors) -> list[dict[str, float]]:
    return [vectors.row(i) for i in range(len(vectors))]


@given(data=st.data(), weights=weights)
def test_rows_come_back(data, weights):
    rows = data.draw(strategies.sparse_rows(weights))
    vectors = SparseVectors.of_rows(rows)
    assert back(vectors) == rows
    assert all(list(row) == sorted(row, key=str.encode) for row in back(vectors))
    assert back(SparseVectors.from_arrays(vectors.arrays())) == rows
    small = all(w <= 255 and w == int(w) for row in rows for w in row.values())
    assert vectors.weights.dtype == (np.uint8 if small else np.float32)


@given(data=st.data(), weights=weights)
def test_take_keeps_rows_and_drops_unused_terms(data, weights):
    rows = data.draw(strategies.sparse_rows(weights))
    chosen = data.draw(st.lists(st.sampled_from(range(len(rows))))) if rows else []
    taken = SparseVectors.of_rows(rows).take(np.array(chosen, np.int64))
    assert back(taken) == [rows[i] for i in chosen]
    assert {term.decode() for term in taken.vocabulary} == {t for i in chosen for t in rows[i]}
    SparseVectors.from_arrays(taken.arrays())


@given(data=st.data(), parts=st.lists(weights, min_size=1, max_size=4))
def test_concatenate_is_adding_lists_of_rows(data, parts):
    rows = [data.draw(strategies.sparse_rows(part)) for part in parts]
    joined = SparseVectors.concatenate([SparseVectors.of_rows(part) for part in rows])
    whole = SparseVectors.of_rows([row for part in rows for row in part])
    assert back(joined) == back(whole)
    assert list(joined.vocabulary) == list(whole.vocabulary)
    assert joined.weights.dtype == whole.weights.dtype
    SparseVectors.from_arrays(joined.arrays())


@given(values=strategies.matrices(strategies.floats, 3))
def test_dense_rows_come_back(values):
    vectors = DenseVectors.of(values)
    assert vectors.dimension == 3
    assert DenseVectors.from_arrays(vectors.arrays()).values.tobytes() == values.tobytes()
    twice = DenseVectors.concatenate([vectors, vectors])
    np.testing.assert_array_equal(twice.values, np.concatenate([values, values]))
    order = np.arange(len(values))[::-1]
    np.testing.assert_array_equal(vectors.take(order).values, values[order])


halves = st.floats(-8, 8, width=16)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@given(data=st.data())
def test_token_vectors_come_back(dtype, data):
    rows = [row.astype(dtype) for row in data.draw(strategies.token_matrices(halves, 3))]
    vectors = MultiVectors.of_rows(rows, dimension=3)
    assert (len(vectors), vectors.dimension) == (len(rows), 3)
    assert vectors.values.dtype == (dtype if rows else np.float32)
    chosen = data.draw(st.lists(st.sampled_from(range(len(rows))))) if rows else []
    stored = MultiVectors.from_arrays(vectors.arrays())
    twice = MultiVectors.concatenate([vectors, vectors])
    for found, expected in (
        (vectors, rows),
        (stored, rows),
        (MultiVectors.of(vectors.values, vectors.offsets), rows),
        (vectors.take(np.array(chosen, np.int64)), [rows[i] for i in chosen]),
        (twice, rows + rows),
        (gathered([vectors, vectors], MultiVectors), rows + rows),
    ):
        assert found.values.dtype == vectors.values.dtype
        assert len(found) == len(expected)
        for i, row in enumerate(expected):
            np.testing.assert_array_equal(found.row(i), row)


@pytest.mark.parametrize("dtype", [np.float64, np.int8, bool, ">f2", ">f4"])
def test_other_numbers_become_float32(dtype):
    rows = np.array([[1, 0], [1, 1]])
    vectors = MultiVectors.of(rows.astype(dtype), [0, 2])
    assert vectors.values.dtype == np.float32
    np.testing.assert_array_equal(vectors.row(0), rows)


def test_one_part_of_float32_makes_all_float32():
    half = MultiVectors.of(np.full((1, 2), 0.1, np.float16), [0, 1])
    whole = MultiVectors.of(np.full((1, 2), 0.1, np.float32), [0, 1])
    both = MultiVectors.concatenate([half, whole])
    assert both.values.dtype == np.float32
    np.testing.assert_array_equal(both.row(0), half.row(0))
    np.testing.assert_array_equal(both.row(1), whole.row(0))


@pytest.mark.parametrize(
    ("values", "offsets", "said"),
    [
        ([[np.nan]], [0, 1], "row 0 holds NaN"),
        ([[0.0], [-np.inf]], [0, 2], "row 1 holds NaN"),
        (np.array([[0.0], [np.inf]], np.float16), [0, 2], "row 1 holds NaN"),
        (np.array([[np.nan]], np.float16), [0, 1], "row 0 holds NaN"),
        ([[1e39]], [0, 1], "row 0 holds NaN"),
        ([1.0], [0, 1], "shape"),
        ([[[1.0]]], [0, 1], "shape"),
        (np.empty((3, 0)), [0, 3], "dimension 0"),
        ([["a"]], [0, 1], "dtype"),
        ([[1], [2, 3]], [0, 2], "no array of numbers"),
        ([[1.0]], [0, 2], "rise from 0 to 1"),
        ([[1.0]], [1, 1], "rise from 0 to 1"),
        ([[1.0], [1.0]], [0, 2, 1, 2], "rise from 0 to 2"),
        ([[1.0]], [], "offsets"),
        ([[1.0]], [[0, 1]], "offsets"),
        ([[1.0]], [0.0, 1.0], "whole numbers"),
    ],
)
def test_token_vectors_are_finite_and_fit_together(values, offsets, said):
    with pytest.raises(InvalidVectors, match=said):
        MultiVectors.of(values, offsets)


@pytest.mark.parametrize(
    ("rows", "dimension", "said"),
    [
        ([], None, "pass dimension"),
        ([[[1.0]], [1.0]], None, "row 1 has shape"),
        ([[[1.0]], np.zeros((2, 1, 1))], None, "row 1 has shape"),
        ([[[1.0]], [["a"]]], None, "row 1 has dtype"),
        ([[[1.0]], [[1.0, 2.0]]], None, r"\[1, 2\]"),
        ([[[1.0]]], 2, "dimension 1, not 2"),
        ([[[1.0]], [[np.nan]]], None, "NaN"),
        (np.zeros(3), None, "row 0 has shape"),
    ],
)
def test_rows_of_token_vectors_are_matrices_of_one_dimension(rows, dimension, said):
    with pytest.raises(InvalidVectors, match=said):
        MultiVectors.of_rows(rows, dimension=dimension)


def test_a_weight_of_zero_is_dropped():
    assert back(SparseVectors.of_rows([{"a": 0.0, "b": 1.0}, {"a": -0.0}])) == [{"b": 1.0}, {}]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[np.nan]], "row 0 holds NaN"),
        ([[0.0], [np.inf]], "row 1 holds NaN"),
        ([[1e300]], "row 0 holds NaN"),
        ([1.0], "shape"),
        ([[[1.0]]], "shape"),
        (np.empty((3, 0)), "dimension 0"),
        ([["a"]], "dtype"),
        ([[1j]], "dtype"),
        ([[None]], "dtype"),
        ([[1], [2, 3]], "no array of numbers"),
    ],
)
def test_dense_vectors_are_finite_matrices(values, said):
    with pytest.raises(InvalidVectors, match=said):
        DenseVectors.of(values)


@pytest.mark.parametrize(
    ("offsets", "terms", "weights", "said"),
    [
        ([0, 1], [0], [-1.0], "negative"),
        ([0, 1], [0], [np.nan], "NaN"),
        ([0, 1], [0], [np.inf], "NaN or infinity"),
        ([0, 1], [0], [1e300], "NaN or infinity"),
        ([0, 1], [0], ["x"], "real numbers"),
        ([0, 1], [2], [1.0], "outside the vocabulary"),
        ([0, 1], [-1], [1.0], "outside the vocabulary"),
        ([0, 1], [2**32], [1.0], "does not fit"),
        ([0, 1], [0.5], [1.0], "whole numbers"),
        ([0, 2], [1, 0], [1.0, 1.0], "do not rise"),
        ([0, 2], [0, 0], [1.0, 1.0], "do not rise"),
        ([0, 1], [0, 1], [1.0, 1.0], "rise from 0 to 2"),
        ([1, 1], [0], [1.0], "rise from 0 to 1"),
        ([0, 2, 1, 2], [0, 1], [1.0, 1.0], "rise from 0 to 2"),
        ([], [], [], "offsets"),
        ([0, 1], [0], [1.0, 2.0], "shape"),
        ([0, 1], [[0]], [[1.0]], "shape"),
    ],
)
def test_sparse_arrays_fit_together(offsets, terms, weights, said):
    with pytest.raises(InvalidVectors, match=said):
        SparseVectors.of(offsets, terms, weights, AB)


@pytest.mark.parametrize("names", [[b"b", b"a"], [b"a", b"a"]])
def test_a_vocabulary_is_sorted_and_distinct(names):
    """A binary search in any other order would silently miss terms."""
    with pytest.raises(InvalidVectors, match="byte order"):
        SparseVectors.of([0, 1], [0], [1.0], Strings.of(names))
    stored = SparseVectors.of([0, 1], [0], [1.0], AB).arrays() | Strings.of(names).arrays(
        "vocabulary"
    )
    with pytest.raises(CorruptIndex, match="byte order"):
        SparseVectors.from_arrays(stored)


def test_a_term_that_is_not_unicode_is_refused():
    with pytest.raises(InvalidVectors, match="not Unicode"):
        SparseVectors.of_rows([{"\ud800": 1.0}])


def test_vectors_of_two_dimensions_cannot_be_joined():
    parts = [DenseVectors.of(np.zeros((1, 2))), DenseVectors.of(np.zeros((1, 3)))]
    with pytest.raises(InvalidVectors, match=r"\[2, 3\]"):
        DenseVectors.concatenate(parts)


def test_the_caller_may_write_to_his_array_again():
    values = np.ones((2, 2), np.float32)
    vectors = DenseVectors.of(values)
    assert not vectors.values.flags.writeable
    assert values.flags.writeable


class TestMatricesOfScipy:
    def test_any_format_gives_the_same_vectors(self) -> None:
        sparse = pytest.importorskip("scipy.sparse")
        dense = np.array([[0, 1, 0, 2.5], [0, 0, 0, 0], [3, 0, 0, 1]])
        names = Strings.of([b"a", b"b", b"c", b"d"])
        for made in (sparse.csr_matrix, sparse.csc_array, sparse.coo_array, sparse.lil_matrix):
            vectors = SparseVectors.of_matrix(made(dense), names)
            rows = [vectors.row(i) for i in range(3)]
            assert rows == [{"b": 1.0, "d": 2.5}, {}, {"a": 3.0, "d": 1.0}]

    def test_columns_have_numbers_for_names(self) -> None:
        sparse = pytest.importorskip("scipy.sparse")
        twice = sparse.coo_array(([1.0, 2.0, 0.0], ([0, 0, 0], [10, 10, 3])), shape=(1, 12))
        assert SparseVectors.of_matrix(twice).row(0) == {"10": 3.0}
        assert twice.nnz == 3  # what was given is as it was

    def test_what_is_no_matrix_of_weights_is_refused(self) -> None:
        sparse = pytest.importorskip("scipy.sparse")
        with pytest.raises(InvalidVectors, match="no sparse matrix"):
            SparseVectors.of_matrix(np.eye(2))
        with pytest.raises(InvalidVectors, match="1 names do not fit 2 columns"):
            SparseVectors.of_matrix(sparse.eye_array(2), Strings.of([b"a"]))
        with pytest.raises(InvalidVectors, match="negative"):
            SparseVectors.of_matrix(-sparse.eye_array(2))

    def test_lines_of_anserini_are_vectors(self) -> None:
        lines = ['{"id": 7, "vector": {"b": 2, "a": 0.5}}', b'{"id": "x", "vector": {}}']
        ids, vectors = SparseVectors.of_json(lines)
        assert ids == ["7", "x"]
        assert back(vectors) == [{"a": 0.5, "b": 2.0}, {}]
        for wrong in (
            "{",
            '{"id": 1}',
            '{"id": 1, "vector": 3}',
            '{"id": 1, "vector": {"a": "b"}}',
        ):
            with pytest.raises(InvalidVectors, match="line 2 is no"):
                SparseVectors.of_json([lines[0], wrong])
