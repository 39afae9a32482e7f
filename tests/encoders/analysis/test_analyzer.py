"""Text becomes the same terms however it is spelt, and what matched can be found again."""

import json
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from encoders.analysis import Analysis, Analyzer
from encoders.analysis.analyzer import from_recipe
from indexes.errors import InvalidInput

ENGLISH = Analyzer()
PLAIN = Analyzer(Analysis(stemmer="", stopwords=""))
WHITESPACE = Analyzer(Analysis.whitespace())

accented = st.text("aeiouAEÉÜßİ\u0131\u017fﬁдйЁάΩς09_-.' \n\u0301\u0308\u0327", max_size=30)
"""Latin, Cyrillic and Greek letters, compatibility characters, and marks that follow letters."""


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The Cats sat, on the mats!", ["cat", "sat", "mat"]),
        ("running runs RUN", ["run", "run", "run"]),
        ("it's don't we'll", ["don", "we"]),
        ("to be or not to be", []),
        ("x_1 3.14 e-mail", ["x_1", "3", "14", "e", "mail"]),
        ("", []),
        (" \n\t.,;", []),
    ],
)
def test_english_words_are_folded_stopped_and_stemmed(text, terms):
    assert ENGLISH.terms(text) == terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Straße STRASSE ẞ", ["strasse", "strasse", "ss"]),
        ("İstanbul", ["i̇stanbul"]),
        ("ΣΊΣΥΦΟΣ σίσυφος", ["σίσυφοσ", "σίσυφοσ"]),
        ("ﬁne fine \uff26\uff35ll", ["fine", "fine", "full"]),
        ("\U0001d401old x² \u210c", ["bold", "x2", "h"]),
        ("cafe\u0301 café", ["café", "café"]),
        ("Дом ДОМ", ["дом", "дом"]),
    ],
)
def test_spellings_of_one_word_are_one_term(text, terms):
    assert PLAIN.terms(text) == terms


def test_whitespace_analysis_leaves_chunks_as_they_are():
    assert WHITESPACE.terms(" The CATS,\u00a0café\ncafe\u0301 ") == [
        "The", "CATS,", "café", "cafe\u0301",
    ]  # fmt: skip


@given(text=accented)
@example("İ I\u0307 i\u0307")
def test_composed_and_decomposed_text_give_the_same_terms(text):
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert ENGLISH.terms(composed) == ENGLISH.terms(decomposed) == ENGLISH.terms(text)


@given(text=accented)
def test_terms_do_not_depend_on_case(text):
    assert PLAIN.terms(text.upper()) == PLAIN.terms(text.upper().casefold())
    assert PLAIN.terms(" ".join(PLAIN.terms(text))) == PLAIN.terms(text)


@given(text=accented | st.text(max_size=30))
@pytest.mark.parametrize("analyzer", [ENGLISH, PLAIN, WHITESPACE])
def test_matches_are_the_terms_and_where_they_stand(analyzer, text):
    matches = list(analyzer.matches(text))
    assert [term for _, _, term in matches] == analyzer.terms(text)
    for start, end, term in matches:
        assert 0 <= start < end <= len(text)
        assert term in analyzer.terms(text[start:end])


@given(text=accented)
@pytest.mark.parametrize("analyzer", [ENGLISH, PLAIN, WHITESPACE])
def test_words_between_spaces_do_not_overlap(analyzer, text):
    spans = [(start, end) for start, end, _ in analyzer.matches(text)]
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_matches_are_in_characters_of_the_original():
    text = "x 😀 Straße, cafe\u0301s!"
    assert [text[start:end] for start, end, _ in ENGLISH.matches(text)] == [
        "x", "Straße", "cafe\u0301s",
    ]  # fmt: skip


@given(texts=st.lists(accented, max_size=6))
@pytest.mark.parametrize("analyzer", [ENGLISH, WHITESPACE])
def test_numbers_stand_for_the_terms(analyzer, texts):
    terms, numbers, lengths = analyzer.number(texts)
    assert len(set(terms)) == len(terms)
    assert len(lengths) == len(texts)
    start, seen = 0, []
    for text, length in zip(texts, lengths, strict=True):
        row = [terms[n] for n in numbers[start : start + length] if n >= 0]
        assert row == analyzer.terms(text)
        seen += row
        start += length
    assert start == len(numbers)
    assert terms == list(dict.fromkeys(seen))


def test_other_languages_are_stemmed_by_their_own_rules():
    german = Analyzer(Analysis(stemmer="german", stopwords=""))
    assert german.terms("Häuser Häusern") == ["haus", "haus"]
    assert Analyzer(Analysis(stemmer="porter")).terms("generously") == ["gener"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tokenizer": "letters"}, "tokenizer 'letters'"),
        ({"stemmer": "klingon"}, "no stemmer 'klingon'"),
        ({"folding": "klingon"}, "no folding 'klingon'"),
        ({"stopwords": "klingon"}, "no stop words for 'klingon'"),
    ],
)
def test_unknown_settings_are_refused_at_once(settings, said):
    with pytest.raises(InvalidInput, match=said):
        Analyzer(Analysis(**settings))


def test_a_recipe_without_folding_is_one_of_an_older_index():
    older = {"tokenizer": "words", "stemmer": "english", "stopwords": "english"}
    assert from_recipe(older) == Analysis()
    assert Analysis().recipe() == older
    turkish = Analysis.of_language("turkish")
    assert from_recipe(json.loads(json.dumps(turkish.recipe()))) == turkish
    with pytest.raises(InvalidInput, match="no setting 'stemer': did you mean 'stemmer'"):
        from_recipe({"stemer": "german"})


def test_a_word_of_unreasonable_length_counts_by_its_beginning():
    (term,) = PLAIN.terms("QUJD" * 100_000)
    assert term == ("QUJD" * 64).lower()[:255]


def test_threads_share_an_analyzer():
    fresh, words = Analyzer(), [f"running{i}s generously{i}" for i in range(3000)]
    expected = [ENGLISH.terms(word) for word in words]
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: [fresh.terms(word) for word in words], range(8)):
            assert found == expected
