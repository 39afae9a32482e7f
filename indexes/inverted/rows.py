"""Scores of given documents, from their vectors: candidates and explanations."""

from typing import Any

import numpy as np

from indexes.jit import kernel
from indexes.simd import prefetch, prefetch_all

FETCHED = 6
"""Documents that are asked for ahead of the one that is scored."""

SEEN = 4095
"""Terms that may be in a query are told from most others by their last bits: 4 KiB are near."""

LINE = 64
"""Bytes of a cache line."""


@kernel
def prepare(query: Any, slots: Any, seen: Any) -> None:
    """Note where each term is in the query, so that rows can be looked up in it.

    query  terms (m,) int32, −1: unseen; weights (m,) float32
    slots  (n_terms,)   int32  zeros; written: place in the query + 1
    seen   (SEEN + 1,)  uint8  zeros; written: 1 for the last bits of a term
    """
    for j in range(len(query[0])):
        if query[0][j] >= 0:
            slots[query[0][j]] = j + 1
            seen[query[0][j] & SEEN] = 1


@kernel
def forget(query: Any, slots: Any, seen: Any) -> None:
    """Undo `prepare`."""
    for term in query[0]:
        if term >= 0:
            slots[term] = 0
            seen[term & SEEN] = 0


@kernel
def score_row(rows: Any, query: Any, slots: Any, seen: Any, parts: Any, ordinal: int) -> Any:
    """Return the score of one document.

    rows   see `Rows`
    query  terms (m,) int32, weights (m,) float32
    slots, seen                 as `prepare` wrote them
    parts  (≥ m,)      float32  zeros, left zeros

    The float32 sum, over the query's terms in the order given, of weight · impact.
    O(m + terms of the document).
    """
    weights = query[1]
    for cell in range(rows.offsets[ordinal], rows.offsets[ordinal + 1]):
        term = rows.terms[cell]
        if not seen[term & SEEN]:
            continue
        slot = slots[term]
        if slot > 0:
            impact = np.float32(rows.weights[cell])
            if len(rows.norms):
                impact = impact / (impact + rows.norms[ordinal])
            parts[slot - 1] = weights[slot - 1] * impact
    total = np.float32(0.0)
    for j in range(len(weights)):
        total += parts[j]
        parts[j] = np.float32(0.0)
    return total


@kernel
def fetch(rows: Any, ordinals: Any, place: int) -> None:
    """Ask for the memory of a document that will be scored soon, and of where a later one is.

    A document is some ten cache lines far from those of the one before it: waiting for each takes
    longer than the sum.
    """
    if place + FETCHED < len(ordinals) and ordinals[place + FETCHED] >= 0:
        prefetch(rows.offsets, np.int64(ordinals[place + FETCHED]))
    if place < len(ordinals) and ordinals[place] >= 0:
        start, stop = rows.offsets[ordinals[place]], rows.offsets[ordinals[place] + 1]
        if len(rows.norms):
            prefetch(rows.norms, np.int64(ordinals[place]))
        prefetch_all(rows.terms, start, stop, LINE // 4)
        prefetch_all(rows.weights, start, stop, LINE // rows.weights.itemsize)


@kernel
def score_rows(rows: Any, queries: Any, slots: Any, seen: Any, candidates: Any, out: Any) -> None:
    """Write the score of each candidate document (n_queries, m); −1 is left untouched.

    rows        see `Rows`
    queries     see `Terms`
    slots, seen                 zeros, left zeros: see `prepare`
    candidates  (n_queries, m)  int64
    out         (n_queries, m)  float32
    """
    offsets, terms, weights = queries
    for i in range(len(candidates)):
        span = slice(offsets[i], offsets[i + 1])
        query = (terms[span], weights[span])
        prepare(query, slots, seen)
        parts = np.zeros(len(query[0]), np.float32)
        for place in range(candidates.shape[1]):
            if candidates[i, place] >= 0:
                out[i, place] = score_row(rows, query, slots, seen, parts, candidates[i, place])
        forget(query, slots, seen)
