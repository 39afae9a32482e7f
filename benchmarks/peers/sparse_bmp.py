"""Block-max pruning (Mallia, Suel and Tonellotto 2024): the wheel of PyPI, built without AVX.

It takes whole weights: document weights from 1 to 255, query weights from 1 to 32. Heavier queries
are scaled to 32 and rounded up, as its own rescaling does, so that its answers are exact for other
queries than ours; `rounded` gives these queries, to judge it by what it was asked.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.sparse import STDERR, Built, Ids, kept, printed, told
from indexes.vectors import SparseVectors

QUERY_WEIGHT_MAX = 32


@dataclass(frozen=True, slots=True)
class BmpBuild:
    """Documents per block, and whether block maxima are stored in ranges instead of plainly."""

    block_docs: int = 32
    compress_range: bool = False


@dataclass(frozen=True, slots=True)
class BmpSearch:
    """The shares of an upper bound and of a query's terms that bmp goes by: with 1 it is exact."""

    alpha: float = 1.0
    beta: float = 1.0


def rounded(queries: SparseVectors) -> SparseVectors:
    """Return the queries as bmp takes them."""
    weights = queries.weights.astype(np.float64)
    for start, stop in pairwise(queries.offsets.tolist()):
        largest = weights[start:stop].max(initial=0)
        if largest > QUERY_WEIGHT_MAX or queries.weights.dtype != np.uint8:
            scale = QUERY_WEIGHT_MAX / largest if largest else 1.0
            weights[start:stop] = np.ceil(weights[start:stop] * scale)
    return SparseVectors.of(queries.offsets, queries.terms, weights, queries.vocabulary)


class Bmp:
    """Documents go in in the order given, so that they may profit from that of another index."""

    system = "bmp"

    def __init__(
        self, vectors: tuple[SparseVectors, SparseVectors], folder: Path, build: BmpBuild,
        *, order: Ids | None = None, order_name: str = "given order",
    ) -> None:  # fmt: skip
        documents, queries = vectors
        if documents.weights.dtype != np.uint8:
            raise SystemExit("bmp takes whole document weights up to 255: quantise them first")
        self.build = f"{order_name} {told(build)}".removesuffix(" default")
        self._order = np.arange(len(documents)) if order is None else order
        self._path, self._file = folder / "index.bmp", folder / "queries.txt"
        self.built: Built = kept(
            folder,
            lambda: _index(documents, self._order, self._path, build),
            lambda _: (self._path.stat().st_size, 0),
        )
        self._queries = _mappings(rounded(queries))
        lines = (f"{i}: {_repeated(query)}\n" for i, query in enumerate(self._queries))
        self._file.write_text("".join(lines))
        self._searcher: Any = None

    def batch(self, k: int, setting: BmpSearch) -> tuple[Ids, float]:
        """Return what `bmp.search` found and the time it took by its own clock, warm.

        It leaves out loading the index, parsing the queries and naming the documents.
        """
        import bmp

        with printed(STDERR) as read:
            run = bmp.search(
                index=str(self._path),
                queries=str(self._file),
                k=k,
                alpha=setting.alpha,
                beta=setting.beta,
            )
            said = re.search(r"search_elapsed = (\d+)", read())
        if said is None:
            raise SystemExit("bmp did not print search_elapsed: is it another version than 0.2.8?")
        found = np.full((len(self._queries), k), -1, np.int64)
        for line in run.splitlines():
            query, _, document, rank, *_ = line.split()
            found[int(query), int(rank) - 1] = self._order[int(document)]
        return found, float(said[1])

    def one(self, number: int, k: int, setting: BmpSearch) -> None:
        """Ask a `Searcher`, which makes its 65,537 buckets anew for every call."""
        import bmp

        if self._searcher is None:
            self._searcher = bmp.Searcher(str(self._path))
        self._searcher.search(self._queries[number], k=k, alpha=setting.alpha, beta=setting.beta)

    def close(self) -> None:
        """Let go of the index that `one` loaded."""
        self._searcher = None


def _index(documents: SparseVectors, order: Ids, path: Path, build: BmpBuild) -> None:
    import bmp

    names = [str(term) for term in range(len(documents.vocabulary))]
    with printed(STDERR):
        indexer = bmp.Indexer(
            str(path), bsize=build.block_docs, compress_range=build.compress_range
        )
        for position, ordinal in enumerate(order.tolist()):
            cells = slice(documents.offsets[ordinal], documents.offsets[ordinal + 1])
            terms = [names[term] for term in documents.terms[cells].tolist()]
            weights = documents.weights[cells].tolist()
            indexer.add_document(str(position), dict(zip(terms, weights, strict=True)))
        indexer.finish()


def _mappings(queries: SparseVectors) -> list[dict[str, int]]:
    found = []
    for start, stop in pairwise(queries.offsets.tolist()):
        terms = map(str, queries.terms[start:stop].tolist())
        weights = map(int, queries.weights[start:stop].tolist())
        found.append({term: w for term, w in zip(terms, weights, strict=True) if w})
    return found


def _repeated(query: dict[str, int]) -> str:
    return " ".join(" ".join([term] * weight) for term, weight in query.items())
