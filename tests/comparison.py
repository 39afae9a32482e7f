"""Hits are compared bit by bit."""

import numpy as np

from indexes.hits import Hits


def same(found: Hits, expected: Hits) -> None:
    """Fail unless both hold the same ordinals and the same scores."""
    assert found.scores.dtype == expected.scores.dtype == np.float32
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_array_equal(found.scores, expected.scores)


def first(hits: Hits, k: int) -> Hits:
    """Return the first k places."""
    return Hits(hits.ids[:, :k], hits.scores[:, :k])


def one(hits: Hits, query: int) -> Hits:
    """Return the hits of one query."""
    return Hits(hits.ids[query : query + 1], hits.scores[query : query + 1])
