"""From queries to hits: code the query, walk, score the best candidates by their vectors."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.hnsw.coding import Lens, see
from indexes.hnsw.pool import ordinal_of
from indexes.hnsw.traversal import Asked, Space, Walk, descend, walk
from indexes.jit import kernel
from indexes.metric import exact_scores
from indexes.packed import LINE
from indexes.simd import prefetch
from indexes.topk import offer, sort_best_first


class Reader(NamedTuple):
    """What a search reads.

    space    see `Space`
    sizes    (n_layers,)     int64    documents of each upper layer; (0,): entries are sampled
    values   (n, dim)        float32  the vectors
    lens     see `Lens`
    metric   see `Metric`
    """

    space: Space
    sizes: NDArray[np.int64]
    values: NDArray[np.float32]
    lens: Lens
    metric: int


class Memory(NamedTuple):
    """Memory of one thread.

    walk     see `Walk`
    floats   (m,)        float32  a query, then projected
    whole    (wide,)     int8     the query, cut
    query    (width,)    int8     the projected one, cut
    best     (m,)        int64    candidates to be scored by their vectors
    scores   (m,)        float32  their scores
    """

    walk: Walk
    floats: NDArray[np.float32]
    whole: NDArray[np.int8]
    query: NDArray[np.int8]
    best: NDArray[np.int64]
    scores: NDArray[np.float32]

    @classmethod
    def of(cls, reader: Reader, ef: int) -> "Memory":
        """Return memory for searches with so many candidates."""
        width = reader.lens.width
        wide = len(reader.lens.codes) // max(width, 1)
        return cls(
            Walk.of(reader.space.graph, ef),
            np.empty(max(wide, width), np.float32),
            np.zeros(wide, np.int8),
            np.empty(width, np.int8),
            np.empty(ef, np.int64),
            np.empty(ef, np.float32),
        )


class Effort(NamedTuple):
    """How much a search does.

    ef        candidates kept at once
    rescored  candidates scored by their vectors
    two_hop   whether to walk over documents that pass only
    """

    ef: int
    rescored: int
    two_hop: bool


@kernel
def answer(
    reader: Any, queries: Any, first: int, last: int, effort: Any, passing: Any, memory: Any,
    ids: Any, scores: Any,
) -> None:  # fmt: skip
    """Write the hits of queries first .. last − 1.

    queries  (n_queries, dim)      float32
    effort   see `Effort`
    passing  (⌈n / 8⌉,) or (0,)    uint8    documents to be found; empty: all
    ids      (n_queries, k)        int32    −1 where nothing is found
    scores   (n_queries, k)        float32
    """
    space, sizes, values, lens, metric = reader
    ef, rescored, two_hop = effort
    pool, top, dim = memory.walk.pool, space.graph.top, values.shape[1]
    over = passing if two_hop else passing[:0]
    for query in range(first, last):
        asked, scale = Asked(memory.query, queries[query]), np.float32(1.0)
        if space.bits:
            unit = see(lens, queries[query], memory.floats, memory.whole, memory.query)
            scale /= max(unit, np.float32(1e-30))  # of a query of zeros only biases are left
        n_fresh = len(top)
        if len(sizes):
            # All can be reached from the first, if not from the best.
            memory.walk.fresh[0] = top[0]
            memory.walk.fresh[1] = descend(space, sizes, asked, scale)
            n_fresh = 1 if memory.walk.fresh[1] == top[0] else 2
        else:
            memory.walk.fresh[:n_fresh] = top
        size = walk(space, n_fresh, asked, scale, ef, over, memory.walk)
        n_best = 0
        for place in range(size):
            ordinal = ordinal_of(pool[place])
            if not len(passing) or (passing[ordinal >> 3] >> (ordinal & 7)) & 1:
                memory.best[n_best] = ordinal
                n_best += 1
                for start in range(ordinal * dim, (ordinal + 1) * dim, LINE // 4):
                    prefetch(space.values, start)
                if n_best == rescored:
                    break
        exact_scores(values, memory.best, n_best, queries, query, metric, memory.scores)
        n_hits: Any = np.int64(0)  # a literal would be a type of its own
        for place in range(n_best):
            found, score = memory.best[place], memory.scores[place]
            n_hits = offer(ids[query], scores[query], n_hits, found, score)
        sort_best_first(ids[query], scores[query], n_hits)
