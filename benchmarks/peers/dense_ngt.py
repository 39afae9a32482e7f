"""NGT: its optimised graph, ONNG, over float32 vectors.

Its quantised graph, QG, is not here: the wheel can search one but not build one.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.dense import (
    Floats,
    Name,
    Search,
    Setting,
    folder_of_native_code,
    rows_one_by_one,
)

METRICS = {"cosine": "Normalized Cosine", "euclidean": "L2"}
EDGES, OUTGOING, INCOMING = 100, 64, 120
"""Of the graph that is begun with, and of the optimised one: those of VIBE."""

EDGES_EXPLORED = 40


@dataclass
class NgtOnng:
    """ONNG: a graph of nearest neighbours whose degrees were adjusted."""

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Insert, then adjust degrees and remove shortcuts."""
        import ngtpy

        self._place = tempfile.mkdtemp()
        first, self._final = f"{self._place}/anng", f"{self._place}/onng"
        inserted(first, documents, metric, threads, edges=EDGES)
        optimizer = ngtpy.Optimizer(
            num_of_outgoings=OUTGOING, num_of_incomings=INCOMING, log_disabled=True
        )
        # Its search for good coefficients takes minutes at any size, and ours go with each query.
        optimizer.set_processing_modes(
            shortcut_reduction=True,
            search_parameter_optimization=False,
            prefetch_parameter_optimization=False,
            accuracy_table_generation=False,
        )
        optimizer.execute(first, self._final)

    def save(self, folder: Path) -> None:
        """Move its folder there."""
        shutil.move(self._final, folder / "index")
        shutil.rmtree(self._place)

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Read it into memory."""
        import ngtpy

        self._index = ngtpy.Index(folder_of_native_code(folder / "index"), read_only=True)

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take `epsilon`, how far beyond the k-th distance it explores."""
        self._index.set(epsilon=setting["epsilon"], edge_size=EDGES_EXPLORED)
        search = self._index.search
        return rows_one_by_one(lambda query: search(query, k, with_distance=False), k)


def inserted(place: str, documents: Floats, metric: Name, threads: int, *, edges: int) -> None:
    """Make a graph of nearest neighbours."""
    import ngtpy

    ngtpy.create(
        place, documents.shape[1], edge_size_for_creation=edges, edge_size_for_search=0,
        distance_type=METRICS[metric],
    )  # fmt: skip
    index = ngtpy.Index(place, log_disabled=True)
    index.batch_insert(documents, num_threads=threads)
    index.save()
    index.close()
