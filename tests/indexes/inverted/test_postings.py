"""Posting lists are the transpose of the rows; terms are found by binary search."""

import numpy as np
import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st

from indexes.inverted import Inverted
from indexes.inverted.postings import Postings, find_terms
from indexes.strings import Strings
from indexes.vectors import SparseVectors

weights = st.sampled_from([strategies.whole_weights, strategies.real_weights])


@given(data=st.data(), weights=weights)
def test_postings_are_the_rows_turned_round(data, weights):
    rows = data.draw(strategies.sparse_rows(weights))
    vectors = SparseVectors.of_rows(rows)
    postings = Postings.of(vectors)
    lists = {}
    for i, term in enumerate(vectors.vocabulary):
        span = slice(postings.offsets[i], postings.offsets[i + 1])
        pairs = zip(postings.docs[span].tolist(), postings.weights[span].tolist(), strict=True)
        lists[term.decode()] = list(pairs)
    assert lists == reference.invert(rows)
    assert list(lists) == list(reference.invert(rows))
    assert postings.lengths.tobytes() == reference.lengths(rows).tobytes()


@given(
    dictionary=st.sets(strategies.byte_strings).map(sorted),
    wanted=st.lists(strategies.byte_strings),
)
def test_terms_are_found_where_they_are(dictionary, wanted):
    asked = [*wanted, *dictionary]
    found = find_terms(Strings.of(dictionary), Strings.of(asked))
    assert found.dtype == np.int32
    assert found.tolist() == reference.find_terms(dictionary, asked)


@given(data=st.data(), weights=weights)
def test_document_frequencies_are_counted(data, weights):
    rows = data.draw(strategies.sparse_rows(weights))
    index = Inverted.build(SparseVectors.of_rows(rows))
    terms = [*strategies.TERMS, *strategies.UNSEEN]
    found = index.document_frequencies(Strings.of(term.encode() for term in terms))
    assert found.tolist() == [sum(term in row for row in rows) for term in terms]
    assert index.lengths.tolist() == reference.lengths(rows).tolist()


@pytest.mark.parametrize("n_rows", [0, 3])
def test_rows_without_terms_have_no_lists(n_rows):
    postings = Postings.of(SparseVectors.of_rows([{}] * n_rows))
    assert postings.offsets.tolist() == [0]
    assert postings.lengths.tolist() == [0] * n_rows
