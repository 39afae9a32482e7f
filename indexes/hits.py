"""What a search returns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexes.topk import offer_all, rank_all


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
        n_queries, n = self.ids.shape
        if k <= n:
            return self
        # Not np.pad, which takes longer than the search of a small segment.
        wider = Hits.empty(n_queries, k)
        ids = wider.ids.astype(self.ids.dtype, copy=False)
        ids[:, :n], wider.scores[:, :n] = self.ids, self.scores
        return Hits(ids, wider.scores)

    def counts(self) -> NDArray[np.int64]:
        """Return how many hits each query has."""
        return np.asarray(np.count_nonzero(self.ids >= 0, axis=1), np.int64)


def merge(parts: Sequence[Hits], bases: Sequence[int], k: int) -> Hits:
    """Return the best `k` over several collections; part i's ordinals are moved up by bases[i].

    ids of the result are int64, unless there is only one part and nothing to move or cut.
    """
    if len(parts) == 1 and bases[0] == 0 and parts[0].ids.shape[1] == k:
        return parts[0]
    ids = np.full((len(parts[0]), k), -1, np.int64)
    merged = Hits(ids, np.full(ids.shape, -np.inf, np.float32))
    if k:
        sizes = np.zeros(len(ids), np.int64)
        for part, base in zip(parts, bases, strict=True):
            offer_all(part.ids, part.scores, base, merged.ids, merged.scores, sizes)
        rank_all(merged.ids, merged.scores, sizes)
    return merged
