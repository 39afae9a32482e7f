"""The inverted index: arrays in, hits out."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.bitmap import Bitmap, kernel_bits
from indexes.errors import InvalidInput, InvalidVectors
from indexes.hits import Hits
from indexes.inverted import approximate, champions, cutting, exact
from indexes.inverted import order as orders
from indexes.inverted.approximate import LADDER, Shortcuts
from indexes.inverted.bounds import Bounds, firmness, looseness
from indexes.inverted.dictionary import Terms, find_terms
from indexes.inverted.lists import Lists, Rows, Scratch
from indexes.inverted.postings import Postings
from indexes.inverted.rows import score_rows
from indexes.inverted.settings import InvertedBuild, InvertedSearch, Saturation
from indexes.operating_point import OperatingPoints, Report, RungSearch, evenly
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
    stored,
)
from indexes.vectors import SparseVectors, gathered

MEASURED_FROM = 20_000
"""Documents from which an index measures what its shortcuts find; fewer are searched exactly."""

_NONE = frozen(np.empty(0, np.float32))

LISTS_KEPT = 4
"""Saturations whose lists are kept: K of every document is computed once for each."""


class Inverted:
    """Top k over sparse vectors, exact unless the settings of a search say otherwise."""

    kind = "inverted"
    format_version = 2
    Vectors = SparseVectors
    Build = InvertedBuild
    Search = InvertedSearch

    def __init__(
        self,
        vectors: SparseVectors,
        arrays: tuple[Postings, Postings | None, Bounds, NDArray[np.int32]],
        build: InvertedBuild,
        points: OperatingPoints[InvertedSearch] | None = None,
    ) -> None:
        self._vectors, self.settings = vectors, build
        self._points = OperatingPoints[InvertedSearch].none() if points is None else points
        self._postings, self._champions, self._bounds, self._order = arrays
        self._scratch = threading.local()
        self._kept: dict[Saturation | None, Lists] = {}

    @classmethod
    def build(
        cls, batches: SparseVectors | Iterable[SparseVectors], settings: InvertedBuild | None = None
    ) -> "Inverted":
        """Index vectors, given whole or in batches."""
        vectors = gathered(batches, SparseVectors)
        build = check_settings(settings, InvertedBuild)
        order = orders.of(vectors, build.order)
        postings = Postings.of(vectors, order)
        norms = _norms(postings.lengths, _own_saturation(postings, build))
        norms = frozen(norms[order]) if len(norms) else norms
        bounds = Bounds.of(postings, norms, build.density)
        if _is_coded(vectors, build):
            postings = postings.coded(bounds.peaks, norms)
        large = len(vectors) >= MEASURED_FROM
        best = champions.of(postings, build.champions) if large and build.champions else None
        index = cls(vectors, (postings, best, bounds, order), build)
        if large and index.ladder:
            index._points = index._measured_on_documents()
        return index

    @classmethod
    def from_arrays(
        cls, vectors: SparseVectors, arrays: Mapping[str, NDArray[Any]], settings: InvertedBuild
    ) -> "Inverted":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        coded = _is_coded(vectors, settings)
        postings = Postings.from_arrays(vectors, arrays, coded=coded)
        bounds = Bounds.from_arrays(postings, arrays)
        order = orders.from_arrays(len(vectors), arrays, settings.order)
        points = OperatingPoints.stored(LADDER, stored(arrays, "recalls"))
        best = champions.from_arrays(postings, arrays)
        return cls(vectors, (postings, best, bounds, order), settings, points)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays derived from the vectors.

        See `Postings`, `Bounds`, `order` and, for `recalls`, `OperatingPoints`.
        """
        own = self._postings._asdict() | self._bounds._asdict()
        own["recalls"] = self._points.recalls
        own |= champions.arrays(self._champions)
        return own | orders.arrays(self._order, self.settings.order)

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

    @property
    def order(self) -> NDArray[np.int32]:
        """The ordinals (n,) in the order in which the index has them."""
        return self._order

    def find(self, terms: Strings) -> NDArray[np.int32]:
        """Return the index's own number of each term, −1 where no document has it."""
        return find_terms(self._vectors.vocabulary, terms)

    def document_frequencies(self, terms: Strings) -> NDArray[np.int64]:
        """Return in how many documents each term occurs, deleted ones included."""
        found = self.find(terms)
        # −1 reads nonsense, which is then replaced by 0.
        return np.where(found >= 0, self._postings.counts(found), 0)

    def search(
        self,
        queries: SparseVectors,
        k: int,
        settings: InvertedSearch | None = None,
        *,
        allowed: Bitmap | None = None,
    ) -> Hits:
        """Return the k best documents that share a term with each query.

        Only scores above 0 are hits: a document without any of the terms is none.

        Raises:
            InvalidVectors: queries that are not sparse vectors.
            InvalidInput: k negative, or `allowed` of another size.
        """
        asked, k = check_settings(settings, InvertedSearch), check_k(k)
        targeted = asked.recall is not None
        if targeted:
            asked = self._resolved(asked, k, allowed)
        terms = Terms.of(self._vectors.vocabulary, self.queries(queries))
        hits = Hits.empty(len(queries), min(k, len(self)))
        bits, lists = kernel_bits(allowed, len(self)), self._scored(asked.saturation)
        deep = max(hits.ids.shape[1], min(asked.rescored or 0, len(self)))
        best = (
            lists
            if self._champions is None
            else lists._replace(postings=self._champions, whole=False)
        )

        shortcuts = None if asked.exact else Shortcuts.of(asked, adaptive=targeted)

        def work(start: int, stop: int) -> None:
            ids, scores = hits.ids[start:stop], hits.scores[start:stop]
            with self._memory(lists, deep, len(terms.terms)) as memory:
                if shortcuts is None:
                    exact.search(lists, terms, bits, memory, start, ids, scores)
                else:
                    approximate.search(
                        lists, best, terms, bits, shortcuts, memory, start, ids, scores
                    )

        if hits.ids.shape[1]:
            for_chunks(work, len(queries))
        return hits.padded(k)

    def score(
        self,
        queries: SparseVectors,
        candidates: NDArray[np.integer],
        settings: InvertedSearch | None = None,
    ) -> NDArray[np.float32]:
        """Return the scores of candidates (n_queries, m), −inf where a candidate is −1."""
        search = check_settings(settings, InvertedSearch)
        terms = Terms.of(self._vectors.vocabulary, self.queries(queries))
        ids = check_candidates(candidates, len(queries), len(self))
        out = np.full(ids.shape, -np.inf, np.float32)
        lists = self._scored(search.saturation)
        with self._memory(lists, 1, 1) as memory:
            score_rows(lists.rows, terms, memory.slots, memory.seen, ids, out)
        return out

    def explain(
        self, query: SparseVectors, ordinal: int, settings: InvertedSearch | None = None
    ) -> dict[str, float]:
        """Return what each term of one query gives to the score of one document."""
        check_settings(settings, InvertedSearch)
        row, parts = np.array([[check_ordinal(ordinal, len(self))]]), {}
        weights = check_one(self.queries(query)).row(0)
        # The heaviest first, as they are added up.
        for name, weight in sorted(weights.items(), key=lambda pair: -np.float32(pair[1])):
            one = SparseVectors.of([0, 1], [0], [weight], Strings.of([name.encode()]))
            score = float(self.score(one, row, settings)[0, 0])
            if score > 0:
                parts[name] = score
        return parts

    @property
    def ladder(self) -> Sequence[InvertedSearch]:
        """Settings whose recall can be measured; none of BM25, whose short queries are exact."""
        return LADDER if self.settings.k1 is None else ()

    @property
    def points(self) -> OperatingPoints[InvertedSearch]:
        """What recall targets are answered with: measured on documents, unless by `measured`."""
        return self._points

    def as_queries(self, ordinals: NDArray[np.int64]) -> SparseVectors:
        """Return documents cut to queries of `query_terms` terms."""
        return cutting.as_queries(self.vectors(ordinals), self.settings.query_terms)

    def measured(self, queries: SparseVectors) -> "tuple[Inverted, Report]":
        """Return this index with recall targets measured on queries, and what they reach there.

        The report also has what was measured on documents, where the index is large enough.

        Raises:
            InvalidVectors: queries that are not sparse vectors.
            InvalidInput: queries too few to tell anything, or weights that BM25 saturates.
        """
        if not self.ladder:
            raise InvalidInput(
                "the index has k1 set: BM25 is exact, so there is nothing to measure"
            )
        points = OperatingPoints.measured(self._searching(self.queries(queries)), self.ladder)
        index = Inverted(
            self._vectors,
            (self._postings, self._champions, self._bounds, self._order),
            self.settings,
            points,
        )
        return index, Report(self._points, points)

    def _measured_on_documents(self) -> OperatingPoints[InvertedSearch]:
        """Measure on documents cut to queries; none where too few have a hit but themselves."""
        own = evenly(len(self))
        search = self._searching(self.as_queries(own))
        try:
            return OperatingPoints.measured(search, self.ladder, own=own)
        except InvalidInput:
            return OperatingPoints.none()

    def _searching(self, queries: SparseVectors) -> RungSearch[InvertedSearch]:
        return lambda settings, k: self.search(queries, k, settings)

    def _resolved(self, asked: InvertedSearch, k: int, allowed: Bitmap | None) -> InvertedSearch:
        """Return the settings that reach a recall target, exact ones if none is known to."""
        share = 1.0 if allowed is None else allowed.count / max(len(self), 1)
        point = None
        if asked.saturation is None:  # what was measured are impacts
            point = self._points.choose(asked.recall or 0.0, k, allowed=share)
        return replace(point or InvertedSearch(), saturation=asked.saturation)

    def _scored(self, saturation: Saturation | None) -> Lists:
        """Return the lists as a search reads them; those of the last few saturations are kept."""
        lists = self._kept.get(saturation)
        if lists is None:
            lists, last = self._lists(saturation), list(self._kept.items())[1 - LISTS_KEPT :]
            self._kept = {**dict(last), saturation: lists}  # at once: threads are safe
        return lists

    def _lists(self, saturation: Saturation | None) -> Lists:
        given, coded = self._vectors.weights, _is_coded(self._vectors, self.settings)
        made = _spread(self.lengths, _own_saturation(self._postings, self.settings))
        asked, norms = _spread(self.lengths, saturation), _norms(self.lengths, saturation)
        return Lists(
            self._postings,
            self._bounds,
            looseness(made, asked, given),
            firmness(made, asked, given),
            frozen(norms[self._order]) if saturation and not coded else _NONE,
            self._order,
            Rows(self._vectors.offsets, self._vectors.terms, given, norms),
            True,
            coded,
        )

    @contextmanager
    def _memory(self, lists: Lists, k: int, longest: int) -> Iterator[Scratch]:
        """Lend this thread's working memory; what a failed search may have left in it is lost."""
        memory: Scratch | None = getattr(self._scratch, "memory", None)
        room, parts = (0, 0) if memory is None else (memory.k, len(memory.parts))
        if memory is None or room < k or parts < longest:
            memory = Scratch.of(lists, max(k, room, 64), max(longest, parts, 64))
        self._scratch.memory = None
        yield memory
        self._scratch.memory = memory


