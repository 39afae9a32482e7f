"""Fusion: several rankings of the same queries become one. Ordinals in, ordinals out."""

from collections.abc import Sequence

import numpy as np

from indexes.hits import Hits


def reciprocal_ranks(parts: Sequence[Hits], k: int, *, constant: float) -> Hits:
    """Return the best k by Σ 1 / (constant + rank), rank from 1; ties by lower ordinal.

    Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank
    learning methods", SIGIR 2009, eq. 1.
    """
    n_queries, k = len(parts[0]), min(k, sum(part.ids.shape[1] for part in parts))
    out = Hits(np.full((n_queries, k), -1, np.int64), Hits.empty(n_queries, k).scores)
    gains = np.concatenate([1.0 / (constant + 1 + np.arange(p.ids.shape[1])) for p in parts])
    for query in range(n_queries):
        ids = np.concatenate([part.ids[query] for part in parts])
        found, owner = np.unique(ids[ids >= 0], return_inverse=True)
        scores = np.bincount(owner, gains[ids >= 0], len(found)).astype(np.float32)
        best = np.lexsort((found, -scores))[:k]
        out.ids[query, : len(best)], out.scores[query, : len(best)] = found[best], scores[best]
    return out
