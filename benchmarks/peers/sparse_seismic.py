"""Seismic (Bruch et al. 2024) over integer terms: `SeismicIndexRaw`, without string costs.

The wheel of PyPI, built with AVX2. It stores weights as float16, which holds whole ones up to 255.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.sparse import STDERR, STDOUT, Built, Ids, kept, plain, printed, told
from indexes.vectors import SparseVectors

_FORWARD_BYTES = 4
"""Of a posting of a document's row: its term as two bytes and its weight as float16."""


@dataclass(frozen=True, slots=True)
class SeismicBuild:
    """Seismic's own names; `nknn` neighbours per document refine what a search finds."""

    n_postings: int
    centroid_fraction: float
    summary_energy: float
    max_fraction: float = 4.0
    nknn: int = 0

    def __str__(self) -> str:
        graph = f" knn {self.nknn}" if self.nknn else ""
        return f"{self.n_postings}/{self.centroid_fraction}/{self.summary_energy}{graph}"


@dataclass(frozen=True, slots=True)
class SeismicSearch:
    """Seismic's own names."""

    query_cut: int
    heap_factor: float
    n_knn: int = 0

    def __str__(self) -> str:
        graph = f" knn {self.n_knn}" if self.n_knn else ""
        return f"cut {self.query_cut} heap {self.heap_factor}{graph}"


class Seismic:
    """One build of Seismic."""

    system = "seismic"

    def __init__(
        self, vectors: tuple[SparseVectors, SparseVectors], folder: Path, build: SeismicBuild
    ) -> None:
        import seismic

        documents, queries = vectors
        self.build, self._stored = told(build), folder / "index.seismic"
        self._index: Any = None

        def store(index: Any) -> tuple[int, int]:
            self._index = index
            with printed(STDOUT):
                index.save(str(self._stored))
            for made in folder.glob("index.seismic?*"):  # other versions add a suffix
                made.rename(self._stored)
            return self._stored.stat().st_size, len(documents.terms) * _FORWARD_BYTES

        self.built: Built = kept(folder, lambda: _index(documents, folder, build), store)
        if self._index is None:
            self._index = seismic.SeismicIndexRaw.load(str(self._stored))
        self._queries, self._file = plain(queries), folder / "queries.bin"
        write_inner(queries, self._file)

    def batch(self, k: int, setting: SeismicSearch) -> tuple[Ids, float]:
        """Return what `batch_search` found; reading the queries' file is part of its time."""
        start = time.perf_counter()
        answers = self._index.batch_search(
            str(self._file), k, setting.query_cut, setting.heap_factor, setting.n_knn, True, 1
        )
        elapsed = time.perf_counter() - start
        found = np.full((len(answers), k), -1, np.int64)
        for row, answer in zip(found, answers, strict=True):
            row[: len(answer)] = [document for _, document in answer]
        return found, elapsed / len(answers) * 1e6

    def one(self, number: int, k: int, setting: SeismicSearch) -> None:
        """Ask with two arrays."""
        terms, weights = self._queries[number]
        self._index.search(
            terms, weights, k, setting.query_cut, setting.heap_factor, setting.n_knn, True
        )


def _index(documents: SparseVectors, folder: Path, build: SeismicBuild) -> Any:
    import seismic

    source = folder / "documents.bin"
    write_inner(documents, source)
    with printed(STDOUT), printed(STDERR):
        index = seismic.SeismicIndexRaw.build(
            str(source),
            n_postings=build.n_postings,
            centroid_fraction=build.centroid_fraction,
            summary_energy=build.summary_energy,
            max_fraction=build.max_fraction,
            nknn=build.nknn,
        )
    source.unlink()
    return index


def write_inner(vectors: SparseVectors, path: Path) -> None:
    """Write Seismic's own format: a count, then of each row its length, terms and float32s."""
    lengths = np.diff(vectors.offsets)
    starts = 1 + np.arange(len(vectors)) + 2 * vectors.offsets[:-1]
    words = np.empty(1 + len(vectors) + 2 * len(vectors.terms), np.uint32)
    words[0], words[starts] = len(vectors), lengths
    places = np.arange(len(vectors.terms)) + np.repeat(starts + 1 - vectors.offsets[:-1], lengths)
    words[places] = vectors.terms
    places += np.repeat(lengths, lengths)
    words[places] = vectors.weights.astype(np.float32).view(np.uint32)
    words.tofile(path)
