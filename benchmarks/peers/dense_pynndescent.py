"""PyNNDescent: a graph by nearest-neighbour descent, compiled anew in every process that builds."""

import json
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
        """Write the settings only: its one stored form is a pickle."""
        settings = {"n_neighbors": self.n_neighbors, "multiplier": self.pruning_degree_multiplier}
        (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Build again, on one thread."""
        import numpy as np

        self.build(np.load(documents, mmap_mode="r"), metric, 1)

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take `epsilon`, how far beyond the k-th distance it explores."""
        query, epsilon = self._index.query, setting["epsilon"]
        return lambda queries: query(queries, k, epsilon=epsilon)[0]
