"""Sweeps over the life of a collection: power lost, writers killed, errors, at every operation.

Each stops at the first problem it finds, and says how many cases it has looked at.
"""

import errno
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any

from faults import Fault, FaultFolder, Killed
from kinds import ENCODERS
from workload import WORKLOAD, Step, documents, life, opened, start, state

from retrieval.errors import StorageFailed
from retrieval.store import manifest as manifests

FOREIGN = {"notes.txt": b"mine", "00000001.documents.bak": b"mine too"}
"""Files that somebody else has put into the folder: they stay."""


@dataclass(slots=True)
class Found:
    """How many cases were looked at, and what was wrong with the last one; "": nothing."""

    n: int = 0
    problem: str = ""
    n_reads: int = 0
    n_raised: int = 0


class Watch:
    """Looks at crash images and through the eyes of readers after every operation of a writer.

    An image is opened in any case; it is searched only if a file it names has not been searched
    yet with these very bytes, for nothing else is read.
    """

    def __init__(
        self, folder: FaultFolder, *, often: int, writes: int, searched: dict[int, Any]
    ) -> None:
        self.folder, self.found = folder, Found()
        self._random = Random(len(folder.operations) + len(folder.live))
        self._often, self._writes, self._searched = often, writes, searched
        self.allowed: dict[int, dict[str, Any]] = {}
        """Generations an image may show, and their states."""
        self._readers: list[tuple[Any, dict[str, Any]]] = []
        """Collections that opened at a generation, and never refresh."""
        self._following = opened(folder)
        self._following.use_encoders(ENCODERS)
        self._last = -1
        self._seen: set[Any] = set()
        folder.after = self.look

    def acknowledge(self, generation: int, there: dict[str, Any]) -> None:
        """Take note that a commit has returned: nothing else may be there any more."""
        self.allowed, self._last = {generation: there}, generation
        self._readers.append((opened(self.folder), there))
        self.look("end")

    def look(self, verb: str) -> None:
        """Look at everything; in the middle of a file there is less to choose from."""
        if self.found.problem:
            return
        n = self._writes if verb == "write" else self._often
        for image in self.folder.images(self._random, n, self._seen):
            self.found.n += 1
            if self._note(self._wrong(image, self.allowed), "an image"):
                return
        if verb == "replace":
            self._last = max(self.allowed)
        if verb != "write" and self._last >= 0:
            self._read(verb)

    def _read(self, verb: str) -> None:
        """A reader that opens now sees the last commit; those that are open see theirs."""
        self.found.n_reads += 1
        now = {self._last: self.allowed[self._last]}
        if self._note(self._wrong(self.folder.seen(), now), "a new reader"):
            return
        if verb in ("replace", "remove", "sync"):
            self._following.refresh()
            if state(self._following) != now[self._last]:
                self._note("mixed", "a reader that refreshes")
        if verb in ("replace", "end"):
            for reader, there in self._readers:
                self.found.n_reads += 1
                if state(reader) != there:
                    self._note("changed", f"a reader at generation {reader.generation}")

    def _note(self, problem: str, who: str) -> str:
        if problem:
            self.found.problem = f"{who}: {problem} after {self.folder.operations[-1]}"
        return problem

    def _wrong(self, folder: FaultFolder, allowed: dict[int, dict[str, Any]]) -> str:
        try:
            collection = opened(folder)
            if collection.generation not in allowed:
                return f"generation {collection.generation}, not of {sorted(allowed)}"
            there = searched_once(folder, collection, self._searched)
        except Exception as error:
            return f"unreadable, {error!r}"
        return "" if there == allowed[collection.generation] else "mixed"


def searched_once(folder: FaultFolder, collection: Any, known: dict[int, Any]) -> dict[str, Any]:
    """Return what a collection answers; what depends on the very same bytes is `known`."""
    named = [manifests.NAME, *(file.name for file in collection.snapshot.manifest.files())]
    content = hash(tuple(bytes(folder.live[name].data) for name in named))
    if content not in known:
        known[content] = state(collection)
        assert {verb for verb, _ in folder.operations} <= {"read", "map"}
        assert {name for _, name in folder.operations} <= set(named)
    there: dict[str, Any] = known[content]
    return there


def take(collection: Any, step: Step) -> None:
    step.change(collection)
    step.commit(collection)


# ---------------------------------------------------------------------- losses of power


