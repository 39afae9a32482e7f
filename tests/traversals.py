"""Collections in which scores tie, and the traversals of an inverted index, each by force.

The index takes block-max pruning only where it pays, which small collections never do.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexes.bitmap import Bitmap, kernel_bits
from indexes.hits import Hits
from indexes.inverted import Inverted, InvertedBuild, Saturation, blockmax, exhaustive
from indexes.inverted.blockmax import Limits
from indexes.inverted.bounds import BLOCK, bound_blocks
from indexes.inverted.collecting import SMALLEST
from indexes.inverted.dictionary import Terms
from indexes.inverted.lists import Scratch
from indexes.strings import Strings
from indexes.vectors import SparseVectors

WAYS = ("exhaustive", "block-max", "left half-way")

WHOLE, QUARTERS, MANY = (1.0, 2.0, 3.0, 200.0), (0.25, 0.5, 1.75, 300.0), ()
EXTREME = (3e38, 1e38, 1e20, 1.0, 1e-20, 1e-38, 1e-42, 1e-45)
"""Products of these leave the range of float32 at both ends, and some are subnormal."""


def examples(n: int) -> settings:
    """Try a property so often, where kernels are fast."""
    usual: int = settings.get_profile("suite").max_examples
    return settings(max_examples=max(1, n * settings().max_examples // usual))


@dataclass(frozen=True)
class Case:
    """Documents and queries as tables of weights, columns being terms; 0: not there.

    documents  (n, n_terms)              float32
    queries    (n_queries, n_terms + 2)  float32  the last two are of terms that no document has
    """

    documents: NDArray[np.float32]
    queries: NDArray[np.float32]

    @property
    def vectors(self) -> SparseVectors:
        return vectors(self.documents)

    @property
    def batch(self) -> SparseVectors:
        return vectors(self.queries)

    @property
    def known(self) -> NDArray[np.float32]:
        """The queries without unseen terms."""
        return self.queries[:, : self.documents.shape[1]]


def vectors(table: NDArray[np.float32]) -> SparseVectors:
    """Wrap a table."""
    rows, terms = np.nonzero(table)
    offsets = np.searchsorted(rows, np.arange(len(table) + 1))
    names = Strings.of(f"t{i:04}".encode() for i in range(table.shape[1]))
    return SparseVectors.of(offsets, terms, table[rows, terms], names)


def table(
    random: np.random.Generator, shape: tuple[int, int], weights: tuple[float, ...], share: float
) -> NDArray[np.float32]:
    """Draw weights, from 0 to 8 where none are given, and leave each with this probability."""
    drawn = random.choice(weights, shape) if weights else random.random(shape) * 8
    return np.where(random.random(shape) < share, drawn, 0).astype(np.float32)


@st.composite
def cases(draw: st.DrawFn, *, most: int = 4 * BLOCK + 9, extreme: bool = False) -> Case:
    """Draw a collection and seven queries: one empty, one of a single term, one of equal weights.

    Documents may be copies of each other, and rare terms have their documents side by side.
    """
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK]
    n = min(most, draw(st.sampled_from(sizes) | st.integers(0, most)))
    n_terms = draw(st.sampled_from([1, 2, 5, 12, 300]))
    kinds = [EXTREME] if extreme else [WHOLE, QUARTERS, MANY]
    n = min(n, 300) if n_terms == 300 else n
    share = draw(st.sampled_from([0.01, 0.1, 0.5]))
    documents = table(random, (n, n_terms), draw(st.sampled_from(kinds)), share)
    if draw(st.booleans()):
        documents[:, 0] *= np.arange(n) // 64 == 2
    if n and draw(st.booleans()):
        documents[random.integers(n, size=n // 2)] = documents[random.integers(n, size=n // 2)]
    queries = table(random, (7, n_terms + 2), draw(st.sampled_from(kinds)), 0.6)
    queries[4], queries[5] = 0, queries[5].max()
    queries[6, 1:] = 0
    return Case(documents, queries)


builds = st.builds(
    InvertedBuild,
    order=st.sampled_from(["given", "bisection"]),
    impacts=st.sampled_from(["stored", "uint8"]),
    density=st.sampled_from([0.01, 1.0, 20.0, 200.0]),
)

bm25_builds = st.builds(
    InvertedBuild,
    order=st.sampled_from(["given", "bisection"]),
    impacts=st.sampled_from(["stored", "uint8"]),
    density=st.sampled_from([0.01, 4.0, 200.0]),
    k1=st.sampled_from([0.0, 0.9, 1.2, 100.0]),
    b=st.sampled_from([0.0, 0.4, 1.0]),
)

saturations = st.builds(
    Saturation,
    k1=st.sampled_from([0.0, 0.9, 1.2, 100.0]),
    b=st.sampled_from([0.0, 0.4, 1.0]),
    average_length=st.floats(0.5, 50),
)


def masks(n: int) -> st.SearchStrategy[NDArray[np.bool_] | None]:
    """Draw which of many documents are allowed; None: all of them, unsaid."""
    shares = st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.01, 0.3, 1.0]))
    drawn = shares.map(lambda pair: np.random.default_rng(pair[0]).random(n) < pair[1])
    return st.none() | drawn


def ks(n: int) -> st.SearchStrategy[int]:
    """Draw how many hits are wanted, rarely more than there are."""
    return st.sampled_from([1, 2, 3, 10, max(n, 1), n + 2]) | st.integers(1, n + 2)


def unlimited(index: Inverted) -> Limits:
    """Limits that keep block-max pruning exact and never let it give up."""
    return Limits(0, np.float32(1), len(index))


def forced(
    way: str,
    index: Inverted,
    queries: SparseVectors,
    k: int,
    *,
    saturation: Saturation | None = None,
    mask: Any = None,
    limits: Limits | None = None,
) -> Hits:
    """Search in one of `WAYS`; the memory must be left as it was found."""
    lists, terms = index._scored(saturation), Terms.of(index.vectors().vocabulary, queries)
    bits = kernel_bits(None if mask is None else Bitmap.of_mask(mask), len(index))
    hits = Hits.empty(len(queries), min(k, len(index)))
    longest = int(np.diff(terms.offsets).max(initial=0))
    scratch = Scratch.of(lists, hits.ids.shape[1], longest)
    for i in range(len(queries) if hits.ids.shape[1] else 0):
        span = slice(terms.offsets[i], terms.offsets[i + 1])
        rest = bits, scratch, hits.ids[i], hits.scores[i]
        query = terms.terms[span], terms.weights[span]
        one(way, lists, query, rest, limits or unlimited(index))
        for memory in (scratch.scores, scratch.slots, scratch.seen, scratch.parts):
            assert not memory.any()
    return hits.padded(k)


def one(way: str, lists: Any, query: Any, rest: Any, limits: Limits) -> None:
    """Answer one query."""
    bits, scratch, ids, scores = rest
    threshold: Any = SMALLEST
    if way != "exhaustive":
        bound_blocks(lists, query, scratch.bounds)
        if way == "left half-way":
            limits = limits._replace(most=0)
        threshold = blockmax.search(lists, query, bits, limits, scratch, ids, scores)
        assert threshold == 0 or (way == "left half-way" and (ids == -1).all())
    if threshold > 0:
        exhaustive.search(lists, query, bits, np.float32(threshold), scratch, ids, scores)


def reopened(index: Inverted) -> Inverted:
    """Return the index made again from its arrays."""
    arrays = {name: array.copy() for name, array in index.arrays().items()}
    stored = SparseVectors.from_arrays(index.vectors().arrays())
    return Inverted.from_arrays(stored, arrays, index.settings)
