"""When adjacent segments are merged: their number grows with the logarithm of the corpus."""

from collections.abc import Sequence
from typing import NamedTuple

from retrieval.limits import MERGE_FANOUT, SEGMENT_BYTES_MAX

MERGE_BYTES_FREE = 2 * 2**20
"""Segments below this are of one tier: writing as much again costs less than a commit's syncs."""


class Size(NamedTuple):
    """What decides whether a segment is merged."""

    payload_bytes: int
    n_live: int
    n_documents: int


def due(segments: Sequence[Size]) -> tuple[int, int] | None:
    """Return (start, stop) of the next run of adjacent segments to merge, None if all is well.

    A segment with more deleted than live documents is rewritten alone. Else, a segment's tier is
    the logarithm of its live documents to the base `MERGE_FANOUT`, or 0 below `MERGE_BYTES_FREE`,
    and when all is well tiers never rise along the sequence and fewer than `MERGE_FANOUT` segments
    share one: their number grows with the logarithm of the corpus. A segment with a higher tier
    after it goes into the first of the highest; `MERGE_FANOUT` of one tier become one, with all the
    smaller ones behind them. Of a run too large to be merged in memory, the first stretch that fits
    is merged; so at the limit no two neighbours that are due fit into one.
    """
    for start, size in enumerate(segments):
        if 0 < 2 * size.n_live < size.n_documents and size.payload_bytes <= SEGMENT_BYTES_MAX:
            return start, start + 1
    tiers = [_tier(size) for size in segments]
    for start, tier in enumerate(tiers):
        following = tiers[start:]
        if tier < max(following):
            stop = start + following.index(max(following)) + 1
        elif following.count(tier) >= MERGE_FANOUT:
            stop = len(segments)
        else:
            continue
        if sum(size.payload_bytes for size in segments[start:stop]) <= SEGMENT_BYTES_MAX:
            return start, stop
        if fitting := _first_fitting(segments[start:stop]):
            return start + fitting[0], start + fitting[1]
    return None


def _first_fitting(run: Sequence[Size]) -> tuple[int, int] | None:
    """Return the first stretch of two or more segments that fits, as long as it can be."""
    for start in range(len(run) - 1):
        total, stop = run[start].payload_bytes, start + 1
        while stop < len(run) and total + run[stop].payload_bytes <= SEGMENT_BYTES_MAX:
            total, stop = total + run[stop].payload_bytes, stop + 1
        if stop - start > 1:
            return start, stop
    return None


def _tier(size: Size) -> int:
    tier, n_live = 0, size.n_live
    if size.payload_bytes * n_live < MERGE_BYTES_FREE * size.n_documents:
        return 0
    while n_live >= MERGE_FANOUT:
        tier, n_live = tier + 1, n_live // MERGE_FANOUT
    return tier
