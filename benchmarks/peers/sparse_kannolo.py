"""kANNolo (Delfino et al. 2025): an HNSW graph over sparse vectors.

Its build takes minutes at 100,000 documents and more than an hour at a million, so that it stays
out of the comparison there.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.sparse import STDERR, STDOUT, Built, Ids, kept, plain, printed, told
from indexes.vectors import SparseVectors

DOCUMENTS_MAX = 100_000
"""What its graph is built for here."""


@dataclass(frozen=True, slots=True)
class KannoloBuild:
    """kANNolo's own names."""

    m: int = 32
    ef_construction: int = 200


@dataclass(frozen=True, slots=True)
class KannoloSearch:
    """kANNolo's own name."""

    ef_search: int


class Kannolo:
    """One graph."""

    system = "kannolo"

    def __init__(
        self, vectors: tuple[SparseVectors, SparseVectors], folder: Path, build: KannoloBuild
    ) -> None:
        import kannolo

        documents, self._batch = vectors
        self.build, stored = told(build), folder / "index.kannolo"
        self._queries = plain(self._batch)
        self._index: Any = None

        def store(index: Any) -> tuple[int, int]:
            self._index = index
            with printed(STDOUT):
                index.save(str(stored))
            return stored.stat().st_size, 0

        self.built: Built = kept(folder, lambda: _index(documents, build), store)
        if self._index is None:
            self._index = kannolo.SparsePlainHNSW.load(str(stored))

    def batch(self, k: int, setting: KannoloSearch) -> tuple[Ids, float]:
        """Return what `batch_search` found."""
        queries = self._batch
        weights = queries.weights.astype(np.float32)
        start = time.perf_counter()
        _, ids = self._index.batch_search(
            queries.terms, weights, queries.offsets, k, ef_search=setting.ef_search, num_threads=1
        )
        elapsed = time.perf_counter() - start
        return np.asarray(ids, np.int64).reshape(len(queries), k), elapsed / len(queries) * 1e6

    def one(self, number: int, k: int, setting: KannoloSearch) -> None:
        """Ask with two arrays."""
        terms, weights = self._queries[number]
        self._index.search(terms, weights, k, ef_search=setting.ef_search)


def _index(documents: SparseVectors, build: KannoloBuild) -> Any:
    import kannolo

    with printed(STDOUT), printed(STDERR):
        return kannolo.SparsePlainHNSW.build_from_arrays(
            documents.terms,
            documents.weights.astype(np.float32),
            documents.offsets,
            m=build.m,
            ef_construction=build.ef_construction,
        )
