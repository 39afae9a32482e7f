"""After any sequence of steps a collection answers as one built afresh from what is left."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from faults import SCALE
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import DiskMachine, Machine

import retrieval as rt
from retrieval.errors import RetrievalError
from retrieval.store.pending import Pending
from retrieval.store.segment import Segment
from retrieval.store.statistics import LiveStatistics
from retrieval.writer import Writer

N_RUNS, N_RULES = 100 * SCALE, 12 if SCALE == 1 else 20
"""Runs, and rules in each of them; a rule is a step after up to four changes."""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few documents make many segments, of several tiers."""
    monkeypatch.setattr("retrieval.writer.BUFFER_DOCUMENTS_DEFAULT", 6)
    monkeypatch.setattr("retrieval.store.merging.MERGE_BYTES_FREE", 0)


def run(machine: type[Machine], n_runs: int, **more: Any) -> None:
    asked = settings(max_examples=n_runs, stateful_step_count=N_RULES, **more)
    run_state_machine_as_test(machine, settings=asked)


@pytest.mark.parametrize(("machine", "n_runs"), [(Machine, N_RUNS), (DiskMachine, N_RUNS // 10)])
def test_any_sequence_equals_a_fresh_build(
    machine: type[Machine], n_runs: int, record_property: Callable[[str, object], None]
) -> None:
    machine.n_steps = 0
    run(machine, n_runs)
    record_property("state machine runs", n_runs)
    record_property("state machine steps", machine.n_steps)
    assert machine.n_steps > n_runs * N_RULES


# ---------------------------------------------------------------------- teeth: a bug each


def _deleted_documents_count(patch: pytest.MonkeyPatch) -> None:
    made = LiveStatistics.__init__

    def make(self: LiveStatistics, segments: Any, name: str) -> None:
        made(self, segments, name)
        self._deleted.clear()

    patch.setattr(LiveStatistics, "__init__", make)


def _merges_revive_the_dead(patch: pytest.MonkeyPatch) -> None:
    merge = Writer.merge

    def revive(self: Writer, start: int, stop: int) -> None:
        for pending in self.segments[start:stop]:
            pending.dead[:] = False
        merge(self, start, stop)

    patch.setattr(Writer, "merge", revive)


def _merges_change_the_order(patch: pytest.MonkeyPatch) -> None:
    merge = Writer.merge

    def turn(self: Writer, start: int, stop: int) -> None:
        self.segments[start:stop] = self.segments[start:stop][::-1]
        merge(self, start, stop)

    patch.setattr(Writer, "merge", turn)


def _buffered_documents_are_not_forgotten(patch: pytest.MonkeyPatch) -> None:
    forget = Writer.forget_sources

    def keep(self: Writer, kept: Any) -> int:
        buffered = dict(self.buffer)
        number = forget(self, kept)
        self.buffer = buffered
        return number

    patch.setattr(Writer, "forget_sources", keep)


def _deletions_in_old_segments_are_not_written(patch: pytest.MonkeyPatch) -> None:
    def kill(self: Pending, ordinals: Any) -> None:
        self.dead[ordinals] = True

    patch.setattr(Pending, "kill", kill)


def _rollback_keeps_what_is_pending(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rt.Collection, "rollback", rt.Collection.refresh)


def _filters_find_deleted_documents(patch: pytest.MonkeyPatch) -> None:
    allowed = Segment.allowed

    def passed(self: Segment, filter: Any) -> Any:
        if filter is None or self.live is None:
            return allowed(self, filter)
        return self._opened.passed(filter, self._columns())

    patch.setattr(Segment, "allowed", passed)


def _a_reader_sees_deletions_of_later_commits(patch: pytest.MonkeyPatch) -> None:
    """Segments that are known are taken over with the deletions they have."""
    patch.setattr(
        "retrieval.store.snapshot._opened",
        lambda folder, entry, known: known or Segment(folder, entry),
    )


def _surplus_passages_stay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("retrieval.collection.surplus", lambda find, counts: [])


def _a_representation_is_added_in_another_order(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("retrieval.writer._spread", lambda vectors, live, n: _padded(vectors, n))


def _padded(vectors: Any, n: int) -> Any:
    """Put the vectors of the live documents first, whichever those are."""
    rows = np.minimum(np.arange(n), len(vectors) - 1)
    return vectors.take(rows)


BUGS = [
    _deleted_documents_count,
    _merges_revive_the_dead,
    _merges_change_the_order,
    _buffered_documents_are_not_forgotten,
    _deletions_in_old_segments_are_not_written,
    _rollback_keeps_what_is_pending,
    _filters_find_deleted_documents,
    _a_reader_sees_deletions_of_later_commits,
    _surplus_passages_stay,
    _a_representation_is_added_in_another_order,
]


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_found(bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: Any) -> None:
    bug(monkeypatch)
    try:
        run(Machine, 4 * N_RUNS, phases=[Phase.generate], database=None, derandomize=True)
    except (AssertionError, RetrievalError):
        return
    pytest.fail("no step went wrong")
