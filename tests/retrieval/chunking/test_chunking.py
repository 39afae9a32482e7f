# ruff: noqa: RUF001
"""Passages are parts of the text, hold all of it, and none is too long."""

import json
import unicodedata
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from encoders.errors import EncoderUnavailable
from retrieval.chunking import Chunking
from retrieval.chunking.sentences import sentence_ends
from retrieval.chunking.words import CHARACTERS_MAX, words_of
from retrieval.errors import InvalidInput

PIECES = (
    *("word", "Word", "Dr.", "U.S.", "3.5", "e.g.", "etc.", "end.", "Is it?", '"Yes!"', "wait…"),
    *(
        " ",
        " ",
        "\n",
        "\n\n",
        "\r\n",
        "\t",
        "\f",
        "\u3000",
        "我们。",
        "他「好！」",
        "ภาษาไทย ",
        "นี้",
    ),
    *(
        "हिन्दी है। ",
        "é",
        "e\u0301",
        "👩‍👩‍👧",
        "🇩🇪",
        "👍🏽",
        "\u200b",
        "\u0301",
        "# Title\n",
        "```\n",
    ),
    *("x" * 90, "。" * 12, ".[1] ", "- item\n", "| a | b |\n", "...", ")", "[", "各\U000e0100"),
)
texts = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(
    st.sampled_from(PIECES), max_size=40
).map("".join)
settings = st.builds(
    lambda by, size, overlap: Chunking(by, size, overlap % size),
    st.sampled_from(["sentences", "tokens", "headings"]),
    st.integers(1, 12),
    st.integers(0, 11),
)


def passages(spec: str, text: str) -> list[str]:
    return [text[start:end] for start, end in Chunking.parse(spec).spans(text)]


def sentences(text: str) -> list[str]:
    borders = [0, *sentence_ends(text).tolist(), len(text)]
    parts = (text[start:end].strip() for start, end in pairwise(borders))
    return [part for part in parts if part]


def window_spans(words: list[tuple[int, int]], size: int, overlap: int) -> list[tuple[int, int]]:
    """The twin of "tokens": a window, a step, a window, until the last word is in one."""
    found, first = [], 0
    while words:
        window = words[first : first + size]
        found.append((window[0][0], window[-1][1]))
        if first + size >= len(words):
            break
        first += size - overlap
    return found


@given(text=texts, chunking=settings, data=st.data())
def test_passages_hold_the_whole_text_within_the_size(text, chunking, data):
    places = st.integers(0, len(text))
    drawn = data.draw(st.lists(st.tuples(places, places).map(sorted).map(tuple), max_size=4))
    spans = chunking.spans(text, drawn)
    covered = np.zeros(len(text), bool)
    for start, end in spans:
        assert 0 <= start < end <= len(text)
        assert not text[start].isspace()
        assert not text[end - 1].isspace()
        assert len(words_of(text[start:end], "").starts) <= chunking.size
        covered[start:end] = True
    assert all(char.isspace() or held for char, held in zip(text, covered, strict=True))
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(spans))
    assert spans == chunking.spans(text, drawn)
    if len(words_of(text, "").starts) <= chunking.size:
        assert [text[start:end] for start, end in spans] == [text.strip()] * bool(text.strip())


@given(text=texts, chunking=settings)
def test_passages_share_no_more_than_the_overlap(text, chunking):
    for (_, end), (start, _) in pairwise(chunking.spans(text)):
        shared = text[start : max(start, end)]
        assert len(words_of(shared, "").starts) <= chunking.overlap


@given(text=texts)
def test_words_hold_all_but_white_space_and_cut_no_character(text):
    words = words_of(text, "")
    joined = "".join(text[a:b] for a, b in zip(words.starts, words.ends, strict=True))
    assert joined == "".join(text.split())
    assert words.totals.tolist() == list(range(len(words.starts) + 1))
    assume("\u0301" * 3 not in text)
    for start in words.starts[1:].tolist():
        is_mark = unicodedata.category(text[start])[0] == "M" or text[start] in "\u200d🏽"
        assert not is_mark or text[start - 1].isspace()


