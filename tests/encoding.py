"""Encoders for tests: exact arithmetic, no model, and a count of what they were asked to encode."""

from collections.abc import Sequence
from typing import Literal
from zlib import crc32

import numpy as np

from indexes.vectors import DenseVectors, MultiVectors


class WordSums:
    """A dense encoder whose vectors are sums of small whole numbers per word: sums are exact."""

    kind: Literal["dense"] = "dense"

    def __init__(self, dimension: int = 4, seed: int = 0) -> None:
        self.dimension, self.seed = dimension, seed
        self.fingerprint = f"word-sums:{dimension}:{seed}"
        self.encoded: list[str] = []

    def encode_documents(self, texts: Sequence[str]) -> DenseVectors:
        self.encoded += texts
        return self._encode(texts)

    def encode_queries(self, texts: Sequence[str]) -> DenseVectors:
        return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> DenseVectors:
        rows = [np.sum([self._word(w) for w in text.split()] or [np.zeros(self.dimension)], 0)
                for text in texts]  # fmt: skip
        return DenseVectors.of(np.array(rows, np.float32).reshape(len(rows), self.dimension))

    def _word(self, word: str) -> np.ndarray:
        generator = np.random.default_rng(crc32(word.encode()) + self.seed)
        return generator.integers(-3, 4, self.dimension)


class WordTokens:
    """A late-interaction encoder: one token vector of small whole numbers per word."""

    kind: Literal["multi"] = "multi"

    def __init__(self, dimension: int = 4, seed: int = 0) -> None:
        self._words = WordSums(dimension, seed)
        self.fingerprint = f"word-tokens:{dimension}:{seed}"

    def encode_documents(self, texts: Sequence[str]) -> MultiVectors:
        return self._encode(texts, np.float16)

    def encode_queries(self, texts: Sequence[str]) -> MultiVectors:
        return self._encode(texts, np.float32)

    def _encode(self, texts: Sequence[str], dtype: type[np.generic]) -> MultiVectors:
        dimension = self._words.dimension
        rows = [self._words.encode_queries(text.split()).values.astype(dtype) for text in texts]
        return MultiVectors.of_rows(rows, dimension=dimension)
