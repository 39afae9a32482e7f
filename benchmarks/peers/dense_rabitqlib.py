"""The RaBitQ library of its authors: SymphonyQG, and HNSW over RaBitQ codes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.peers.dense import Floats, Name, Search, Setting

METRICS = {"cosine": "ip", "euclidean": "l2"}
EF_CONSTRUCTION = 200
SAVED = "index"


@dataclass
class SymphonyQg:
    """A graph whose nodes hold the vector, and 1-bit codes of the neighbours.

    Set up as in the library's own benchmarks: degree 32, PiPNN to begin with, vectors in full.
    """

    degree: int = 32

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Begin with PiPNN, then refine once."""
        from rabitqlib import SymqgIndex

        self._index = SymqgIndex(documents.shape[1], self.degree, METRICS[metric])
        self._index.build(documents, EF_CONSTRUCTION, threads)

    def save(self, folder: Path) -> None:
        """Write one file."""
        self._index.save(str(folder / SAVED))

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Read it into memory."""
        from rabitqlib import SymqgIndex

        self._index = SymqgIndex.load(str(folder / SAVED))

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take `ef`."""
        search, ef = self._index.search_batch, int(setting["ef"])
        return lambda queries: search(queries, k, ef, 1)[0]


@dataclass
class RabitqHnsw:
    """HNSW over codes of 1 + 8 bits, as in the library's own benchmarks."""

    M: int = 16
    bits: int = 9
    clusters: int = 16

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Find the centroids with faiss, encode, link."""
        import faiss
        from rabitqlib import HnswIndex

        n, dimension = documents.shape
        faiss.omp_set_num_threads(threads)
        means = faiss.Kmeans(dimension, self.clusters, spherical=metric == "cosine")
        means.train(documents)
        _, nearest = means.index.search(documents, 1)
        self._index = HnswIndex(dimension, n, self.M, EF_CONSTRUCTION, self.bits, METRICS[metric])
        self._index.build(documents, means.centroids, nearest[:, 0].astype(np.uint32), threads)

    def save(self, folder: Path) -> None:
        """Write one file."""
        self._index.save(str(folder / SAVED))

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Read it into memory."""
        from rabitqlib import HnswIndex

        self._index = HnswIndex.load(str(folder / SAVED))

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take `ef`."""
        search, ef = self._index.search, int(setting["ef"])
        return lambda queries: search(queries, k, ef, 1)[0]
