"""A bitmap is a set of ordinals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.bitmap import EVERY, Bitmap, kernel_bits
from indexes.errors import InvalidInput

pairs = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40)


@given(pairs=pairs)
def test_a_bitmap_is_its_mask(pairs):
    left, right = (np.array([pair[i] for pair in pairs], bool) for i in (0, 1))
    bitmap = Bitmap.of_mask(left)
    np.testing.assert_array_equal(bitmap.mask(), left)
    assert bitmap.count == left.sum()
    assert bitmap.ordinals().tolist() == np.flatnonzero(left).tolist()
    assert not bitmap.bits.flags.writeable
    both = bitmap & Bitmap.of_mask(right)
    np.testing.assert_array_equal(both.mask(), left & right)
    for ordinal, allowed in enumerate(left):
        assert (bitmap.bits[ordinal >> 3] >> (ordinal & 7)) & 1 == allowed


def test_a_bitmap_that_does_not_cover_its_documents_is_refused():
    for bits in (np.zeros(2, np.uint8), np.zeros(4, np.uint8), np.zeros(3, np.int8)):
        with pytest.raises(InvalidInput, match="a bitmap of 20"):
            Bitmap(bits, 20)
    with pytest.raises(InvalidInput, match="combined"):
        _ = Bitmap(np.zeros(3, np.uint8), 20) & Bitmap(np.zeros(3, np.uint8), 21)


def test_kernels_are_given_no_bits_where_all_are_allowed():
    assert kernel_bits(None, 9) is EVERY
    with pytest.raises(InvalidInput, match="allowed covers 3 documents, the index has 4"):
        kernel_bits(Bitmap.of_mask(np.ones(3, bool)), 4)
