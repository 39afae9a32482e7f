"""Champion lists: the heaviest postings of every list, for a first pass.

Learned sparse vectors give most of their weight to few terms, and most of a score comes from few
postings; the rest of a long list only tells apart documents that are candidates anyway, and those
are scored by their vectors (static pruning as in Seismic, Bruch et al., SIGIR 2024, §5.1; champion
lists in Manning et al., "Introduction to Information Retrieval", §7.1.3). Lists are in the order
of the index like all others, so that the same traversal reads them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.inverted.postings import LISTS, Postings
from indexes.jit import kernel
from indexes.validate import frozen

CHAMPIONS_MIN = 1024
"""Postings of a list that are kept, however few the documents."""

PREFIX = "champions."


def of(postings: Postings, share: float) -> Postings:
    """Return the heaviest postings of each list: `share` of the documents, or 1,024 if more.

    Of equal weights the first documents are kept. O(postings).
    """
    most = max(CHAMPIONS_MIN, int(share * len(postings.lengths)))
    kept = int(np.minimum(postings.counts(), most).sum())
    runs = np.zeros(len(postings.runs), np.int64)
    windows = np.empty(len(postings.windows), np.uint16)
    starts = np.zeros(len(postings.starts), postings.starts.dtype)
    docs, weights = np.empty(kept, np.uint16), np.empty(kept, postings.weights.dtype)
    _keep(postings, most, runs, windows, starts, docs, weights)
    windows, starts = windows[: runs[-1]].copy(), starts[: runs[-1] + 1].copy()
    lists: list[NDArray[Any]] = [runs, windows, starts, docs, weights, postings.lengths]
    return Postings(*map(frozen, lists))


def arrays(champions: Postings | None) -> dict[str, NDArray[Any]]:
    """Return what has to be stored of champion lists."""
    if champions is None:
        return {}
    named = champions._asdict()
    return {PREFIX + name: named[name] for name in LISTS}


def from_arrays(postings: Postings, arrays: Mapping[str, NDArray[Any]]) -> Postings | None:
    """Return stored champion lists, None where there are none, or raise `CorruptIndex`."""
    if not any(name.startswith(PREFIX) for name in arrays):
        return None
    return postings.part_from_arrays(arrays, PREFIX)


@kernel
def _keep(
    postings: Any, most: int, runs: Any, windows: Any, starts: Any, docs: Any, weights: Any
) -> None:
    """Copy the heaviest postings of each list.

    postings  see `Postings`
    runs, windows, starts, docs, weights  those of a `Postings`, with room for all; written
    """
    run, place = np.int64(0), np.int64(0)
    for term in range(len(runs) - 1):
        first, stop = postings.runs[term], postings.runs[term + 1]
        low, high = np.int64(postings.starts[first]), np.int64(postings.starts[stop])
        cut, ties = _cut(postings.weights[low:high], most)
        for source in range(first, stop):
            windows[run], starts[run] = postings.windows[source], place
            for i in range(postings.starts[source], postings.starts[source + 1]):
                weight = postings.weights[i]
                if weight > cut or (weight == cut and ties > 0):
                    ties -= weight == cut
                    docs[place], weights[place] = postings.docs[i], weight
                    place += 1
            run += place > np.int64(starts[run])  # a run that keeps nothing is written over
        runs[term + 1] = run
    starts[run] = place


@kernel
def _cut(weights: Any, most: int) -> Any:
    """Return the lightest weight that is kept, and how many postings of that weight."""
    if len(weights) <= most:
        return np.float32(0.0), np.int64(len(weights))
    values = weights.astype(np.float32)
    cut = np.partition(values, len(values) - most)[len(values) - most]
    heavier = np.int64(0)
    for value in values:
        heavier += value > cut
    return cut, most - heavier