def crashes(numbers: Iterable[int], *, often: int, writes: int) -> Found:
    """Take some neighbouring steps of the workload, looking after each operation."""
    (files, states), searched = life(), dict[int, Any]()
    first, *_ = numbers = list(numbers)
    folder = FaultFolder({**files[first], **FOREIGN})
    watch = Watch(folder, often=often, writes=writes, searched=searched)
    try:
        collection = opened(folder)
        watch.acknowledge(first, states[first])
        for number in numbers:
            WORKLOAD[number].change(collection)
            watch.allowed[number + 1] = states[number + 1]
            WORKLOAD[number].commit(collection)
            watch.acknowledge(number + 1, states[number + 1])
            if watch.found.problem:
                break
    except Exception as error:
        watch.found.problem = watch.found.problem or f"the writer raised {error!r}"
    watch.found.problem = watch.found.problem or _litter(folder)
    return watch.found


def _litter(folder: FaultFolder) -> str:
    """Say which files should not be there after a commit, or should be."""
    named = {file.name for file in manifests.read(folder).files()}
    there = {name for name in folder.live if name not in FOREIGN}
    if not folder.contents().items() >= FOREIGN.items():
        return "a file of somebody else was touched"
    return "" if there == {*named, manifests.NAME} else f"left: {there ^ {*named, manifests.NAME}}"


# ---------------------------------------------------------------------- kills

KILLED = replace(WORKLOAD[2], compact=True)
"""Afterwards none of the files is needed that there were before."""


@cache
def killed_operations() -> tuple[tuple[str, str], ...]:
    folder = FaultFolder(life()[0][2])
    take(opened(folder), KILLED)
    return tuple(folder.operations)


def kills(numbers: Iterable[int], *, often: int) -> Found:
    """Kill a writer at some operations, let another one commit, and take its power."""
    found, searched = Found(), dict[int, Any]()
    for number in numbers:
        folder = FaultFolder({**life()[0][2], **FOREIGN})
        folder.fault = Fault(number, Killed(), late=True)
        with suppress(Killed):
            take(opened(folder), KILLED)
        if not folder.dead:
            continue
        looked = _second(folder.survivor(), often, searched)
        found.n, found.n_reads = found.n + looked.n, found.n_reads + looked.n_reads
        if looked.problem:
            found.problem = f"{looked.problem}, killed at {folder.operations[-1]}"
            break
    return found


