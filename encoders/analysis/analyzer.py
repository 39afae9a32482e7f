"""The analyzer: regular expression, case folding, stop words, Snowball stems."""

import re
import unicodedata
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from encoders.analysis.stopwords import BY_LANGUAGE
from indexes.errors import InvalidInput

CACHED_WORDS_MAX = 1_000_000
"""Distinct words remembered with their terms; beyond, the memory is emptied and filled again."""

# Letters, digits, underscores of any script; combining marks belong to the letter before them.
_WORD = re.compile(r"[\w\u0300-\u036f]+")
_CHUNK = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Analysis:
    """How text becomes terms.

    tokenizer  "words": Unicode words, folded; "whitespace": chunks between white space, as they are
    stemmer    a Snowball algorithm ("english", "porter", "german" …) or "" for none
    stopwords  a language of `encoders.analysis.stopwords` or "" for none
    """

    tokenizer: Literal["words", "whitespace"] = "words"
    stemmer: str = "english"
    stopwords: str = "english"

    @classmethod
    def whitespace(cls) -> "Analysis":
        """Return the plain analysis for text that is tokenised already."""
        return cls("whitespace", "", "")

    def recipe(self) -> dict[str, str]:
        """Return the settings as JSON, for the manifest."""
        return asdict(self)


class Analyzer:
    """Turns texts into terms; remembers every distinct word it has seen.

    Raises:
        InvalidInput: an unknown tokenizer, stemmer or stop word list.
    """

    def __init__(self, analysis: Analysis | None = None) -> None:
        self.analysis = analysis or Analysis()
        if self.analysis.tokenizer not in ("words", "whitespace"):
            raise InvalidInput(
                f"tokenizer {self.analysis.tokenizer!r} is neither 'words' nor 'whitespace'"
            )
        if self.analysis.stopwords not in ("", *BY_LANGUAGE):
            raise InvalidInput(
                f"no stop words for {self.analysis.stopwords!r}: known are {sorted(BY_LANGUAGE)}"
            )
        self._pattern = _WORD if self.analysis.tokenizer == "words" else _CHUNK
        self._stops = BY_LANGUAGE.get(self.analysis.stopwords, frozenset())
        self._stem = _stemmer(self.analysis.stemmer)
        self._known: dict[str, str] = _Memory(self._term)

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text in order, stop words left out."""
        return [term for term in map(self._known.__getitem__, self._pattern.findall(text)) if term]

    def number(
        self, texts: Sequence[str]
    ) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
        """Return the distinct terms in order of appearance, and the texts as numbers into them.

        The second array (words,) has the number of every word, −1 for a stop word, text after
        text; the third (n,) says how many words each text has.
        """
        numbers = _Numbers(self._known)
        found, ends = array("i"), [0]
        for text in texts:
            found.extend(map(numbers.__getitem__, self._pattern.findall(text)))
            ends.append(len(found))
        return numbers.terms, np.array(found, np.int64), np.diff(ends)

    def matches(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield (start, end, term) of every word that has a term, in characters of `text`."""
        for word in self._pattern.finditer(text):
            term = self._known[word.group()]
            if term:
                yield word.start(), word.end(), term

    def _term(self, word: str) -> str:
        if self.analysis.tokenizer == "whitespace":
            folded = word
        else:
            # Twice, because a compatibility character can stand for a capital letter.
            folded = unicodedata.normalize("NFKC", word).casefold()
            folded = unicodedata.normalize("NFKC", folded)
        if folded in self._stops:
            return ""
        return self._stem(folded)


def _stemmer(algorithm: str) -> Callable[[str], str]:
    if not algorithm:
        return str
    import Stemmer

    known = Stemmer.algorithms()
    if algorithm not in known:
        raise InvalidInput(f"no stemmer {algorithm!r}: known are {sorted(known)}")
    # Its own cache is off: every distinct word comes here once.
    stem: Callable[[str], str] = Stemmer.Stemmer(algorithm, 0).stemWord
    return stem


class _Memory(dict[str, str]):
    """Word to term, computed on first sight; "" for a stop word."""

    def __init__(self, term: Callable[[str], str]) -> None:
        super().__init__()
        self._term = term

    def __missing__(self, word: str) -> str:
        if len(self) >= CACHED_WORDS_MAX:
            self.clear()
        term = self[word] = self._term(word)
        return term


class _Numbers(dict[str, int]):
    """Word to the number of its term, −1 for a stop word; lives for one batch."""

    def __init__(self, known: dict[str, str]) -> None:
        super().__init__()
        self._known = known
        self._by_term: dict[str, int] = {}
        self.terms: list[str] = []

    def __missing__(self, word: str) -> int:
        term = self._known[word]
        number = -1
        if term:
            number = self._by_term.setdefault(term, len(self.terms))
            if number == len(self.terms):
                self.terms.append(term)
        self[word] = number
        return number


def from_recipe(recipe: dict[str, Any]) -> Analysis:
    """Return the analysis a manifest records."""
    return Analysis(**recipe)
