"""The inverted index: arrays in, hits out."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.bitmap import Bitmap, kernel_bits
from indexes.errors import InvalidVectors
from indexes.hits import Hits
from indexes.inverted.exact import WINDOW_DOCS, saturate, score_rows, search
from indexes.inverted.postings import Postings, find_terms
from indexes.strings import Strings
from indexes.threads import for_chunks
from indexes.validate import (
    check_candidates,
    check_k,
    check_one,
    check_ordinal,
    check_ordinals,
    check_settings,
    frozen,
)
from indexes.vectors import SparseVectors, gathered

_PLAIN = frozen(np.empty(0, np.float32))


@dataclass(frozen=True, slots=True)
class InvertedBuild:
    """Settings of an inverted index."""


@dataclass(frozen=True, slots=True)
class Saturation:
    """BM25's document side: a term with frequency tf counts tf / (tf + K).

    K = k1 · (1 − b + b · length / average_length) (Robertson and Zaragoza 2009, eq. 3.15, without
    the constant factor k1 + 1, as Lucene has it). The query side, idf, is the query's weights.
    """

    k1: float
    b: float
    average_length: float


@dataclass(frozen=True, slots=True)
class InvertedSearch:
    """Settings of a search: how a stored weight becomes an impact."""

    saturation: Saturation | None = None


class _Cells(NamedTuple):
    """Queries over the index's own term numbers, for kernels."""

    offsets: NDArray[np.int64]
    terms: NDArray[np.int32]
    weights: NDArray[np.float32]


class _Scored(NamedTuple):
    """Lists as a search reads them: for BM25 with the frequencies already saturated.

    norms  (n,) or (0,)  float32  K of each document; empty without a saturation
    """

    saturation: Saturation | None
    norms: NDArray[np.float32]
    postings: Postings


