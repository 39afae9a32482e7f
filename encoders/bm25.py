"""BM25: documents become term frequencies, queries become idf weights.

What is stored are plain frequencies, because idf and the average length change with every document
added or deleted; they enter at query time, from the live documents alone.

    score(q, d) = Σ_t  n_q(t) · idf(t) · tf / (tf + k1 · (1 − b + b · length / average_length))
    idf(t)      = ln(1 + (N − df + 0.5) / (df + 0.5))

Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), eq. 3.15, in the variant of
Lucene: idf never negative, no factor k1 + 1. The defaults of k1 and b are Anserini's.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from encoders.analysis import Analysis, Analyzer
from encoders.analysis.analyzer import from_recipe as analysis_from_recipe
from encoders.limits import BM25_K1_MAX
from indexes.errors import InvalidInput
from indexes.strings import Strings
from indexes.validate import frozen
from indexes.vectors import SparseVectors


@dataclass(frozen=True, slots=True)
class Bm25Search:
    """Other values of k1 and b for one search; None: the encoder's. Nothing is indexed again.

    Raises:
        InvalidInput: k1 outside 0 .. 1000 or b outside 0 .. 1.
    """

    k1: float | None = None
    b: float | None = None

    def __post_init__(self) -> None:
        _check(0 if self.k1 is None else self.k1, 0 if self.b is None else self.b)


def _check(k1: float, b: float) -> None:
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (k1, b))
    if not numbers or not 0 <= k1 <= BM25_K1_MAX or not 0 <= b <= 1:
        raise InvalidInput(
            f"k1 is {k1!r} and b is {b!r}: use 0 ≤ k1 ≤ {BM25_K1_MAX:,} and 0 ≤ b ≤ 1"
        )


class Bm25:
    """The lexical encoder.

    Raises:
        InvalidInput: k1 outside 0 .. 1000 or b outside 0 .. 1.
    """

    kind: Literal["sparse"] = "sparse"

    def __init__(
        self, *, k1: float = 0.9, b: float = 0.4, analysis: Analysis | None = None
    ) -> None:
        _check(k1, b)
        if analysis is not None and not isinstance(analysis, Analysis):
            raise InvalidInput(f"analysis is {analysis!r}: pass an Analysis, or bm25:LANGUAGE")
        self.k1, self.b = float(k1), float(b)
        self.analyzer = Analyzer(analysis)

    @property
    def fingerprint(self) -> str:
        """Name what decides the stored vectors: the analysis. k1 and b only shape the search."""
        return "bm25:" + json.dumps(self.analyzer.analysis.recipe(), sort_keys=True)

    def recipe(self) -> dict[str, Any]:
        """Return everything needed to make this encoder again, as JSON."""
        analysis = self.analyzer.analysis.recipe()
        return {"type": "bm25", "k1": self.k1, "b": self.b, "analysis": analysis}

    @classmethod
    def from_recipe(cls, recipe: dict[str, Any]) -> "Bm25":
        """Return the encoder a manifest records."""
        analysis = analysis_from_recipe(recipe["analysis"])
        return cls(k1=recipe["k1"], b=recipe["b"], analysis=analysis)

    def encode_documents(self, texts: Sequence[str]) -> SparseVectors:
        """Return the term frequencies of each text over the sorted terms of this batch."""
        return self._frequencies(texts)

    def encode_queries(self, texts: Sequence[str]) -> SparseVectors:
        """Return the term frequencies of each query; `weigh` turns them into weights."""
        if len(texts) != 1:
            return self._frequencies(texts)
        # The same for one text, without what only pays for many.
        counts = Counter(self.analyzer.terms(texts[0]))
        names = sorted(counts)
        offsets = frozen(np.array([0, len(names)], np.int64))
        terms = frozen(np.arange(len(names), dtype=np.int32))
        weights = frozen(np.array([counts[name] for name in names], np.float32))
        vocabulary = Strings.of([name.encode() for name in names])
        return SparseVectors(offsets, terms, weights, vocabulary)

    def _frequencies(self, texts: Sequence[str]) -> SparseVectors:
        terms, numbers, lengths = self.analyzer.number(texts)
        order = sorted(range(len(terms)), key=terms.__getitem__)  # code points, so UTF-8 bytes too
        rank = np.empty(len(terms), np.int64)
        rank[order] = np.arange(len(terms))
        kept = numbers >= 0
        cells = np.repeat(np.arange(len(texts)) * len(terms), lengths)[kept]
        cells += rank[numbers[kept]]
        cells.sort()  # by text, then by term; equal cells side by side
        starts = np.flatnonzero(np.diff(cells, prepend=-1))
        frequencies = np.diff(starts, append=len(cells))
        owners, columns = np.divmod(cells[starts], max(len(terms), 1))
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum(np.bincount(owners, minlength=len(texts)), out=offsets[1:])
        vocabulary = Strings.of(terms[i].encode() for i in order)
        return SparseVectors.of(offsets, columns, frequencies, vocabulary)

    def weigh(
        self, queries: SparseVectors, frequencies: NDArray[np.int64], n_documents: int
    ) -> SparseVectors:
        """Return queries with weight n_q(t) · idf(t) in place of n_q(t).

        frequencies  (len(queries.vocabulary),)  int64  live documents that have each term

        A term that no live document has gets a weight too; there is nothing it could score.
        """
        df = frequencies.astype(np.float64)
        idf = np.log1p((n_documents - df + 0.5) / (df + 0.5))
        weights = (queries.weights * idf[queries.terms]).astype(np.float32)
        return SparseVectors(queries.offsets, queries.terms, frozen(weights), queries.vocabulary)
