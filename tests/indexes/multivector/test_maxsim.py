"""The kernels of late interaction against their formulas."""

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from indexes.multivector.maxsim import (
    LANES,
    SMALLEST,
    Block,
    Queries,
    Scratch,
    estimate,
    longest,
    slack,
    widen,
)
from indexes.validate import frozen
from indexes.vectors import MultiVectors

EVERY_HALF = np.arange(2**16, dtype=np.uint16)


def test_every_half_is_widened():
    finite = EVERY_HALF[np.isfinite(EVERY_HALF.view(np.float16))].reshape(-1, 8)
    wide = np.empty(finite.shape, np.float32)
    widen(frozen(finite), np.array([0]), np.array([len(finite)]), wide.view(np.uint32), wide)
    expected = finite.view(np.float16).astype(np.float32)
    np.testing.assert_array_equal(wide.view(np.uint32), expected.view(np.uint32))


@given(lengths=st.lists(st.integers(0, 9), max_size=6), dimension=st.integers(1, 4))
def test_queries_are_padded_with_zeros(lengths, dimension):
    rows = [np.full((n, dimension), i + 1, np.float32) for i, n in enumerate(lengths)]
    queries = Queries.of(MultiVectors.of_rows(rows, dimension=dimension))
    assert queries.counts.tolist() == lengths
    assert not (queries.starts % LANES).any()
    for i, row in enumerate(rows):
        padded = queries.values[queries.starts[i] : queries.starts[i + 1]]
        np.testing.assert_array_equal(padded[: len(row)], row)
        assert not padded[len(row) :].any()
        assert len(padded) - len(row) < LANES
        assert queries.reach(i) == pytest.approx(len(row) * (i + 1) * dimension**0.5)


@pytest.mark.parametrize("dimension", [1, 3, 16, 128, 200])
@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e15])
def test_estimates_are_as_near_as_they_say(dimension, scale):
    random = np.random.default_rng(7)
    documents = [random.standard_normal((n, dimension)) * scale for n in (1, 2, 3, 8, 31)]
    documents = [document.astype(np.float32) for document in documents]
    rows = [random.standard_normal((n, dimension)).astype(np.float32) for n in (1, 4, 5, 32)]
    vectors, queries = MultiVectors.of_rows(documents), Queries.of(MultiVectors.of_rows(rows))
    starts, stops = frozen(vectors.offsets[:-1].copy()), frozen(vectors.offsets[1:].copy())
    norms = np.empty(len(documents), np.float32)
    longest(vectors.values, starts, stops, norms)
    for norm, document in zip(norms, documents, strict=True):
        exact = np.linalg.norm(document.astype(np.float64), axis=1).max()
        assert norm == np.float32(exact) or norm == pytest.approx(exact, rel=2.0**-22)
    block = Block(vectors.values, starts, stops, frozen(norms))
    out = np.empty((3, len(documents)), np.float32)
    estimate(block, queries, 1, 4, Scratch.of(31, 32), out)
    for i, row in enumerate(rows[1:], 1):
        for j, document in enumerate(documents):
            error = slack(dimension) * queries.reach(i) * norms[j] + len(row) * SMALLEST
            assert abs(out[i - 1, j] - reference.maxsim(document, row)) <= error
