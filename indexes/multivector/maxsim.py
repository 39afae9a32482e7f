"""MaxSim of queries with documents: an approximation with a bounded error, and the exact score."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.jit import kernel, reordered
from indexes.metric import norms_of
from indexes.validate import frozen
from indexes.vectors import MultiVectors
from indexes.vectors.ragged import offsets_of

LANES = 4
"""Query tokens multiplied with a document at once."""

LARGEST = 1e37
"""Up to this product of lengths no inner product, in any order of summation, leaves float32."""

SMALLEST = 1e-37
"""What products below the normal range of float32 may add up to."""


class Queries(NamedTuple):
    """Queries, each padded with vectors of zeros to a multiple of LANES.

    values  (n_vectors, dim)  float32
    norms   (n_vectors,)      float32
    starts  (n + 1,)          int64    query i owns the vectors starts[i] .. starts[i + 1] − 1
    counts  (n,)              int64    how many of them, the first ones, are its tokens
    """

    values: NDArray[np.float32]
    norms: NDArray[np.float32]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, vectors: MultiVectors) -> "Queries":
        """Lay out queries for kernels."""
        counts = np.diff(vectors.offsets)
        starts = offsets_of(-(-counts // LANES) * LANES)
        values = np.zeros((starts[-1], vectors.dimension), np.float32)
        moves = np.repeat(starts[:-1] - vectors.offsets[:-1], counts)
        values[moves + np.arange(len(moves))] = vectors.values
        return cls(frozen(values), frozen(norms_of(values)), frozen(starts), frozen(counts))

    def reach(self, query: int) -> float:
        """Return the sum of the lengths of a query's tokens."""
        span = slice(self.starts[query], self.starts[query + 1])
        return float(self.norms[span].sum(dtype=np.float64))


class Block(NamedTuple):
    """Documents of one token or more each.

    values  (n_tokens, dim)  float32
    starts  (m,)             int64    document i owns values[starts[i]:stops[i]]
    stops   (m,)             int64
    norms   (m,)             float32  the length of its longest token vector
    """

    values: NDArray[np.float32]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    norms: NDArray[np.float32]


class Scratch(NamedTuple):
    """What one document and one query leave behind, for each vector j of the query.

    products  (n_tokens, width)  float32  approximate inner products with each token
    largest   (width,)           float32  the largest of them
    best      (width,)           float64  the largest inner product
    tokens    (width,)           int64    the first token of the document that has it
    """

    products: NDArray[np.float32]
    largest: NDArray[np.float32]
    best: NDArray[np.float64]
    tokens: NDArray[np.int64]

    @classmethod
    def of(cls, n_tokens: int, width: int) -> "Scratch":
        """Make room for documents and queries of up to this many vectors."""
        return cls(
            np.empty((n_tokens, width), np.float32),
            np.empty(width, np.float32),
            np.empty(width, np.float64),
            np.empty(width, np.int64),
        )


@kernel
def slack(dimension: int) -> float:
    """Return how far an approximate inner product may be off, relative to the product of lengths.

    |fl(x·q) − x·q| ≤ dim · 2⁻²⁴ · |x||q| in any order of summation; doubled, and 16 for the
    rounding of lengths, of sums and of the score itself.
    """
    return (2 * dimension + 16) * 2.0**-24


@kernel
def estimate(block: Any, queries: Any, first: int, last: int, scratch: Any, out: Any) -> None:
    """Write approximate scores of queries first .. last − 1.

    block    see `Block`
    queries  see `Queries`
    scratch  see `Scratch`
    out      (last − first, m)  float32

    Off by no more than slack · Σ|q_i| · norm + count · SMALLEST, where Σ|q_i| · norm < LARGEST.
    O(tokens of the documents · tokens of the queries · dim).
    """
    for doc in range(len(block.starts)):
        for query in range(first, last):
            width = queries.starts[query + 1] - queries.starts[query]
            _multiply(block, doc, queries, query, scratch)
            total = 0.0
            for j in range(width):
                total += scratch.largest[j]
            out[query - first, doc] = np.float32(total)


