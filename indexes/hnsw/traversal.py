"""How a search walks through the graph.

From the best candidate to its neighbours, until the best `ef_search` candidates have all been
expanded (Malkov and Yashunin 2018, algorithm 2).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.hnsw.graph import Graph
from indexes.hnsw.pool import WORST, insert, key_of, ordinal_of
from indexes.jit import kernel
from indexes.lanes import float_dot
from indexes.packed import LINE, dot
from indexes.simd import prefetch

AHEAD = 4
"""Candidates whose links are asked for, those that come next: they will be needed soon."""

TWO_HOP = 2
"""How many times the degree of a document are looked for at two hops."""


class Space(NamedTuple):
    """What scores are estimated from; see `indexes.hnsw.codes`.

    codes    (n · n_bytes,)  uint8    packed; the bytes of `values` where there are none
    values   (n · dim,)      float32  read where there are no codes
    factors  (n,) or (0,)    float32  what products of these are multiplied with
    biases   (n,) or (0,)    float32  what is taken off
    n_bytes  of a code, or of a vector
    bits     of a value; 0: there are no codes
    graph    see `Graph`
    """

    codes: NDArray[np.uint8]
    values: NDArray[np.float32]
    factors: NDArray[np.float32]
    biases: NDArray[np.float32]
    n_bytes: int
    bits: int
    graph: Graph


class Asked(NamedTuple):
    """A query, as `space` compares it.

    codes   (width,)  int8     projected and cut
    values  (dim,)    float32  as it is
    """

    codes: NDArray[np.int8]
    values: NDArray[np.float32]


class Walk(NamedTuple):
    """Memory of one thread.

    pool     (ef + 2,)             int64  candidates, sorted
    seen     (n / 8 + 1,)          uint8  a bit per document, zero between searches
    visited  (n + 1,)              int32  what is set in `seen`
    fresh    (m,)                  int32  documents to score: neighbours that were not seen before,
                                          (TWO_HOP + 1) · degree at the most, or where to begin
    """

    pool: NDArray[np.int64]
    seen: NDArray[np.uint8]
    visited: NDArray[np.int32]
    fresh: NDArray[np.int32]

    @classmethod
    def of(cls, graph: Graph, ef: int) -> "Walk":
        """Return memory for searches with so many candidates."""
        n, degree = graph.links.shape
        return cls(
            np.empty(ef + 2, np.int64),
            np.zeros(n // 8 + 1, np.uint8),
            np.empty(n + 1, np.int32),
            np.empty(max((TWO_HOP + 1) * degree, len(graph.top)), np.int32),
        )


@kernel
def descend(space: Any, sizes: Any, asked: Any, scale: Any) -> Any:
    """Return where to begin on the lowest layer: the best found on the layers above.

    sizes  (n_layers,)  int64    documents of each upper layer, that above the lowest first
    asked  see `Asked`
    scale               float32  what biases are multiplied with
    """
    codes, values, factors, biases, n_bytes, bits, graph = space
    query, floats = asked
    top, layers, dim = graph.top, graph.layers, len(floats)
    here, found, start = np.int64(0), np.int64(top[0]), len(layers)
    best, zero = np.float32(-np.inf), np.int64(0)  # a literal would be a type of its own
    for level in range(len(sizes) - 1, -1, -1):
        start -= sizes[level]
        better = True
        while better:
            better, row = False, start + here
            n = 0
            while n < layers.shape[1] and layers[row, n] >= 0:
                other: Any = np.int64(top[layers[row, n]])
                for line in range(other * n_bytes, (other + 1) * n_bytes, LINE):
                    prefetch(codes, line)
                n += 1
            for place in range(-1, n):  # −1: here
                there: Any = np.int64(layers[row, place]) if place >= 0 else here
                other = np.int64(top[there])
                if bits:
                    score = np.float32(dot(codes, other * n_bytes, query, zero, n_bytes, bits))
                else:
                    score = float_dot(values, other * dim, floats, dim)
                    if len(factors):
                        score *= factors[other]
                if len(biases):
                    score -= biases[other] * scale
                if score > best:
                    best, here, found, better = score, there, other, True
    return found


@kernel
def walk(
    space: Any, n_fresh: int, asked: Any, scale: Any, ef: int, passing: Any, memory: Any
) -> Any:
    """Fill the pool with the best candidates that are found from the first ones; return how many.

    n_fresh  how many documents `fresh` has to begin with
    asked    see `Asked`
    scale                         float32  what biases are multiplied with
    passing  (⌈n / 8⌉,) or (0,)   uint8    documents to walk over, besides the first: what else has
                                           neighbours that pass is walked through (ACORN-1, Patel
                                           et al. 2024, § 5.2); empty: all

    About ef steps, each with as many estimates as a document has neighbours not seen before.
    """
    pool, seen, visited, fresh = memory
    codes, values, factors, biases, n_bytes, bits, graph = space
    query, floats = asked
    links, degree = graph.links.reshape(-1), graph.links.shape[1]
    zero: Any = np.int64(0)  # a literal would be a type of its own
    dim, n_visited, size, current = len(floats), n_fresh, zero, -1
    for i in range(n_fresh):
        visited[i] = fresh[i]
        seen[fresh[i] >> 3] |= np.uint8(1 << (fresh[i] & 7))
    while True:
        ahead = current + 1
        worst = pool[size - 1] if size == ef else np.int64(WORST)
        for i in range(n_fresh):
            other: Any = np.int64(fresh[i])
            if bits:
                score = np.float32(dot(codes, other * n_bytes, query, zero, n_bytes, bits))
            else:
                score = float_dot(values, other * dim, floats, dim)
                if len(factors):
                    score *= factors[other]
            if len(biases):
                score -= biases[other] * scale
            key = key_of(score, other)
            if key < worst:
                place = insert(pool, size, ef, key)
                size = min(size + 1, ef)
                ahead = min(ahead, place)
                if size == ef:
                    worst = pool[size - 1]
                if place <= current + AHEAD:
                    for start in range(other * degree, (other + 1) * degree, LINE // 4):
                        prefetch(links, start)
        current = ahead
        while current < size and pool[current] & 1:
            current += 1
        if current >= size:
            break
        document = ordinal_of(pool[current])
        pool[current] |= 1
        if len(passing):
            n_fresh, n_visited = _gather_two_hops(
                links, degree, document, passing, memory, n_visited
            )
            for i in range(n_fresh):
                for start in range(fresh[i] * n_bytes, (fresh[i] + 1) * n_bytes, LINE):
                    prefetch(codes, start)
            continue
        n_fresh = 0
        for i in range(document * degree, (document + 1) * degree):
            other = np.int64(links[i])
            if other < 0:
                break
            if not (seen[other >> 3] >> (other & 7)) & 1:
                seen[other >> 3] |= np.uint8(1 << (other & 7))
                visited[n_visited] = fresh[n_fresh] = other
                n_visited += 1
                n_fresh += 1
                for start in range(other * n_bytes, (other + 1) * n_bytes, LINE):
                    prefetch(codes, start)
    for i in range(n_visited):
        seen[visited[i] >> 3] = 0
    return size


@kernel
def _gather_two_hops(
    links: Any, degree: int, document: int, passing: Any, memory: Any, n_visited: int
) -> Any:
    """Put neighbours that pass, and those of neighbours that do not, into `fresh`.

    Returns how many, and how many have been seen by now.
    """
    _, seen, visited, fresh = memory
    most, n_fresh = TWO_HOP * degree, 0
    for i in range(document * degree, (document + 1) * degree):
        if links[i] < 0:
            break
        prefetch(links, np.int64(links[i]) * degree)
    for i in range(document * degree, (document + 1) * degree):
        near: Any = np.int64(links[i])
        if near < 0:
            break
        if (seen[near >> 3] >> (near & 7)) & 1:
            continue
        seen[near >> 3] |= np.uint8(1 << (near & 7))
        visited[n_visited] = near
        n_visited += 1
        if (passing[near >> 3] >> (near & 7)) & 1:
            fresh[n_fresh] = near
            n_fresh += 1
            continue
        for j in range(near * degree, (near + 1) * degree):
            other: Any = np.int64(links[j])
            if other < 0 or n_fresh >= most:
                break
            passes = (passing[other >> 3] >> (other & 7)) & 1
            if passes and not (seen[other >> 3] >> (other & 7)) & 1:
                seen[other >> 3] |= np.uint8(1 << (other & 7))
                visited[n_visited] = fresh[n_fresh] = other
                n_visited += 1
                n_fresh += 1
    return n_fresh, n_visited
