"""Less work for nearly the same hits: fewer terms of the query, fewer blocks, a second look.

The heaviest terms of a learned sparse query hold most of its weight, so a first pass with those,
and perhaps with champion lists, finds candidates, and a second scores them by the whole query (Two-
Step SPLADE, Lassance et al., ECIR 2024). Blocks are visited by falling bounds until a budget is
spent (γ of LSP/0), or as long as a bound times alpha reaches the threshold (α of BMP, Mallia et
al., SIGIR 2024, §3).
"""

from typing import Any, NamedTuple

import numpy as np

from indexes.inverted import blockmax, exact, exhaustive
from indexes.inverted.blockmax import Limits
from indexes.inverted.bounds import bound_blocks
from indexes.inverted.collecting import SMALLEST
from indexes.inverted.rows import FETCHED, fetch, forget, prepare, score_row
from indexes.inverted.settings import InvertedSearch
from indexes.jit import kernel
from indexes.topk import offer, sort_best_first

RESCORED_NS = 600.0
"""A document that is scored by the whole query."""


class Shortcuts(NamedTuple):
    """What a search leaves out.

    terms     how many terms of a query, the heaviest, take part in the first pass
    mass      what share of its weights these need not exceed
    champions whether the first pass reads champion lists
    blocks    how many blocks are scored; 0: as many as it takes
    alpha     what bounds are multiplied with
    rescored  how many of the first pass are scored by the whole query; 0: none
    adaptive  whether the exact search is made where it costs no more
    """

    terms: int
    mass: np.float32
    champions: bool
    blocks: int
    alpha: np.float32
    rescored: int
    adaptive: bool

    @classmethod
    def of(cls, settings: InvertedSearch, *, adaptive: bool = False) -> "Shortcuts":
        """Return settings as kernels take them."""
        return cls(
            settings.terms or np.iinfo(np.int64).max,
            np.float32(1.0 if settings.mass is None else settings.mass),
            settings.champions,
            settings.blocks or 0,
            np.float32(settings.alpha),
            settings.rescored or 0,
            adaptive,
        )


@kernel
def search(
    lists: Any, champions: Any, queries: Any, allowed: Any, shortcuts: Any, scratch: Any,
    first: int, ids: Any, scores: Any,
) -> None:  # fmt: skip
    """Rank documents for queries first, first + 1 …, nearly as `exact.search` does.

    champions  `lists` with champion lists in place of the postings, or as they are
    shortcuts  see `Shortcuts`

    The other parameters are those of `exact.search`.
    """
    offsets, terms, weights = queries
    k = ids.shape[1]
    depth = max(k, min(shortcuts.rescored, len(lists.order)))
    found, keys = np.empty(depth, np.int32), np.empty(depth, np.float32)
    for i in range(len(ids)):
        start, stop = offsets[first + i], offsets[first + i + 1]
        kept = start + _n_kept(weights[start:stop], shortcuts.terms, shortcuts.mass)
        whole, query = (
            (terms[start:stop], weights[start:stop]),
            (terms[start:kept], weights[start:kept]),
        )
        source = champions if shortcuts.champions else lists
        less = exact.cost_ns(source, query) + RESCORED_NS * shortcuts.rescored
        if shortcuts.adaptive and exact.cost_ns(lists, whole) <= less:
            exact.search_one(lists, whole, allowed, scratch, ids[i], scores[i])
            continue
        found[:], keys[:] = np.int32(-1), np.float32(-np.inf)
        _first_pass(lists, champions, query, allowed, shortcuts, scratch, found, keys)
        if shortcuts.rescored and (shortcuts.champions or kept < stop):
            _rescore(lists.rows, whole, scratch, found, ids[i], scores[i])
        else:
            ids[i], scores[i] = found[:k], keys[:k]


@kernel
def _first_pass(
    lists: Any, champions: Any, query: Any, allowed: Any, shortcuts: Any, scratch: Any,
    ids: Any, scores: Any,
) -> None:  # fmt: skip
    """Rank documents by what is kept of a query."""
    if shortcuts.champions:
        exhaustive.search(champions, query, allowed, SMALLEST, scratch, ids, scores)
    elif (shortcuts.blocks == 0 and shortcuts.alpha == 1) or exact.is_cheaper(
        lists, query, shortcuts.blocks
    ):
        exact.search_one(lists, query, allowed, scratch, ids, scores)
    else:
        limits = Limits(shortcuts.blocks, shortcuts.alpha, len(scratch.bounds))
        bound_blocks(lists, query, scratch.bounds)
        blockmax.search(lists, query, allowed, limits, scratch, ids, scores)


@kernel
def _n_kept(weights: Any, most: int, mass: Any) -> Any:
    """Return how many of a query's weights, which fall, are kept."""
    total = np.float64(0.0)
    for weight in weights:
        total += weight
    kept, held = np.int64(0), np.float64(0.0)
    while kept < len(weights) and kept < most and (mass == 1 or held < mass * total):
        held += weights[kept]
        kept += 1
    return kept


@kernel
def _rescore(rows: Any, query: Any, scratch: Any, found: Any, ids: Any, scores: Any) -> None:
    """Rank the documents found by the whole query.

    found   (m,)  int32    −1 after the last
    ids     (k,)  int32    written; untouched where there are fewer
    scores  (k,)  float32  written
    """
    prepare(query, scratch.slots, scratch.seen)
    size: Any = np.int64(0)  # a literal 0 would be one more type
    for place in range(FETCHED):
        fetch(rows, found, place)
    for place in range(len(found)):
        ordinal: Any = np.int64(found[place])
        if ordinal < 0:
            break
        fetch(rows, found, place + FETCHED)
        score = score_row(rows, query, scratch.slots, scratch.seen, scratch.parts, ordinal)
        size = offer(ids, scores, size, ordinal, score)
    forget(query, scratch.slots, scratch.seen)
    sort_best_first(ids, scores, size)


LADDER = (
    InvertedSearch(champions=True, terms=8, rescored=32),
    InvertedSearch(champions=True, terms=8, rescored=64),
    InvertedSearch(champions=True, terms=12, rescored=64),
    InvertedSearch(champions=True, terms=12, rescored=128),
    InvertedSearch(champions=True, terms=12, rescored=256),
    InvertedSearch(terms=8, rescored=128),
    InvertedSearch(terms=12, rescored=64),
    InvertedSearch(terms=12, rescored=128),
    InvertedSearch(terms=20, rescored=256),
)
"""The searches whose recall an index measures, the cheapest first.

Stored recalls are of these: another ladder is another `format_version`.
"""
