"""Which engines the dense benchmarks know, and the settings that each is swept over."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product

from benchmarks.peers.dense import Engine, Setting
from benchmarks.peers.dense_faiss import FaissGraph, FaissLists
from benchmarks.peers.dense_hnswlib import Hnswlib
from benchmarks.peers.dense_ngt import NgtOnng
from benchmarks.peers.dense_ours import OurFlat, OurGraph, OurLists
from benchmarks.peers.dense_pynndescent import PyNNDescent
from benchmarks.peers.dense_rabitqlib import RabitqHnsw, SymphonyQg
from benchmarks.peers.dense_scann import Scann
from benchmarks.peers.dense_svs import Svs
from benchmarks.peers.dense_usearch import Usearch
from benchmarks.peers.dense_voyager import Voyager

OURS = "ours"
STORAGES = ("int4", "int8", "float32")
"""Of our graph: the first is the default one, to which ratios are."""

OUR_DEFAULT = f"{OURS} {STORAGES[0]}"
RECALLS = (0.90, 0.95, 0.99)
"""What ours is asked for by name, and where all are compared."""

MIDDLE, LARGE = 200_000, 1_000_000
"""Documents up to which an engine takes part: the largest set is for the fastest and best known."""

EFS = (10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640, 900, 1300)
GRAPH = {"ef": EFS}
PROBES = (4, 6, 9, 13, 19, 28, 40, 56, 80, 112, 160, 224)
LISTS = {"nprobe": (2, 4, 8, 16, 32, 64, 128, 256), "k_factor": (2, 5, 10, 25)}
LEAVES = {"leaves": (4, 8, 16, 32, 64, 128, 256), "k_factor": (5, 10, 25, 50)}
EXPLORED = {"epsilon": (0.0, 0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.18, 0.22, 0.26, 0.3)}
DESCENDED = {"epsilon": (0.0, 0.02, 0.04, 0.06, 0.1, 0.14, 0.2, 0.28, 0.36, 0.5)}


@dataclass(frozen=True)
class Known:
    """An engine by name.

    package        the distribution whose version is told
    grid           every value of every setting, all combinations of which are looked at
    promised       settings that are measured wherever they end up
    documents_max  leave it out above; None: never
    """

    system: str
    kind: str
    package: str
    make: Callable[[], Engine]
    grid: Mapping[str, Sequence[float]]
    documents_max: int | None = None
    promised: Sequence[Setting] = field(default=())

    @property
    def name(self) -> str:
        """System and kind."""
        return f"{self.system} {self.kind}".strip()

    def ladder(self, k: int) -> list[Setting]:
        """Return the settings for one k: no search keeps fewer candidates than it returns."""
        grid = dict(self.grid)
        if "ef" in grid:
            grid["ef"] = list(dict.fromkeys(max(ef, k) for ef in grid["ef"]))
        return [dict(zip(grid, one, strict=True)) for one in product(*grid.values())]


def _ours(storage: str, ef_construction: int | None = None) -> Known:
    kind = storage if ef_construction is None else f"{storage} ef_construction={ef_construction}"
    promised = [{"recall": recall} for recall in RECALLS]
    make = partial(OurGraph, storage, ef_construction)
    return Known(OURS, kind, "retrieval-engine", make, GRAPH, promised=promised)


ENGINES = (
    *map(_ours, STORAGES),
    Known(OURS, "ivfpq", "retrieval-engine", OurLists, {"nprobe": PROBES}),
    Known(OURS, "flat", "retrieval-engine", OurFlat, {}, MIDDLE),
    Known("rabitqlib", "SymphonyQG", "rabitqlib", SymphonyQg, GRAPH, LARGE),
    Known("rabitqlib", "HNSW", "rabitqlib", RabitqHnsw, GRAPH, LARGE),
    Known("hnswlib", "M=16", "hnswlib", Hnswlib, GRAPH, LARGE),
    Known("hnswlib", "M=32", "hnswlib", lambda: Hnswlib(M=32), GRAPH, MIDDLE),
    Known("faiss", "HNSW16", "faiss-cpu", lambda: FaissGraph("HNSW16,Flat"), GRAPH, LARGE),
    Known("faiss", "HNSW16_SQ8", "faiss-cpu", lambda: FaissGraph("HNSW16_SQ8"), GRAPH, LARGE),
    Known("faiss", "IVFPQfs", "faiss-cpu", lambda: FaissLists("PQ{half}x4fs"), LISTS, LARGE),
    Known("faiss", "IVFRaBitQ", "faiss-cpu", lambda: FaissLists("RaBitQ"), LISTS, LARGE),
    Known("svs", "LVQ4x8", "scalable-vs", lambda: Svs("lvq4x8"), GRAPH, LARGE),
    Known("svs", "LVQ8", "scalable-vs", lambda: Svs("lvq8"), GRAPH, LARGE),
    Known("svs", "LeanVec", "scalable-vs", lambda: Svs("leanvec"), GRAPH, LARGE),
    Known("svs", "float32", "scalable-vs", lambda: Svs("float32"), GRAPH, MIDDLE),
    Known("usearch", "f32", "usearch", lambda: Usearch("f32"), GRAPH, MIDDLE),
    Known("usearch", "i8", "usearch", lambda: Usearch("i8"), GRAPH, MIDDLE),
    Known("ngt", "ONNG", "ngt", NgtOnng, EXPLORED, MIDDLE),
    Known("scann", "", "scann", Scann, LEAVES, MIDDLE),
    Known("voyager", "M=16", "voyager", Voyager, GRAPH, MIDDLE),
    Known("pynndescent", "", "pynndescent", PyNNDescent, DESCENDED, MIDDLE),
)
"""Ratios are to the first of them."""

VARIANTS = tuple(_ours(STORAGES[0], ef_construction) for ef_construction in (50, 100, 200, 400))
"""Ours built with more or less care, to compare building at equal quality of the graph."""


def known(name: str) -> Known:
    """Return the engine of this name."""
    return next(one for one in (*ENGINES, *VARIANTS) if one.name == name)


def chosen(only: Sequence[str], n_documents: int) -> list[Known]:
    """Return the engines of these systems, or names, that take part at a size; all for none."""
    unknown = set(only) - {one.system for one in ENGINES} - {one.name for one in ENGINES}
    if unknown:
        raise SystemExit(f"no engine is called {', '.join(sorted(unknown))}")
    return [
        one
        for one in ENGINES
        if (not only or one.system in only or one.name in only)
        and (one.documents_max is None or n_documents <= one.documents_max)
    ]
