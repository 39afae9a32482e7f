"""ScaNN: an inverted file of anisotropic 4-bit codes, rescored from the vectors."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.dense import Floats, Name, Search, Setting, folder_of_native_code

DIMENSIONS_PER_BLOCK, THRESHOLD = 2, 0.2
"""As in its documentation; the threshold is for inner products only."""

TRAINING = 250_000


@dataclass
class Scann:
    """About √n leaves, of which its documentation says that they do well."""

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Train the tree and the codes, encode."""
        import scann

        cosine = metric == "cosine"
        n, leaves = len(documents), math.isqrt(len(documents))
        builder = scann.scann_ops_pybind.builder(
            documents, 10, "dot_product" if cosine else "squared_l2"
        ).tree(
            leaves, leaves, training_sample_size=min(n, TRAINING), spherical=cosine,
            quantize_centroids=True,
        )  # fmt: skip
        threshold = THRESHOLD if cosine else math.nan
        builder = builder.score_ah(
            DIMENSIONS_PER_BLOCK, anisotropic_quantization_threshold=threshold
        )
        self._index = builder.reorder(100).set_n_training_threads(threads).build()

    def save(self, folder: Path) -> None:
        """Write its files."""
        self._index.serialize(folder_of_native_code(folder))

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Read them into memory."""
        import scann

        self._index = scann.scann_ops_pybind.load_searcher(folder_of_native_code(folder))

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take `leaves` and the number of documents rescored, a multiple of k, `k_factor`."""
        found, leaves = self._index, int(setting["leaves"])
        rescored = int(setting["k_factor"] * k)

        def search(queries: Floats) -> NDArray[np.integer[Any]]:
            ids: NDArray[np.uint32]
            if len(queries) == 1:
                ids = found.search(queries[0], k, rescored, leaves)[0][None]
            else:
                ids = found.search_batched(queries, k, rescored, leaves)[0]
            return ids

        return search