def _second(folder: FaultFolder, often: int, searched: dict[int, Any]) -> Found:
    states, step = life()[1], Step(documents([3], 7))
    watch = Watch(folder, often=often, writes=often // 4, searched=searched)
    # The killed process was told of no third commit: both are right until the next one is.
    watch.allowed = {2: states[2], 3: states[3]}
    try:
        collection, copy = opened(folder), opened(FaultFolder(folder.contents()))
        take(copy, step)
        watch.look("start")
        collection.writer()
        assert not (left := _litter(folder)), left
        step.change(collection)
        watch.allowed[copy.generation] = state(copy)
        step.commit(collection)
        watch.acknowledge(copy.generation, state(copy))
    except Exception as error:
        watch.found.problem = watch.found.problem or f"the next writer raised {error!r}"
    watch.found.problem = watch.found.problem or _litter(folder)
    return watch.found


def half_made(*, images: int) -> Found:
    """Kill who makes a collection at every operation; it can be made again, by whoever is next."""
    found, at = Found(), 0
    while not found.problem:
        folder = FaultFolder()
        folder.fault = Fault(at, Killed(), late=True)
        with suppress(Killed):
            start(folder)
        if not folder.dead:
            break
        killed = folder.survivor()
        for left in (killed.seen(), *killed.images(Random(at), images, set())):
            found.n += 1
            try:
                start(left)
                opened(left).writer()
            except Exception as error:
                found.problem = f"{error!r} after {folder.operations[-1]}"
        at += 1
    return found


# ---------------------------------------------------------------------- errors

FAULTY = (
    *WORKLOAD[:4],
    Step(documents([7]), delete=["d0", "d3", "d4"]),
    Step(documents([9], 1), drop_representation="extra"),
    Step(compact=True),
    Step(delete=["d1", "d5", "d6", "d7", "d9"]),
)
"""A shorter life, for its operations are all made to fail."""

ERRORS = {
    "create": (errno.EMFILE, errno.ENOSPC, errno.EIO),
    "write": (errno.ENOSPC, errno.EIO),
    "sync file": (errno.EIO, errno.ENOSPC),
    "close": (errno.EIO,),
    "replace": (errno.ENOSPC, errno.EIO, errno.EINTR),
    "remove": (errno.EIO, errno.EINTR),
    "sync": (errno.EIO, errno.EMFILE, errno.ENOSPC),
    "names": (errno.EMFILE, errno.EIO, errno.EINTR),
    "read": (errno.EMFILE, errno.EIO),
    "map": (errno.EMFILE, errno.EIO, errno.EINTR),
    "lock": (errno.EACCES, errno.ENOSPC, errno.EMFILE),
}
"""What can go wrong with each; Python itself tries again after EINTR where it is not listed."""

LATE = {
    "write": (errno.ENOSPC, errno.EIO),  # a short write: half of it is there
    "sync file": (errno.EIO,),
    "replace": (errno.EIO,),
    "sync": (errno.EIO,),
}
"""Errors after it took place all the same."""


def possible(operations: Iterable[tuple[str, str]]) -> list[Fault]:
    """Return everything that can go wrong in some operations, each thing once."""
    made = []
    for at, (verb, _) in enumerate(operations):
        made += [Fault.of(at, code) for code in ERRORS[verb]]
        made += [Fault.of(at, code, late=True) for code in LATE.get(verb, ())]
        made.append(Fault(at, KeyboardInterrupt(), late=at % 2 == 1))
        if verb == "create":
            made.append(Fault.of(at, errno.ENOSPC, stays=True))
    return made


def chosen(operations: list[tuple[str, str]], every: int) -> list[Fault]:
    """Return what can go wrong in one in `every` writes and maps, and more of the rest.

    All that can go wrong where names or the manifest reach the disk.
    """
    some = max(1, every // 8)
    return [
        fault
        for number, fault in enumerate(possible(operations))
        if number % (every if operations[fault.at][0] in ("write", "map") else some) == 0
        or operations[fault.at][0] in ("replace", "sync", "lock", "names")
        or operations[fault.at] == ("sync file", f"{manifests.NAME}.new")
    ]


class Outcome:
    """One step with one fault: what was raised, and what was there afterwards."""

    def __init__(self, files: dict[str, bytes], step: Step, fault: Fault | None) -> None:
        self.folder, self.step = FaultFolder({**files, **FOREIGN}), step
        self.folder.fault = fault
        self.collection: Any = None
        self.error: BaseException | None = None
        try:
            self.collection = opened(self.folder)
            step.change(self.collection)
            step.commit(self.collection)
        except (StorageFailed, KeyboardInterrupt) as error:
            self.error = error
        self.folder.fault = None

    def go_on(self, generation: int) -> dict[str, Any]:
        """Go on with the same collection as a user would: again, unless the commit was made.

        If it was, and something failed later, another commit makes sure that it is durable.
        """
        if self.collection is None:
            self.collection = opened(self.folder)
        self.collection.rollback()
        if self.collection.generation == generation:
            take(self.collection, self.step)
        elif self.error is not None:
            Step().commit(self.collection)
        return state(self.collection)


def faults(numbers: Iterable[int], *, every: int) -> Found:
    """Take some steps of the shorter life, each again and again with another fault."""
    found, searched = Found(), dict[int, Any]()
    for number, (files, before, after) in enumerate(faulty_life()):
        if number not in numbers:
            continue
        rehearsal = Outcome(files, FAULTY[number], None)
        for fault in chosen(rehearsal.folder.operations, every):
            found.n += 1
            try:
                outcome = Outcome(files, FAULTY[number], fault)
                found.n_raised += outcome.error is not None
                _check(outcome, {number: before, number + 1: after}, searched)
            except Exception as error:
                at = rehearsal.folder.operations[fault.at]
                found.problem = f"{error!r}: {fault} at {at} of step {number}"
                return found
    return found


@cache
def faulty_life() -> list[tuple[dict[str, bytes], dict[str, Any], dict[str, Any]]]:
    """Return the files before each step of the shorter life, and the states around it."""
    folder, lived = FaultFolder(life()[0][0]), []
    for step in FAULTY:
        files, before = folder.contents(), state(opened(folder))
        take(opened(folder), step)
        lived.append((files, before, state(opened(folder))))
    return lived


def _check(outcome: Outcome, both: dict[int, dict[str, Any]], searched: dict[int, Any]) -> None:
    """Check that disk and memory hold a step wholly or not at all, and that it can be repeated."""
    before, after = sorted(both)
    for image in outcome.folder.images(Random(0), 3, set()):
        collection = opened(image)
        there = searched_once(image, collection, searched)
        assert there == both[collection.generation], "mixed"
    if outcome.error is None:  # only what follows a commit may fail in silence
        assert outcome.collection.generation == after, "failed without a word"
    elif outcome.collection is not None:
        there = both[outcome.collection.generation]
        assert state(outcome.collection) == there, "mixed in memory"
    assert outcome.go_on(before) == both[after], "cannot go on"
    for image in outcome.folder.images(Random(0), 1, set()):
        assert searched_once(image, opened(image), searched) == both[after], "not durable"
    assert not outcome.folder.retried, f"used after a failed sync: {outcome.folder.retried}"
    named = {file.name for file in manifests.read(outcome.folder).files()}
    assert named <= set(outcome.folder.live), "files are missing"
    assert outcome.folder.contents().items() >= FOREIGN.items(), "touched a file of somebody else"
