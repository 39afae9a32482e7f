"""Everything that a user can do to a collection and that can happen to it, beside a model.

After every commit the collection must answer as one built afresh from the documents of the model.
"""

import errno
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest
from afresh import (
    DOCNOS,
    NAMED,
    PLACES,
    QUERIES,
    SPECS,
    Look,
    State,
    answers,
    docnos,
    documents,
    empty,
    exact,
    listed,
    looks,
    overlap,
    representations,
    searched,
    systems,
    true_answers,
)
from faults import Fault, FaultFolder, Killed
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from kinds import ENCODERS, KINDS
from workload import opened

import retrieval as rt
from retrieval.errors import DuplicateDocument, InvalidInput, StorageFailed, UnknownName
from retrieval.passages import cut, surplus
from retrieval.store.files import DiskFolder, Folder

CHUNKINGS = (None, rt.Chunking("tokens", 2, 1))

ARGUMENTS: Mapping[str, st.SearchStrategy[Any]] = {
    "add": documents,
    "update": documents,
    **dict.fromkeys(PLACES, documents),
    "delete": docnos,
    "forget_sources": st.sets(st.sampled_from(PLACES), max_size=1),
    "configure": st.sampled_from([None, 1, 60]),
    "swap_representation": representations,
}
VERBS = [*ARGUMENTS, "add", "update", *PLACES, "delete"]  # what is done often is here twice
changes = st.lists(
    st.sampled_from(VERBS).flatmap(lambda verb: st.tuples(st.just(verb), ARGUMENTS[verb])),
    min_size=1,
    max_size=4,
)
"""What is done before a step: (verb, argument) each; a place for a verb: written from there."""


