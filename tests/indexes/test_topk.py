"""The heap keeps the best documents; ties go to the lower ordinal."""

import numpy as np
import pytest
import reference
from comparison import same
from hypothesis import given
from hypothesis import strategies as st

from indexes.hits import Hits
from indexes.topk import keep_best, offer, offer_all, rank_all, sort_best_first

scores_strategy = st.lists(
    st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 1.5, np.inf]) | st.floats(-4, 4, width=32),
    max_size=40,
)


@given(scores=scores_strategy, k=st.integers(0, 45), data=st.data())
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_the_heap_is_the_head_of_the_sorted_list(dtype, scores, k, data):
    ids, kept = np.full(k, -1, dtype), np.full(k, np.nan, np.float32)
    size = 0
    for ordinal in data.draw(st.permutations(range(len(scores)))):
        size = offer(ids, kept, size, ordinal, np.float32(scores[ordinal]))
        # The root is the worst that is kept.
        pairs = list(zip(kept[:size], -ids[:size], strict=True))
        assert not pairs or pairs[0] == min(pairs)
    sort_best_first(ids, kept, size)
    expected = reference.best(scores, k)
    assert size == len(expected)
    assert ids[:size].tolist() == expected
    assert kept[:size].tolist() == [np.float32(scores[i]) for i in expected]


@given(scores=scores_strategy | st.lists(st.sampled_from([0.0, 1.0]), max_size=300), data=st.data())
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_the_best_are_kept_in_front(dtype, scores, data):
    ordinals = data.draw(st.permutations(range(len(scores))))
    room = len(scores) + 3
    ids, kept = np.full(room, 7, dtype), np.full(room, np.nan, np.float32)
    ids[: len(scores)] = ordinals
    kept[: len(scores)] = [scores[i] for i in ordinals]
    k = data.draw(st.integers(0, len(scores)))
    keep_best(ids, kept, len(scores), k)
    assert sorted(ids[:k].tolist()) == sorted(reference.best(scores, k))
    assert sorted(ids[: len(scores)].tolist()) == list(range(len(scores)))
    for ordinal, score in zip(ids[: len(scores)].tolist(), kept.tolist(), strict=False):
        assert score == np.float32(scores[ordinal])
    assert np.isnan(kept[len(scores) :]).all()


@given(
    parts=st.lists(st.lists(st.integers(-3, 3), max_size=8), min_size=1, max_size=5),
    k=st.integers(1, 9),
)
def test_offering_ranked_hits_of_many_parts_is_a_merge(parts, k):
    bases = np.cumsum([0, *map(len, parts)])[:-1].tolist()
    ranked = [reference.ranking([part], len(part) + 1, [range(len(part))]) for part in parts]
    heaps, keys = np.full((1, k), -1, np.int64), np.full((1, k), -np.inf, np.float32)
    sizes = np.zeros(1, np.int64)
    for hits, base in zip(ranked, bases, strict=True):
        offer_all(hits.ids, hits.scores, base, heaps, keys, sizes)
    rank_all(heaps, keys, sizes)
    same(Hits(heaps, keys), reference.merge(ranked, bases, k))
    assert sizes[0] == min(k, sum(map(len, parts)))
