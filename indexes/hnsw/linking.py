"""How documents are linked: search the graph so far, keep neighbours in different directions.

Documents join in batches. Those of one batch search the graph of all before them, which does not
change meanwhile, so that any number of threads finds the same (Manohar et al. 2024, ParlayANN).
Distances are between codes of 8 bits; where products rank, they are the products, negated, so that
a document is linked to those it would find (Morozov and Babenko 2018, ip-NSW).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.hnsw.pool import WORST, distance_of, insert, key_of, ordinal_of
from indexes.jit import kernel
from indexes.packed import LINE, dot
from indexes.simd import prefetch

ZERO: Any = np.int64(0)
EIGHT: Any = np.int64(8)
"""Of the type of other whole numbers: a literal would be a type of its own to kernels."""


class Points(NamedTuple):
    """Documents as they are compared while the graph is built.

    codes    (n · width,)  uint8  values v + 128
    terms    (n,)          int64  what a document adds to its distances
    sums     (n,)          int64  Σ v
    width    values of a code, a multiple of `LINE`

    The distance of a and b is their two terms − 2 Σ v_a v_b: with Σ v² for terms it is squared.
    """

    codes: NDArray[np.uint8]
    terms: NDArray[np.int64]
    sums: NDArray[np.int64]
    width: int


class Growing(NamedTuple):
    """A graph being built.

    links    (n, room)  int32  the first `degrees` of a row are used; room > degree
    degrees  (n,)       int32
    degree   links of a document once it has been pruned
    """

    links: NDArray[np.int32]
    degrees: NDArray[np.int32]
    degree: int


class Workspace(NamedTuple):
    """Memory of one thread.

    pool     (m,)       int64  candidates, sorted
    seen     (n / 8,)   uint8  a bit per document, zero between searches
    visited  (n,)       int32  what is set in `seen`
    fresh    (room,)    int32  neighbours that were not seen before
    kept     (degree,)  int32
    codes    (degree · width,)  int8  of those kept
    query    (width,)   int8   of the document that is linked
    """

    pool: NDArray[np.int64]
    seen: NDArray[np.uint8]
    visited: NDArray[np.int32]
    fresh: NDArray[np.int32]
    kept: NDArray[np.int32]
    codes: NDArray[np.int8]
    query: NDArray[np.int8]

    @classmethod
    def of(cls, points: Points, graph: Growing, most: int) -> "Workspace":
        """Return memory for pools of `most` candidates."""
        n, room = graph.links.shape
        return cls(
            np.empty(most + 2, np.int64),
            np.zeros(n // 8 + 1, np.uint8),
            np.empty(n, np.int32),
            np.empty(room, np.int32),
            np.empty(graph.degree, np.int32),
            np.empty(graph.degree * points.width, np.int8),
            np.empty(points.width, np.int8),
        )


@kernel
def _turn(codes: Any, place: int, out: Any, at: Any, width: int) -> None:
    """Write codes[place : place + width] − 128 into out[at:]."""
    for i in range(width):
        out[at + i] = np.int8(np.int16(codes[place + i]) - np.int16(128))


@kernel
def _nearest(points: Any, graph: Any, own: int, entry: int, most: int, memory: Any) -> Any:
    """Fill the pool with the documents nearest to `own`, among those the graph has.

    Returns how many.
    """
    codes, terms, sums, width = points
    links, degrees, _ = graph
    pool, seen, visited, fresh, _, _, query = memory
    room, rows = links.shape[1], links.reshape(-1)
    _turn(codes, own * width, query, ZERO, width)
    base, shifted = terms[own], 128 * sums[own]
    fresh[0] = entry
    n_fresh, n_visited, size, current = 1, 0, ZERO, -1
    while True:
        ahead = current + 1
        worst = pool[size - 1] if size == most else np.int64(WORST)
        for i in range(n_fresh):
            other: Any = np.int64(fresh[i])
            seen[other >> 3] |= np.uint8(1 << (other & 7))
            visited[n_visited] = other
            n_visited += 1
            product = np.int64(dot(codes, other * width, query, ZERO, width, EIGHT)) - shifted
            distance = np.float32(terms[other] + base - 2 * product)
            key = key_of(-distance, other)
            if key < worst:
                place = insert(pool, size, most, key)
                size = min(size + 1, most)
                ahead = min(ahead, place)
                if size == most:
                    worst = pool[size - 1]
        current = ahead
        while current < size and pool[current] & 1:
            current += 1
        if current >= size:
            break
        document = ordinal_of(pool[current])
        pool[current] |= 1
        n_fresh = 0
        for i in range(document * room, document * room + degrees[document]):
            other = np.int64(rows[i])
            if not (seen[other >> 3] >> (other & 7)) & 1:
                fresh[n_fresh] = other
                n_fresh += 1
                for start in range(other * width, (other + 1) * width, LINE):
                    prefetch(codes, start)
    for i in range(n_visited):
        seen[visited[i] >> 3] = 0
    return size


@kernel
def _diverse(points: Any, candidates: Any, n: int, degree: int, memory: Any) -> Any:
    """Keep candidates that are nearer to the document than to any kept before; return how many.

    The heuristic of Malkov and Yashunin (2018, algorithm 4). Of copies at distance 0 one is kept.

    candidates  (≥ n,)  int64  keys, the nearest first
    """
    codes, terms, sums, width = points
    kept, copies = memory.kept, memory.codes
    n_kept = 0
    for i in range(n):
        if i + 4 < n:
            soon = ordinal_of(candidates[i + 4]) * width
            for start in range(soon, soon + width, LINE):
                prefetch(codes, start)
        other, distance = ordinal_of(candidates[i]), distance_of(candidates[i])
        apart = True
        for j in range(n_kept):
            near: Any = np.int64(kept[j])
            product = np.int64(dot(codes, other * width, copies, j * width, width, EIGHT))
            between = np.float32(terms[other] + terms[near] - 2 * (product - 128 * sums[near]))
            if between <= distance:
                apart = False
                break
        if apart:
            kept[n_kept] = other
            _turn(codes, other * width, copies, n_kept * width, width)
            n_kept += 1
            if n_kept == degree:
                break
    return n_kept


@kernel
def find_links(
    points: Any, graph: Any, order: Any, low: int, high: int, memory: Any, rows: Any
) -> None:
    """Find links of the documents order[low:high], in a graph that does not change meanwhile.

    order  (n,)          int32  documents as they join; the first is where searches begin
    rows   (…, degree)   int32  what is written: row i − low is that of order[i]; −1 after the last
    """
    most = len(memory.pool) - 2
    for i in range(low, high):
        size = _nearest(points, graph, order[i], order[0], most, memory)
        n_kept = _diverse(points, memory.pool, size, graph.degree, memory)
        for j in range(graph.degree):
            rows[i - low, j] = memory.kept[j] if j < n_kept else -1


@kernel
def _shorten(points: Any, graph: Any, own: int, others: Any, n: Any, memory: Any) -> None:
    """Link a document to the diverse ones of `others` (n,), and to no more."""
    codes, terms, sums, width = points
    query = memory.query
    _turn(codes, own * width, query, ZERO, width)
    for i in range(n):
        for start in range(others[i] * width, (others[i] + 1) * width, LINE):
            prefetch(codes, start)
    for i in range(n):
        other = others[i]
        product = np.int64(dot(codes, other * width, query, ZERO, width, EIGHT)) - 128 * sums[own]
        distance = np.float32(terms[other] + terms[own] - 2 * product)
        others[i] = key_of(-distance, other)
    others[:n].sort()
    n_kept = _diverse(points, others, n, graph.degree, memory)
    for i in range(n_kept):
        graph.links[own, i] = memory.kept[i]
    graph.degrees[own] = n_kept


@kernel
def link_back(
    points: Any, graph: Any, pairs: Any, starts: Any, low: int, high: int, memory: Any
) -> None:
    """Link documents back to those that linked to them, and prune what is too much.

    pairs   (m, 2)  int32  (document, who linked to it), sorted
    starts  (…,)    int64  where each document's pairs begin, and m; those low .. high − 1 are done
    """
    links, degrees, _ = graph
    room = links.shape[1]
    for group in range(low, high):
        own: Any = np.int64(pairs[starts[group], 0])
        n_own = degrees[own]
        others = np.empty(n_own + starts[group + 1] - starts[group], np.int64)
        for i in range(n_own):
            others[i] = links[own, i]
        n = np.int64(n_own)
        for i in range(starts[group], starts[group + 1]):
            fresh = True
            for j in range(n_own):
                fresh = fresh and links[own, j] != pairs[i, 1]
            if fresh:
                others[n] = pairs[i, 1]
                n += 1
        if n > room:
            _shorten(points, graph, own, others, n, memory)
            continue
        for i in range(n_own, n):
            links[own, i] = others[i]
        degrees[own] = n


@kernel
def shorten_all(points: Any, graph: Any, low: int, high: int, memory: Any) -> None:
    """Prune the documents low .. high − 1 that have more than `degree` links."""
    links, degrees, degree = graph
    for own in range(low, high):
        n = np.int64(degrees[own])
        if n > degree:
            others = links[own, :n].astype(np.int64)
            _shorten(points, graph, own, others, n, memory)
