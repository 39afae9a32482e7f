"""A graph of documents: layers of ever more of them, each linked to others near by.

The layers are those of HNSW (Malkov and Yashunin 2018), of fixed sizes: the lowest has all
documents, the next ones n / M, n / M², … of them, as many as were there when the graph had grown to
that size. A layer above the lowest is the graph of that moment, with fewer links.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.errors import CorruptIndex
from indexes.hnsw.settings import HnswBuild
from indexes.jit import kernel
from indexes.validate import check_array, frozen, stored


class Graph(NamedTuple):
    """Links.

    links   (n, degree)  int32  other documents, −1 after the last
    top     (n_top,)     int32  documents of the layer above the lowest, those of higher layers
                                first; where entries are sampled, the sample. The first is where a
                                search begins
    layers  (Σ sizes, M) int32  links of the upper layers as places in `top`, −1 after the last: of
                                the layer above the lowest first; none where entries are sampled
    """

    links: NDArray[np.int32]
    top: NDArray[np.int32]
    layers: NDArray[np.int32]

    @classmethod
    def from_arrays(cls, n: int, arrays: Mapping[str, NDArray[Any]], build: HnswBuild) -> "Graph":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        links, top, layers = (stored(arrays, name) for name in cls._fields)
        sizes = layer_sizes(n, build)
        check_array("links", links, np.int32, (n, build.degree))
        check_array("top", top, np.int32, (top_size(n, build),))
        check_array("layers", layers, np.int32, (sum(sizes), build.M))
        graph = cls(frozen(links), frozen(top), frozen(layers))
        if len(top) and not 0 <= int(top.min()) <= int(top.max()) < n:
            raise CorruptIndex(f"top reaches outside 0 .. {n - 1}: the file is damaged")
        if len(np.unique(top)) < len(top):
            raise CorruptIndex("top names a document twice: the file is damaged")
        if not _are_links(graph.links, n):
            raise CorruptIndex("links reach outside the documents: the file is damaged")
        start = 0
        for size in sizes:
            if not _are_links(graph.layers[start : start + size], size):
                raise CorruptIndex("layers reach outside their documents: the file is damaged")
            start += size
        return graph


def layer_sizes(n: int, build: HnswBuild) -> list[int]:
    """Return how many documents the upper layers have, that above the lowest first."""
    sizes: list[int] = []
    while build.entry == "hierarchy" and (n := n // build.M) > 1:
        sizes.append(n)
    return sizes


def top_size(n: int, build: HnswBuild) -> int:
    """Return how many documents a search may begin at."""
    if build.entry == "sampled":
        return min(n, int(n**0.5) + 1)
    return max([min(n, 1), *layer_sizes(n, build)])


@kernel
def _are_links(links: Any, n: int) -> bool:
    """Return whether each row (…, degree) has ordinals of 0 .. n − 1, then −1 only."""
    for row in range(len(links)):
        ended = False
        for place in range(links.shape[1]):
            link = links[row, place]
            if link >= n or link < -1 or (ended and link >= 0):
                return False
            ended = ended or link < 0
    return True


@kernel
def reach(links: Any, start: int, parents: Any, queue: Any) -> int:
    """Find what can be reached from `start` and was not reached before; return how many.

    links    (n, degree)  int32
    parents  (n,)         int32  from where each document was reached first; −1: not yet
    queue    (n,)         int32  memory
    """
    queue[0] = start
    first, last = 0, 1
    while first < last:
        document = queue[first]
        first += 1
        for place in range(links.shape[1]):
            other = links[document, place]
            if other < 0:
                break
            if parents[other] < 0:
                parents[other], queue[last] = document, other
                last += 1
    return last


@kernel
def _spare(links: Any, document: int, parents: Any) -> int:
    """Return a place in a row of links that nothing is reached by first, −1 if there is none."""
    degree = links.shape[1]
    for place in range(degree):
        if links[document, place] < 0:
            return place
    for place in range(degree - 1, -1, -1):
        if parents[links[document, place]] != document:
            return place
    return -1


@kernel
def connect(links: Any, entry: int, parents: Any, queue: Any) -> None:
    """See to it that every document can be reached from `entry`.

    A document that cannot is linked from one of its own links that can, in a place that is free or
    that nothing needs, so that what could be reached still can be. The last document reached has
    such a place in any case.

    links    (n, degree)  int32
    parents  (n,)         int32  memory, as is queue
    """
    n, degree = links.shape
    parents[:] = -1
    parents[entry] = entry
    n_reached = reach(links, entry, parents, queue)
    last = queue[n_reached - 1]
    for document in range(n):
        if parents[document] >= 0:
            continue
        near, place = -1, -1
        for i in range(degree):
            if place < 0 and links[document, i] >= 0 and parents[links[document, i]] >= 0:
                near = links[document, i]
                place = _spare(links, near, parents)
        if place < 0:
            near, place = last, _spare(links, last, parents)
        links[near, place] = document
        parents[document] = near
        n_reached = reach(links, document, parents, queue)
        last = queue[n_reached - 1]
