"""Every language that is known by name makes terms that its own spellings share."""
# ruff: noqa: RUF001 (letters of other scripts are meant)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoders.analysis import Analysis, Analyzer
from encoders.analysis.languages import CODES, UNSTEMMED, named
from encoders.analysis.stopwords import BY_LANGUAGE
from indexes.errors import InvalidInput

ANALYZERS = {language: Analyzer(Analysis.of_language(language)) for language in CODES}
PLAIN = ANALYZERS["multilingual"]


@pytest.mark.parametrize(
    ("given_name", "language"),
    [
        ("de", "german"), ("GERMAN", "german"), ("de-AT", "german"), ("pt_BR", "portuguese"),
        ("zh-Hant", "chinese"), (" Thai ", "thai"), ("nb", "norwegian"), ("farsi", "persian"),
    ],
)  # fmt: skip
def test_a_language_has_several_names(given_name, language):
    assert named(given_name) == language
    assert Analysis.of_language(given_name) == Analysis.of_language(language)


@pytest.mark.parametrize(
    ("asked", "said"),
    [("germna", "did you mean 'german'"), ("xx", "danish.*multilingual"), ("", "multilingual")],
)
def test_an_unknown_language_is_refused_with_a_suggestion(asked, said):
    with pytest.raises(InvalidInput, match=said):
        Analysis.of_language(asked)


def test_english_is_the_default():
    assert Analysis.of_language("en") == Analysis()


@pytest.mark.parametrize("language", sorted(CODES))
def test_stop_words_go_and_other_words_stay(language):
    analyzer = ANALYZERS[language]
    assert analyzer.analysis.stemmer == ("" if language in UNSTEMMED else language)
    for word in BY_LANGUAGE.get(language, ()):
        # Python's upper case of i is not the Turkish one.
        capitals = word if language == "turkish" else word.upper()
        assert analyzer.terms(word) == analyzer.terms(capitals) == []
        assert PLAIN.terms(word), "it would be no word in any language"
    assert len(analyzer.terms("BM25 42 東京")) == 5


@given(text=st.text(max_size=30), language=st.sampled_from(sorted(CODES)))
def test_any_text_has_the_same_terms_at_their_places(text, language):
    analyzer = ANALYZERS[language]
    terms = analyzer.terms(text)
    assert [term for _, _, term in analyzer.matches(text)] == terms
    names, numbers, _ = analyzer.number([text])
    assert [names[n] for n in numbers if n >= 0] == terms
    assert all(terms)


@pytest.mark.parametrize(
    ("language", "spellings"),
    [
        ("arabic", "الكتاب كتاب كِتَابٌ كـتاب"),
        ("arabic", "أحمد احمد"),
        ("armenian", "քաղաք քաղաքներ"),
        ("french", "nationales nationale"),
        ("german", "Häuser Haeuser HÄUSERN Haus"),
        ("greek", "άνθρωπος ΑΝΘΡΩΠΟΙ ανθρώπων"),
        ("hindi", "लड़का लड़के"),
        ("persian", "کتاب‌ها کتابها كتاب"),
        ("romanian", "științei ştiinţei"),
        ("russian", "книга книги книгу"),
        ("serbian", "књига knjiga"),
        ("turkish", "ışıklar IŞIKLAR ışık"),
        ("turkish", "İstanbul istanbul"),
        ("yoruba", "Orílẹ̀ orile ORÍLẸ̀"),
    ],
)
def test_spellings_of_one_word_meet(language, spellings):
    terms = ANALYZERS[language].terms(spellings)
    assert len(terms) == len(spellings.split())
    assert len(set(terms)) == 1


def test_what_an_apostrophe_leaves_is_no_term():
    assert ANALYZERS["french"].terms("L’avion d'Air") == ["avion", "air"]
    assert ANALYZERS["turkish"].terms("Türkiye'nin") == ANALYZERS["turkish"].terms("türkiye")


def test_the_turkish_i_is_two_letters_only_in_turkish():
    assert ANALYZERS["turkish"].terms("ılık ilik")[0] != ANALYZERS["turkish"].terms("ilik")[0]
    assert PLAIN.terms("IT") == ["it"]


def test_accents_tell_words_apart_where_people_type_them():
    assert len(set(ANALYZERS["vietnamese"].terms("ma má mã"))) == 3
    assert len(set(ANALYZERS["yoruba"].terms("ọkọ̀ ọkọ oko"))) == 1
