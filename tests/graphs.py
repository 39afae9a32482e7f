"""The slow, obvious twins of the kernels of a graph index."""

import numpy as np
from numpy.typing import NDArray


def diverse(own: int, candidates: list[int], distances: NDArray[np.int64], most: int) -> list[int]:
    """Keep candidates, the nearest first, that are nearer to `own` than to any kept before."""
    kept: list[int] = []
    for one in sorted(candidates, key=lambda one: (distances[own, one], one)):
        if len(kept) < most and all(distances[one, two] > distances[own, one] for two in kept):
            kept.append(one)
    return kept


def reachable(links: NDArray[np.int32], entry: int) -> set[int]:
    """Return what can be reached from `entry`."""
    found, waiting = {entry}, [entry]
    while waiting:
        for other in links[waiting.pop()].tolist():
            if other >= 0 and other not in found:
                found.add(other)
                waiting.append(other)
    return found


def walk(
    links: NDArray[np.int32],
    begin: list[int],
    scores: NDArray[np.float32],
    ef: int,
    passing: NDArray[np.bool_] | None = None,
) -> list[int]:
    """Return the best `ef` documents met by expanding the best one that is not, until all are.

    Where only some pass, neighbours that do not are walked through to theirs that do; where more
    pass than twice the degree, those met first count.
    """

    def met(document: int) -> list[int]:
        own = [other for other in links[document].tolist() if other >= 0]
        if passing is None:
            fresh = [other for other in own if other not in seen]
            seen.update(fresh)
            return fresh
        fresh = []
        for near in own:
            if near in seen:
                continue
            seen.add(near)
            if passing[near]:
                fresh.append(near)
                continue
            for other in links[near].tolist():
                if other < 0 or len(fresh) >= 2 * links.shape[1]:
                    break
                if passing[other] and other not in seen:
                    seen.add(other)
                    fresh.append(other)
        return fresh

    def key(document: int) -> tuple[float, int]:
        return -float(scores[document]), document

    seen = set(begin)
    pool = sorted(begin, key=key)[:ef]
    expanded: set[int] = set()
    while waiting := [document for document in pool if document not in expanded]:
        expanded.add(waiting[0])
        pool = sorted({*pool, *met(waiting[0])}, key=key)[:ef]
    return pool
