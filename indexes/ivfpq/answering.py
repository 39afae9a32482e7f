"""From queries to hits: order the lists, scan the nearest, score the best by their vectors."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.ivfpq.codebooks import Lens, compare_centroids, fill_table, turn
from indexes.ivfpq.fastscan import DOCUMENTS, scan
from indexes.ivfpq.lists import Lists
from indexes.jit import kernel
from indexes.metric import exact_scores
from indexes.packed import cut
from indexes.simd import prefetch_all
from indexes.topk import keep_best, offer, sort_best_first

LEVELS = 1024
"""Steps from the farthest centroid to the nearest: lists are visited by these."""

AHEAD_BYTES = 16_384
"""Codes of the next list that are asked for while one is scanned."""


class Reader(NamedTuple):
    """What a search reads.

    lens    see `Lens`
    lists   see `Lists`
    values  (n, dim)  float32  the vectors
    metric  see `Metric`
    """

    lens: Lens
    lists: Lists
    values: NDArray[np.float32]
    metric: int


class Effort(NamedTuple):
    """How much a search does.

    nprobe    lists scanned, at the least
    rescored  candidates scored by their vectors
    wanted    documents to be found before scanning ends, no more than there are
    """

    nprobe: int
    rescored: int
    wanted: int


class Memory(NamedTuple):
    """Memory of one thread; what is where is said by the kernels.

    pool holds candidates and sums theirs: the best are kept when `room_of` them are there.
    """

    whole: NDArray[np.int8]  # (n_bytes,)
    near: NDArray[np.float32]  # (nlist,)
    order: NDArray[np.int32]  # (nlist,)
    levels: NDArray[np.int32]  # (LEVELS + 1,)
    turned: NDArray[np.float32]  # (width,)
    numbers: NDArray[np.float32]  # (groups · 16,)
    ends: NDArray[np.float32]  # (2 · groups,)
    table: NDArray[np.uint8]  # (groups · 16,)
    block: NDArray[np.int32]  # (32,)
    pool: NDArray[np.int32]  # (m,)
    sums: NDArray[np.float32]  # (m,)
    scores: NDArray[np.float32]  # (m,)

    @classmethod
    def of(cls, reader: Reader, rescored: int) -> "Memory":
        """Return memory for searches that score so many candidates by their vectors."""
        lens, m = reader.lens, room_of(rescored)
        nlist, (words, per_group, groups) = len(lens.scales), lens.codewords.shape
        return cls(
            np.empty(len(lens.centroids) // nlist, np.int8),
            np.empty(nlist, np.float32),
            np.empty(nlist, np.int32),
            np.empty(LEVELS + 1, np.int32),
            np.empty(groups * per_group, np.float32),
            np.empty(groups * words, np.float32),
            np.empty(2 * groups, np.float32),
            np.empty(groups * words, np.uint8),
            np.empty(DOCUMENTS, np.int32),
            np.empty(m, np.int32),
            np.empty(m, np.float32),
            np.empty(m, np.float32),
        )


@kernel
def room_of(rescored: int) -> int:
    """Return how many candidates are collected, and never more: what is found depends on it."""
    return max(4 * rescored, 4 * DOCUMENTS)


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
    lens, _, values, metric = reader
    dim = values.shape[1]
    for query in range(first, last):
        scale = cut(queries[query], lens.prefix, memory.whole)
        compare_centroids(lens, memory.whole, scale, memory.near)
        order_lists(memory.near, memory.levels, memory.order)
        turn(lens, queries[query], np.float32(1.0), memory.turned)
        fill_table(lens, memory.turned, memory.numbers, memory.ends, memory.table)
        found = scan_lists(reader, effort, passing, memory)
        for place in range(found):
            start = np.int64(memory.pool[place]) * dim
            prefetch_all(values, start, start + dim, 16)
        exact_scores(values, memory.pool, found, queries, query, metric, memory.scores)
        size = 0
        for place in range(found):
            size = offer(ids[query], scores[query], size, memory.pool[place], memory.scores[place])
        sort_best_first(ids[query], scores[query], size)


@kernel
def order_lists(near: Any, levels: Any, order: Any) -> None:
    """Write the numbers of lists, nearest first, those of one level as they come: a counting sort.

    near    (nlist,)       float32  overwritten
    levels  (LEVELS + 1,)  int32    scratch
    order   (nlist,)       int32
    """
    low, high = near[0], near[0]
    for i in range(1, len(near)):
        low, high = min(low, near[i]), max(high, near[i])
    wide = np.float64(high) - np.float64(low)
    step = np.float64((LEVELS - 1) / wide if wide > 0 else 0.0)
    levels[:] = 0
    for i in range(len(near)):
        below = (np.float64(high) - np.float64(near[i])) * step
        # Written so that NaN, after an overflow, has a place as well.
        level = np.int64(below) if 0 <= below < LEVELS else LEVELS - 1
        near[i] = np.float32(level)
        levels[level + 1] += 1
    for place in range(LEVELS):
        levels[place + 1] += levels[place]
    for i in range(len(near)):
        own = np.int32(near[i])
        order[levels[own]] = i
        levels[own] += 1


@kernel
def scan_lists(reader: Any, effort: Any, passing: Any, memory: Any) -> int:
    """Scan the nearest lists; leave the best candidates first in the pool, return their number.

    Ends after `nprobe` lists, or when `wanted` documents that pass were found, whichever is later.
    """
    lists, table = reader.lists, memory.table
    nprobe, rescored, wanted = effort
    pool, sums, room = memory.pool, memory.sums, room_of(rescored)
    size, seen, least, n_bytes = 0, 0, 0, len(table)
    for place in range(len(memory.order)):
        if place >= nprobe and seen >= wanted:
            break
        number = memory.order[place]
        start, stop = lists.offsets[number], lists.offsets[number + 1]
        at = lists.blocks[number] * n_bytes
        if place + 1 < len(memory.order):
            prefetch_list(lists, memory.order[place + 1], n_bytes)
        for position in range(start, stop, DOCUMENTS):
            found = scan(lists.codes, at, table, n_bytes, least, memory.block)
            at += n_bytes
            if stop - position < DOCUMENTS:
                found &= (1 << (stop - position)) - 1
            slot = 0
            while found:
                if found & 1:
                    ordinal = lists.ordinals[position + slot]
                    if not len(passing) or (passing[ordinal >> 3] >> (ordinal & 7)) & 1:
                        pool[size], sums[size] = ordinal, np.float32(memory.block[slot])
                        size += 1
                        seen += 1
                found >>= 1
                slot += 1
            if size > room - DOCUMENTS:
                least = keep_candidates(pool, sums, size, rescored)
                size = rescored
    if size > rescored:
        keep_candidates(pool, sums, size, rescored)
        size = rescored
    return size


@kernel
def prefetch_list(lists: Any, number: int, n_bytes: int) -> None:
    """Ask for the codes of a list, no more than stay in the first-level cache."""
    start, stop = lists.blocks[number] * n_bytes, lists.blocks[number + 1] * n_bytes
    prefetch_all(lists.codes, start, min(stop, start + AHEAD_BYTES), 64)


@kernel
def keep_candidates(pool: Any, sums: Any, size: int, rescored: int) -> Any:
    """Move the best to the front; return the sum that another candidate must have."""
    keep_best(pool, sums, size, rescored)
    lowest = sums[0]
    for place in range(1, rescored):
        lowest = min(lowest, sums[place])
    return np.int64(lowest) + 1
