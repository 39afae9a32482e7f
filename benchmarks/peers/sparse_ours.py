"""The inverted index of this project behind the calls of a peer, and its cold first query."""

import copy
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import forget, stored_and_mapped
from benchmarks.peers.sparse import Built, Ids
from indexes.inverted import Inverted, InvertedBuild, InvertedSearch
from indexes.vectors import SparseVectors

RECALLS = (0.90, 0.95, 0.97, 0.99)
"""What is asked for by name, and where all systems are compared."""

WARM_UP_DOCUMENTS = 20_000
"""Enough to have every kernel of a build compiled before the clock starts."""


@dataclass(frozen=True, slots=True)
class Ours:
    """A build of ours by name, with settings to search it with beside those of its ladder."""

    name: str
    build: InvertedBuild
    searches: Sequence[InvertedSearch] = ()


@dataclass(frozen=True, slots=True)
class Cold:
    """Milliseconds of opening and checking an index, and microseconds of first queries."""

    dataset: str
    setting: str
    k: int
    opening_ms: float
    cold_us_p50: float
    cold_us_p99: float


def one_thread() -> None:
    """Let searches use one thread; called before the first of them."""
    os.environ["RETRIEVAL_THREADS"] = "1"


class OurIndex:
    """One build of ours. `index_bytes` are the arrays and the dictionary, rows are beside them."""

    system = "ours"

    def __init__(self, vectors: tuple[SparseVectors, SparseVectors], ours: Ours) -> None:
        documents, queries = vectors
        self.build, self._others = ours.name, ours.searches
        _warm_up(documents, ours.build)
        start = time.perf_counter()
        self.index = Inverted.build(documents, ours.build)
        elapsed = time.perf_counter() - start
        self.built = Built(elapsed, *sizes(self.index))
        self._ask(queries)

    def asked(self, queries: SparseVectors) -> "OurIndex":
        """Return the same index, asked other queries."""
        other = copy.copy(self)
        other._ask(queries)
        return other

    def _ask(self, queries: SparseVectors) -> None:
        self._batch = queries
        self._queries = [queries.take(number) for number in np.arange(len(queries))[:, None]]

    def order(self) -> Ids | None:
        """Return the ordinals in the index's order of documents; None: that is the given one."""
        if self.index.settings.order == "given":
            return None
        return self.index.order.astype(np.int64)

    def promises(self) -> list[InvertedSearch]:
        """Return searches that ask for a recall by name."""
        return [InvertedSearch(recall=recall) for recall in RECALLS]

    def searches(self) -> list[InvertedSearch]:
        """Return the settings that a curve is drawn from: exact, the ladder's rungs, and others."""
        return list(dict.fromkeys((InvertedSearch(), *self.index.ladder, *self._others)))

    def batch(self, k: int, setting: InvertedSearch) -> tuple[Ids, float]:
        """Return what one search of all queries found."""
        start = time.perf_counter()
        hits = self.index.search(self._batch, k, setting)
        elapsed = time.perf_counter() - start
        return hits.ids.astype(np.int64), elapsed / len(self._batch) * 1e6

    def one(self, number: int, k: int, setting: InvertedSearch) -> None:
        """Ask with the vectors of one query."""
        self.index.search(self._queries[number], k, setting)

    def cold(self, dataset: str, folder: Path, k: int, n: int) -> "Cold":
        """Open the index and ask n queries exactly, with nothing of it in memory.

        The arrays lie in files, of which no page is in memory: neither when they are opened and
        checked, nor before each of the queries.
        """
        parts = {"index": self.index.arrays(), "vectors": self.index.vectors().arrays()}
        mapped = {part: stored_and_mapped(a, folder / part) for part, a in parts.items()}
        every = [array for arrays in mapped.values() for array in arrays.values()]
        forget(every)
        start = time.perf_counter()
        opened = _opened(mapped["vectors"], mapped["index"], self.index.settings)
        opening_ms = (time.perf_counter() - start) * 1e3
        opened.search(self._queries[-1], k)  # what is made once, and any compilation
        found = []
        for query in self._queries[:n]:
            forget(every)
            start = time.perf_counter()
            opened.search(query, k)
            found.append((time.perf_counter() - start) * 1e6)
        return Cold(dataset, self.build, k, opening_ms, *np.quantile(found, (0.5, 0.99)).tolist())


def sizes(index: Inverted) -> tuple[int, int]:
    """Return the bytes of an index with its dictionary, and those of its document rows."""
    vectors = index.vectors()
    names = vectors.vocabulary.arrays("vocabulary")
    rows = [a for name, a in vectors.arrays().items() if name not in names]
    derived = [*index.arrays().values(), *names.values()]
    return sum(a.nbytes for a in derived), sum(a.nbytes for a in rows)


def _opened(
    vectors: Mapping[str, NDArray[Any]], index: Mapping[str, NDArray[Any]], build: InvertedBuild
) -> Inverted:
    return Inverted.from_arrays(SparseVectors.from_arrays(vectors), index, build)


def _warm_up(documents: SparseVectors, build: InvertedBuild) -> None:
    rows = np.arange(min(WARM_UP_DOCUMENTS, len(documents)))
    Inverted.build(documents.take(rows), build)
