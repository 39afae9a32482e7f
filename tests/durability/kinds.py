"""One line per way to index a text: what is here joins every suite of durability and concurrency.

The encoders are exact and need no model, so that equal collections answer equally to the last bit.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from encoding import WordTokens
from xxhash import xxh3_64_digest

import retrieval as rt
from indexes.flat import FlatBuild
from indexes.hnsw import HnswBuild
from indexes.inverted import InvertedBuild
from indexes.simd import COMPILED
from indexes.vectors import DenseVectors, SparseVectors
from retrieval.representation import Spec


class Hashed:
    """A dense encoder of whole numbers hashed from the text: sums are exact."""

    kind: Literal["dense"] = "dense"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.fingerprint = f"hashed:{seed}"

    def encode_documents(self, texts: Sequence[str]) -> DenseVectors:
        return self._encode(texts)

    def encode_queries(self, texts: Sequence[str]) -> DenseVectors:
        return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> DenseVectors:
        rows = [_hashed(text, self.seed)[:4] for text in texts]
        return DenseVectors.of(np.array(rows, np.float32).reshape(len(rows), 4))


class WordWeights:
    """A learned-sparse encoder: every word has a weight that is a multiple of 1/4, hashed."""

    kind: Literal["sparse"] = "sparse"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.fingerprint = f"word-weights:{seed}"

    def encode_documents(self, texts: Sequence[str]) -> SparseVectors:
        return self._encode(texts)

    def encode_queries(self, texts: Sequence[str]) -> SparseVectors:
        return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> SparseVectors:
        return SparseVectors.of_rows(
            [{word: _hashed(word, self.seed)[4] / 4 + 1 for word in text.split()} for text in texts]
        )


@lru_cache
def _hashed(text: str, seed: int) -> tuple[int, ...]:
    """Return four numbers of -3 .. 4 and one of 0 .. 7."""
    digest = xxh3_64_digest(text.encode(), seed)
    return (*(byte % 8 - 3 for byte in digest[:4]), digest[4] % 8)


KINDS: Mapping[str, Spec] = {
    "bm25": rt.Bm25(analysis=rt.Analysis.whitespace()),
    # Interpreted, a graph takes seconds to build.
    "dense": (Hashed(), HnswBuild(M=2, ef_construction=8, graph_from=0 if COMPILED else 100)),
    "flat": (Hashed(), FlatBuild()),
    "sparse": (WordWeights(), InvertedBuild("bisection", "uint8", density=0.01)),
    "late": WordTokens(),
}
"""Name of a representation, and what it is made with: an encoder, or (encoder, build settings)."""

EXTRA: Mapping[str, Spec] = {"extra": WordTokens(seed=1)}
"""What is added to a collection that has documents, and dropped again."""

ENCODERS = {
    name: spec[0] if isinstance(spec, tuple) else spec for name, spec in {**KINDS, **EXTRA}.items()
}
