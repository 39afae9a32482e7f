"""Where a text may be cut, and how many tokens stand between two such places.

A word is what stands between white space, with its punctuation, so that every character that is no
white space belongs to exactly one word. In scripts written without spaces it is one ideograph or
kana, or four letters of Thai, Lao, Tibetan, Burmese, Khmer and their like, about a word of those,
each with its marks and the punctuation that closes it. What is longer than `CHARACTERS_MAX` (a
URL, base64) is several words. Nothing is cut between a letter and its marks, or inside a flag or
an emoji made of several.

Words are the tokens that are counted, unless a model's tokenizer counts them: a word then weighs
as many tokens as it becomes.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoders.checkpoint import first_line, local_folder, locate
from encoders.errors import EncoderUnavailable

CHARACTERS_MAX = 40
"""A longer word can be cut."""

SYLLABIC = "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f" + (
    "\ua980-\ua9ff\uaa60-\uaa7f"
)
"""Thai, Lao and Tibetan; Burmese; Khmer; Tai; Balinese; Javanese: a class of characters."""

_IDEOGRAPHIC = (
    "\u2e80-\u2fff\u3001-\u312f\u3190-\u9fff\ua000-\ua4cf\uf900-\ufaff\ufe30-\ufe4f"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff3d\uff5b-\uff9f\U0001b000-\U0001b2ff\U00020000-\U0003ffff"
)
_CLOSING = "、。，．！？；：）］｝】〕〉》」』〗〙〛”’…｡､｣ー々ゝゞヽヾ"  # noqa: RUF001
_SYLLABLE_LETTERS = 4
_MARKS_MAX = 32
"""Marks on one letter that are kept with it."""

_SLICE_CHARACTERS = 2**16
"""A tokenizer is given a long text in parts, because what it returns is large."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text in order, which together hold all but its white space.

    starts  (n,)      int64  in characters
    ends    (n,)      int64
    totals  (n + 1,)  int64  tokens before each word, and in all
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    totals: NDArray[np.int64]


def words_of(text: str, tokenizer: str) -> Words:
    """Return the words of a text, counted by a model's tokenizer, or each as one where it is "".

    Raises:
        EncoderUnavailable: there is no such tokenizer.
    """
    starts, ends = _spans(text)
    if not tokenizer or not len(starts):
        return Words(starts, ends, np.arange(len(starts) + 1))
    weights = _token_counts(text, starts, _opened(tokenizer))
    weights = np.maximum(weights, _blocks(starts, ends, np.flatnonzero(weights)))
    # Words inside one token stay together: they are what the last of them, which has it, begins.
    last = np.flatnonzero(weights)
    last = np.append(last[:-1], len(starts) - 1)
    firsts = np.append(0, last[:-1] + 1)
    totals = np.append(0, np.cumsum(np.maximum(np.add.reduceat(weights, firsts), 1)))
    return Words(starts[firsts], ends[last], totals)


def _spans(text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    pattern = _ASCII_WORD if text.isascii() else _word()
    flat = np.fromiter(chain.from_iterable(map(re.Match.span, pattern.finditer(text))), np.int64)
    starts, ends = flat[::2], flat[1::2]
    is_long = ends - starts > CHARACTERS_MAX
    if not is_long.any():
        return starts, ends
    runs = zip(starts[is_long].tolist(), ends[is_long].tolist(), strict=True)
    parts = (part.span() for run in runs for part in _part().finditer(text, *run))
    cut = np.fromiter(chain.from_iterable(parts), np.int64)
    starts = np.concatenate([starts[~is_long], cut[::2]])
    ends = np.concatenate([ends[~is_long], cut[1::2]])
    return np.sort(starts), np.sort(ends)


_ASCII_WORD = re.compile(r"\S+")


@cache
def _word() -> re.Pattern[str]:
    """Made when the first text that is not ASCII comes, because it takes 30 ms."""
    marks = rf"[{_joined()}]{{0,{_MARKS_MAX}}}"
    # Vowels before the consonant, and consonants stacked below another.
    syllable = rf"[\u0e40-\u0e44\u0ec0-\u0ec4]?[{SYLLABIC}](?:[\u1039\u17d2]\S)?{marks}"
    return re.compile(
        rf"(?:[^\s{_IDEOGRAPHIC}{SYLLABIC}]+{marks}|[{_IDEOGRAPHIC}]{marks}"
        rf"|(?:{syllable}){{1,{_SYLLABLE_LETTERS}}})(?:[{_CLOSING}]{marks}){{0,8}}"
    )


@cache
def _part() -> re.Pattern[str]:
    """Up to `CHARACTERS_MAX` characters as readers see them, of a long word."""
    seen = rf"(?:[\U0001f1e6-\U0001f1ff]{{2}}|\S)(?:\u200d\S|[{_joined()}]){{0,{_MARKS_MAX}}}"
    return re.compile(rf"(?:{seen}){{1,{CHARACTERS_MAX}}}")


@cache
def _joined() -> str:
    """Return the class of what belongs to the character before it."""
    marks = (c for c in map(chr, range(0x300, 0x1E950)) if unicodedata.category(c)[0] == "M")
    # Joiners, vowels of Thai and Lao, Hangul letters, voicing, skin colours, tags, variants.
    return "".join(marks) + (
        "\u200c\u200d\u0e33\u0eb3\u1160-\u11ff\ud7b0-\ud7fb\uff9e\uff9f"
        "\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef"
    )


def _token_counts(text: str, starts: NDArray[np.int64], tokenizer: Any) -> NDArray[np.int64]:
    """Return (n,) how many tokens end in each word or in the white space after it."""
    ends = []
    for first, last in _slices(starts, len(text)):
        offsets = tokenizer.encode(text[first:last], add_special_tokens=False).offsets
        ends.append(np.array([max(start, end - 1) for start, end in offsets], np.int64) + first)
    places = np.searchsorted(starts, np.concatenate(ends), "right") - 1
    counts: NDArray[np.int64] = np.bincount(np.maximum(places, 0), minlength=len(starts))
    return counts


def _blocks(
    starts: NDArray[np.int64], ends: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return (n,) how often each word completes `CHARACTERS_MAX` characters of one token.

    Token after token ends in the words `last`. An unknown one can be a megabyte, and has to be cut.
    """
    numbers = np.arange(len(starts))
    firsts = np.append(0, last + 1)[np.searchsorted(last, numbers)]
    blocks = (ends - starts[firsts]) // CHARACTERS_MAX
    counts: NDArray[np.int64] = np.where(firsts == numbers, blocks, np.diff(blocks, prepend=0))
    return counts


def _slices(starts: NDArray[np.int64], length: int) -> Iterator[tuple[int, int]]:
    marks = np.arange(_SLICE_CHARACTERS, length, _SLICE_CHARACTERS)
    cuts = starts[np.minimum(np.searchsorted(starts, marks), len(starts) - 1)]
    return pairwise([0, *np.unique(cuts[cuts > 0]).tolist(), length])


@lru_cache(maxsize=4)
def _opened(name: str) -> Any:
    folder = local_folder(name) or Path()
    path = (folder if (folder / "tokenizer.json").is_file() else locate(name)) / "tokenizer.json"
    if not path.is_file():
        raise EncoderUnavailable(f"{path} is missing: name a model that has a tokenizer.json")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise EncoderUnavailable(
            f"the tokens of {name!r} cannot be counted, the package tokenizers is not installed: "
            "pip install 'retrieval-engine[models]', or leave the tokenizer out"
        ) from error
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more particular
        raise EncoderUnavailable(f"{path} is no tokenizer: {first_line(error)}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
