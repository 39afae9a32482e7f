"""BM25 hands over counts; statistics enter with the query."""

import math

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from encoders import from_recipe, make
from encoders.analysis import Analysis
from encoders.bm25 import Bm25
from indexes.errors import InvalidInput
from indexes.inverted import Inverted, InvertedSearch, Saturation
from indexes.vectors import SparseVectors

words = st.sampled_from(["cat", "Cats", "the", "dog", "日本", "zebra", "Straße", "strasse", "x"])
texts_strategy = st.lists(st.lists(words, max_size=12).map(" ".join), max_size=6)
PLAIN = Analysis(stemmer="", stopwords="")


def rows(vectors: SparseVectors) -> list[dict[str, float]]:
    return [vectors.row(i) for i in range(len(vectors))]


@given(texts=texts_strategy)
@pytest.mark.parametrize("analysis", [None, PLAIN, Analysis.whitespace()])
def test_documents_and_queries_are_term_counts(analysis, texts):
    encoder = Bm25(analysis=analysis)
    expected = reference.term_counts(texts, encoder.analyzer)
    for found in (encoder.encode_documents(texts), encoder.encode_queries(texts)):
        assert rows(found) == expected
        names = {term for row in expected for term in row}
        assert [name.decode() for name in found.vocabulary] == reference.byte_order(names)
        SparseVectors.from_arrays(found.arrays())


@given(texts=texts_strategy)
def test_a_batch_is_its_single_texts(texts):
    encoder = Bm25()
    together = encoder.encode_queries(texts)
    assert rows(together) == [encoder.encode_queries([text]).row(0) for text in texts]


def test_a_term_may_occur_more_often_than_a_byte_can_say():
    assert Bm25().encode_documents(["cat " * 70_000]).row(0) == {"cat": 70_000}


@pytest.mark.parametrize("texts", [[], [""], ["", "the of"], [" \n"]])
def test_texts_without_terms_are_empty_rows(texts):
    for encode in (Bm25().encode_documents, Bm25().encode_queries):
        assert rows(encode(texts)) == [{}] * len(texts)


def test_weights_are_count_times_idf():
    encoder = Bm25()
    query = encoder.encode_queries(["dog cat dog", "zebra"])
    weighted = encoder.weigh(query, np.array([3, 1, 0]), 10)  # cat, dog, zebra
    idf = [math.log(1 + (10 - df + 0.5) / (df + 0.5)) for df in (3, 1, 0)]
    assert weighted.row(0) == pytest.approx({"cat": idf[0], "dog": 2 * idf[1]}, rel=1e-6)
    assert weighted.row(1) == pytest.approx({"zebra": idf[2]}, rel=1e-6)
    assert weighted.weights.dtype == np.float32
    assert not weighted.weights.flags.writeable


@given(
    texts=st.lists(st.lists(words, min_size=1, max_size=12).map(" ".join), min_size=1, max_size=6),
    query=st.lists(words, max_size=5),
    k1=st.sampled_from([0.0, 0.9, 2.0]),
    b=st.sampled_from([0.0, 0.4, 1.0]),
)
def test_scores_are_the_textbook_formula(texts, query, k1, b):
    encoder = Bm25(k1=k1, b=b, analysis=PLAIN)
    vectors = encoder.encode_documents(texts)
    index = Inverted.build(vectors)
    counts = encoder.encode_queries([" ".join(query)])
    frequencies = index.document_frequencies(counts.vocabulary)
    weighted = encoder.weigh(counts, frequencies, len(texts))
    average = float(index.lengths.mean())
    settings = InvertedSearch(Saturation(encoder.k1, encoder.b, average))
    found = index.score(weighted, np.arange(len(texts))[None], settings)[0]
    documents = [encoder.analyzer.terms(text) for text in texts]
    terms = encoder.analyzer.terms(" ".join(query))
    expected = reference.bm25(documents, terms, k1=k1, b=b)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("settings", [{"k1": -0.1}, {"k1": 1e300}, {"k1": math.inf},
                                      {"k1": math.nan}, {"b": -0.1}, {"b": 1.1},
                                      {"b": math.nan}])  # fmt: skip
def test_parameters_out_of_range_are_refused(settings):
    with pytest.raises(InvalidInput, match="0 ≤ k1 ≤ 1,000 and 0 ≤ b ≤ 1"):
        Bm25(**settings)


def test_a_recipe_makes_the_same_encoder():
    encoder = Bm25(k1=1.2, b=0.7, analysis=Analysis(stemmer="german", stopwords=""))
    again = from_recipe(encoder.recipe())
    assert isinstance(again, Bm25)
    assert again.recipe() == encoder.recipe()
    assert again.fingerprint == encoder.fingerprint


def test_the_fingerprint_is_the_analysis_alone():
    """Other values of k1 and b search what is stored already."""
    assert make("bm25").fingerprint == Bm25(k1=2, b=1).fingerprint
    assert Bm25().fingerprint != Bm25(analysis=Analysis.whitespace()).fingerprint
