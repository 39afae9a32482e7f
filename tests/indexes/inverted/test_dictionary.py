"""Terms are found by binary search, and come heaviest first."""

import numpy as np
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st

from indexes.inverted.dictionary import Terms, find_terms
from indexes.strings import Strings
from indexes.vectors import SparseVectors

weights = st.sampled_from([0.25, 1.0, 1.0 + 2.0**-40, 3.0, 255.0]) | strategies.real_weights


@given(
    dictionary=st.sets(strategies.byte_strings).map(sorted),
    wanted=st.lists(strategies.byte_strings),
)
def test_terms_are_found_where_they_are(dictionary, wanted):
    asked = [*wanted, *dictionary]
    found = find_terms(Strings.of(dictionary), Strings.of(asked))
    assert found.dtype == np.int32
    assert found.tolist() == reference.find_terms(dictionary, asked)


@given(queries=strategies.sparse_queries(weights))
def test_the_heaviest_come_first_and_equal_ones_in_byte_order(queries):
    names = sorted(strategies.TERMS, key=str.encode)
    batch = SparseVectors.of_rows(queries)
    terms = Terms.of(Strings.of(name.encode() for name in names), batch)
    assert terms.offsets.tolist() == batch.offsets.tolist()
    expected = [(q[t], t) for q in queries for t in reference.heaviest_first(q)]
    assert terms.weights.tolist() == [float(np.float32(weight)) for weight, _ in expected]
    numbers = [names.index(term) if term in names else -1 for _, term in expected]
    assert terms.terms.tolist() == numbers
