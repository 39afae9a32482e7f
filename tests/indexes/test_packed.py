"""Products of packed vectors are the same whole numbers by any instruction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.packed import LINE, SMALLEST, _plain_dot, _vnni_dot, cut, dot, packed, values_per_line
from indexes.simd import VNNI


@pytest.mark.parametrize("bits", [8, 4, 2])
@given(st.data())
def test_a_dot_is_the_sum_of_products(bits: int, data: st.DataObject) -> None:
    n_lines, seed = data.draw(st.integers(0, 7)), data.draw(st.integers(0, 2**32))
    random, width = np.random.default_rng(seed), n_lines * values_per_line(bits)
    extreme = data.draw(st.booleans())
    top = 2**bits - 1
    values = (
        random.choice([0, top], (3, width)) if extreme else random.integers(0, top + 1, (3, width))
    )
    query = random.choice([-128, 127], width) if extreme else random.integers(-128, 128, width)
    rows = packed(values.astype(np.uint8), bits)
    assert rows.shape == (3, n_lines * LINE)
    before, shifted = rows.reshape(-1), np.concatenate([[7, 7, 7], query]).astype(np.int8)
    for row in range(3):
        expected = int(values[row] @ query)
        ways = [dot, _plain_dot, *([_vnni_dot] if VNNI else [])]
        for way in ways:
            place = row * n_lines * LINE
            assert way(before, place, shifted, 3, n_lines * LINE, bits) == expected


@given(
    st.lists(st.floats(-(2.0**127), 2.0**127, width=32), max_size=40), st.integers(0, 5)
)  # fmt: skip
def test_a_vector_is_cut_into_127_steps_each_way(numbers: list[float], more: int) -> None:
    row, out = np.array([*numbers, 9e9], np.float32), np.full(len(numbers) + more, 7, np.int8)
    step = cut(row, len(numbers), out)
    largest = max([abs(number) for number in numbers], default=0.0)
    assert step == np.float32(max(np.float32(largest), np.float32(SMALLEST)) / np.float32(127))
    assert not out[len(numbers) :].any()
    wrong = np.abs(row[:-1].astype(np.float64) - out[: len(numbers)] * np.float64(step))
    assert (wrong <= 0.5001 * step).all()
