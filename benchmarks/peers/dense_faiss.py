"""faiss: its graphs and inverted files, by the strings of its index factory."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.dense import Floats, Name, Search, Setting

EF_CONSTRUCTION = 200
"""Of its graphs, as that of the other graphs; its own default, 40, builds worse ones."""

LISTS_PER_ROOT = 4
"""Its documentation advises 4·√n to 16·√n lists; training takes 39 to 256 points of each."""


@dataclass
class FaissGraph:
    """HNSW over vectors stored in full or as codes; codes are not rescored."""

    factory: str

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Train the codes, add all documents."""
        self._index = made(documents.shape[1], self.factory, metric, threads)
        self._index.hnsw.efConstruction = EF_CONSTRUCTION
        self._index.train(documents)
        self._index.add(documents)

    def save(self, folder: Path) -> None:
        """Write one file."""
        write(self._index, folder)

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Read it into memory."""
        self._index = read(folder)

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take `ef`."""
        faiss = library()
        parameters = faiss.SearchParametersHNSW(efSearch=int(setting["ef"]))
        return lambda queries: self._index.search(queries, k, params=parameters)[1]

    def filtered(self, k: int, setting: Setting, allowed: NDArray[np.bool_]) -> Search:
        """Take `ef` and pass over what is not allowed."""
        faiss = library()
        self._bits = np.packbits(allowed, bitorder="little")  # it does not keep them alive
        chosen = faiss.IDSelectorBitmap(self._bits)
        parameters = faiss.SearchParametersHNSW(efSearch=int(setting["ef"]), sel=chosen)
        return lambda queries: self._index.search(queries, k, params=parameters)[1]


@dataclass
class FaissLists:
    """An inverted file of codes, rescored from the vectors, which are in the index."""

    codes: str  # with {half} for half of the dimensions

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Train lists and codes, add all documents."""
        n, dimension = documents.shape
        lists = LISTS_PER_ROOT * math.isqrt(n)
        factory = f"IVF{lists},{self.codes.format(half=dimension // 2)},RFlat"
        self._index = made(dimension, factory, metric, threads)
        self._index.train(documents)
        self._index.add(documents)

    def save(self, folder: Path) -> None:
        """Write one file."""
        write(self._index, folder)

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Read it into memory."""
        self._index = read(folder)

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take `nprobe` and the rescored multiple of k, `k_factor`."""
        faiss = library()
        lists = faiss.SearchParametersIVF(nprobe=int(setting["nprobe"]))
        parameters = faiss.IndexRefineSearchParameters(
            k_factor=setting["k_factor"], base_index_params=lists
        )
        return lambda queries: self._index.search(queries, k, params=parameters)[1]


def library() -> Any:
    """Return the module, whose stubs know fewer arguments than it takes."""
    import faiss

    return faiss


def made(dimension: int, factory: str, metric: Name, threads: int) -> Any:
    """Return an empty index."""
    faiss = library()
    faiss.omp_set_num_threads(threads)
    kind = faiss.METRIC_L2 if metric == "euclidean" else faiss.METRIC_INNER_PRODUCT
    return faiss.index_factory(dimension, factory, kind)


def write(index: Any, folder: Path) -> None:
    """Write an index."""
    faiss = library()
    faiss.write_index(index, str(folder / "index"))


def read(folder: Path) -> Any:
    """Read an index, to be searched on one thread."""
    faiss = library()
    faiss.omp_set_num_threads(1)
    return faiss.read_index(str(folder / "index"))
