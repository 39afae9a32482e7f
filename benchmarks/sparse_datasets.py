"""The learned-sparse test sets, kept in a cache folder once made."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from benchmarks import splade_like
from benchmarks.splade_text import DATA
from eval.datasets import open_dataset
from eval.measures import evaluate
from indexes.strings import union
from indexes.validate import frozen
from indexes.vectors import SparseVectors

KINDS = ("real", "generated", "bootstrapped")
SEED = 0


@dataclass(frozen=True, slots=True)
class Dataset:
    """Documents and queries over the same term numbers."""

    name: str
    documents: SparseVectors
    queries: SparseVectors

    @property
    def vectors(self) -> tuple[SparseVectors, SparseVectors]:
        """What an engine is made from."""
        return self.documents, self.queries

    def place(self, cache: Path) -> Path:
        """Return the folder for what peers build of these documents, and of no others."""
        digest = xxhash.xxh3_64(self.documents.offsets.data)
        digest.update(self.documents.terms.data)
        digest.update(self.documents.weights.data)
        return cache / "built" / f"{self.name.replace(' ', '_')}_{digest.hexdigest()}"

    def cut(self, *, documents: int | None = None, queries: int | None = None) -> "Dataset":
        """Return the first documents, which are in random order, and the first queries."""
        name = self.name
        if documents is not None and documents < len(self.documents):
            name = f"{name.partition(' ')[0]} {documents}"
        return Dataset(name, first(self.documents, documents), first(self.queries, queries))


def first(vectors: SparseVectors, n: int | None) -> SparseVectors:
    """Return the first n rows over the same terms."""
    if n is None or n >= len(vectors):
        return vectors
    end = vectors.offsets[n]
    return SparseVectors(
        vectors.offsets[: n + 1], vectors.terms[:end], vectors.weights[:end], vectors.vocabulary
    )


def load(kind: str, n_documents: int, n_queries: int, cache: Path) -> Dataset:
    """Return a test set, made first where the cache does not have it."""
    if kind == "real":
        found = splade_like.real()
        return Dataset("nfcorpus", *_aligned(found.documents, found.queries))
    folder = cache / f"{kind}_{n_documents}_{n_queries}_{SEED}"
    if not folder.exists():
        made = (
            splade_like.generate(n_documents, n_queries, seed=SEED, cache=cache)
            if kind == "generated"
            else splade_like.bootstrapped(n_documents, seed=SEED)
        )
        splade_like.save(folder, *made)
    documents, queries = splade_like.load(folder)
    return Dataset(f"{kind} {n_documents}", *_aligned(_in_memory(documents), queries))


def ndcg(ids: NDArray[np.integer], scores: NDArray[np.float32]) -> float:
    """Return nDCG@10 of hits for the queries of `real`, by the judgements of BEIR."""
    found = splade_like.real()
    qrels = open_dataset(DATA / "beir_nfcorpus" / "nfcorpus.zip").qrels
    names = found.document_ids
    run = {
        qid: [(names[i], float(s)) for i, s in zip(*row, strict=True) if i >= 0]
        for qid, *row in zip(found.query_ids, ids.tolist(), scores.tolist(), strict=True)
    }
    return evaluate(run, qrels, ["nDCG@10"])["nDCG@10"]


def _in_memory(vectors: SparseVectors) -> SparseVectors:
    offsets, terms = np.array(vectors.offsets), np.array(vectors.terms)
    weights = np.array(vectors.weights)
    return SparseVectors(frozen(offsets), frozen(terms), frozen(weights), vectors.vocabulary)


def _aligned(
    documents: SparseVectors, queries: SparseVectors
) -> tuple[SparseVectors, SparseVectors]:
    """Return both over one vocabulary; unchanged where they have the same already."""
    if np.array_equal(documents.vocabulary.data, queries.vocabulary.data):
        return documents, queries
    vocabulary, moves = union([documents.vocabulary, queries.vocabulary])
    moved = [
        SparseVectors.of(v.offsets, move[v.terms], v.weights, vocabulary)
        for v, move in zip((documents, queries), moves, strict=True)
    ]
    return moved[0], moved[1]
