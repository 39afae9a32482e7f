"""An error at any operation is typed, costs no commit, and leaves a collection that goes on."""

import errno
from random import Random
from typing import Any

import pytest
from faults import SCALE, Fault, FaultFolder
from kinds import KINDS
from workload import WORKLOAD, Step, document, documents, expected_documents, opened, start, state

from retrieval.document import Document
from retrieval.errors import StorageFailed
from retrieval.limits import BUFFER_BYTES_DEFAULT
from retrieval.store import manifest as manifests

STEPS = (
    *WORKLOAD[:4],
    Step(documents([7]), delete=["d0", "d3", "d4"]),
    Step(documents([9], 1), drop_representation="extra"),
    Step(compact=True),
    Step(delete=["d1", "d5", "d6", "d7", "d9"]),
)
BEFORE = {
    "create": (errno.EMFILE, errno.EIO),
    "write": (errno.ENOSPC,),
    "sync file": (errno.EIO,),
    "close": (errno.EIO,),
    "replace": (errno.ENOSPC,),
    "remove": (errno.EIO,),
    "sync": (errno.EIO,),
    "names": (errno.EMFILE,),
    "read": (errno.EIO,),
    "map": (errno.EMFILE,),
    "lock": (errno.EACCES,),
}
LATE = {"write": errno.ENOSPC, "sync file": errno.EIO, "replace": errno.EIO, "sync": errno.EIO}


def faults(operations: list[tuple[str, str]], *, every: int) -> list[Fault]:
    """Return the faults to try: one or more per operation, but only for one in `every` writes."""
    made = []
    for at, (verb, _) in enumerate(operations):
        if verb == "write" and at % every:
            continue
        made += [Fault.of(at, code) for code in BEFORE[verb]]
        if verb in LATE and (verb != "write" or at % 8 == 0):
            made.append(Fault.of(at, LATE[verb], late=True))
        if verb == "create":
            made.append(Fault.of(at, errno.ENOSPC, stays=True))
    return made


class Outcome:
    """One step with one fault: what was raised, and what was there afterwards."""

    def __init__(self, files: dict[str, bytes], step: Step, fault: Fault | None) -> None:
        self.folder, self.step = FaultFolder(files), step
        self.folder.fault = fault
        self.what = ""
        self.collection: Any = None
        self.error: BaseException | None = None
        try:
            self.collection = opened(self.folder)
            step.change(self.collection)
            step.commit(self.collection)
        except StorageFailed as error:
            self.error = error
        if fault is not None:
            self.what = f"{fault} at {self.folder.operations[fault.at]}"
        self.folder.fault = None

    def go_on(self, generation: int) -> dict[str, Any]:
        """Go on with the same collection as a user would: again, unless the commit was made.

        If it was, and something failed later, another commit makes sure that it is durable.
        """
        if self.collection is None:
            self.collection = opened(self.folder)
        self.collection.rollback()
        if self.collection.generation == generation:
            self.step.change(self.collection)
            self.step.commit(self.collection)
        elif self.error is not None:
            Step().commit(self.collection)
        return state(self.collection)


def check(outcome: Outcome, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Check that disk and memory hold the step wholly or not at all, and that it can be repeated.

    before, after  states around the step, with their generations
    """
    both = {there["generation"]: there["state"] for there in (before, after)}
    committed = after["generation"]
    for image in outcome.folder.images(Random(0), 2, set()):
        collection = opened(image)
        assert state(collection) == both[collection.generation], outcome.what
    if outcome.error is None:  # only what follows a commit may fail in silence
        assert outcome.collection.generation == committed, outcome.what
    elif outcome.collection is not None:
        assert outcome.collection.generation in both, outcome.what
    assert outcome.go_on(before["generation"]) == after["state"], outcome.what
    for image in outcome.folder.images(Random(0), 1, set()):
        assert state(opened(image)) == after["state"], outcome.what
    named = {file.name for file in manifests.read(outcome.folder).files()}
    assert named <= set(outcome.folder.live), outcome.what


def test_an_error_at_any_operation_is_typed_and_costs_nothing(
    request: pytest.FixtureRequest,
) -> None:
    folder = FaultFolder()
    start(folder)
    n_faults = n_raised = 0
    for generation, step in enumerate(STEPS):
        files = folder.contents()
        before = {"generation": generation, "state": state(opened(folder))}
        rehearsal = Outcome(files, step, None)
        folder = rehearsal.folder
        after = {"generation": generation + 1, "state": state(rehearsal.collection)}
        for fault in faults(folder.operations, every=1 if generation == 0 or SCALE > 1 else 6):
            outcome = Outcome(files, step, fault)
            check(outcome, before, after)
            n_faults += 1
            n_raised += outcome.error is not None
    request.node.user_properties += [("faults", n_faults), ("raised", n_raised)]
    assert n_faults > 900
    assert n_raised > 0.9 * n_faults


def test_documents_taken_before_an_error_are_not_lost() -> None:
    """A full buffer is written out by `put`; if that fails, a later commit still has them all.

    Also the ones behind the document that filled the buffer, which are deleted in old segments.
    """
    folder = FaultFolder()
    start(folder)
    collection = opened(folder)
    WORKLOAD[0].change(collection)
    collection.commit()
    changed = [document(1, 2), Document("large", "x" * BUFFER_BYTES_DEFAULT), document(2, 2)]
    collection.writer()
    folder.fault = Fault.of(len(folder.operations), errno.ENOSPC)
    with pytest.raises(StorageFailed, match="free some space"):
        collection.writer().put(changed)
    folder.fault = None
    collection.commit()
    expected = expected_documents([WORKLOAD[0], Step(changed)])
    assert [collection[docno] for docno in collection] == expected


def test_a_representation_that_could_not_be_added_is_not_half_there() -> None:
    """Without a rollback: the changes before and after it can be committed."""
    base = FaultFolder()
    start(base)
    for step in WORKLOAD[:3]:
        collection = opened(base)
        step.change(collection)
        step.commit(collection)
    assert len(opened(base).snapshot.segments) > 1
    before, number = expected_documents(WORKLOAD[:3]), 0
    while True:
        folder = FaultFolder(base.contents())
        collection = opened(folder)
        collection.writer()
        folder.fault = Fault.of(len(folder.operations) + number, errno.EIO)
        try:
            WORKLOAD[3].change(collection)
        except StorageFailed:
            folder.fault = None
        else:
            break
        collection.update([document(9)])
        collection.commit()
        again = opened(folder)
        assert again.representations == tuple(KINDS)
        there = [*before, *([document(6)] if "d6" in again else []), document(9)]
        assert state(again)["documents"] == there
        assert again.verify().ok
        number += 3
    assert number > 30
