"""What shortcuts leave out is what they say, and nothing else."""

import numpy as np
import pytest
import reference
import strategies
import traversals
from comparison import same
from hypothesis import given
from hypothesis import strategies as st
from traversals import BLOCK, examples, forced

from indexes.bitmap import Bitmap
from indexes.errors import InvalidInput
from indexes.inverted import Inverted, InvertedBuild, InvertedSearch, Saturation
from indexes.inverted.blockmax import Limits
from indexes.vectors import SparseVectors

weights = st.sampled_from([st.integers(1, 3).map(float), strategies.real_weights])
shares = st.floats(0.05, 1) | st.sampled_from([0.25, 0.5, 1.0])


@examples(300)
@given(
    data=st.data(),
    weights=weights,
    k=st.integers(1, 14),
    terms=st.none() | st.integers(1, 7),
    mass=st.none() | shares,
    rescored=st.none() | st.integers(1, 20),
    build=traversals.builds,
)
def test_two_steps(data, weights, k, terms, mass, rescored, build):
    rows = data.draw(strategies.sparse_rows(weights))
    queries = data.draw(strategies.sparse_queries(weights))
    asked = InvertedSearch(terms=terms, mass=mass, rescored=rescored)
    index = Inverted.build(SparseVectors.of_rows(rows), build)
    expected = reference.two_steps(rows, queries, k, terms=terms, mass=mass, rescored=rescored)
    for one in (index, traversals.reopened(index)):
        same(one.search(SparseVectors.of_rows(queries), k, asked), expected)


@given(case=traversals.cases(), build=traversals.builds, data=st.data())
def test_settings_that_leave_nothing_out_are_exact(case, build, data):
    n = len(case.documents)
    mask, k = data.draw(traversals.masks(n)), data.draw(traversals.ks(n))
    index = Inverted.build(case.vectors, build)
    allowed = None if mask is None else Bitmap.of_mask(mask)
    expected = reference.table_search(case.documents, case.known, k, mask=mask)
    for asked in (
        InvertedSearch(terms=302),
        InvertedSearch(mass=1.0, rescored=3),
        InvertedSearch(blocks=max(1, -(-n // BLOCK))),
        InvertedSearch(blocks=2**31 - 1, rescored=5 * n + 1),
        InvertedSearch(recall=1.0),
    ):
        same(index.search(case.batch, k, asked, allowed=allowed), expected)


@examples(200)
@given(
    case=traversals.cases(),
    build=traversals.builds,
    blocks=st.integers(1, 6),
    alpha=st.sampled_from([1.0, 0.9, 0.5]),
    data=st.data(),
)
def test_budgets_leave_out_hits_and_change_no_score(case, build, blocks, alpha, data):
    """All blocks, and alpha 1, leave out none."""
    n = len(case.documents)
    mask, k = data.draw(traversals.masks(n)), data.draw(traversals.ks(n))
    index = Inverted.build(case.vectors, build)
    n_blocks = -(-n // BLOCK)
    limits = Limits(blocks, np.float32(alpha), n_blocks)
    found = forced("block-max", index, case.batch, k, mask=mask, limits=limits)
    expected = reference.table_search(case.documents, case.known, k, mask=mask)
    if blocks >= n_blocks and alpha == 1:
        same(found, expected)
    every = reference.table_search(case.documents, case.known, max(n, 1), mask=mask)
    touched = 0
    for query in range(len(found)):
        right = dict(zip(every.ids[query].tolist(), every.scores[query].tolist(), strict=True))
        hits = found.ids[query][found.ids[query] >= 0].tolist()
        scores = found.scores[query][: len(hits)].tolist()
        assert scores == [right[ordinal] for ordinal in hits]
        assert hits == sorted(hits, key=lambda ordinal: (-right[ordinal], ordinal))
        assert len(set(hits)) == len(hits)
        places = np.empty(n, np.int64)
        places[index.order] = np.arange(n)
        touched = max(touched, len(set((places[hits] // BLOCK).tolist())))
    assert touched <= blocks
    same(forced("block-max", index, case.batch, k, mask=mask, limits=limits), found)


@pytest.mark.compiled
@pytest.mark.parametrize("impacts", ["stored", "uint8"])
def test_a_search_takes_a_budget(impacts):
    """Where scoring everything costs more than the blocks do."""
    random = np.random.default_rng(6)
    documents = traversals.table(random, (40_000, 8), (0.25, 1.0, 2.0), 0.8)
    case = traversals.Case(documents, traversals.table(random, (6, 10), (1.0, 2.0), 0.9))
    index = Inverted.build(case.vectors, InvertedBuild(impacts=impacts))
    expected = reference.table_search(documents, case.known, 500)
    recalls = []
    for blocks in (1, 4, 16):
        found = index.search(case.batch, 500, InvertedSearch(blocks=blocks))
        limits = Limits(blocks, np.float32(1), 1)
        same(found, forced("block-max", index, case.batch, 500, limits=limits))
        assert len(set((found.ids[found.ids >= 0] // BLOCK).tolist())) <= 6 * blocks
        recalls.append(
            np.mean([np.isin(*pair).mean() for pair in zip(expected.ids, found.ids, strict=True)])
        )
    assert recalls[0] < recalls[1] < recalls[2] < 1
    same(index.search(case.batch, 500, InvertedSearch(blocks=len(documents))), expected)
    lazy = index.search(case.batch, 500, InvertedSearch(alpha=0.5))
    limits = Limits(0, np.float32(0.5), len(documents))
    same(lazy, forced("block-max", index, case.batch, 500, limits=limits))


def test_settings_that_could_find_nothing_are_refused():
    with pytest.raises(InvalidInput, match="alpha"):
        InvertedSearch(alpha=0.0)
    with pytest.raises(InvalidInput, match="mass"):
        InvertedSearch(mass=0.0)


def test_codes_of_weights_are_not_taken_for_frequencies():
    index = Inverted.build(SparseVectors.of_rows([{"a": 1.5}] * 3), InvertedBuild(impacts="uint8"))
    query, asked = SparseVectors.of_rows([{"a": 1.0}]), InvertedSearch(Saturation(0.9, 0.4, 1.0))
    expected = np.float32(1.5) / (np.float32(1.5) + np.float32(0.9 * (0.6 + 0.4 * 1.5)))
    assert index.search(query, 2, asked).scores.tolist() == [[expected] * 2]
    assert index.score(query, np.array([[0]]), asked).tolist() == [[expected]]
