"""Posting lists are the transpose of the rows in the order of the index, cut into windows."""

import numpy as np
import pytest
import reference
import strategies
import traversals
from hypothesis import given
from hypothesis import strategies as st

from indexes.inverted import Inverted, InvertedBuild
from indexes.inverted.order import identity
from indexes.inverted.postings import WINDOW, Postings
from indexes.inverted.steps import step
from indexes.strings import Strings
from indexes.validate import frozen
from indexes.vectors import SparseVectors

weights = st.sampled_from([strategies.whole_weights, strategies.real_weights])


def told(postings, vocabulary):
    """Lists as dicts: by term, then by window."""
    lists = {}
    for i, term in enumerate(vocabulary):
        runs = lists.setdefault(term.decode(), {})
        for run in range(postings.runs[i], postings.runs[i + 1]):
            span = slice(postings.starts[run], postings.starts[run + 1])
            pairs = zip(postings.docs[span].tolist(), postings.weights[span].tolist(), strict=True)
            runs[int(postings.windows[run])] = list(pairs)
    return lists


@given(data=st.data(), weights=weights)
def test_postings_are_the_rows_turned_round(data, weights):
    rows = data.draw(strategies.sparse_rows(weights))
    order = data.draw(st.permutations(range(len(rows))))
    vectors = SparseVectors.of_rows(rows)
    postings = Postings.of(vectors, frozen(np.array(order, np.int32)))
    lists = told(postings, vectors.vocabulary)
    assert lists == reference.windows(rows, order, WINDOW)
    assert list(lists) == list(reference.invert(rows))
    assert postings.lengths.tobytes() == reference.lengths(rows).tobytes()
    again = Postings.from_arrays(vectors, postings._asdict())
    assert all(map(np.array_equal, again, postings))


@pytest.mark.compiled
@traversals.examples(20)
@given(seed=st.integers(0, 2**32 - 1), n=st.sampled_from([WINDOW, WINDOW + 1, 2 * WINDOW + 2]))
def test_windows_begin_where_they_should(seed, n):
    random = np.random.default_rng(seed)
    places = np.unique([*random.integers(n, size=9), WINDOW - 1, n - 1])
    rows = [{} for _ in range(n)]
    for place in places.tolist():
        rows[place] = {"a": 1.0, "b": 2.0} if place % 2 else {"b": 3.0}
    filled = np.isin(np.arange(n), places)
    terms = np.concatenate([[0, 1] if place % 2 else [1] for place in places])
    given_weights = np.concatenate([[1, 2] if place % 2 else [3] for place in places])
    offsets = np.cumsum(np.concatenate([[0], filled * (1 + np.arange(n) % 2)]))
    vectors = SparseVectors.of(offsets, terms, given_weights, Strings.of([b"a", b"b"]))
    postings = Postings.of(vectors, identity(n))
    expected = reference.windows(rows, range(n), WINDOW)
    assert told(postings, vectors.vocabulary) == {"a": {}, "b": {}} | expected
    again = Postings.from_arrays(vectors, postings._asdict())
    assert all(map(np.array_equal, again, postings))


@given(case=traversals.cases(most=50) | traversals.cases(most=50, extreme=True))
def test_codes_are_the_fewest_steps_that_reach_the_weight(case):
    """Or one more, where rounding cannot tell."""
    vectors = case.vectors
    postings = Postings.of(vectors, identity(len(vectors)))
    peaks = case.documents.max(axis=0, initial=0)
    codes = postings.coded(frozen(peaks), frozen(np.empty(0, np.float32)))
    assert codes.weights.dtype == np.uint8
    exact = postings.weights.astype(np.float64)
    peaks_of = np.repeat(peaks, postings.counts())
    steps = np.array([step(peak) for peak in peaks_of], np.float64)
    assert (codes.weights * steps >= exact).all()
    assert ((codes.weights - 1.0) * steps * (1 - 2.0**-19) <= exact).all()
    assert codes.weights.min(initial=1) >= 1


@given(data=st.data(), weights=weights)
def test_document_frequencies_are_counted(data, weights):
    rows = data.draw(strategies.sparse_rows(weights))
    index = Inverted.build(SparseVectors.of_rows(rows), InvertedBuild("bisection"))
    terms = [*strategies.TERMS, *strategies.UNSEEN]
    found = index.document_frequencies(Strings.of(term.encode() for term in terms))
    assert found.tolist() == [sum(term in row for row in rows) for term in terms]
    assert index.lengths.tolist() == reference.lengths(rows).tolist()


@pytest.mark.parametrize("n_rows", [0, 3])
def test_rows_without_terms_have_no_lists(n_rows):
    postings = Postings.of(SparseVectors.of_rows([{}] * n_rows), identity(n_rows))
    assert postings.runs.tolist() == [0]
    assert postings.starts.tolist() == [0]
    assert postings.lengths.tolist() == [0] * n_rows
