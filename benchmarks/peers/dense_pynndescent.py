"""PyNNDescent: a graph by nearest-neighbour descent, compiled anew in every process that builds."""

import pickle
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.dense import Floats, Name, Search, Setting

METRICS = {"cosine": "dot", "euclidean": "euclidean"}
SEED = 0


@dataclass
class PyNNDescent:
    """By the settings that did best in VIBE."""

    n_neighbors: int = 40
    pruning_degree_multiplier: float = 1.5

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Descend, diversify and prune; compilation is timed, since no build goes without it."""
        import numpy as np
        from pynndescent import NNDescent

        self._index = NNDescent(
            np.array(documents), metric=METRICS[metric], n_neighbors=self.n_neighbors,
            pruning_degree_multiplier=self.pruning_degree_multiplier, diversify_prob=1.0,
            n_jobs=threads, random_state=SEED,
        )  # fmt: skip
        self._index.prepare()

    def save(self, folder: Path) -> None:
        """Write one file, in the only form there is: no one but this benchmark writes it."""
        (folder / "index").write_bytes(pickle.dumps(self._index))

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Read it into memory."""
        self._index = pickle.loads((folder / "index").read_bytes())

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take `epsilon`, how far beyond the k-th distance it explores."""
        query, epsilon = self._index.query, setting["epsilon"]
        return lambda queries: query(queries, k, epsilon=epsilon)[0]
