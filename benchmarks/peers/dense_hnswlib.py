"""hnswlib: the graph and the float32 vectors in one block per document."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.dense import Floats, Name, Search, Setting

SPACES = {"cosine": "ip", "euclidean": "l2"}


@dataclass
class Hnswlib:
    """Its defaults are M = 16 and ef_construction = 200."""

    M: int = 16
    ef_construction: int = 200

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Add all documents in their order."""
        import hnswlib

        self._index = hnswlib.Index(SPACES[metric], documents.shape[1])
        self._index.init_index(len(documents), M=self.M, ef_construction=self.ef_construction)
        self._index.add_items(documents, num_threads=threads)

    def save(self, folder: Path) -> None:
        """Write one file."""
        self._index.save_index(str(folder / "index"))

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Read it into memory."""
        import hnswlib

        dimension = int(np.load(documents, mmap_mode="r").shape[1])
        self._index = hnswlib.Index(SPACES[metric], dimension)
        self._index.load_index(str(folder / "index"))
        self._index.set_num_threads(1)

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take `ef`."""
        self._index.set_ef(int(setting["ef"]))
        query = self._index.knn_query
        return lambda queries: query(queries, k, num_threads=1)[0]

    def filtered(self, k: int, setting: Setting, allowed: NDArray[np.bool_]) -> Search:
        """Ask one by one: where it finds fewer than k it raises, which counts as none."""
        self._index.set_ef(int(setting["ef"]))
        query, may = self._index.knn_query, allowed.tolist().__getitem__

        def found(queries: Floats) -> NDArray[np.integer[Any]]:
            out = np.full((len(queries), k), -1, np.int64)
            for row, one in zip(out, queries, strict=True):
                try:
                    row[:] = query(one, k, num_threads=1, filter=may)[0][0]
                except RuntimeError as error:
                    if "contiguous" not in str(error):
                        raise
            return out

        return found
