"""The slow, obvious twin of every kernel, written straight from the formula.

Vectors are plain rows here: a matrix, or one dict of term to weight per document. Every function
says in which order it adds, because answers are compared bit by bit.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from encoders.analysis import Analyzer
from indexes.hits import Hits
from indexes.inverted import Saturation
from indexes.metric import Metric

Row = Mapping[str, float]
Mask = Sequence[bool] | NDArray[np.bool_] | None


def exact_score(x: Iterable[float], q: Iterable[float], metric: Metric) -> np.float32:
    """Sum in float64 in the order of the dimensions, round once."""
    pairs = [(float(a), float(b)) for a, b in zip(x, q, strict=True)]
    total = own = other = 0.0
    for a, b in pairs:
        total += -((a - b) * (a - b)) if metric == Metric.EUCLIDEAN else a * b
        own += a * a
        other += b * b
    if metric == Metric.COSINE:
        norm = math.sqrt(own) * math.sqrt(other)
        total = total / norm if norm > 0 else 0.0
    with np.errstate(over="ignore"):
        return np.float64(total).astype(np.float32)


def exact_scores(values: NDArray[np.float32], q: NDArray[np.float32], metric: Metric) -> NDArray:
    """The same for many rows at once: dimension after dimension, all rows side by side."""
    rows = values.astype(np.float64)
    total, own, other = np.zeros(len(rows)), np.zeros(len(rows)), 0.0
    for i, b in enumerate(q.astype(np.float64)):
        a = rows[:, i]
        total += -((a - b) * (a - b)) if metric == Metric.EUCLIDEAN else a * b
        own += a * a
        other += b * b
    if metric == Metric.COSINE:
        norm = np.sqrt(own) * np.sqrt(other)
        total = np.divide(total, norm, out=np.zeros(len(rows)), where=norm > 0)
    with np.errstate(over="ignore"):
        return total.astype(np.float32)


def best(scores: Sequence[float], k: int, among: Iterable[int] | None = None) -> list[int]:
    """The k ordinals with the highest scores, ties by lower ordinal."""
    ordinals = range(len(scores)) if among is None else among
    return sorted(ordinals, key=lambda ordinal: (-scores[ordinal], ordinal))[:k]


def ranking(scores: Sequence[Sequence[float]], k: int, among: Sequence[Iterable[int]]) -> Hits:
    """One row of hits per row of scores, out of the ordinals that may be returned."""
    hits = Hits.empty(len(scores), k)
    for query, row in enumerate(scores):
        for place, ordinal in enumerate(best(row, k, among[query])):
            hits.ids[query, place], hits.scores[query, place] = ordinal, row[ordinal]
    return hits


def flat_search(
    values: NDArray[np.float32],
    queries: NDArray[np.float32],
    k: int,
    *,
    metric: Metric,
    mask: Mask = None,
) -> Hits:
    """Score every row, sort."""
    scores = [exact_scores(values, query, metric) for query in queries]
    allowed = range(len(values)) if mask is None else np.flatnonzero(mask).tolist()
    return ranking(scores, k, [allowed] * len(queries))


def lengths(rows: Sequence[Row]) -> NDArray[np.float32]:
    """Sum of weights in float64, in the byte order of the terms, rounded once."""
    return np.array([sum(float(row[t]) for t in byte_order(row)) for row in rows], np.float32)


def norms(rows: Sequence[Row], saturation: Saturation | None) -> NDArray[np.float32] | None:
    """K = k1 · (1 − b + b · length / average_length), never 0."""
    if saturation is None:
        return None
    k1, b = saturation.k1, saturation.b
    relative = [float(length) / saturation.average_length for length in lengths(rows)]
    exact = [np.float32(k1 * (1 - b + b * value)) for value in relative]
    return np.array([max(value, np.finfo(np.float32).tiny) for value in exact], np.float32)


def byte_order(terms: Iterable[str]) -> list[str]:
    return sorted(terms, key=str.encode)


def heaviest_first(query: Row) -> list[str]:
    """Terms by falling weight in float32, those of equal weight in byte order."""
    return sorted(byte_order(query), key=lambda term: -np.float32(query[term]))


def impact(weight: float, norm: np.float32 | None = None) -> np.float32:
    """The weight, or tf / (tf + K)."""
    value = np.float32(weight)
    return value if norm is None else value / (value + norm)


def sparse_score(row: Row, query: Row, norm: np.float32 | None = None) -> np.float32:
    """Σ weight · impact: float32, the heaviest terms of the query first."""
    total = np.float32(0)
    for term in heaviest_first(query):
        if term in row:
            total += np.float32(query[term]) * impact(row[term], norm)
    return total


def table_norms(table: NDArray[np.float32], saturation: Saturation) -> NDArray[np.float32]:
    """`norms` of documents that are rows of a table, its columns being terms in byte order."""
    k1, b = saturation.k1, saturation.b
    summed = np.cumsum(table.astype(np.float64), axis=1)[:, -1].astype(np.float32)
    relative = summed.astype(np.float64) / saturation.average_length
    exact = (k1 * (1 - b + b * relative)).astype(np.float32)
    return np.maximum(exact, np.finfo(np.float32).tiny)


def table_scores(
    table: NDArray[np.float32], query: NDArray[np.float32], saturation: Saturation | None = None
) -> NDArray[np.float32]:
    """`sparse_score` of every row of a table at once; 0 is a term that is not there.

    Adding 0 changes no sum, so all rows take part in every term.
    """
    impacts, total = table, np.zeros(len(table), np.float32)
    if saturation is not None:
        impacts = table / (table + table_norms(table, saturation)[:, None])
    with np.errstate(over="ignore", under="ignore"):
        for term in np.argsort(-query, kind="stable"):
            if query[term] > 0:
                total += query[term] * impacts[:, term]
    return total


def table_search(
    table: NDArray[np.float32],
    queries: NDArray[np.float32],
    k: int,
    *,
    saturation: Saturation | None = None,
    mask: Mask = None,
) -> Hits:
    """`inverted_search` over a table."""
    hits = Hits.empty(len(queries), k)
    for i, query in enumerate(queries):
        scores = table_scores(table, query, saturation)
        found = np.flatnonzero((scores > 0) & (True if mask is None else np.asarray(mask)))
        ranked = found[np.argsort(-scores[found], kind="stable")][:k]
        hits.ids[i, : len(ranked)], hits.scores[i, : len(ranked)] = ranked, scores[ranked]
    return hits


def inverted_search(
    rows: Sequence[Row],
    queries: Sequence[Row],
    k: int,
    *,
    saturation: Saturation | None = None,
    mask: Mask = None,
) -> Hits:
    """Score every document; only scores above 0 are hits."""
    scores = score_rows(rows, queries, [range(len(rows))] * len(queries), saturation=saturation)
    allowed = range(len(rows)) if mask is None else np.flatnonzero(mask).tolist()
    found = [[d for d in allowed if row[d] > 0] for row in scores]
    return ranking(scores, k, found)


def score_rows(
    rows: Sequence[Row],
    queries: Sequence[Row],
    candidates: Sequence[Iterable[int]],
    *,
    saturation: Saturation | None = None,
) -> list[list[np.float32]]:
    """Score of each candidate, −inf where it is −1."""
    ks = norms(rows, saturation)
    return [
        [
            sparse_score(rows[doc], query, None if ks is None else ks[doc])
            if doc >= 0
            else np.float32(-np.inf)
            for doc in docs
        ]
        for query, docs in zip(queries, candidates, strict=True)
    ]


def shortened(query: Row, *, terms: int | None = None, mass: float | None = None) -> Row:
    """The heaviest terms: so many at most, and no more than it takes to hold a share of the sum."""
    ranked = heaviest_first(query)
    total, held, kept = sum(float(np.float32(w)) for w in query.values()), 0.0, 0
    while kept < len(ranked) and (terms is None or kept < terms):
        if mass is not None and np.float32(mass) < 1 and held >= float(np.float32(mass)) * total:
            break
        held += float(np.float32(query[ranked[kept]]))
        kept += 1
    return {term: query[term] for term in ranked[:kept]}


def two_steps(
    rows: Sequence[Row],
    queries: Sequence[Row],
    k: int,
    *,
    terms: int | None = None,
    mass: float | None = None,
    rescored: int | None = None,
) -> Hits:
    """Search with a part of each query, then rank what that finds by the whole query."""
    short = [shortened(query, terms=terms, mass=mass) for query in queries]
    found = inverted_search(rows, short, max(k, rescored or 0))
    if rescored is None:
        return Hits(found.ids[:, :k], found.scores[:, :k])
    scores = score_rows(rows, queries, [range(len(rows))] * len(queries))
    return ranking(scores, k, [row[row >= 0].tolist() for row in found.ids])


def best_tokens(document: NDArray, query: NDArray) -> list[tuple[int, float]]:
    """For each query token the first document token with the largest inner product, in float64."""
    products = np.zeros((len(query), len(document)))
    for i in range(query.shape[1]):  # dimension after dimension, all pairs side by side
        products += np.outer(query[:, i].astype(np.float64), document[:, i].astype(np.float64))
    return [(int(row.argmax()), float(row.max())) for row in products]


def maxsim(document: NDArray, query: NDArray) -> np.float32:
    """Σ over query tokens, in their order, of the largest inner product; rounded once."""
    if len(document) == 0 or len(query) == 0:
        return np.float32(-np.inf)
    with np.errstate(over="ignore"):
        return np.float32(sum(product for _, product in best_tokens(document, query)))


def multivector_search(
    documents: Sequence[NDArray], queries: Sequence[NDArray], k: int, *, mask: Mask = None
) -> Hits:
    """Score every document that has tokens, with every query that has some."""
    scores = [[maxsim(document, query) for document in documents] for query in queries]
    allowed = range(len(documents)) if mask is None else np.flatnonzero(mask).tolist()
    filled = [d for d in allowed if len(documents[d])]
    return ranking(scores, k, [filled if len(query) else [] for query in queries])


def invert(rows: Sequence[Row]) -> dict[str, list[tuple[int, float]]]:
    """For every term the documents that have it, rising, and its weight there."""
    terms = byte_order({term for row in rows for term in row})
    return {t: [(doc, row[t]) for doc, row in enumerate(rows) if t in row] for t in terms}


def windows(
    rows: Sequence[Row], order: Sequence[int], window: int
) -> dict[str, dict[int, list[tuple[int, float]]]]:
    """For every term and window of places the places that have it, and its weight there."""
    lists: dict[str, dict[int, list[tuple[int, float]]]] = {}
    for term, postings in invert([rows[ordinal] for ordinal in order]).items():
        runs = lists.setdefault(term, {})
        for place, weight in postings:
            runs.setdefault(place // window, []).append((place % window, weight))
    return lists


def block_maxima(impacts: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """The largest impact of each term (columns) in each block of documents (rows)."""
    starts = range(0, len(impacts), block)
    return np.array([impacts[start : start + block].max(axis=0) for start in starts])


def find_terms(dictionary: Sequence[bytes], wanted: Iterable[bytes]) -> list[int]:
    """Position of each string, −1 where it is unseen."""
    return [dictionary.index(term) if term in dictionary else -1 for term in wanted]


def union(parts: Sequence[Sequence[bytes]]) -> tuple[list[bytes], list[list[int]]]:
    """Sorted distinct strings of all parts, and where each string of each part went."""
    merged = sorted({term for part in parts for term in part})
    return merged, [[merged.index(term) for term in part] for part in parts]


def term_counts(texts: Iterable[str], analyzer: Analyzer) -> list[dict[str, int]]:
    """How often each term occurs in each text, terms in byte order."""
    counts = [Counter(analyzer.terms(text)) for text in texts]
    return [{term: count[term] for term in byte_order(count)} for count in counts]


def bm25(
    documents: Sequence[Sequence[str]], query: Sequence[str], *, k1: float, b: float
) -> list[float]:
    """The textbook formula over tokenised documents, in float64 and in no particular order."""
    counts = [Counter(document) for document in documents]
    average = sum(map(len, documents)) / len(documents)
    scores = []
    for document, frequency in zip(documents, counts, strict=True):
        score = 0.0
        for term in query:
            df = sum(term in count for count in counts)
            idf = math.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
            tf, norm = frequency[term], k1 * (1 - b + b * len(document) / average)
            score += idf * tf / (tf + norm) if tf else 0.0
        scores.append(score)
    return scores


def reciprocal_ranks(
    rankings: Sequence[Sequence[int]], k: int, *, constant: int
) -> list[tuple[int, np.float32]]:
    """Σ 1 / (constant + rank) for one query, added in the order of the rankings, rounded once."""
    gains: dict[int, float] = {}
    for ranked in rankings:
        for rank, ordinal in enumerate(ranked, 1):
            gains[ordinal] = gains.get(ordinal, 0.0) + 1 / (constant + rank)
    scores = {ordinal: np.float32(gain) for ordinal, gain in gains.items()}
    order = sorted(scores, key=lambda ordinal: (-scores[ordinal], ordinal))[:k]
    return [(ordinal, scores[ordinal]) for ordinal in order]


def merge(parts: Sequence[Hits], bases: Sequence[int], k: int) -> Hits:
    """Put all hits of a query on one pile, sort."""
    merged = Hits.empty(len(parts[0]), k)
    for query in range(len(merged)):
        pile = [
            (-score, int(ordinal) + base)
            for part, base in zip(parts, bases, strict=True)
            for ordinal, score in zip(part.ids[query], part.scores[query], strict=True)
            if ordinal >= 0
        ]
        for place, (score, ordinal) in enumerate(sorted(pile)[:k]):
            merged.ids[query, place], merged.scores[query, place] = ordinal, -score
    return merged
