"""Kernels that turn the terms of a real text into a vector like SPLADE's.

A vector has the terms of its text and terms that keep company with them in real passages, ranked
together, and gets the weights of a real vector's profile in the order of rank.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Balance(NamedTuple):
    """What decides the ranks and weights of terms; chosen so that figures match real vectors."""

    text: float = 4.0
    """What a term of the text counts, against 1 for the best neighbour."""
    context: float = 1.0
    """The same for a term of the passage around the text."""
    rank_noise: float = 0.5
    """Standard deviation of the logarithm of the ranking score."""
    weight_noise: float = 0.12
    """Standard deviation of the logarithm of the weight."""
    stray: float = 0.08
    """Share of a vector's lowest ranks that go to terms at random."""
    rare_text: float = 1.0
    """Power of the rarity (0 to 1) of a term of the text."""
    rare_neighbour: float = 1.5
    """Power of the rarity of a neighbour."""
    popular: float = 0.7
    """What the most popular term counts in every document, whatever its text."""
    popular_query: float = 0.35
    """The same in every query."""
    popular_fall: float = 0.37
    """Power with which that falls from one popular term to the next."""


BALANCE = Balance()

COMMON = 0.5
"""Power of the number of shared passages in what a neighbour counts; 0 would prefer rare ones."""