@kernel
def score(block: Any, queries: Any, query: int, scratch: Any, out: Any) -> None:
    """Write the scores of one query.

    block    see `Block`
    queries  see `Queries`; this one has tokens
    scratch  see `Scratch`; `best` and `tokens` are left as the last document has them
    out      (m,)  float32

    Only tokens whose approximate product could be the largest are multiplied exactly.
    """
    start, count = queries.starts[query], queries.counts[query]
    cuts, best, tokens = scratch.largest, scratch.best, scratch.tokens
    margin = slack(queries.values.shape[1])
    for doc in range(len(out)):
        _multiply(block, doc, queries, query, scratch)
        for j in range(count):
            scale = np.float64(queries.norms[start + j]) * block.norms[doc]
            # False for NaN too: then every token is multiplied exactly.
            holds = scale < LARGEST
            cuts[j] -= np.float32(2 * (margin * scale + SMALLEST)) if holds else np.inf
            best[j] = -np.inf
        for row in range(block.starts[doc], block.stops[doc]):
            products = scratch.products[row - block.starts[doc]]
            for j in range(count):
                if products[j] < cuts[j]:
                    continue
                product = _inner_product(block.values, row, queries.values, start + j)
                if product > best[j]:
                    best[j], tokens[j] = product, row - block.starts[doc]
        total = 0.0
        for j in range(count):
            total += best[j]
        out[doc] = np.float32(total)


@kernel
def _inner_product(values: Any, row: int, queries: Any, vector: int) -> float:
    """Sum in float64 in the order of the dimensions."""
    total = 0.0
    for i in range(values.shape[1]):
        total += np.float64(values[row, i]) * np.float64(queries[vector, i])
    return total


@reordered
def _multiply(block: Any, doc: int, queries: Any, query: int, scratch: Any) -> None:
    """Write the approximate inner products of a document's tokens with a query's, and the largest.

    The formula is products[t, j] = x_t · q_j; two tokens by four query tokens at a time are as fast
    as BLAS on one core, and neither start threads nor leave the first-level cache.
    """
    x, q = block.values, queries.values
    begin, last = block.starts[doc], block.stops[doc] - 1
    base, end = queries.starts[query], queries.starts[query + 1]
    products, largest = scratch.products, scratch.largest
    zero = np.float32(0.0)
    for row in range(begin, last + 1, 2):
        a, b = x[row], x[min(row + 1, last)]  # an odd number: the last token twice
        up, down = products[row - begin], products[min(row + 1, last) - begin]
        for j in range(base, end, LANES):
            c, d, e, f = q[j], q[j + 1], q[j + 2], q[j + 3]
            ac, ad, ae, af = zero, zero, zero, zero
            bc, bd, be, bf = zero, zero, zero, zero
            for i in range(x.shape[1]):
                ac += a[i] * c[i]
                ad += a[i] * d[i]
                ae += a[i] * e[i]
                af += a[i] * f[i]
                bc += b[i] * c[i]
                bd += b[i] * d[i]
                be += b[i] * e[i]
                bf += b[i] * f[i]
            place = j - base
            up[place], up[place + 1], up[place + 2], up[place + 3] = ac, ad, ae, af
            down[place], down[place + 1], down[place + 2], down[place + 3] = bc, bd, be, bf
    for j in range(end - base):
        largest[j] = -np.inf
    for t in range(last + 1 - begin):
        for j in range(end - base):
            product = products[t, j]
            largest[j] = product if product > largest[j] else largest[j]


@reordered
def longest(values: Any, starts: Any, stops: Any, norms: Any) -> None:
    """Write the length of the longest token vector of each document.

    values  (n_tokens, dim)  float32
    starts  (m,)             int64
    stops   (m,)             int64
    norms   (m,)             float32  written; infinite where float32 cannot hold it
    """
    for doc in range(len(norms)):
        most = 0.0
        for row in range(starts[doc], stops[doc]):
            total = 0.0
            for i in range(values.shape[1]):
                total += np.float64(values[row, i]) * np.float64(values[row, i])
            most = max(most, total)
        norms[doc] = np.float32(np.sqrt(most))


@kernel
def widen(halves: Any, starts: Any, stops: Any, bits: Any, values: Any) -> None:
    """Write documents of float16 one after the other as float32.

    halves  (all tokens, dim)  uint16   the bits of float16
    starts  (m,)               int64
    stops   (m,)               int64
    bits    (n_tokens, dim)    uint32   the memory of `values`
    values  (n_tokens, dim)    float32  written

    The exponent keeps its place and is too small by 112, also below the normal range.
    """
    at = 0
    for doc in range(len(starts)):
        for row in range(starts[doc], stops[doc]):
            for i in range(halves.shape[1]):
                half = np.uint32(halves[row, i])
                sign, rest = half & np.uint32(0x8000), half & np.uint32(0x7FFF)
                bits[at, i] = (sign << np.uint32(16)) | (rest << np.uint32(13))
            for i in range(halves.shape[1]):
                values[at, i] *= np.float32(2.0**112)
            at += 1
