"""What tests of the embedding cache put into it: vectors that tell their number."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from indexes.vectors import DenseVectors, MultiVectors, SparseVectors
from retrieval.store.embeddings import EmbeddingCache, key_of

KINDS: tuple[Any, ...] = (DenseVectors, SparseVectors, MultiVectors)
IDENTITY = 'dense:0123:{"prompt": "query: ", "dtype": "ü"}'
LIMIT = 2**30


def keys(numbers: Iterable[int]) -> list[bytes]:
    return [key_of(f"text {number}") for number in numbers]


def vectors(kind: Any, numbers: Sequence[int]) -> Any:
    """Return one vector for each number, of which some are empty where the kind allows it."""
    if kind is SparseVectors:
        return SparseVectors.of_rows(
            {f"t{n % 7}": n + 0.5, f"ü{n}": 1.0} if n % 5 else {} for n in numbers
        )
    if kind is MultiVectors:
        rows = [np.full((n % 4, 3), n, np.float16) for n in numbers]
        return MultiVectors.of_rows(rows, dimension=3)
    return DenseVectors.of(np.array([[n, -n, 0.1] for n in numbers], np.float32).reshape(-1, 3))


def rows(some: Any) -> list[Any]:
    """Return what can be compared of vectors, row by row."""
    if isinstance(some, SparseVectors):
        return [some.row(i) for i in range(len(some))]
    if isinstance(some, MultiVectors):
        return [(some.values.dtype.str, some.row(i).tobytes()) for i in range(len(some))]
    return [row.tobytes() for row in some.values]


def put(cache: EmbeddingCache, kind: Any, numbers: Sequence[int], identity: str = IDENTITY) -> bool:
    return cache.put(identity, keys(numbers), vectors(kind, numbers))


def found(
    cache: EmbeddingCache, kind: Any, numbers: Sequence[int], identity: str = IDENTITY
) -> set[int]:
    """Return which numbers are found, after checking that their vectors are the right ones."""
    got = cache.get(identity, keys(numbers), kind)
    if got is None:
        return set()
    positions, some = got
    there = [numbers[int(i)] for i in positions]
    assert (np.diff(positions) > 0).all()
    assert isinstance(some, kind)
    assert rows(some) == rows(vectors(kind, there))
    return set(there)