@given(text=texts, size=st.integers(1, 12), overlap=st.integers(0, 11))
def test_windows_of_tokens_are_those_of_the_twin(text, size, overlap):
    overlap %= size
    words = words_of(text, "")
    spans = list(zip(words.starts.tolist(), words.ends.tolist(), strict=True))
    assert Chunking("tokens", size, overlap).spans(text) == window_spans(spans, size, overlap)


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith met Mrs. Jones of the U.S. Army. |They paid 3.5 dollars.",
        "Use a tool, e.g. Ripgrep. |Smith et al. (2010) did so. |See Fig. 3. Results vary.",
        "J. R. R. Tolkien wrote it. |He was not alone.",
        '"Really?" he asked. |"Yes!" |She left. |(All of it.) |“Why?” |Nobody knows.',
        "Wait... what is that? |Nothing... |Or is it? |Well… perhaps. |End",
        "It works.[12] |So they say.[3][4] |Do they?",
        "Am 3. Oktober war es z.B. kalt. |Danach nicht.",
        "See example.org for it. |Or call f.x() now. |It has v1.2.3 inside! |Really.",
        "我们在这里。|他们不在！|「真的？」|是的。",
        "彼は「はい。」|と言った。|値は３．５です．|次。",
        "यह हिन्दी है।|यह भी।|کیا یہ ہے؟|ہاں۔",
        "ภาษาไทย |ไม่มีช่องว่าง |ระหว่างคำ",
        "A heading\n|Some prose that is\nwrapped by hand. |Then more.\n\n|last paragraph",
        "- one\n|- two\n|1. First thing\n|2. Second thing\n|\t* three",
        "def f(x):\n|    return x\n\n|x = f(1)",
        "Page one ends here\f |and page two goes on",
    ],
)
def test_sentence_ends(text):
    assert sentences(text.replace("|", "")) == [part.strip() for part in text.split("|")]


def test_rows_of_a_table_are_sentences():
    assert sentences("| A | b |\n|---|---|\n| 1 | 2 |") == ["| A | b |", "|---|---|", "| 1 | 2 |"]


def test_sentences_are_packed_and_shared_whole():
    text = "One two three. Four five. Six. Seven eight nine ten. Eleven."
    assert passages("sentences:5", text) == [
        "One two three. Four five.",
        "Six. Seven eight nine ten.",
        "Eleven.",
    ]
    assert passages("sentences:6:3", text) == [
        "One two three. Four five. Six.",
        "Six. Seven eight nine ten. Eleven.",
    ]
    # What is shared gives way where the next sentence would not fit.
    assert passages(
        "sentences:5:3", "Ann buys cake. Dan eats. Five good hens in Jena. Kim left."
    ) == [
        "Ann buys cake. Dan eats.",
        "Five good hens in Jena.",
        "Kim left.",
    ]


def test_a_sentence_too_long_is_cut_by_tokens():
    text = "Short one. a b c d e f g h i j k. Last."
    assert passages("sentences:5:1", text) == [
        "Short one. a b c",
        "c d e f g",
        "g h i j k.",
        "k. Last.",
    ]


def test_sections_begin_at_their_headings():
    text = "Intro\nAlpha\nBeta\nbody of beta here\nGamma\nDelta\none two. Three four five.\nEnd"
    spans = [
        (text.index(word), text.index(word) + len(word)) for word in ("Alpha", "Beta", "Gamma")
    ]
    spans += [(text.index(word), text.index(word) + len(word)) for word in ("Delta", "End")]
    cut = Chunking("headings", 6).spans(text, spans)
    assert [text[start:end] for start, end in cut] == [
        "Intro",
        "Alpha\nBeta\nbody of beta here",
        "Gamma\nDelta\none two.",
        "Three four five.",
        "End",
    ]


def test_without_headings_lines_that_look_like_them_are_taken():
    text = "intro\n# One\ntext\n```\n# a comment\n```\n## Two\nmore text\n#hashtag\n"
    assert passages("headings:8", text) == [
        "intro",
        "# One\ntext\n```\n# a comment\n```",
        "## Two\nmore text\n#hashtag",
    ]
    assert passages("headings:3", "A b. C d. E f.") == passages("sentences:3", "A b. C d. E f.")


