"""What a search returns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Hits:
    """The best documents of each query, best first, ties by lower ordinal.

    ids     (n_queries, k)  int32 or int64  ordinals, −1 where a query has fewer hits
    scores  (n_queries, k)  float32         −inf where there is no hit
    """

    ids: NDArray[np.integer]
    scores: NDArray[np.float32]

    @classmethod
    def empty(cls, n_queries: int, k: int) -> "Hits":
        """Return hits that hold nothing yet."""
        ids = np.full((n_queries, k), -1, np.int32)
        return cls(ids, np.full((n_queries, k), -np.inf, np.float32))

    def __len__(self) -> int:
        return len(self.ids)

    def padded(self, k: int) -> "Hits":
        """Return the same hits with `k` places per query."""
        missing = k - self.ids.shape[1]
        if missing <= 0:
            return self
        ids = np.pad(self.ids, ((0, 0), (0, missing)), constant_values=-1)
        return Hits(ids, np.pad(self.scores, ((0, 0), (0, missing)), constant_values=-np.inf))

    def counts(self) -> NDArray[np.int64]:
        """Return how many hits each query has."""
        return np.asarray(np.count_nonzero(self.ids >= 0, axis=1), np.int64)


def merge(parts: Sequence[Hits], bases: Sequence[int], k: int) -> Hits:
    """Return the best `k` over several collections; part i's ordinals are moved up by bases[i]."""
    if len(parts) == 1 and bases[0] == 0:
        return parts[0]
    moved = [
        np.where(part.ids >= 0, part.ids + np.int64(base), np.int64(-1))
        for part, base in zip(parts, bases, strict=True)
    ]
    ids = np.concatenate(moved, axis=1)
    scores = np.concatenate([part.scores for part in parts], axis=1)
    # Unused places go last, whatever score a hit has; equal scores go by ordinal.
    order = np.lexsort((ids, -scores, ids < 0), axis=1)[:, :k]
    ids, scores = np.take_along_axis(ids, order, 1), np.take_along_axis(scores, order, 1)
    return Hits(ids, scores).padded(k)
