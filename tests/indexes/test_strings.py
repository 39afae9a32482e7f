"""A table of strings is a list of them."""

import numpy as np
import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st

from indexes.errors import CorruptIndex
from indexes.lexicographic import compare
from indexes.strings import Strings, union

lists = st.lists(strategies.byte_strings, max_size=12)
dictionaries = st.sets(strategies.byte_strings, max_size=12).map(sorted)


@given(values=lists)
def test_a_table_is_a_list(values):
    table = Strings.of(values)
    assert len(table) == len(values)
    assert list(table) == values
    assert [table[i] for i in range(len(values))] == values
    assert list(Strings.from_arrays(table.arrays("x"), "x")) == values


@given(values=lists, data=st.data())
def test_take_is_indexing(values, data):
    positions = data.draw(st.lists(st.sampled_from(range(len(values))))) if values else []
    taken = Strings.of(values).take(np.array(positions, np.int64))
    assert list(taken) == [values[i] for i in positions]
    assert taken.offsets[0] == 0
    assert taken.offsets.dtype == np.int64


@given(parts=st.lists(lists, max_size=4))
def test_concatenate_is_adding_lists(parts):
    joined = Strings.concatenate([Strings.of(part) for part in parts])
    assert list(joined) == [value for part in parts for value in part]


@given(parts=st.lists(dictionaries, max_size=4))
def test_union_is_the_sorted_set_and_says_what_moved_where(parts):
    merged, moves = union([Strings.of(part) for part in parts])
    expected, expected_moves = reference.union(parts)
    assert list(merged) == expected
    assert [move.tolist() for move in moves] == expected_moves
    assert all(move.dtype == np.int32 for move in moves)


@given(values=lists)
def test_a_table_rises_if_the_list_is_sorted_and_distinct(values):
    assert Strings.of(values).rises() == (values == sorted(set(values)))
    assert Strings.of(sorted(set(values))).rises()


@given(a=strategies.byte_strings, b=strategies.byte_strings)
def test_bytes_are_compared_without_signs(a, b):
    left, right = np.frombuffer(a + b"\xff", np.uint8), np.frombuffer(b"\x00" + b, np.uint8)
    order = compare(left, 0, len(a), right, 1, len(right))
    assert np.sign(order) == (a > b) - (a < b)


@given(texts=st.lists(st.text(max_size=4)))
def test_byte_order_is_the_order_of_code_points(texts):
    """What lets an encoder sort terms as text."""
    assert Strings.of(text.encode() for text in sorted(set(texts))).rises()


def test_tables_of_any_length_share_one_shape():
    for table in (Strings.of([]), Strings.of([b""]), Strings.of([b"", b"a"]).take(np.array([0]))):
        assert table.data.dtype == np.uint8
        assert not table.data.flags.writeable
        assert not table.offsets.flags.writeable


def test_damaged_tables_are_corrupt():
    good = Strings.of([b"a", b"bc"]).arrays("x")
    for name, bad in (
        ("x.offsets", good["x.offsets"][:-1]),
        ("x.offsets", good["x.offsets"][::-1]),
        ("x.offsets", good["x.offsets"].astype(np.int32)),
        ("x.data", good["x.data"][:-1]),
        ("x.data", good["x.data"].astype(np.int8)),
        ("x.data", good["x.data"].reshape(3, 1)),
    ):
        with pytest.raises(CorruptIndex):
            Strings.from_arrays(good | {name: bad}, "x")
    for name in good:
        with pytest.raises(CorruptIndex, match=f"'{name}' is missing"):
            Strings.from_arrays({key: good[key] for key in good if key != name}, "x")
