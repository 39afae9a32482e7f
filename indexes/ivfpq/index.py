"""The IVF-PQ index: arrays in, hits out."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from indexes.bitmap import Bitmap, kernel_bits
from indexes.errors import CorruptIndex, InvalidInput
from indexes.exhaustive import Rows
from indexes.hits import Hits
from indexes.ivfpq.answering import Effort, Memory, Reader, answer
from indexes.ivfpq.codebooks import Codebooks
from indexes.ivfpq.lists import Lists
from indexes.ivfpq.settings import IvfPqBuild, IvfPqSearch
from indexes.ivfpq.training import factors_of, learn
from indexes.operating_point import KS, OperatingPoints, Report, RungSearch, evenly
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
from indexes.vectors import DenseVectors, gathered

LEARNED_FROM = 4096
"""Vectors from which lists are made; of fewer, all are scored."""

LADDER = tuple(
    IvfPqSearch(nprobe=nprobe, rescored=rescored)
    for nprobe, rescored in (
        *((nprobe, None) for nprobe in (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)),
        *((nprobe, 4 * nprobe) for nprobe in (128, 256, 512, 1024, 2048)),
    )
)
"""Searches whose recall is measured; another ladder is another format version."""

ROW_NS, CODE_NS, QUERY_NS = 80, 3, 30_000
"""About what the score of a vector takes, that of a code, and all else: measured at 384."""


class IvfPq:
    """Top k over dense vectors by lists and codes: most of the best, in little memory."""

    kind = "ivfpq"
    format_version = 1
    Vectors = DenseVectors
    Build = IvfPqBuild
    Search = IvfPqSearch

    def __init__(
        self,
        vectors: DenseVectors,
        arrays: tuple[Rows, Codebooks, Lists],
        build: IvfPqBuild,
        points: OperatingPoints[IvfPqSearch] | None = None,
    ) -> None:
        self._vectors, self.settings = vectors, build
        self._rows, self.codebooks, self._lists = arrays
        self._points = OperatingPoints[IvfPqSearch].none() if points is None else points
        self._scratch = threading.local()
        prefix = min(build.prefix or vectors.dimension, vectors.dimension)
        lens = self.codebooks.lens(prefix, build.metric)
        self._reader = Reader(lens, self._lists, vectors.values, int(build.metric))

    @classmethod
    def build(
        cls,
        batches: NDArray[Any] | DenseVectors | Iterable[DenseVectors],
        settings: IvfPqBuild | None = None,
        *,
        codebooks: Codebooks | None = None,
    ) -> "IvfPq":
        """Index vectors: a matrix (n, dimension), `DenseVectors`, or batches of them.

        Args:
            batches: the vectors.
            settings: how to index them.
            codebooks: learned on other vectors with the same settings (see `learned`), so that
                nothing has to be learned again; None: learned on these, where they are enough.

        Raises:
            InvalidVectors: NaN or infinity, no batch at all, or batches of different dimensions.
            InvalidInput: codebooks that do not fit.
        """
        if isinstance(batches, np.ndarray):
            return cls.build(DenseVectors.of(batches), settings, codebooks=codebooks)
        vectors = gathered(cast("DenseVectors | Iterable[DenseVectors]", batches), DenseVectors)
        build = check_settings(settings, IvfPqBuild)
        if codebooks is not None:
            codebooks.check(vectors.dimension, build)
        if len(vectors) < LEARNED_FROM:
            codebooks = Codebooks.none(vectors.dimension, build)
        elif codebooks is None:
            codebooks = learn(vectors.values, build)
        rows = Rows.of(vectors, build.metric, "float32")
        index = cls(vectors, (rows, codebooks, _lists(vectors, codebooks, build)), build)
        if len(codebooks.scales):
            index._points = index._measured_on_documents()
        return index

    @staticmethod
    def learned(
        sample: NDArray[Any] | DenseVectors, settings: IvfPqBuild | None = None
    ) -> Codebooks:
        """Return codebooks for the vectors that a sample stands for.

        Raises:
            InvalidVectors: NaN or infinity.
        """
        vectors = sample if isinstance(sample, DenseVectors) else DenseVectors.of(sample)
        return learn(vectors.values, check_settings(settings, IvfPqBuild))

    @classmethod
    def from_arrays(
        cls, vectors: DenseVectors, arrays: Mapping[str, NDArray[Any]], settings: IvfPqBuild
    ) -> "IvfPq":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        rows = Rows.from_arrays(vectors, arrays, settings.metric, "float32")
        codebooks = Codebooks.from_arrays(vectors.dimension, arrays, settings)
        lists = Lists.from_arrays(len(vectors), arrays, codebooks)
        points = OperatingPoints.stored(LADDER, stored(arrays, "recalls"))
        if bool(points.ladder) != bool(len(codebooks.scales)):
            raise CorruptIndex("recalls are there without lists, or lists without: run verify")
        return cls(vectors, (rows, codebooks, lists), settings, points)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays derived from the vectors.

        See `Rows`, `Codebooks`, `Lists` and, for `recalls`, `OperatingPoints`.
        """
        own = self._rows.arrays() | self.codebooks._asdict() | self._lists.arrays()
        return own | {"recalls": self._points.recalls}

    def __len__(self) -> int:
        return len(self._vectors)

    def vectors(self, ordinals: NDArray[np.int64] | None = None) -> DenseVectors:
        """Return the stored vectors, all or those at `ordinals`."""
        if ordinals is None:
            return self._vectors
        return self._vectors.take(check_ordinals(ordinals, len(self)))

    def queries(self, values: Any) -> DenseVectors:
        """Check query vectors against this index: (n_queries, dimension) or one (dimension,)."""
        return self._vectors.queries(values)

    def search(
        self,
        queries: Any,
        k: int,
        settings: IvfPqSearch | None = None,
        *,
        allowed: Bitmap | None = None,
    ) -> Hits:
        """Return the k best documents of each query that were found; their scores are exact.

        Never fewer than k where so many are allowed.

        Raises:
            InvalidVectors: queries of another dimension, or with NaN or infinity.
            InvalidInput: k negative, or `allowed` of another size.
        """
        asked, k = check_settings(settings, IvfPqSearch), check_k(k)
        batch, n = self.queries(queries).values, len(self)
        bits = kernel_bits(allowed, n)
        effort = self._effort(asked, min(k, n), n if allowed is None else allowed.count)
        if effort is None:
            return self._rows.search(batch, k, allowed)
        hits = Hits.empty(len(batch), min(k, n))

        def work(start: int, stop: int) -> None:
            with self._memory(effort.rescored) as memory:
                answer(
                    self._reader, batch, start, stop, effort, bits, memory, hits.ids, hits.scores
                )

        for_chunks(work, len(batch))
        return hits.padded(k)

    def _effort(self, asked: IvfPqSearch, k: int, count: int) -> Effort | None:
        """Return how to search for k of so many documents; None: exactly."""
        n, nlist = len(self), len(self.codebooks.scales)
        if not k or not count or not nlist:
            return None
        if asked.recall is not None:
            point = self._points.choose(asked.recall, k, allowed=count / n)
            asked = point or IvfPqSearch(nprobe=None)
        if asked.nprobe is None:
            return None
        rescored = min(asked.candidates(k), n)
        wanted = min(rescored, count)
        scanned = min(max(asked.nprobe * n / nlist, wanted * n / count), n)
        if count * ROW_NS < QUERY_NS + scanned * CODE_NS + rescored * ROW_NS:
            return None
        return Effort(asked.nprobe, rescored, wanted)

    def score(
        self, queries: Any, candidates: NDArray[np.integer], settings: IvfPqSearch | None = None
    ) -> NDArray[np.float32]:
        """Return the exact scores of candidates (n_queries, m), −inf where a candidate is −1."""
        check_settings(settings, IvfPqSearch)
        batch = self.queries(queries).values
        return self._rows.score(batch, check_candidates(candidates, len(batch), len(self)))

    def explain(
        self, query: Any, ordinal: int, settings: IvfPqSearch | None = None
    ) -> dict[str, float]:
        """Return the score of one document and the numbers it is made of."""
        check_settings(settings, IvfPqSearch)
        batch, row = check_one(self.queries(query)), check_ordinal(ordinal, len(self))
        return self._rows.explain(batch.values, row)

    @property
    def ladder(self) -> Sequence[IvfPqSearch]:
        """Settings whose recall can be measured."""
        return LADDER

    @property
    def points(self) -> OperatingPoints[IvfPqSearch]:
        """What recall targets are answered with: measured on documents, unless by `measured`."""
        return self._points

    def as_queries(self, ordinals: NDArray[np.int64]) -> DenseVectors:
        """Return documents as queries: their vectors."""
        return self.vectors(ordinals)

    def measured(self, queries: Any) -> "tuple[IvfPq, Report]":
        """Return this index with recall targets measured on queries, and what they reach there.

        The report also has what was measured on documents, where there are lists.

        Raises:
            InvalidVectors: queries of another dimension, or with NaN or infinity.
            InvalidInput: queries too few to tell anything.
        """
        points = OperatingPoints.measured(self._searching(self.queries(queries)), self.ladder)
        arrays = self._rows, self.codebooks, self._lists
        return IvfPq(self._vectors, arrays, self.settings, points), Report(self._points, points)

    def _measured_on_documents(self) -> OperatingPoints[IvfPqSearch]:
        """Measure on documents that stand in for queries.

        Where too few have a hit, as after an overflow, targets are reached by none but the exact
        search.
        """
        own = evenly(len(self))
        try:
            search = self._searching(self.as_queries(own))
            return OperatingPoints.measured(search, self.ladder, own=own)
        except InvalidInput:
            nothing = np.zeros((len(LADDER), len(KS), 2), np.float32)
            return OperatingPoints.stored(LADDER, nothing)

    def _searching(self, queries: DenseVectors) -> RungSearch[IvfPqSearch]:
        exact = IvfPqSearch(nprobe=None)
        return lambda settings, k: self.search(queries, k, settings or exact)

    @contextmanager
    def _memory(self, rescored: int) -> Iterator[Memory]:
        """Lend this thread's working memory; what a failed search may have left in it is lost."""
        lent: tuple[int, Memory] | None = getattr(self._scratch, "lent", None)
        if lent is None or lent[0] < rescored:
            lent = rescored, Memory.of(self._reader, rescored)
        self._scratch.lent = None
        yield lent[1]
        self._scratch.lent = lent


def _lists(vectors: DenseVectors, codebooks: Codebooks, build: IvfPqBuild) -> Lists:
    """Assign and code vectors."""
    if not len(codebooks.scales):
        return Lists.none()
    values = vectors.values
    prefix = min(build.prefix or vectors.dimension, vectors.dimension)
    factors = frozen(factors_of(values, build.metric))
    return Lists.of(values, factors, codebooks.lens(prefix, build.metric))
