"""No document scores more than the bound of its block."""

import numpy as np
import pytest
import reference
import traversals
from hypothesis import given
from hypothesis import strategies as st
from traversals import BLOCK, examples

from indexes.errors import CorruptIndex
from indexes.inverted import Inverted, InvertedBuild, Saturation
from indexes.inverted.bounds import Bounds, bound_blocks, looseness
from indexes.inverted.dictionary import Terms
from indexes.inverted.steps import step
from indexes.vectors import SparseVectors


def blockwise(scores, block=BLOCK):
    """The largest score of each block."""
    return reference.block_maxima(scores[:, None], block)[:, 0] if len(scores) else scores


@examples(200)
@given(
    case=traversals.cases(most=2 * BLOCK + 3) | traversals.cases(most=9, extreme=True),
    build=traversals.builds | traversals.bm25_builds,
    saturation=st.none() | traversals.saturations,
)
def test_bounds_bound(case, build, saturation):
    """As the traversal takes them: loosened by what rounding takes from sums."""
    if case.documents.max(initial=0) > 1e9:
        saturation, build = None, InvertedBuild(build.order, build.impacts, build.density)
    index = Inverted.build(case.vectors, build)
    lists = index._scored(saturation)
    terms = Terms.of(index.vectors().vocabulary, case.batch)
    bounds = np.full(-(-len(index) // BLOCK), 7, np.float32)
    for i, query in enumerate(case.known):
        span = slice(terms.offsets[i], terms.offsets[i + 1])
        bound_blocks(lists, (terms.terms[span], terms.weights[span]), bounds)
        best = blockwise(reference.table_scores(case.documents, query, saturation)[index.order])
        loose = np.float32(1 + (2 * (span.stop - span.start) + 8) * 2.0**-23)
        with np.errstate(over="ignore"):
            # Infinity times nothing is NaN, which is below no threshold.
            assert not (bounds * loose < best).any()
        if saturation is None and build.k1 is None and ordinary(case.documents, query):
            slack = np.float64(query.sum(dtype=np.float64) * case.documents.max(initial=0) / 200)
            assert (bounds <= blockwise_sums(case, query, index.order) * 1.001 + slack).all()


def ordinary(*tables):
    """Whether no product of these is near either end of the range."""
    return all(
        ((table == 0) | (table > 1e-6)).all() and table.max(initial=0) < 1e6 for table in tables
    )


def blockwise_sums(case, query, order):
    """What a block could reach if one of its documents had the largest weight of every term."""
    maxima = reference.block_maxima(case.documents[order], BLOCK)
    return maxima @ query if len(maxima) else np.zeros(0)


@examples(200)
@given(case=traversals.cases(), build=traversals.builds | traversals.bm25_builds)
def test_rows_hold_the_largest_impact_of_each_block(case, build):
    index = Inverted.build(case.vectors, build)
    impacts = case.documents[index.order]
    if build.k1 is not None and len(index):
        average = float(index.lengths.astype(np.float64).sum() / len(index)) or 1.0
        saturation = Saturation(build.k1, build.b, average)
        impacts = impacts / (impacts + reference.table_norms(impacts, saturation)[:, None])
    bounds, counts = index._bounds, np.count_nonzero(case.documents, axis=0)
    n_blocks = -(-len(index) // BLOCK)
    assert ((bounds.rows >= 0) == (counts >= max(1, build.density * n_blocks))).all()
    assert (bounds.peaks == impacts.max(axis=0, initial=0)).all()
    for term in np.flatnonzero(bounds.rows >= 0):
        unit = step(bounds.peaks[term])
        exact = reference.block_maxima(impacts[:, [term]], BLOCK)[:, 0].astype(np.float64)
        tops = bounds.tops[bounds.rows[term]].astype(np.float64)
        assert (tops * unit >= exact).all()
        assert ((tops - 1) * unit * (1 - 2.0**-19) <= exact).all()
        present = reference.block_maxima(case.documents[index.order][:, [term]] > 0, BLOCK)[:, 0]
        assert ((tops > 0) == present).all()
        first = np.cumsum(case.documents[index.order][:, term] > 0)[BLOCK - 1 :: BLOCK]
        expected = np.concatenate([[0], first])[:n_blocks]
        assert bounds.cuts[bounds.rows[term]].tolist() == expected.tolist()


spreads = st.none() | st.tuples(st.floats(2.0**-10, 100), st.floats(0, 1000)).map(
    lambda pair: (pair[0], pair[0] + pair[1])
)


@examples(500)
@given(made=spreads, asked=spreads, data=st.data())
def test_looseness_bounds_the_true_quotient(made, asked, data):
    weights = st.floats(2.0**-10, 1000, width=32)
    frequencies = data.draw(st.lists(weights, min_size=1, max_size=8))
    shares = data.draw(st.lists(st.floats(0, 1), min_size=1, max_size=4))
    factor = float(looseness(made, asked, np.array(frequencies, np.float32)))
    for w in frequencies:
        for share in (0.0, 1.0, *shares):
            old, new = (
                w if ends is None else w / (w + ends[0] + share * (ends[1] - ends[0]))
                for ends in (made, asked)
            )
            assert new <= factor * old
    assert factor == 1 or made != asked


def test_looseness_of_bytes_covers_every_byte():
    made, asked = (1.0, 1.0), (0.5, 0.5)
    for byte in range(1, 256):
        factor = looseness(made, asked, np.array([byte], np.uint8))
        assert factor >= ((byte + 1.0) / (byte + 0.5))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("cuts", lambda cuts: cuts + np.uint16(300)),
        ("cuts", lambda cuts: cuts[:, ::-1].copy()),
        ("rows", lambda rows: rows[::-1].copy()),
        ("rows", lambda rows: np.zeros_like(rows)),
        ("rows", lambda rows: rows - np.int32(1)),
    ],
)
def test_bounds_that_would_lead_out_of_the_lists_are_corrupt(name, change):
    rows = [{"a": 1.0} if i % 2 else {"a": 2.0, "b": 1.0} for i in range(3 * BLOCK)]
    index = Inverted.build(SparseVectors.of_rows(rows))
    arrays = index.arrays()
    assert Bounds.from_arrays(index._postings, arrays)
    with pytest.raises(CorruptIndex):
        Bounds.from_arrays(index._postings, arrays | {name: change(arrays[name])})