class Machine(RuleBasedStateMachine):
    """A collection in a folder that can fail, beside its model."""

    n_steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder: Folder = self.make_folder()
        self.readers: list[tuple[rt.Collection, State, Look, Any]] = []
        self.fresh: tuple[State, rt.Collection] | None = None

    def make_folder(self) -> Folder:
        return FaultFolder()

    @initialize(chunking=st.sampled_from(CHUNKINGS), some=st.lists(documents, max_size=5))
    def start(self, chunking: rt.Chunking | None, some: list[list[rt.Document]]) -> None:
        """Begin with what a few commits have left."""
        said = {"chunking": asdict(chunking)} if chunking else {}
        self.committed = self.pending = State({}, tuple(KINDS), said)
        empty(self.folder, self.committed)
        self.collection = opened(self.folder)
        for batch in some:
            self.update(batch)
            self.commit_all()

    # ------------------------------------------------------------------ changes

    def change(self, some: list[tuple[str, Any]]) -> None:
        for verb, argument in some:
            if verb in PLACES:
                self.put_from_source(argument, verb)
            else:
                getattr(self, verb)(argument)
            type(self).n_steps += 1

    def add(self, some: list[rt.Document]) -> None:
        known = [one.docno for one in some if one.docno in self.pending.documents]
        if known:
            with pytest.raises(DuplicateDocument, match=known[0]):
                self.collection.add(some)
            some = [one for one in some if one.docno not in known]
        self.collection.add(some)
        self.pending = self.pending.written(some)

    def update(self, some: list[rt.Document]) -> None:
        self.collection.update(some)
        self.pending = self.pending.written(some)

    def delete(self, some: list[str]) -> None:
        if unknown := [docno for docno in some if docno not in self.pending.documents]:
            with pytest.raises(UnknownName, match="nothing deleted"):
                self.collection.delete(some)
            some = [docno for docno in some if docno not in unknown]
        self.collection.delete(some)
        self.pending = self.pending.without(lambda docno, _: docno in some)

    def put_from_source(self, some: list[rt.Document], place: str) -> None:
        writer = self.collection.writer()
        passages = [passage for one in some for passage in cut(one, writer.chunking)]
        if writer.chunking is not None:
            writer.delete(surplus(writer.find, Counter(passage.parent for passage in passages)))
        writer.put(passages, source=writer.source(place))
        self.pending = self.pending.written(some, place)

    def forget_sources(self, kept: set[str]) -> None:
        self.collection.writer().forget_sources(kept)
        self.pending = self.pending.without(lambda _, place: bool(place) and place not in kept)
        left = tuple(place for place in self.pending.sources if place in kept)
        self.pending = replace(self.pending, sources=left)

    def configure(self, constant: int | None) -> None:
        """Define a system of two representations, or none, if both are there."""
        parts = list(KINDS)[:2]
        if set(parts) <= set(self.pending.representations):
            said = {k: v for k, v in self.pending.settings.items() if k != "systems"}
            if constant is not None:
                said["systems"] = {NAMED: {"fuse": parts, "constant": constant}}
            self.collection.writer().configure(said)
            self.pending = replace(self.pending, settings=said)

    def swap_representation(self, name: str) -> None:
        """Add it if it is missing, drop it if it is there, unless a system needs it."""
        there = self.pending.representations
        rest = tuple(one for one in there if one != name)
        needed = "systems" in self.pending.settings and name in list(KINDS)[:2]
        if name not in there:
            with pytest.raises(UnknownName):
                self.collection.drop_representation(name)
            self.collection.add_representation(name, SPECS[name])
            self.pending = replace(self.pending, representations=(*there, name))
        elif needed or not rest:
            with pytest.raises((UnknownName, InvalidInput)):
                self.collection.drop_representation(name)
        else:
            with pytest.raises(InvalidInput, match="drop it first"):
                self.collection.add_representation(name, SPECS[name])
            self.collection.drop_representation(name)
            self.pending = replace(self.pending, representations=rest)

    # ------------------------------------------------------------------ commits

    def commit_all(self, *, compact: bool = False) -> None:
        if compact:
            self.collection.compact()
        else:
            self.collection.commit()
        self.committed = self.pending

    @rule(before=changes, look=looks, compact=st.sampled_from([False, False, True]))
    def commit(self, before: list[tuple[str, Any]], look: Look, compact: bool) -> None:
        self.change(before)
        self.commit_all(compact=compact)
        self.check(self.collection, look)
        assert self.collection.verify().ok
        if compact:
            info = self.collection.info()
            assert (info["segments"], info["deleted"]) == (min(len(self.collection), 1), 0)

    @rule(
        before=changes,
        look=looks,
        how=st.sampled_from(["refresh", "rollback", "reopen", "verify"]),
    )
    def look_again(self, before: list[tuple[str, Any]], look: Look, how: str) -> None:
        self.change(before)
        if how == "refresh":
            self.collection.refresh()  # what is pending stays so
        elif how == "rollback":
            self.collection.rollback()
        else:
            self.collection.close()
            self.collection = opened(self.folder)
        if how == "verify":
            self.collection.verify().raise_problems()
        if how != "refresh":
            self.pending = self.committed
        self.check(self.collection, look)

    # ------------------------------------------------------------------ readers

    @precondition(lambda self: len(self.readers) < 2)
    @rule(look=looks)
    def read(self, look: Look) -> None:
        reader = opened(self.folder)
        self.check(reader, look)
        self.readers.append((reader, self.committed, look, answers(reader, look)))

    @precondition(lambda self: self.readers)
    @rule(look=looks, moves_on=st.booleans())
    def read_again(self, look: Look, moves_on: bool) -> None:
        reader, state, before, found = self.readers.pop(0)
        assert [reader[docno] for docno in reader] == state.stored()
        assert answers(reader, before) == found
        if moves_on:
            representations = self.committed.representations
            reader.use_encoders({name: ENCODERS[name] for name in representations})
            reader.refresh()
            self.check(reader, look)
            state, before, found = self.committed, look, answers(reader, look)
        self.readers.append((reader, state, before, found))

    # ------------------------------------------------------------------ failures

    def is_faulty(self) -> bool:
        return isinstance(self.folder, FaultFolder)

    @precondition(is_faulty)
    @rule(
        before=changes,
        look=looks,
        compact=st.booleans(),
        fault=st.builds(
            Fault.of,
            st.integers(0, 150),
            st.sampled_from([errno.EIO, errno.ENOSPC, errno.EMFILE]),
            late=st.booleans(),
            stays=st.booleans(),
        ),
    )
    def fail(self, before: list[tuple[str, Any]], look: Look, compact: bool, fault: Fault) -> None:
        """Let the disk fail so many operations into a commit."""
        assert isinstance(self.folder, FaultFolder)
        self.change(before)
        generation, failed = self.collection.generation, False
        self.folder.fault = replace(fault, at=len(self.folder.operations) + fault.at)
        try:
            self.commit_all(compact=compact)
        except StorageFailed:
            failed = True
        self.folder.fault = None
        self.collection.rollback()
        assert failed or self.committed == self.pending
        self.settle(generation, look)

    @precondition(is_faulty)
    @rule(
        before=changes,
        look=looks,
        compact=st.booleans(),
        after=st.none() | st.integers(0, 150),
        power=st.none() | st.integers(0, 99),
    )
    def crash(
        self,
        before: list[tuple[str, Any]],
        look: Look,
        compact: bool,
        after: int | None,
        power: int | None,
    ) -> None:
        """Kill the process, now or so many operations into a commit, and the power as well."""
        assert isinstance(self.folder, FaultFolder)
        self.change(before)
        generation = self.collection.generation
        if after is not None:
            self.folder.fault = Fault(len(self.folder.operations) + after, Killed())
            with suppress(Killed):
                self.commit_all(compact=compact)
                generation = self.collection.generation
        if power is None:
            self.folder = self.folder.survivor()
        else:
            *_, self.folder = self.folder.images(Random(power), 4, set())
        self.readers.clear()
        self.collection = opened(self.folder)
        self.settle(generation, look)

    def settle(self, before: int, look: Look) -> None:
        """Learn from the generation whether a commit that was interrupted has been made."""
        generation = self.collection.generation
        assert generation in (before, before + 1)
        if generation > before:
            self.committed = self.pending
            # Nobody was told of that commit: it is not durable before the next writer comes.
            self.collection.writer()
            self.collection.rollback()
        self.pending = self.committed
        self.check(self.collection, look)

    # ------------------------------------------------------------------ what must hold

    @invariant()
    def holds_what_was_committed(self) -> None:
        type(self).n_steps += 1
        stored = self.committed.stored()
        assert list(self.collection) == [one.docno for one in stored]
        assert len(self.collection) == len(stored)
        assert [d for d in DOCNOS if d in self.collection] == sorted(self.committed.documents)

    def check(self, collection: rt.Collection, look: Look) -> None:
        """Compare with a collection made in one go from the committed documents."""
        state = self.committed
        # Not !=, for which the order of the documents is nothing, and ties go by it.
        if self.fresh is None or self.fresh[0] is not state:
            self.fresh = (state, state.built())
        fresh = self.fresh[1]
        assert [collection[docno] for docno in collection] == state.stored()
        for docno, (document, _) in state.documents.items():
            chunking = collection.chunking
            assert collection.passages(docno) == cut(document, chunking)
        self.check_info(collection.info(), state)
        assert set(collection.representations) == set(state.representations)
        found, expected = answers(collection, look), answers(fresh, look)
        assert found.keys() == expected.keys()
        for system, lists in found.items():
            if exact(collection, system):
                assert lists == expected[system], system
            elif system in SPECS and look.filter is None and look.per == "passage":
                truth = true_answers(fresh, system, look.k)
                assert overlap(lists, truth) >= overlap(expected[system], truth), system
        if not look.vectors:
            system, number = systems(collection)[0], look.k % len(QUERIES)
            alone = searched(collection, QUERIES[number], system, look)
            assert listed(alone) == found[system][number]

    def check_info(self, info: Mapping[str, Any], state: State) -> None:
        assert info["documents"] == len(state.stored())
        assert info["sources"] == list(state.sources)
        assert set(info["representations"]) == set(state.representations)


class DiskMachine(Machine):
    """The same on a disk, without failures."""

    n_steps = 0

    def make_folder(self) -> Folder:
        self.root = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        return DiskFolder(self.root)

    def teardown(self) -> None:
        if hasattr(self, "collection"):
            self.collection.close()
        shutil.rmtree(self.root)
