"""Scalable Vector Search: a flat Vamana graph over LVQ or LeanVec codes.

The codes of its wheel refuse to work on processors that are not Intel's; plain vectors do not.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.dense import Floats, Name, Search, Setting

DEGREE, WINDOW, CANDIDATES, ALPHA = 64, 128, 80, 1.2
"""What its authors and VIBE use; cosines are searched as distances of vectors of length 1."""

LEANVEC_SHARE = 2
"""LeanVec searches on 1 / this of the dimensions."""

PADDING = 32


@dataclass
class Svs:
    """A graph over `lvq4x8`, `lvq8`, `leanvec` codes or `float32`."""

    codes: str

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Encode, then link; it reads its vectors from a file, whose writing is timed too."""
        import svs

        parameters = svs.VamanaBuildParameters(
            graph_max_degree=DEGREE, alpha=ALPHA, window_size=WINDOW,
            max_candidate_pool_size=CANDIDATES,
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as place:
            file = str(Path(place) / "documents.fvecs")
            svs.write_vecs(np.ascontiguousarray(documents), file)
            kind, dimension = svs.DataType.float32, int(documents.shape[1])
            loader = self._encoding(svs.VectorDataLoader(file, kind, dims=dimension), dimension)
            self._index = svs.Vamana.build(
                parameters, loader, distance_type=svs.DistanceType.L2, num_threads=threads
            )

    def _encoding(self, vectors: Any, dimension: int) -> Any:
        import svs

        if self.codes == "lvq4x8":
            turbo = svs.LVQStrategy.Turbo
            return svs.LVQLoader(vectors, primary=4, residual=8, strategy=turbo, padding=PADDING)
        if self.codes == "lvq8":
            return svs.LVQLoader(vectors, primary=8, padding=PADDING)
        if self.codes == "leanvec":
            kind = svs.LeanVecKind.lvq8
            return svs.LeanVecLoader(
                vectors, dimension // LEANVEC_SHARE, primary_kind=kind, secondary_kind=kind
            )
        return vectors

    def _stored(self, folder: str) -> Any:
        import svs

        if self.codes == "lvq4x8":
            return svs.LVQLoader(folder, padding=PADDING, strategy=svs.LVQStrategy.Turbo)
        if self.codes == "lvq8":
            return svs.LVQLoader(folder, padding=PADDING)
        if self.codes == "leanvec":
            return svs.LeanVecLoader(folder)
        return svs.VectorDataLoader(folder, svs.DataType.float32)

    def save(self, folder: Path) -> None:
        """Write its three folders."""
        self._index.save(*(str(folder / part) for part in ("config", "graph", "data")))

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Read them into memory."""
        import svs

        self._index = svs.Vamana(
            str(folder / "config"),
            svs.GraphLoader(str(folder / "graph")),
            self._stored(str(folder / "data")),
            distance=svs.DistanceType.L2,
            num_threads=1,
        )

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take `ef`, which it calls the search window."""
        self._index.search_window_size = int(setting["ef"])
        return lambda queries: self._index.search(queries, k)[0]
