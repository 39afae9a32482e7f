"""What a kernel is given is plain, in range and finite."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.errors import CorruptIndex, InvalidInput, InvalidVectors
from indexes.validate import (
    check_array,
    check_candidates,
    check_finite,
    check_k,
    check_not_negative,
    check_offsets,
    check_ordinal,
    check_range,
    check_rising,
    frozen,
    stored,
)


def test_every_array_is_frozen_to_one_type(tmp_path):
    plain = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.save(tmp_path / "a.npy", plain)
    unaligned = np.frombuffer(b"x" + plain.tobytes(), np.uint8)[1:].view(np.float32).reshape(3, 4)
    assert not unaligned.flags.aligned
    arrays = [
        plain,
        np.asfortranarray(plain),
        np.repeat(plain, 2, axis=1)[:, ::2],
        np.load(tmp_path / "a.npy", mmap_mode="r"),
        np.load(tmp_path / "a.npy", mmap_mode="r+"),
        unaligned,
    ]
    for array in map(frozen, arrays):
        np.testing.assert_array_equal(array, plain)
        assert type(array) is np.ndarray
        assert array.flags.c_contiguous
        assert array.flags.aligned
        assert not array.flags.writeable
    assert plain.flags.writeable


def test_freezing_copies_nothing_that_is_plain():
    plain = np.arange(3)
    assert np.shares_memory(frozen(plain), plain)


@given(
    values=st.lists(st.floats(width=32), max_size=20),
    columns=st.sampled_from([1, 2, 5]),
)
def test_finite_means_no_value_is_nan_or_infinite(values, columns):
    matrix = np.array(values, np.float32)[: len(values) // columns * columns].reshape(-1, columns)
    bad = np.flatnonzero(~np.isfinite(matrix).all(1))
    if len(bad):
        with pytest.raises(InvalidVectors, match=f"x row {bad[0]} holds"):
            check_finite("x", matrix, InvalidVectors)
    else:
        check_finite("x", matrix, InvalidVectors)


@given(values=st.lists(st.floats(width=16), max_size=20))
def test_finite_halves(values):
    matrix = np.array(values, np.float16).reshape(-1, 1)
    bad = np.flatnonzero(~np.isfinite(matrix))
    if len(bad):
        with pytest.raises(CorruptIndex, match=f"x row {bad[0]} holds"):
            check_finite("x", matrix, CorruptIndex)
    else:
        check_finite("x", matrix, CorruptIndex)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_last_of_many_values_is_looked_at(dtype, value):
    matrix = np.full((30_001, 3), np.finfo(dtype).max, dtype)
    check_finite("x", matrix, InvalidVectors)
    matrix[-1, -1] = value
    with pytest.raises(InvalidVectors, match="x row 30000 holds"):
        check_finite("x", matrix, InvalidVectors)


@given(steps=st.lists(st.integers(-2, 3), max_size=8), total=st.integers(0, 8))
def test_offsets_rise_from_zero_to_the_total(steps, total):
    offsets = np.cumsum([0, *steps])
    if offsets[-1] == total and all(step >= 0 for step in steps):
        check_offsets("x", offsets, total)
    else:
        with pytest.raises(CorruptIndex, match="does not rise"):
            check_offsets("x", offsets, total)


def test_offsets_whose_differences_wrap_around_are_damaged():
    with pytest.raises(CorruptIndex):
        check_offsets("x", np.array([0, 2**62, -(2**63), -(2**62), 0]), 0)


@given(rows=st.lists(st.lists(st.integers(0, 5), max_size=4), max_size=5))
def test_rising_means_inside_every_row(rows):
    offsets = np.cumsum([0, *map(len, rows)])
    values = np.array([value for row in rows for value in row], np.int32)
    if all(row == sorted(set(row)) for row in rows):
        check_rising("x", values, offsets)
    else:
        with pytest.raises(CorruptIndex, match="x do not rise"):
            check_rising("x", values, offsets)


def test_range_names_what_it_found():
    check_range("docs", np.array([0, 4]), below=5)
    check_range("docs", np.array([], np.int32), below=0)
    for values in ([0, 5], [-1, 4]):
        with pytest.raises(CorruptIndex, match=rf"{min(values)} \.\. {max(values)}, outside 0"):
            check_range("docs", np.array(values), below=5)


def test_not_negative_allows_infinity():
    check_not_negative("x", np.array([0.0, np.inf, -0.0]))
    for wrong in (-1e-45, np.nan, -np.inf):
        with pytest.raises(CorruptIndex):
            check_not_negative("x", np.array([1, wrong], np.float32))


def test_arrays_have_their_dtype_and_shape():
    check_array("x", np.zeros((2, 3), np.float32), np.float32, (-1, 3))
    for array in (np.zeros((2, 3)), np.zeros((2, 4), np.float32), np.zeros(3, np.float32)):
        with pytest.raises(CorruptIndex, match="x has dtype"):
            check_array("x", array, np.float32, (-1, 3))


def test_a_missing_array_is_named():
    with pytest.raises(CorruptIndex, match="'docs' is missing"):
        stored({}, "docs")


@pytest.mark.parametrize("k", [0, 1, 10**9, np.int8(3), np.uint64(3)])
def test_k_is_a_plain_number(k):
    assert type(check_k(k)) is int
    assert check_k(k) == k


def test_candidates_are_ordinals_or_minus_one():
    found = check_candidates([[-1, 0], [4, 2]], 2, 5)
    assert found.dtype == np.int64
    assert not found.flags.writeable
    assert check_candidates(np.empty((2, 0)), 2, 0).shape == (2, 0)
    for wrong in ([[5]], [[-2]], [[2**63]], [[1.0]], [1], [[0], [0]]):
        with pytest.raises(InvalidInput, match="candidates"):
            check_candidates(wrong, 1, 5)


def test_an_ordinal_is_a_position():
    assert type(check_ordinal(np.int32(3), 4)) is int
    for wrong in (4, -1, 1.0, "1", True):
        with pytest.raises(InvalidInput, match="ordinal is"):
            check_ordinal(wrong, 4)