@pytest.mark.parametrize("by", ["sentences", "tokens", "headings"])
@pytest.mark.parametrize(
    "piece",
    [
        "x",
        ".",
        "。",
        "我",
        "ภาษา",
        "a. ",
        "# ",
        "# a\n",
        '."',
        ".[1]",
        "\u0301",
        "🇩🇪",
        "👩‍👩‍👧",
        "\n\t",
    ],
)
def test_much_of_anything_is_bounded_and_done_in_time(by, piece):
    """Linear work only: anything quadratic would take minutes each."""
    text = piece * (200_000 // len(piece))
    spans = Chunking(by, 100, 10).spans(text)
    assert max((end - start for start, end in spans), default=0) <= 100 * (CHARACTERS_MAX * 33 + 8)
    assert (not spans) == text.isspace()


def test_scripts_without_spaces_are_cut_into_as_much_as_others():
    chinese, thai = "我们今天在这里学习检索" * 100, "การค้นคืนสารสนเทศภาษาไทย" * 100
    for text, least, most in ((chinese, 50, 50), (thai, 170, 400)):
        lengths = {len(passage) for passage in passages("tokens:50", text)[:-1]}
        assert least <= min(lengths) <= max(lengths) <= most


def test_emoji_flags_and_marks_are_not_cut():
    text = "👩‍👩‍👧🇩🇪👍🏽e\u0301" * 50
    for passage in passages("tokens:1", text):
        assert passage[0] in "👩🇩👍e"
        assert passage.count("🇩") == passage.count("🇪")


@given(chunking=settings, tokenizer=st.sampled_from(["", "owner/model", "C:\\a:b", " "]))
def test_the_written_form_is_read_back(chunking, tokenizer):
    whole = Chunking(chunking.by, chunking.size, chunking.overlap, tokenizer)
    assert Chunking.parse(str(whole)) == whole
    assert Chunking(**json.loads(json.dumps(asdict(whole)))) == whole


def test_the_shortest_written_form():
    assert str(Chunking("headings", 400)) == "headings:400"
    assert str(Chunking.parse("tokens:200:40")) == "tokens:200:40"
    assert Chunking.parse("sentences") == Chunking()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no way of chunking"),
        ("sentence:200", "did you mean 'sentences'"),
        ("tokens:", "not understood"),
        ("tokens:many", "not understood"),
        ("tokens:-1", "not understood"),
        ("tokens:²", "not understood"),
        ("tokens:200:x", "not understood"),
        ("tokens:" + "9" * 5000, "not understood"),
        ("tokens:0", "from 1 on"),
        ("tokens:200:200", "must be smaller"),
    ],
)
def test_other_words_are_refused(text, problem):
    with pytest.raises(InvalidInput, match=problem):
        Chunking.parse(text)


def test_settings_of_another_type_are_refused():
    for wrong in (
        {"size": "200"},
        {"size": True},
        {"size": 2.0},
        {"overlap": -1},
        {"tokenizer": 1},
    ):
        with pytest.raises(InvalidInput, match="of chunking is"):
            Chunking(**wrong)
    with pytest.raises(InvalidInput, match="no way of chunking"):
        Chunking(by=None)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tokenizer of three-letter pieces, as models cut words, that knows no capitals."""
    tokenizers = pytest.importorskip("tokenizers")
    letters = "abcdefghijklmnopqrstuvwxyz.中文"
    vocabulary = {"[UNK]": 0} | {mark + letter: 0 for letter in letters for mark in ("", "##")}
    made = tokenizers.Tokenizer(
        tokenizers.models.WordPiece(
            {word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]"
        )
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.enable_truncation(4)
    folder = tmp_path_factory.mktemp("model")
    made.save(str(folder / "tokenizer.json"))
    return str(folder)


def test_the_tokens_of_a_model_are_counted(model):
    """Its tokens are letters: a truncation that the file asks for is none of ours."""
    text = "abc defg hi jklmnop q"
    assert words_of(text, model).totals.tolist() == [0, 3, 7, 9, 16, 17]
    cut = Chunking("tokens", 9, 2, model).spans(text)
    assert [text[start:end] for start, end in cut] == ["abc defg hi", "hi jklmnop", "q"]
    # A word of more tokens than fit is a passage, because words are not cut.
    assert [text[a:b] for a, b in Chunking("sentences", 5, 0, model).spans(text)] == [
        *("abc", "defg", "hi", "jklmnop", "q"),
    ]


@given(text=texts, size=st.integers(1, 12), overlap=st.integers(0, 11))
def test_passages_of_a_model_hold_the_whole_text(model, text, size, overlap):
    spans = Chunking("sentences", size, overlap % size, model).spans(text)
    covered = np.zeros(len(text), bool)
    for start, end in spans:
        covered[start:end] = True
    assert all(char.isspace() or held for char, held in zip(text, covered, strict=True))
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(spans))


def test_one_unknown_token_of_a_model_is_still_cut(model):
    """To it a long word is one token, however long."""
    spans = Chunking("tokens", 50, 0, model).spans("X" * 200_000)
    assert max(end - start for start, end in spans) <= 50 * CHARACTERS_MAX


def test_long_texts_are_counted_in_parts(model):
    text = "ab cde " * 30_000
    assert words_of(text, model).totals[-1] == 5 * 30_000
    assert words_of("中文" * 50_000, model).totals[-1] >= 100_000 // CHARACTERS_MAX


def test_a_model_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(EncoderUnavailable, match=str(tmp_path)):
        Chunking("tokens", 10, 0, str(tmp_path)).spans("a b")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(EncoderUnavailable, match="is no tokenizer"):
        Chunking("tokens", 10, 0, str(tmp_path)).spans("a b")
