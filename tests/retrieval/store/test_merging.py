"""Merging keeps few segments, only joins neighbours, and makes none that is too large."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.limits import MERGE_FANOUT, SEGMENT_BYTES_MAX
from retrieval.store.merging import MERGE_BYTES_FREE, Size, due

counts = st.integers(0, 12).flatmap(lambda power: st.integers(1, 2**power))
KIB = 1024


def whole(n: int, per_document: int = KIB) -> Size:
    return Size(n * per_document, n, n)


def settle(segments: list[Size]) -> int:
    """Merge until nothing is due; return how many documents were written to large segments."""
    written, rounds = 0, 0
    while run := due(segments):
        start, stop = run
        assert 0 <= start < stop <= len(segments)
        part = segments[start:stop]
        assert sum(size.payload_bytes for size in part) <= SEGMENT_BYTES_MAX
        n_live = sum(size.n_live for size in part)
        n_bytes = sum(size.payload_bytes * size.n_live // size.n_documents for size in part)
        segments[start:stop] = [Size(n_bytes, n_live, n_live)]
        written, rounds = written + n_live * (n_bytes >= MERGE_BYTES_FREE), rounds + 1
        assert rounds < 1000, "merging does not end"
    return written


def grown(counts: Sequence[int]) -> tuple[int, float, list[Size]]:
    """Return the most segments there ever were, copies per document, and the segments at last."""
    segments: list[Size] = []
    most = written = 0
    for count in counts:
        segments.append(whole(count))
        written += settle(segments)
        most = max(most, len(segments))
    assert sum(size.n_live for size in segments) == sum(counts)
    return most, written / sum(counts), segments


def most_allowed(n_documents: int) -> int:
    return (MERGE_FANOUT - 1) * (math.floor(math.log(n_documents, MERGE_FANOUT) + 1e-9) + 1)


@given(st.lists(counts, min_size=1, max_size=150))
def test_the_number_of_segments_is_logarithmic(appended: list[int]) -> None:
    most, copies, _ = grown(appended)
    assert most <= most_allowed(sum(appended))
    assert copies <= 2 * most_allowed(sum(appended)) / (MERGE_FANOUT - 1)


def nested(tier: int) -> list[int]:
    """Return appends that leave as many segments as small ones before large ones can."""
    if tier < 0:
        return []
    inner = nested(tier - 1)
    return [*inner, MERGE_FANOUT**tier] * 3 + inner


@pytest.mark.parametrize(
    "appended",
    [[1] * 3000, [1, 64] * 500, [64, 1] * 500, [1, 1, 1, 4096] * 200, nested(4),
     [2**i for i in range(20)], [2**i for i in reversed(range(20))]],
)  # fmt: skip
def test_no_order_of_appends_leaves_many_segments(appended: list[int]) -> None:
    most, copies, _ = grown(appended)
    assert most <= most_allowed(sum(appended))
    assert copies < math.log2(sum(appended))


@given(st.lists(st.tuples(counts, st.floats(0, 1)), max_size=20))
def test_a_segment_with_more_dead_than_alive_is_rewritten(parts: list[tuple[int, float]]) -> None:
    segments = [Size(n * KIB, int(n * alive), n) for n, alive in parts]
    settle(segments)
    assert all(2 * size.n_live >= size.n_documents or size.n_live == 0 for size in segments)


@given(st.lists(st.tuples(counts, st.sampled_from([KIB, 2**20, SEGMENT_BYTES_MAX])), max_size=30))
def test_what_is_too_large_is_left_alone(parts: list[tuple[int, int]]) -> None:
    segments = [whole(n, per_document) for n, per_document in parts]
    too_large = [size for size in segments if size.payload_bytes > SEGMENT_BYTES_MAX]
    settle(segments)
    assert [size for size in segments if size.payload_bytes > SEGMENT_BYTES_MAX] == too_large


@given(st.lists(st.integers(1, 64), min_size=4, max_size=300))
def test_small_segments_are_of_one_tier_whatever_their_number_of_documents(
    appended: list[int],
) -> None:
    """What a merge writes then is small, and fewer than the fanout are left."""
    segments: list[Size] = []
    for count in appended:
        segments.append(whole(count, 64))  # 19,200 documents at most: below the free size
        before = len(segments)
        settle(segments)
        assert len(segments) == before if before < MERGE_FANOUT else len(segments) == 1


@given(st.lists(st.tuples(counts, st.floats(0, 1)), max_size=60), st.integers(1, 2**15))
def test_deletions_in_any_tier_leave_a_logarithmic_number(
    parts: list[tuple[int, float]], per_document: int
) -> None:
    """Commits append a segment and delete of all of them; what is live counts, not what was."""
    segments: list[Size] = []
    for n, alive in parts:
        segments = [
            Size(size.payload_bytes, int(size.n_live * (1 - (1 - alive) / 4)), size.n_documents)
            for size in segments
        ]
        segments = [size for size in segments if size.n_live]
        segments.append(whole(n, per_document))
        settle(segments)
        fitting = [size for size in segments if size.payload_bytes <= SEGMENT_BYTES_MAX // 2]
        if len(fitting) == len(segments):
            assert len(segments) <= most_allowed(sum(size.n_live for size in segments))


def test_a_large_segment_before_small_ones_does_not_hinder_them() -> None:
    huge = Size(SEGMENT_BYTES_MAX, 10**6, 10**6)
    segments = [huge, *(whole(1) for _ in range(40))]
    settle(segments)
    assert segments[0] == huge
    assert len(segments) <= 1 + most_allowed(40)


def test_nothing_is_due_without_segments() -> None:
    assert due([]) is None
    assert due([whole(1)]) is None


def test_at_the_limit_no_two_small_neighbours_are_left():
    """A long index ends with many equal segments whose sum is over the limit."""
    step = SEGMENT_BYTES_MAX // 10
    segments = [Size(step, 100, 100) for _ in range(177)]
    while run := due(segments):
        start, stop = run
        merged = segments[start:stop]
        total = Size(*(sum(values) for values in zip(*merged, strict=True)))
        assert total.payload_bytes <= SEGMENT_BYTES_MAX
        segments[start:stop] = [total]
    assert len(segments) <= 177 // 10 + 4
