"""usearch: HNSW over float32 vectors or int8 codes, which it does not rescore."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.dense import Floats, Name, Search, Setting

METRICS = {"cosine": "cos", "euclidean": "l2sq"}


@dataclass
class Usearch:
    """As many neighbours and candidates as the other graphs; its own are 16 and 128."""

    dtype: str
    connectivity: int = 16
    expansion_add: int = 200

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Add all documents in their order."""
        from usearch.index import Index

        self._index = Index(
            ndim=documents.shape[1],
            metric=METRICS[metric],
            dtype=self.dtype,
            connectivity=self.connectivity,
            expansion_add=self.expansion_add,
        )
        self._index.add(np.arange(len(documents)), documents, threads=threads)

    def save(self, folder: Path) -> None:
        """Write one file."""
        self._index.save(str(folder / "index"))

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Read it into memory."""
        from usearch.index import Index

        self._index = Index.restore(str(folder / "index"))

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take `ef`; a single query is asked as one, which is faster than a batch of one."""
        self._index.expansion_search = int(setting["ef"])
        search = self._index.search

        def found(queries: Floats) -> NDArray[np.integer[Any]]:
            ids: NDArray[np.uint64]
            if len(queries) == 1:
                ids = search(queries[0], k, threads=1).keys[None]
            else:
                ids = search(queries, k, threads=1).keys
            return ids

        return found