def _is_coded(vectors: SparseVectors, build: InvertedBuild) -> bool:
    """Return whether lists hold steps of impacts, and not the weights themselves."""
    return build.impacts == "uint8" and (build.k1 is not None or vectors.weights.dtype != np.uint8)


def _own_saturation(postings: Postings, build: InvertedBuild) -> Saturation | None:
    """Return the saturation that block maxima are made with."""
    if build.k1 is None:
        return None
    total = float(postings.lengths.sum(dtype=np.float64))
    return Saturation(build.k1, build.b, total / max(len(postings.lengths), 1))


def _norms(lengths: NDArray[np.float32], saturation: Saturation | None) -> NDArray[np.float32]:
    """Return K of each document (n,), or nothing (0,) where weights are impacts."""
    if saturation is None:
        return _NONE
    relative = lengths.astype(np.float64) / (saturation.average_length or 1.0)
    exact = saturation.k1 * (1 - saturation.b + saturation.b * relative)
    # Never 0, so that a frequency of 0 counts 0 and not 0 / 0.
    return frozen(np.maximum(exact.astype(np.float32), np.finfo(np.float32).tiny))


def _spread(
    lengths: NDArray[np.float32], saturation: Saturation | None
) -> tuple[float, float] | None:
    """Return the smallest and the largest K of any document, None where weights are impacts."""
    if saturation is None or not len(lengths):
        return None
    ends = np.array([lengths.min(), lengths.max()], np.float32)
    low, high = _norms(ends, saturation).tolist()
    return low, high
