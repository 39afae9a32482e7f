"""The dense indexes of this project behind the calls of a peer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.dense import Floats, Name, Search, Setting

WARM_UP_DOCUMENTS = 5000
"""Enough to have every kernel of a build compiled before the clock starts."""


@dataclass
class OurGraph:
    """One kind of storage over our graph."""

    storage: Any  # one of `HnswBuild.storage`
    ef_construction: int | None = None

    def warm_up(self, documents: Floats, metric: Name) -> None:
        """Build a small one: compilation is the business of `benchmarks.dense_start`."""
        self.build(documents[:WARM_UP_DOCUMENTS], metric, 1)

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Build; the threads are those of the environment."""
        from indexes.hnsw import Hnsw

        self._index = Hnsw.build(documents, self._settings(metric))

    def save(self, folder: Path) -> None:
        """Write the arrays, a file each; the vectors are those of the set."""
        for name, array in self._index.arrays().items():
            np.save(folder / f"{name}.npy", array)

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Map the arrays and the vectors."""
        from indexes.hnsw import Hnsw

        self._index = Hnsw.from_arrays(
            mapped_vectors(documents), mapped_arrays(folder), self._settings(metric)
        )

    def _settings(self, metric: Name) -> Any:
        from indexes.hnsw import HnswBuild
        from indexes.metric import Metric

        of = Metric[metric.upper()]
        if self.ef_construction is None:
            return HnswBuild(of, self.storage, graph_from=0)
        return HnswBuild(of, self.storage, ef_construction=self.ef_construction, graph_from=0)

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take `ef` or `recall`."""
        chosen = self._search(setting)
        return lambda queries: self._index.search(queries, k, chosen).ids

    def filtered(self, k: int, setting: Setting, allowed: NDArray[np.bool_]) -> Search:
        """Take `ef` or `recall`."""
        from indexes.bitmap import Bitmap

        chosen, bitmap = self._search(setting), Bitmap.of_mask(allowed)
        return lambda queries: self._index.search(queries, k, chosen, allowed=bitmap).ids

    def _search(self, setting: Setting) -> Any:
        from indexes.hnsw import HnswSearch

        if "recall" in setting:
            return HnswSearch(recall=setting["recall"])
        return HnswSearch(ef_search=int(setting["ef"]))


@dataclass
class OurLists:
    """Our inverted lists of product-quantised vectors."""

    def warm_up(self, documents: Floats, metric: Name) -> None:
        """Compile what building needs."""
        self.build(documents[:WARM_UP_DOCUMENTS], metric, 1)

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Build; the threads are those of the environment."""
        from indexes.ivfpq import IvfPq

        self._index = IvfPq.build(documents, self._settings(metric))

    def save(self, folder: Path) -> None:
        """Write the arrays, a file each; the vectors are those of the set."""
        for name, array in self._index.arrays().items():
            np.save(folder / f"{name}.npy", array)

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Map the arrays and the vectors."""
        from indexes.ivfpq import IvfPq

        self._index = IvfPq.from_arrays(
            mapped_vectors(documents), mapped_arrays(folder), self._settings(metric)
        )

    def _settings(self, metric: Name) -> Any:
        from indexes.ivfpq import IvfPqBuild
        from indexes.metric import Metric

        return IvfPqBuild(metric=Metric[metric.upper()])

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take `nprobe` or `recall`."""
        from indexes.ivfpq import IvfPqSearch

        if "recall" in setting:
            chosen = IvfPqSearch(recall=setting["recall"])
        else:
            chosen = IvfPqSearch(nprobe=int(setting["nprobe"]))
        return lambda queries: self._index.search(queries, k, chosen).ids


@dataclass
class OurFlat:
    """Our exhaustive index: exact."""

    def warm_up(self, documents: Floats, metric: Name) -> None:
        """Compile what building needs."""
        self.build(documents[:WARM_UP_DOCUMENTS], metric, 1)

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Build; the threads are those of the environment."""
        from indexes.flat import Flat

        self._index = Flat.build(documents, self._settings(metric))

    def save(self, folder: Path) -> None:
        """Write the arrays, a file each; the vectors are those of the set."""
        for name, array in self._index.arrays().items():
            np.save(folder / f"{name}.npy", array)

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Map the arrays and the vectors."""
        from indexes.flat import Flat

        self._index = Flat.from_arrays(
            mapped_vectors(documents), mapped_arrays(folder), self._settings(metric)
        )

    def _settings(self, metric: Name) -> Any:
        from indexes.flat import FlatBuild
        from indexes.metric import Metric

        return FlatBuild(metric=Metric[metric.upper()])

    def searcher(self, k: int, setting: Setting) -> Search:
        """Take nothing."""
        return lambda queries: self._index.search(queries, k).ids


def mapped_vectors(documents: Path) -> Any:
    """Return the vectors of the set, memory-mapped."""
    from indexes.vectors import DenseVectors

    return DenseVectors(np.load(documents, mmap_mode="r"))


def mapped_arrays(folder: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an index, memory-mapped."""
    return {file.stem: np.load(file, mmap_mode="r") for file in folder.glob("*.npy")}
