"""The order of an index is a permutation that puts similar documents side by side."""

from collections import Counter

import numpy as np
import pytest
import traversals
from hypothesis import given

from indexes.errors import CorruptIndex
from indexes.inverted import Inverted, InvertedBuild
from indexes.inverted import order as orders
from indexes.inverted.order import LEAF, TERMS_PER_DOCUMENT, bisected


@given(case=traversals.cases())
def test_bisection_is_a_permutation_and_always_the_same(case):
    order = bisected(case.vectors)
    assert sorted(order.tolist()) == list(range(len(case.documents)))
    assert order.dtype == np.int32
    assert not order.flags.writeable
    assert order.tobytes() == bisected(case.vectors).tobytes()


def topics(random, n, n_topics):
    """Documents of topics in turn: each has eight terms of its own, and one that all share."""
    table = np.zeros((n, 8 * n_topics + 1), np.float32)
    for doc in range(n):
        topic = doc % n_topics
        table[doc, 8 * topic + random.permutation(8)[:5]] = 1
    table[:, -1] = 1
    return table


@pytest.mark.parametrize("n_topics", [2, 4])
def test_interleaved_topics_are_put_apart(n_topics):
    """Nearly always: exchanges may swap two equal halves for ever."""
    n, apart = 16 * LEAF, 0
    for seed in range(20):
        table = topics(np.random.default_rng(seed), n, n_topics)
        parts = bisected(traversals.vectors(table)).reshape(n_topics, -1) % n_topics
        most = [max(Counter(part.tolist()).values()) for part in parts]
        apart += sum(most) >= 0.95 * n
    assert apart >= 18


def test_documents_of_very_many_terms_are_placed_by_the_heaviest():
    random = np.random.default_rng(3)
    n, noise = 8 * LEAF, 3 * TERMS_PER_DOCUMENT
    table = np.zeros((n, 2 * TERMS_PER_DOCUMENT + noise), np.float32)
    table[:, 2 * TERMS_PER_DOCUMENT :] = random.integers(0, 2, (n, noise))
    first = np.isin(np.arange(n), random.permutation(n)[: n // 2])
    table[first, :TERMS_PER_DOCUMENT] = 9
    table[~first, TERMS_PER_DOCUMENT : 2 * TERMS_PER_DOCUMENT] = 9
    assert first[bisected(traversals.vectors(table))[: n // 2]].mean() in (0, 1)


def test_scores_do_not_depend_on_the_order():
    random = np.random.default_rng(4)
    vectors = traversals.vectors(topics(random, 500, 3))
    queries = traversals.vectors(topics(random, 6, 3))
    given_order, other = (Inverted.build(vectors, InvertedBuild(o)) for o in ("given", "bisection"))
    assert given_order.order.tolist() == list(range(500)) != other.order.tolist()
    assert "order" not in given_order.arrays()
    every = np.repeat(np.arange(500)[None], 6, 0)
    np.testing.assert_array_equal(given_order.score(queries, every), other.score(queries, every))


@pytest.mark.parametrize("wrong", [[0, 1, 1], [0, 1, 3], [-1, 0, 1], [0, 1], [0, 1, 2, 3]])
def test_a_stored_order_that_is_no_permutation_is_corrupt(wrong):
    with pytest.raises(CorruptIndex):
        orders.from_arrays(3, {"order": np.array(wrong, np.int32)}, "bisection")
    with pytest.raises(CorruptIndex, match="missing"):
        orders.from_arrays(3, {}, "bisection")
