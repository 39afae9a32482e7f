"""How a graph grows, batch after batch, the same for any number of threads."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.hnsw.codes import ROWS_PER_BLOCK, Coder
from indexes.hnsw.graph import Graph, connect, layer_sizes, top_size
from indexes.hnsw.linking import Growing, Points, Workspace, find_links, link_back, shorten_all
from indexes.hnsw.settings import HnswBuild
from indexes.metric import Metric
from indexes.threads import for_chunks
from indexes.validate import frozen

BATCH = 1 / 50
"""Share of the documents that may join at once: they do not see each other."""

ROOM = 1.5
"""Links that a row has room for, relative to its degree: it is pruned when they are too many."""

CHUNK_MIN = 64
"""Documents that are worth another thread and its memory."""


def grown(values: NDArray[np.float32], coder: Coder, build: HnswBuild) -> Graph:
    """Return the graph of documents (n, dim)."""
    n = len(values)
    points = _points(values, coder, build.metric)
    room = int(ROOM * build.degree)
    graph = Growing(np.full((n, room), -1, np.int32), np.zeros(n, np.int32), build.degree)
    order = np.arange(n, dtype=np.int32)
    if build.insertion == "random":
        order = np.random.default_rng(build.seed).permutation(n).astype(np.int32)
    order, layers = frozen(order), []
    sizes, joined = layer_sizes(n, build), min(n, 1)
    while joined < n:
        most = joined + min(joined, max(1, int(n * BATCH)))
        stop = min([n, most, *(size for size in sizes if size > joined)])
        _join(points, graph, order, joined, stop, build.ef_construction)
        joined = stop
        if joined in sizes:
            layers.append(_layer(graph, order[:joined], build.M))
    _each(points, graph, n, lambda low, high, memory: shorten_all(points, graph, low, high, memory))
    links = np.ascontiguousarray(graph.links[:, : build.degree])
    links[np.arange(build.degree) >= graph.degrees[:, None]] = -1
    if n:
        _connect(links, int(order[0]))
    empty = np.empty((0, build.M), np.int32)
    return Graph(
        frozen(links),
        frozen(order[: top_size(n, build)].copy()),
        frozen(np.concatenate([*layers[::-1], empty])),
    )


def _points(values: NDArray[np.float32], coder: Coder, metric: Metric) -> Points:
    codes = coder.codes(values, metric, 8)
    terms, sums = np.empty(len(codes), np.int64), np.empty(len(codes), np.int64)
    for start in range(0, len(codes), ROWS_PER_BLOCK):
        stop = start + ROWS_PER_BLOCK
        block = codes[start:stop].astype(np.int32) - 128
        sums[start:stop] = block.sum(axis=1)
        terms[start:stop] = np.einsum("ij,ij->i", block, block)
        if metric == Metric.INNER_PRODUCT:
            terms[start:stop] = _beside(values[start:stop], coder) - sums[start:stop]
    return Points(frozen(codes.reshape(-1)), frozen(terms), frozen(sums), coder.width)


def _beside(values: NDArray[np.float32], coder: Coder) -> NDArray[np.int64]:
    """Return −2 μ·(x − μ) of documents, in steps: what centring takes from products, and v + ½."""
    centre = coder.centre.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        products = np.einsum("ij,j->i", values - centre, centre) * -2 / float(coder.step(8)) ** 2
    beside: NDArray[np.int64] = np.clip(np.nan_to_num(products), -(2**40), 2**40).astype(np.int64)
    return beside


def _join(
    points: Points, graph: Growing, order: NDArray[np.int32], start: int, stop: int, most: int
) -> None:
    """Let the documents order[start:stop] join those before them."""
    rows = np.empty((stop - start, graph.degree), np.int32)

    def find(low: int, high: int, memory: Workspace) -> None:
        find_links(points, graph, order, start + low, start + high, memory, rows[low:high])

    _each(points, graph, stop - start, find, most)
    own = order[start:stop]
    counts = np.count_nonzero(rows >= 0, axis=1).astype(np.int32)
    graph.links[own, : graph.degree], graph.degrees[own] = rows, counts
    pairs = np.stack([rows[rows >= 0], np.repeat(own, counts)], axis=1)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    ends = np.flatnonzero(np.diff(pairs[:, 0], prepend=-1, append=-1)).astype(np.int64)
    pairs = frozen(pairs)

    def back(low: int, high: int, memory: Workspace) -> None:
        link_back(points, graph, pairs, ends, low, high, memory)

    _each(points, graph, len(ends) - 1, back)


def _each(
    points: Points,
    graph: Growing,
    n: int,
    work: Callable[[int, int, Workspace], None],
    most: int = 0,
) -> None:
    """Call `work` on chunks of 0 .. n − 1, each with memory of its own."""

    def chunk(low: int, high: int) -> None:
        work(low, high, Workspace.of(points, graph, most))

    for_chunks(chunk, n, smallest=CHUNK_MIN)


def _layer(graph: Growing, members: NDArray[np.int32], degree: int) -> NDArray[np.int32]:
    """Return the graph so far as the links (n, degree) of a layer, as places in `members`."""
    places: NDArray[Any] = np.full(len(graph.links), -1, np.int32)
    places[members] = np.arange(len(members), dtype=np.int32)
    links = graph.links[members, :degree]
    links[np.arange(degree) >= graph.degrees[members, None]] = -1
    layer = np.where(links >= 0, places[links], -1).astype(np.int32)
    _connect(layer, 0)
    return layer


def _connect(links: NDArray[np.int32], entry: int) -> None:
    n = len(links)
    connect(links, entry, np.empty(n, np.int32), np.empty(n, np.int32))
