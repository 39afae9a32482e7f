"""The slow, obvious twins of the kernels of `indexes.ivfpq`, in the same order of summation."""

import numpy as np
from numpy.typing import NDArray
from reference import exact_score

from indexes.ivfpq import Codebooks
from indexes.metric import Metric

F = np.float32
LEVELS = 1024


def scan(codes: NDArray[np.uint8], table: NDArray[np.uint8]) -> list[int]:
    """The sums of one block (groups, 16) of codes with a table (groups, 16)."""
    both = np.concatenate([codes & 15, codes >> 4], axis=1)  # (groups, 32)
    return [
        int(sum(int(row[c]) for row, c in zip(table, both[:, i], strict=True))) for i in range(32)
    ]


def centroids_of(codebooks: Codebooks, prefix: int) -> NDArray[np.float32]:
    """What centroids are, in float32."""
    return (codebooks.centroids[:, :prefix].astype(F) - F(128)) * codebooks.scales[:, None]


def cut(vector: NDArray[np.float32]) -> tuple[NDArray[np.int64], np.float32]:
    """Whole numbers of −127 .. 127 and their scale."""
    scale = np.abs(vector).max() / F(127)
    with np.errstate(all="ignore"):
        step = F(1) / scale
        whole = np.rint(vector * step) if np.isfinite(step) else np.zeros(len(vector))
    return np.clip(whole, -127, 127).astype(np.int64), scale


def nearness(
    codebooks: Codebooks, vector: NDArray[np.float32], prefix: int, metric: Metric
) -> NDArray[np.float32]:
    """How near each centroid is: the product, less half its square where distances count."""
    query, scale = cut(vector[:prefix])
    whole = codebooks.centroids[:, :prefix].astype(np.int64) - 128
    products = (whole @ query).astype(F) * (scale * codebooks.scales)
    if metric != Metric.EUCLIDEAN:
        return products
    squares = (centroids_of(codebooks, prefix).astype(np.float64) ** 2).sum(axis=1)
    return products - (squares / 2).astype(F)


def order(near: NDArray[np.float32]) -> list[int]:
    """Lists by level, nearest first, those of one level by number."""
    low, high = float(near.min()), float(near.max())
    step = (LEVELS - 1) / (high - low) if high > low else 0.0
    level = [int((high - float(one)) * step) for one in near]
    return sorted(range(len(near)), key=lambda i: (level[i], i))


def turned(codebooks: Codebooks, vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """A vector as it is coded (per_group, groups)."""
    _, per_group, groups = codebooks.codewords.shape
    out = np.zeros(per_group * groups, F)
    if not len(codebooks.rotation):
        out[: len(vector)] = vector
    else:
        for value, row in zip(vector, codebooks.rotation, strict=True):
            out += value * row
    return out.reshape(per_group, groups)


def codes(codebooks: Codebooks, vector: NDArray[np.float32]) -> list[int]:
    """The nearest codeword of each group, ties by lower code."""
    parts, found = turned(codebooks, vector), []
    for group in range(parts.shape[1]):
        distances = []
        for words in codebooks.codewords[:, :, group]:
            total = F(0)
            for a, b in zip(parts[:, group], words, strict=True):
                total += (a - b) * (a - b)
            distances.append(total)
        found.append(int(np.argmin(distances)))
    return found


def table(codebooks: Codebooks, vector: NDArray[np.float32], metric: Metric) -> NDArray[np.uint8]:
    """Whole numbers (groups, 16): how near each codeword is, in one step for all groups."""
    parts, words = turned(codebooks, vector), codebooks.codewords
    near = np.zeros((16, words.shape[2]), F)
    if metric == Metric.EUCLIDEAN:
        near = near - (np.einsum("ijk,ijk->ik", words, words, dtype=np.float64) / 2).astype(F)
    for i in range(words.shape[1]):
        near = near + parts[i] * words[:, i]
    lowest = near.min(axis=0)
    widest = (near.max(axis=0) - lowest).max()
    if not widest > F(1e-30):
        return np.zeros(near.T.shape, np.uint8)
    step = F(min(127, 65_534 // words.shape[2])) / widest
    return ((near - lowest) * step + F(0.5)).astype(np.uint8).T


def search(
    index, query: NDArray[np.float32], k: int, nprobe: int, rescored: int, mask=None
) -> list[tuple[int, np.float32]]:
    """Scan lists until enough are seen; score the best by their vectors."""
    arrays, values, metric = index.arrays(), index.vectors().values, index.settings.metric
    prefix = index.settings.prefix or values.shape[1]
    numbers = table(index.codebooks, query, metric)
    coded = {i: stored_codes(arrays, i) for i in range(len(arrays["offsets"]) - 1)}
    passing = np.ones(len(values), bool) if mask is None else mask
    wanted, seen, least = min(rescored, int(passing.sum())), 0, 0
    pool: list[tuple[int, int]] = []
    near = nearness(index.codebooks, query, prefix, metric)
    for place, number in enumerate(order(near)):
        if place >= nprobe and seen >= wanted:
            break
        start, stop = arrays["offsets"][number : number + 2]
        ordinals = arrays["ordinals"][start:stop]
        for block in range(0, len(ordinals), 32):
            for ordinal, own in zip(
                ordinals[block : block + 32], coded[number][block:], strict=False
            ):
                total = int(sum(int(numbers[g, c]) for g, c in enumerate(own)))
                if total >= least and passing[ordinal]:
                    pool.append((-total, int(ordinal)))
                    seen += 1
            if len(pool) > max(4 * rescored, 128) - 32:
                pool = sorted(pool)[:rescored]
                least = 1 - pool[-1][0]
    best = [ordinal for _, ordinal in sorted(pool)[:rescored]]
    hits = [(-exact_score(values[i], query, metric), i) for i in best]
    return [(i, -score) for score, i in sorted(hits)[:k]]


def stored_codes(arrays: dict[str, NDArray], number: int) -> NDArray[np.uint8]:
    """The codes (n, groups) of the documents of a list, out of its blocks."""
    groups = arrays["codewords"].shape[2]
    sizes = np.diff(arrays["offsets"])
    first = int((-(-sizes // 32))[:number].sum())
    n_blocks = -(-int(sizes[number]) // 32)
    blocks = arrays["codes"].reshape(-1, groups, 16)[first : first + n_blocks]
    both = np.concatenate([blocks & 15, blocks >> 4], axis=2)  # (n_blocks, groups, 32)
    return both.transpose(0, 2, 1).reshape(-1, groups)[: sizes[number]]