@njit(cache=True)
def neighbours(
    rows: Any, columns: Any, df: NDArray[np.int64], per_term: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the terms that keep company with each term, best first, and how much they count.

    rows, columns  (offsets, indices)  the passage × term matrix, by rows and by columns

    A neighbour b of a counts count^COMMON × max(0, log(count × n / (df_a × df_b))), over the best
    of a. Where there are fewer than `per_term`, the others are −1.
    """
    starts, terms = rows
    term_starts, passages = columns
    n, size = len(starts) - 1, len(df)
    near = np.full((size, per_term), -1, np.int32)
    worth = np.zeros((size, per_term), np.float32)
    counts, seen = np.zeros(size, np.int64), np.empty(size, np.int64)
    for a in np.flatnonzero(df):
        found = 0
        for p in passages[term_starts[a] : term_starts[a + 1]]:
            for b in terms[starts[p] : starts[p + 1]]:
                if counts[b] == 0:
                    seen[found] = b
                    found += 1
                counts[b] += 1
        value = np.zeros(found)
        for i in range(found):
            b, count = seen[i], counts[seen[i]]
            counts[b] = 0
            if b != a and count > 1 and df[b] > 0:
                lift = np.log(count * n / (df[a] * df[b]))
                value[i] = max(0.0, lift) * count**COMMON
        best = np.argsort(-value)[:per_term]
        for i in range(len(best)):
            if value[best[i]] > 0:
                near[a, i], worth[a, i] = seen[best[i]], value[best[i]] / value[best[0]]
    return near, worth


@njit(cache=True)
def uniform(seed: int, a: int, b: int) -> float:
    """Return a hash of three numbers in [0, 1): neither order nor threads change it."""
    x = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(a)
    for value in (np.uint64(b), np.uint64(0x632BE59BD9B4E019)):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9) + value
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return float((x ^ (x >> np.uint64(31))) >> np.uint64(11)) / 9007199254740992.0


@njit(cache=True)
def normal(seed: int, a: int, b: int) -> float:
    """Return a hash of three numbers that is spread like a normal deviate (a sum of uniforms)."""
    total = 0.0
    for i in range(4):
        total += uniform(seed + i, a, b)
    return (total - 2.0) * 1.7320508


@njit(cache=True)
def scored(
    terms: Any, spans: Any, model: Any, number: Any, score: Any, touched: Any, seed: int
) -> int:
    """Fill the ranking scores of one vector's candidates; return how many were touched.

    spans  (3, 2)  two spans of text and the passage around them, in `terms`
    model          (near, worth, rarity, popular, popularity, balance)
    """
    near, worth, idf, popular, popularity, balance = model
    found, best = 0, 0.0
    for s in range(2):
        for t in terms[spans[s, 0] : spans[s, 1]]:
            for i in range(near.shape[1]):
                b = near[t, i]
                if b < 0:
                    break
                if score[b] == 0:
                    touched[found] = b
                    found += 1
                score[b] += idf[t] * worth[t, i] + 1e-9
                best = max(best, score[b])
    scale = 1.0 / best if best > 0 else 1.0
    for i in range(found):
        score[touched[i]] *= scale
    for i in range(len(popular)):
        if score[popular[i]] == 0:
            touched[found] = popular[i]
            found += 1
        score[popular[i]] += popularity[i]
    for s in range(3):
        for t in terms[spans[s, 0] : spans[s, 1]]:
            if score[t] == 0:
                touched[found] = t
                found += 1
            score[t] = max(score[t], 1e-9)
            weight = balance.text if s < 2 else balance.context
            if number[t] < weight:  # once, however often the text says it
                score[t] += (weight - number[t]) * idf[t]
                number[t] = weight
    return found


@njit(cache=True)
def expand(
    terms: Any, spans: Any, model: Any, strays: Any, profiles: Any, chosen: Any, seed: int
) -> Any:
    """Return offsets, terms and float weights of one vector for each row of `spans`.

    terms     (n_tokens,)    the tokens of all texts
    spans     (n, 3, 2)      see `scored`
    strays    (n_terms,)     rising to 1: how likely a stray term is at most this one
    profiles  (offsets, weights)  weights of real vectors, best first
    chosen    (n,)           the profile of each vector
    """
    starts, weights = profiles
    balance = model[-1]
    n, size = len(spans), len(strays)
    offsets = np.zeros(n + 1, np.int64)
    for i in range(n):
        offsets[i + 1] = offsets[i] + starts[chosen[i] + 1] - starts[chosen[i]]
    out_terms = np.empty(offsets[n], np.int32)
    out_weights = np.empty(offsets[n], np.float32)
    score, number = np.zeros(size), np.zeros(size)
    touched = np.empty(size, np.int64)
    filled = 0
    for i in range(n):
        length = offsets[i + 1] - offsets[i]
        found = scored(terms, spans[i], model, number, score, touched, seed)
        values = np.empty(found)
        for j in range(found):
            t = touched[j]
            values[j] = -score[t] * np.exp(balance.rank_noise * normal(seed, i, t))
            score[t], number[t] = 0.0, 0.0
        own = min(found, length - int(length * balance.stray))
        edge = np.partition(values, own - 1)[own - 1] if own else 0.0
        kept = np.flatnonzero(values <= edge)
        kept = kept[np.argsort(values[kept])][:own]
        ranked = np.empty(length, np.int64)
        for j in range(own):
            ranked[j] = touched[kept[j]]
            number[ranked[j]] = 1.0
        draw = 0
        while own < length:
            t = min(int(np.searchsorted(strays, uniform(seed + 9, i, draw))), size - 1)
            draw += 1
            if number[t] == 0:
                ranked[own], number[t] = t, 1.0
                own += 1
        order = np.argsort(ranked)
        first = starts[chosen[i]]
        for j in range(length):
            t = ranked[order[j]]
            noise = np.exp(balance.weight_noise * normal(seed + 20, i, t))
            out_terms[filled + j], out_weights[filled + j] = t, weights[first + order[j]] * noise
            number[t] = 0.0
        filled += length
    return offsets, out_terms, out_weights


@njit(cache=True)
def mixed(rows: Any, pairs: Any, keep: float, jitter: float, seed: int) -> Any:
    """Return offsets, terms and weights of mixtures of two real vectors.

    rows   (offsets, terms, weights)
    pairs  (n, 2)  each keeps the share `keep` of the terms of its first and is filled up to the
                   length of it from its second
    """
    starts, terms, weights = rows
    n, size = len(pairs), terms.max() + 1
    longest = np.max(starts[1:] - starts[:-1])
    offsets = np.zeros(n + 1, np.int64)
    total = 0
    for i in range(n):
        total += starts[pairs[i, 0] + 1] - starts[pairs[i, 0]]
    out_terms, out_weights = np.empty(total, np.int32), np.empty(total, np.float32)
    held, ids = np.zeros(size), np.empty(2 * longest, np.int64)
    for i in range(n):
        first, second = pairs[i]
        length, count = starts[first + 1] - starts[first], 0
        for turn in range(3):  # kept of the first, new of the second, then what was dropped
            row = second if turn == 1 else first
            span = starts[row + 1] - starts[row]
            turned = int(uniform(seed + 2, i, turn) * span)  # so that no term is preferred
            for c in range(span):
                cell = starts[row] + (c + turned) % span
                t = terms[cell]
                drop = turn == 0 and uniform(seed, i, t) >= keep
                if count < length and held[t] == 0 and not drop:
                    held[t] = weights[cell] * np.exp(jitter * normal(seed + 1, i, t))
                    ids[count] = t
                    count += 1
        chosen = np.sort(ids[:count])
        for j in range(count):
            out_terms[offsets[i] + j], out_weights[offsets[i] + j] = chosen[j], held[chosen[j]]
            held[chosen[j]] = 0.0
        offsets[i + 1] = offsets[i] + count
    return offsets, out_terms[: offsets[n]], out_weights[: offsets[n]]
