"""The three ways of cutting, and what is written in recipes about them."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias, cast, get_args

import numpy as np
from numpy.typing import NDArray

from retrieval.chunking.sentences import sentence_ends
from retrieval.chunking.words import Words, words_of
from retrieval.errors import InvalidInput, UnknownName

Way: TypeAlias = Literal["sentences", "tokens", "headings"]
Span: TypeAlias = tuple[int, int]

_NUMBER = re.compile(r"[0-9]{1,9}")
_HEADING_OR_FENCE = re.compile(r"^ {0,3}(?:(#{1,6}[ \t]+\S.*)|```|~~~)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Chunking:
    """How to cut; `str` and `parse` write it as "sentences:200", "tokens:200:40" and so on.

    by         "sentences": as many whole sentences as fit; one that is too long is cut by tokens
               "tokens": windows of `size` tokens
               "headings": the sections, each from its heading on; one too long as by sentences
    size       tokens of a passage, at most
    overlap    tokens, at most, that are shared with the passage before, in whole sentences where
               it is cut by sentences; sections share none
    tokenizer  what counts tokens: "" for words, or the model whose tokenizer does, as a folder or
               hub id

    Raises:
        InvalidInput: an unknown way, a size below 1, an overlap that is not below the size.
    """

    by: Way = "sentences"
    size: int = 200
    overlap: int = 0
    tokenizer: str = ""

    def __post_init__(self) -> None:
        if self.by not in get_args(Way):
            raise UnknownName.of("way of chunking", str(self.by), get_args(Way))
        for name, value, least in (("size", self.size, 1), ("overlap", self.overlap, 0)):
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InvalidInput(
                    f"{name} of chunking is {value!r}: pass a number of tokens from {least} on"
                )
        if self.overlap >= self.size:
            raise InvalidInput(
                f"passages of {self.size} tokens cannot share {self.overlap}: "
                "the overlap must be smaller than the size"
            )
        if not isinstance(self.tokenizer, str):
            raise InvalidInput(
                f'tokenizer of chunking is {self.tokenizer!r}: pass "", a folder or a hub id'
            )

    @classmethod
    def parse(cls, text: str) -> "Chunking":
        """Read "BY", "BY:SIZE", "BY:SIZE:OVERLAP" or "BY:SIZE:OVERLAP:TOKENIZER".

        Raises:
            InvalidInput: it is none of these.
        """
        by, *rest = text.split(":", 3)
        numbers = rest[:2]
        if not all(map(_NUMBER.fullmatch, numbers)):
            raise InvalidInput(
                f"chunking {text!r} is not understood: write sentences:200, tokens:200:40, "
                "headings:400, or tokens:256:0:MODEL to count with the tokenizer of a model"
            )
        settings = dict(zip(("size", "overlap"), map(int, numbers), strict=False))
        return cls(cast(Way, by), **settings, tokenizer="".join(rest[2:]))

    def __str__(self) -> str:
        parts = [self.by, str(self.size)]
        if self.overlap or self.tokenizer:
            parts.append(str(self.overlap))
        return ":".join([*parts, self.tokenizer] if self.tokenizer else parts)

    def spans(self, text: str, headings: Sequence[Span] = ()) -> list[Span]:
        """Return the (start, end) of every passage, in characters; none of a blank text.

        headings  (start, end) of each heading in the text, for "headings"; without any, lines that
                  look like Markdown's are taken, and a text without such is cut by sentences

        Raises:
            EncoderUnavailable: the tokenizer is nowhere to be found.
        """
        words = words_of(text, self.tokenizer)
        n = len(words.starts)
        if not n:
            return []
        if words.totals[-1] <= self.size:
            return [(int(words.starts[0]), int(words.ends[-1]))]
        sections = [0, n]
        if self.by == "headings":
            sections = _sections(words.starts, headings or _markdown_headings(text))
        borders = self._borders(text, words, sections)
        passages: list[Span] = []
        for begin, end in pairwise(np.searchsorted(borders, sections).tolist()):
            passages += self._packed(borders[begin : end + 1].tolist(), words.totals)
        return [(int(words.starts[a]), int(words.ends[b - 1])) for a, b in passages]

    def _borders(self, text: str, words: Words, sections: list[int]) -> NDArray[np.int64]:
        """Return the words that a passage may begin with, and the number of words."""
        n = len(words.starts)
        if self.by == "tokens":
            return np.arange(n + 1)
        ends = np.searchsorted(words.starts, sentence_ends(text))
        may = np.zeros(n + 1, bool)
        may[ends] = may[sections] = True
        whole = np.flatnonzero(may)
        # Of a sentence that fits no passage every word is a border.
        for i in np.flatnonzero(np.diff(words.totals[whole]) > self.size):
            may[whole[i] : whole[i + 1]] = True
        return np.flatnonzero(may)

    def _packed(self, borders: list[int], totals: NDArray[np.int64]) -> Iterator[Span]:
        """Yield passages from border to border, each as long as it may be, in words."""
        before = totals[borders].tolist()
        first, last = 0, len(borders) - 1
        while True:
            end = max(first + 1, bisect_right(before, before[first] + self.size) - 1)
            yield borders[first], borders[end]
            if end == last:
                return
            # Of what fits into the overlap, as much as leaves room for something new.
            shared = bisect_left(before, before[end] - self.overlap)
            room = bisect_left(before, before[end + 1] - self.size)
            first = min(end, max(first + 1, shared, room))


def _sections(starts: NDArray[np.int64], headings: Sequence[Span]) -> list[int]:
    """Return the words that sections begin with, from 0 to the number of words.

    A heading with nothing below it begins the section of the next one: alone it answers nothing.
    """
    rising, n = sorted(headings), len(starts)
    begins = np.searchsorted(starts, [start for start, _ in rising]).tolist()
    bodies = np.searchsorted(starts, [end for _, end in rising]).tolist()
    kept, is_bare = [0], False
    for (begin, end), body in zip(pairwise([*begins, n]), bodies, strict=True):
        if not is_bare and kept[-1] < begin < n:
            kept.append(begin)
        is_bare = body >= end
    return [*kept, n]


def _markdown_headings(text: str) -> list[Span]:
    """Return the lines that look like "# Title", outside of fenced code."""
    found, is_code = [], False
    for match in _HEADING_OR_FENCE.finditer(text):
        if not match[1]:
            is_code = not is_code
        elif not is_code:
            found.append(match.span())
    return found
