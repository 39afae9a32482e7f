"""A snippet is a part of the text, and what it marks are words that match."""

from hypothesis import given
from hypothesis import strategies as st

from encoders.analysis import Analyzer
from retrieval.snippets import LENGTH_CHARACTERS, Snippet, cut

ANALYZER = Analyzer()
WORDS = st.sampled_from(["key", "keys", "rotating", "lock", "the", "Straße", "naïve", "[b]", "**"])
TEXTS = st.lists(WORDS, max_size=120).map(" ".join)


@given(TEXTS, TEXTS)
def test_highlights_are_the_words_that_match(text: str, query: str) -> None:
    snippet = cut(text, query, ANALYZER)
    wanted = set(ANALYZER.terms(query))
    marked = [snippet.text[start:end] for start, end in snippet.highlights]
    assert all(ANALYZER.terms(word)[0] in wanted for word in marked)
    body = snippet.text.removeprefix("… ").removesuffix(" …")
    assert sum(term in wanted for term in ANALYZER.terms(body)) == len(marked)


@given(TEXTS, TEXTS)
def test_a_snippet_is_short_and_part_of_the_text(text: str, query: str) -> None:
    snippet = cut(text, query, ANALYZER, length=60)
    assert len(snippet.text) <= 60 + len("…  …") + 1
    assert snippet.text.removeprefix("… ").removesuffix(" …") in text


def test_the_best_window_has_the_most_distinct_words() -> None:
    text = "key key key " + "filler " * 60 + "rotate the key of the lock " + "filler " * 60
    snippet = cut(text, "rotate lock key", ANALYZER, length=80)
    assert "**rotate** the **key** of the **lock**" in str(snippet)
    assert snippet.text.startswith("… ")
    assert snippet.text.endswith(" …")


def test_without_a_match_it_is_the_beginning() -> None:
    assert cut("a b c", "zebra", ANALYZER) == Snippet("a b c")
    assert cut("", "zebra", ANALYZER) == Snippet("")


def test_the_whole_word_that_was_stemmed_is_marked() -> None:
    assert str(cut("Rotations rotate.", "rotation", ANALYZER)) == "**Rotations** **rotate**."


def test_one_word_longer_than_the_window() -> None:
    assert len(cut("x" * 1000, "x", ANALYZER, length=50).text) <= 52


def test_a_text_of_nothing_but_matches_is_cut_in_time() -> None:
    """Windows are looked at once each: this took minutes when each looked at all matches."""
    snippet = cut("elephant " * 1_000_000, "elephant", ANALYZER)
    assert len(snippet.highlights) == LENGTH_CHARACTERS // len("elephant ")


def test_overlapping_terms_of_a_script_without_spaces_are_marked_once() -> None:
    assert str(cut("東京大学", "東京大学", Analyzer())) == "**東京大学**"
    assert str(cut("東京の大学", "東京 大学", Analyzer())) == "**東京**の**大学**"
