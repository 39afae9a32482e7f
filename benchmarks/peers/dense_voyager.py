"""Voyager: Spotify's descendant of hnswlib."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.dense import Floats, Name, Search, Setting

SPACES = {"cosine": "InnerProduct", "euclidean": "Euclidean"}


@dataclass
class Voyager:
    """Built like the other graphs; its own defaults are M = 12 and 200."""

    M: int = 16
    ef_construction: int = 200

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Add all documents in their order."""
        import voyager

        space = getattr(voyager.Space, SPACES[metric])
        self._index = voyager.Index(
            space, documents.shape[1], M=self.M, ef_construction=self.ef_construction,
            max_elements=len(documents),
        )  # fmt: skip
        self._index.add_items(documents, num_threads=threads)

    def save(self, folder: Path) -> None:
        """Write one file."""
        self._index.save(str(folder / "index"))

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Read it into memory."""
        import voyager

        self._index = voyager.Index.load(str(folder / "index"))

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take `ef`; a single query is asked as one, which is faster than a batch of one."""
        query, ef = self._index.query, int(setting["ef"])

        def found(queries: Floats) -> NDArray[np.integer[Any]]:
            ids: NDArray[np.uint64]
            if len(queries) == 1:
                ids = query(queries[0], k, query_ef=ef)[0][None]
            else:
                ids = query(queries, k, num_threads=1, query_ef=ef)[0]
            return ids

        return found