class Inverted:
    """Exact top k over sparse vectors."""

    kind = "inverted"
    format_version = 1
    Vectors = SparseVectors
    Build = InvertedBuild
    Search = InvertedSearch

    def __init__(self, vectors: SparseVectors, postings: Postings, build: InvertedBuild) -> None:
        self._vectors, self._postings, self.settings = vectors, postings, build
        self._plain = self._saturated = _Scored(None, _PLAIN, postings)
        self._scratch = threading.local()

    @classmethod
    def build(
        cls, batches: SparseVectors | Iterable[SparseVectors], settings: InvertedBuild | None = None
    ) -> "Inverted":
        """Index vectors, given whole or in batches."""
        vectors = gathered(batches, SparseVectors)
        build = check_settings(settings, InvertedBuild)
        return cls(vectors, Postings.of(vectors), build)

    @classmethod
    def from_arrays(
        cls, vectors: SparseVectors, arrays: Mapping[str, NDArray[Any]], settings: InvertedBuild
    ) -> "Inverted":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        return cls(vectors, Postings.from_arrays(vectors, arrays), settings)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays derived from the vectors; see `Postings`."""
        return self._postings._asdict()

    def __len__(self) -> int:
        return len(self._vectors)

    def vectors(self, ordinals: NDArray[np.int64] | None = None) -> SparseVectors:
        """Return the stored vectors, all or those at `ordinals`."""
        if ordinals is None:
            return self._vectors
        return self._vectors.take(check_ordinals(ordinals, len(self)))

    def queries(self, values: Any) -> SparseVectors:
        """Check query vectors against this index."""
        if not isinstance(values, SparseVectors):
            raise InvalidVectors(
                f"queries are {type(values).__name__}, the index is sparse: pass SparseVectors"
            )
        return values

    @property
    def lengths(self) -> NDArray[np.float32]:
        """Sum of the weights of each document (n,): its length, where weights are frequencies."""
        return self._postings.lengths

    def find(self, terms: Strings) -> NDArray[np.int32]:
        """Return the index's own number of each term, −1 where no document has it."""
        return find_terms(self._vectors.vocabulary, terms)

    def document_frequencies(self, terms: Strings) -> NDArray[np.int64]:
        """Return in how many documents each term occurs, deleted ones included."""
        found, offsets = self.find(terms), self._postings.offsets
        # −1 wraps to the list of the last term, whose count is then replaced by 0.
        return np.where(found >= 0, offsets[found + 1] - offsets[found], 0)

    def search(
        self,
        queries: SparseVectors,
        k: int,
        settings: InvertedSearch | None = None,
        *,
        allowed: Bitmap | None = None,
    ) -> Hits:
        """Return the k best documents that share a term with each query, exactly.

        Only scores above 0 are hits: a document without any of the terms is none.

        Raises:
            InvalidVectors: queries that are not sparse vectors.
            InvalidInput: k negative, or `allowed` of another size.
        """
        cells, k = self._cells(queries), check_k(k)
        hits = Hits.empty(len(queries), min(k, len(self)))
        bits, postings = kernel_bits(allowed, len(self)), self._scored(settings).postings
        if hits.ids.shape[1]:

            def work(start: int, stop: int) -> None:
                ids, scores = hits.ids[start:stop], hits.scores[start:stop]
                search(postings, cells, bits, self._window(), start, ids, scores)

            for_chunks(work, len(queries))
        return hits.padded(k)

    def score(
        self,
        queries: SparseVectors,
        candidates: NDArray[np.integer],
        settings: InvertedSearch | None = None,
    ) -> NDArray[np.float32]:
        """Return the scores of candidates (n_queries, m), −inf where a candidate is −1."""
        cells = self._cells(queries)
        ids = check_candidates(candidates, len(queries), len(self))
        out = np.full(ids.shape, -np.inf, np.float32)
        rows = (self._vectors.offsets, self._vectors.terms, self._vectors.weights)
        score_rows(rows, cells, self._scored(settings).norms, ids, out)
        return out

    def explain(
        self, query: SparseVectors, ordinal: int, settings: InvertedSearch | None = None
    ) -> dict[str, float]:
        """Return what each term of one query gives to the score of one document."""
        check_settings(settings, InvertedSearch)
        row, parts = np.array([[check_ordinal(ordinal, len(self))]]), {}
        for name, weight in check_one(self.queries(query)).row(0).items():
            one = SparseVectors.of([0, 1], [0], [weight], Strings.of([name.encode()]))
            score = float(self.score(one, row, settings)[0, 0])
            if score > 0:
                parts[name] = score
        return parts

    def _cells(self, queries: SparseVectors) -> _Cells:
        queries = self.queries(queries)
        own = self.find(queries.vocabulary)[queries.terms]
        weights = queries.weights.astype(np.float32)
        return _Cells(queries.offsets, frozen(own), frozen(weights))

    def _scored(self, settings: InvertedSearch | None) -> _Scored:
        """Return the lists with impacts for weights, kept until another saturation is asked for.

        They cost 4 bytes of memory a posting, and make a search two to three times as fast.
        """
        saturation = check_settings(settings, InvertedSearch).saturation
        if saturation is None:
            return self._plain
        kept = self._saturated
        if kept.saturation != saturation:
            relative = self._postings.lengths.astype(np.float64) / saturation.average_length
            exact = saturation.k1 * (1 - saturation.b + saturation.b * relative)
            # Never 0, so that a frequency of 0 counts 0 and not 0 / 0.
            norms = frozen(np.maximum(exact.astype(np.float32), np.finfo(np.float32).tiny))
            impacts = np.empty(len(self._postings.docs), np.float32)
            saturate(self._postings, norms, impacts)
            kept = _Scored(saturation, norms, self._postings._replace(weights=frozen(impacts)))
            self._saturated = kept  # one assignment: searches in other threads are safe
        return kept

    def _window(self) -> NDArray[np.float32]:
        """Return this thread's accumulators, all zeros."""
        window: NDArray[np.float32] | None = getattr(self._scratch, "window", None)
        if window is None:
            window = np.zeros(min(WINDOW_DOCS, len(self)), np.float32)
            self._scratch.window = window
        return window
