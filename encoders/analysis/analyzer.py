"""The analyzer: words, folding, stop words, Snowball stems."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from encoders.analysis import folding, languages, scripts
from encoders.analysis.stopwords import BY_LANGUAGE
from indexes.errors import InvalidInput, nearest

CACHED_WORDS_MAX = 1_000_000
"""Distinct words remembered with their terms; beyond, the memory is emptied and filled again."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """How text becomes terms.

    tokenizer  "words": the words of `encoders.analysis.scripts`, folded; "whitespace": chunks
               between white space, as they are
    stemmer    a Snowball algorithm ("english", "porter", "german" …) or "" for none
    stopwords  a language of `encoders.analysis.stopwords` or "" for none
    folding    a rule of `encoders.analysis.folding` beside the general ones, "" for none
    """

    tokenizer: Literal["words", "whitespace"] = "words"
    stemmer: str = "english"
    stopwords: str = "english"
    folding: str = ""

    @classmethod
    def of_language(cls, language: str) -> "Analysis":
        """Return the analysis of a language: its ISO 639-1 code or English name, in any case.

        Raises:
            InvalidInput: a language that is not known; the message names those that are.
        """
        name = languages.named(language)
        return cls(
            stemmer="" if name in languages.UNSTEMMED else name,
            stopwords=name if name in BY_LANGUAGE else "",
            folding=languages.FOLDING.get(name, ""),
        )

    @classmethod
    def whitespace(cls) -> "Analysis":
        """Return the plain analysis for text that is tokenised already."""
        return cls("whitespace", "", "")

    def recipe(self) -> dict[str, str]:
        """Return the settings as JSON, for the manifest."""
        settings = asdict(self)
        if not self.folding:
            del settings["folding"]  # indexes older than this setting have recipes without it
        return settings


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
        if self.analysis.folding not in folding.BY_NAME:
            raise InvalidInput(
                f"no folding {self.analysis.folding!r}: known are {sorted(folding.BY_NAME)}"
            )
        if self.analysis.stopwords not in ("", *BY_LANGUAGE):
            raise InvalidInput(
                f"no stop words for {self.analysis.stopwords!r}: known are {sorted(BY_LANGUAGE)}"
            )
        plain = self.analysis.tokenizer == "whitespace"
        self._words = scripts.chunks if plain else scripts.words
        self._spans = scripts.chunk_spans if plain else scripts.word_spans
        self._fold = str if plain else folding.BY_NAME[self.analysis.folding]
        self._stops = frozenset(map(self._fold, BY_LANGUAGE.get(self.analysis.stopwords, ())))
        self._stem = _stemmer(self.analysis.stemmer)
        self._known: dict[str, str] = _Memory(self._term)

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text in order, stop words left out."""
        return [term for term in map(self._known.__getitem__, self._words(text)) if term]

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
            found.extend(map(numbers.__getitem__, self._words(text)))
            ends.append(len(found))
        return numbers.terms, np.array(found, np.int64), np.diff(ends)

    def matches(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield (start, end, term) of every word that has a term, in characters of `text`.

        In the order of `terms`; words of scripts without spaces overlap.
        """
        for start, end in self._spans(text):
            term = self._known[text[start:end]]
            if term:
                yield start, end, term

    def _term(self, word: str) -> str:
        folded = self._fold(word)
        if folded in self._stops:
            return ""
        # Only Persian words come here with a non-joiner, by which their stemmer knows affixes.
        stemmed = self._stem(folded)
        return stemmed if stemmed.isascii() else stemmed.replace(scripts.NON_JOINER, "")


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
    """Return the analysis a manifest records; an unknown setting is `InvalidInput`."""
    known = [setting.name for setting in fields(Analysis)]
    for name in recipe:
        if name not in known:
            raise InvalidInput(f"an analysis has no setting {nearest(name, known)}")
    return Analysis(**recipe)
