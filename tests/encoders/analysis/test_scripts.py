"""Every script is cut into words that a query finds again, wherever the text has spaces."""
# ruff: noqa: RUF001 (letters of other scripts are meant)

import unicodedata
from itertools import accumulate, pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from encoders.analysis import Analysis, Analyzer
from encoders.analysis.languages import CODES

ENGLISH = Analyzer()
PLAIN = Analyzer(Analysis.of_language("multilingual"))

SCRIPTS = {
    "latin": "aéßZ09_\u0301\u0323\u00ad'",
    "greek": "αΆς",
    "hebrew": "שבא\u05b8\u05c1\ufb2a",
    "arabic": "كتبأةى\u064e\u0651\u0640\u200cک",
    "devanagari": "कखरि\u093c\u094d\u200dीॅ\u0958",
    "tamil": "கொ\u0bc6\u0bbe",
    "thai": "กนเแาำ\u0e49\u0e31ๆฯ๓",
    "lao": "ກເາ\u0eb1\u0ec9",
    "khmer": "កខ\u17d2\u17b6\u17c6",
    "burmese": "ကခဦဥ\u102e\u1039\u103a\u1037\u103c",
    "han": "漢字々〇⽇\u8c48\uf900\U00020000\ufe00",
    "kana": "あかがカガーｶﾞｰ\u3099",
    "hangul": "한글각\u1100\u1161\u11a8ㄱﾡ",
    "astral": "𝐀𝟗\U00011013\U00011038\U0001d165",
    "emoji": "😀\u2764\ufe0f👨\u200d👩1\ufe0f\u20e3🇩🇪",
}
mixed = st.text("".join(SCRIPTS.values()) + " -.,\n", max_size=24)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("漢字", ["漢", "漢字", "字"]),
        ("漢", ["漢"]),
        ("2016年の夏", ["2016", "年", "年の", "の夏", "夏"]),
        ("ラーメン", ["ラー", "ーメ", "メン"]),
        ("の", ["の"]),
        ("東京、大阪", ["東", "東京", "京", "大", "大阪", "阪"]),
        ("한국어 책", ["한", "한국", "국", "국어", "어", "책"]),
        ("iPhone手机v2", ["iphone", "手", "手机", "机", "v2"]),
        ("𠮷野家", ["𠮷", "𠮷野", "野", "野家", "家"]),
        ("⽇本", ["日", "日本", "本"]),
    ],
)
def test_ideographs_kana_and_hangul_become_overlapping_pairs(text, terms):
    assert PLAIN.terms(text) == terms


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("น้ำใจ", ["น้ำ", "ใจ"]),  # a vowel before its consonant, tone and vowel after
        ("ที่นี่", ["ที่", "นี่"]),
        ("ເມືອງ", ["ເມື", "ອ", "ງ"]),
        ("ក្មេង", ["ក្មេ", "ង"]),  # a stacked consonant
        ("မြန်မာ", ["မြန်", "မာ"]),  # a final consonant under its asat
    ],
)
def test_thai_and_its_like_are_paired_by_consonant_with_vowels(text, units):
    pairs = {"".join(pair) for pair in pairwise(units)}
    assert pairs <= {text[start:end] for start, end, _ in PLAIN.matches(text)}
    spans = [(start, end) for start, end, _ in PLAIN.matches(text)]
    edges = {0, *accumulate(map(len, units))}
    assert {edge for span in spans for edge in span} == edges


def test_the_default_analysis_finds_words_inside_text_without_spaces():
    english = set(ENGLISH.terms("We met in 東京タワー and 大阪, at ร้านอาหารไทย."))
    assert {"met", "東京", "タワ", "大阪"} <= english
    assert set(ENGLISH.terms("東京")) <= english
    assert set(ENGLISH.terms("อาหาร")) <= english


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("हिन्दी की किताबें", ["हिन्दी", "की", "किताबें"]),
        ("தமிழ் மொழி", ["தமிழ்", "மொழி"]),
        ("क्\u200dष क्ष", ["क्ष", "क्ष"]),
        ("שָׁלוֹם שלום", ["שלום", "שלום"]),
        ("كِتَابٌ كـــتاب", ["كتاب", "كتاب"]),
        ("سنة ٢٠١٦ वर्ष २०१६", ["سنة", "2016", "वर्ष", "2016"]),
        ("exam\u00adple", ["example"]),
    ],
)
def test_marks_stay_with_their_letter_and_optional_ones_do_not_count(text, terms):
    assert PLAIN.terms(text) == terms


@pytest.mark.parametrize(
    ("one", "other"),
    [("ＢＭ２５", "bm25"), ("ﾃﾞｰﾀ", "データ"), ("ｶﾞｷﾞ", "ガギ"), ("ㅎㅏ", "ㅎㅏ")],
)
def test_halfwidth_and_fullwidth_are_one(one, other):
    assert PLAIN.terms(one) == PLAIN.terms(other)


def test_emoji_are_no_words_and_leave_their_neighbours_alone():
    assert PLAIN.terms("😀 I \u2764\ufe0f tea👨\u200d👩") == ["i", "tea"]
    assert PLAIN.terms("\u0301\ufe0f =\u0338") == []


@given(text=mixed | st.text(max_size=30))
@example("漢字한글ไทย")
@example("a\u0301漢\u3099b")
@example("⽇\U00011038a")
def test_matches_and_numbers_are_the_terms(text):
    terms = PLAIN.terms(text)
    matches = list(PLAIN.matches(text))
    assert [term for _, _, term in matches] == terms
    assert all(0 <= start < end <= len(text) for start, end, _ in matches)
    assert all(term in PLAIN.terms(text[start:end]) for start, end, term in matches)
    starts = [start for start, _, _ in matches]
    assert starts == sorted(starts)
    names, numbers, lengths = PLAIN.number([text, text])
    assert [names[n] for n in numbers if n >= 0] == terms * 2
    assert lengths.tolist() == [len(numbers) // 2] * 2


@given(text=mixed)
@example("각각 가각")
@example("がガ ｶﾞ")
@example("ဦဦ")
def test_composed_and_decomposed_text_give_the_same_terms(text):
    # A virama beside a mark of another script is no text: normal forms put them in another order.
    pairs = [*pairwise(text), *((b, a) for a, b in pairwise(text))]
    assume(not any(a in "\u1039\u17d2" and unicodedata.combining(b) for a, b in pairs))
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert PLAIN.terms(composed) == PLAIN.terms(decomposed) == PLAIN.terms(text)


@given(text=mixed, language=st.sampled_from(sorted(CODES)))
def test_every_letter_of_a_text_is_in_some_word(text, language):
    covered = set()
    for start, end, _ in PLAIN.matches(text):
        covered.update(range(start, end))
    letters = {i for i, c in enumerate(text) if c.isalnum() and c != "\u0640"}
    assert letters <= covered, language


@pytest.mark.parametrize("letters", SCRIPTS.values(), ids=SCRIPTS)
def test_a_million_characters_of_one_script_are_no_trouble(letters):
    """Something quadratic would take hours; how long it takes is not asserted."""
    text = letters * (1_000_000 // len(letters))
    assert len(PLAIN.terms(text)) <= 2 * len(text)
    assert sum(1 for _ in PLAIN.matches(text[:100_000])) == len(PLAIN.terms(text[:100_000]))
