"""The inverted index of this project under BM25, measured as the others are, and three ways more.

`all_cores` answers a batch with every core. `cold` answers with no page of the index in memory.
`Exhaustive` scores every posting in plain numpy: what answers are compared with.
"""

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import forget, stored_and_mapped
from benchmarks.passages import Tokens
from benchmarks.peers.bm25 import Round, one_by_one, timed
from encoders.bm25 import Bm25
from indexes import threads
from indexes.inverted import Inverted, InvertedBuild, InvertedSearch, Saturation
from indexes.inverted.dictionary import find_terms
from indexes.vectors import SparseVectors

K1, B = 0.9, 0.4
_TIE = 1e-5
"""Scores are float32: two this close, relative to each other, may stand in either order."""


class Ours:
    """The index over term frequencies, fed tokens; queries are vectors of idf weights.

    `build` counts the tokens, too. `size` is `Inverted.arrays()` and the dictionary, `rows_bytes`
    the document vectors, which updates, explanations and feedback read and a search may rescore by.
    """

    name, setting = "ours", "1 thread"

    def __init__(self, tokens: Tokens, queries: SparseVectors) -> None:
        self._tokens = tokens
        saturation = Saturation(K1, B, len(tokens.numbers) / len(tokens))
        self.settings = InvertedSearch(saturation=saturation)
        self.batch = weighed(tokens.frequencies(), queries)
        # As an encoder makes them: each over its own few terms.
        self.queries = [self.batch.take(np.array([i])) for i in range(len(queries))]

    def build(self) -> float:
        """See `Engine`."""
        return timed(self._build)

    def _build(self) -> None:
        self.index = Inverted.build(self._tokens.frequencies(), InvertedBuild.bm25())
        self._search(self.queries[0], 10)

    def _search(self, queries: SparseVectors, k: int) -> Any:
        return self.index.search(queries, k, self.settings)

    def round(self, k: int) -> Round:
        """See `Engine`."""
        found = one_by_one(lambda query: self._search(query, k), self.queries)
        return Round(found, timed(lambda: self._search(self.batch, k)))

    def answers(self, k: int) -> list[list[int]]:
        """See `Engine`."""
        return [row[row >= 0].tolist() for row in self._search(self.batch, k).ids]

    def size(self) -> int:
        """See `Engine`."""
        vocabulary = self.index.vectors().vocabulary.arrays("vocabulary")
        arrays = [*self.index.arrays().values(), *vocabulary.values()]
        return sum(array.nbytes for array in arrays)

    def rows_bytes(self) -> int:
        """Return the bytes of the document vectors, their dictionary left out."""
        vectors = self.index.vectors()
        return vectors.offsets.nbytes + vectors.terms.nbytes + vectors.weights.nbytes

    def all_cores(self, k: int, rounds: int) -> list[float]:
        """Return the seconds of the batch with every core, per round after a warm-up."""
        use_threads(None)
        found = [timed(lambda: self._search(self.batch, k)) for _ in range(rounds + 1)]
        use_threads(1)
        return found[1:]

    def cold(self, k: int, n: int) -> list[float]:
        """Return the microseconds of n queries, each with no page of the mapped index in memory.

        What the index derives from its files and keeps beside them is there: it has answered
        another query. A folder for temporary files that is itself in memory cannot be dropped: set
        TMPDIR to one on a disk.
        """
        with tempfile.TemporaryDirectory() as name:
            rows = stored_and_mapped(self.index.vectors().arrays(), Path(name, "vectors"))
            lists = stored_and_mapped(self.index.arrays(), Path(name, "index"))
            vectors = SparseVectors.from_arrays(rows)
            opened = Inverted.from_arrays(vectors, lists, self.index.settings)
            opened.search(self.queries[-1], k, self.settings)
            found = []
            for query in self.queries[:n]:
                forget([*rows.values(), *lists.values()])
                start = time.perf_counter()
                opened.search(query, k, self.settings)
                found.append((time.perf_counter() - start) * 1e6)
        return found


def weighed(rows: SparseVectors, queries: SparseVectors) -> SparseVectors:
    """Return queries with idf weights for counts."""
    df = np.bincount(rows.terms, minlength=len(rows.vocabulary))
    found = find_terms(rows.vocabulary, queries.vocabulary)
    return Bm25(k1=K1, b=B).weigh(queries, np.where(found >= 0, df[found], 0), len(rows))


def use_threads(n: int | None) -> None:
    """Let searches use n threads, or one for every core."""
    os.environ.pop("RETRIEVAL_THREADS", None)
    if n is not None:
        os.environ["RETRIEVAL_THREADS"] = str(n)
    threads._n_threads.cache_clear()
    threads._pool.cache_clear()


class Exhaustive:
    """Scores of all documents, from every posting of a query's terms."""

    def __init__(self, tokens: Tokens) -> None:
        rows = tokens.frequencies()
        order = np.argsort(rows.terms, kind="stable")
        self._docs = np.repeat(np.arange(len(rows)), np.diff(rows.offsets))[order]
        self._counts = rows.weights[order].astype(np.float64)
        self._ends = np.cumsum(np.bincount(rows.terms, minlength=len(rows.vocabulary)))
        lengths = np.diff(tokens.offsets)
        self._norms = K1 * (1 - B + B * lengths / lengths.mean())
        self._vocabulary = rows.vocabulary

    def scores(self, query: SparseVectors) -> NDArray[np.float64]:
        """Return the scores of one query."""
        out = np.zeros(len(self._norms))
        terms = find_terms(self._vocabulary, query.vocabulary)[query.terms]
        for term, weight in zip(terms.tolist(), query.weights.tolist(), strict=True):
            if term >= 0:
                span = slice(self._ends[term - 1] if term else 0, self._ends[term])
                docs, counts = self._docs[span], self._counts[span]
                out[docs] += weight * counts / (counts + self._norms[docs])
        return out

    def recall(self, ours: Ours, answers: Sequence[Sequence[int]], k: int) -> float:
        """Return the mean share of the best k that was found, ties being as good as each other."""
        shares = []
        for query, found in zip(ours.queries, answers, strict=False):
            scores = self.scores(query)
            best = np.sort(scores[scores > 0])[-k:]
            good = scores[np.unique(np.array(found, np.int64))] >= best[0] * (1 - _TIE)
            shares.append(min(int(good.sum()), len(best)) / len(best))
        return float(np.mean(shares))
