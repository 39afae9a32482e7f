"""Hits of several collections become one ranking."""

import numpy as np
import reference
from comparison import same
from hypothesis import given
from hypothesis import strategies as st

from indexes.hits import Hits, merge

rows = st.lists(st.sampled_from([-np.inf, -2.0, 0.0, 0.5, 7.0]), max_size=6)
collections = st.lists(st.tuples(rows, rows), min_size=1, max_size=4)


def ranked(part: tuple[list[float], list[float]], dtype: type) -> Hits:
    """Two queries over the documents of one collection, with room to spare."""
    width = max(map(len, part)) + 1
    hits = reference.ranking(part, width, [range(len(row)) for row in part])
    return Hits(hits.ids.astype(dtype), hits.scores)


@given(parts=collections, k=st.integers(0, 12), dtype=st.sampled_from([np.int32, np.int64]))
def test_merge_is_sorting_everything(parts, k, dtype):
    hits = [ranked(part, dtype) for part in parts]
    bases = np.cumsum([0] + [max(map(len, part)) for part in parts])[:-1].tolist()
    same(merge(hits, bases, k), reference.merge(hits, bases, k))


def test_ordinals_beyond_int32_are_kept():
    hits = [Hits(np.array([[1]], np.int32), np.array([[1.0]], np.float32))] * 2
    assert merge(hits, [0, 2**40], 2).ids.tolist() == [[1, 2**40 + 1]]


def test_padding_adds_empty_places():
    hits = Hits(np.array([[4]], np.int32), np.array([[1.0]], np.float32))
    padded = hits.padded(3)
    same(padded, Hits(np.array([[4, -1, -1]]), np.array([[1, -np.inf, -np.inf]], np.float32)))
    assert padded.ids.dtype == np.int32
    assert hits.padded(1) is hits
    assert padded.counts().tolist() == [1]
    assert len(Hits.empty(5, 0)) == 5
