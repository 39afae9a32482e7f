"""When adjacent segments are merged: their number grows with the logarithm of the corpus."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from retrieval.limits import MERGE_FANOUT, SEGMENT_BYTES_MAX


class Size(NamedTuple):
    """What decides whether a segment is merged."""

    payload_bytes: int
    n_live: int
    n_documents: int


def due(segments: Sequence[Size]) -> tuple[int, int] | None:
    """Return (start, stop) of the next run of adjacent segments to merge, None if all is well.

    A segment with more deleted than live documents is rewritten alone. Else, a segment's tier is
    the logarithm of its live documents to the base `MERGE_FANOUT`: once there are `MERGE_FANOUT`
    segments of one tier with none of a higher tier after the first of them, they and what lies
    between are merged. Runs too large to be merged in memory are left alone.
    """
    for start, size in enumerate(segments):
        if 0 < 2 * size.n_live < size.n_documents and size.payload_bytes <= SEGMENT_BYTES_MAX:
            return start, start + 1
    tiers = [int(math.log(max(size.n_live, 1), MERGE_FANOUT)) for size in segments]
    for start in range(len(segments) - MERGE_FANOUT + 1):
        if max(tiers[start:]) > tiers[start] or tiers[start:].count(tiers[start]) < MERGE_FANOUT:
            continue
        if sum(size.payload_bytes for size in segments[start:]) <= SEGMENT_BYTES_MAX:
            return start, len(segments)
    return None
