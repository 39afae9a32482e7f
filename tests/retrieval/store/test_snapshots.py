"""An open snapshot never changes; a reader never waits, fails or mixes generations."""

import threading
from pathlib import Path
from typing import Any

import pytest
from faults import FaultFolder
from workload import WORKLOAD, Step, documents, opened, start, state

import retrieval as rt
from retrieval.errors import CorruptIndex
from retrieval.store import manifest as manifests
from retrieval.store.files import DiskFolder, Folder
from retrieval.store.snapshot import Snapshot
from retrieval.store.verification import verify


@pytest.fixture(params=["memory", "disk"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    made: Folder = FaultFolder() if request.param == "memory" else DiskFolder(tmp_path)
    start(made)
    return made


def take(collection: rt.Collection, step: Step) -> None:
    step.change(collection)
    step.commit(collection)


def test_readers_answer_alike_after_their_files_are_gone(folder: Folder) -> None:
    """Each reader opens at another generation and reads nothing until all is over."""
    writer, readers, states = opened(folder), [opened(folder)], [state(opened(folder))]
    for step in WORKLOAD:
        take(writer, step)
        readers.append(opened(folder))
        states.append(state(opened(folder)))
    take(writer, Step(documents([3], 5), compact=True))
    left = {file.name for file in manifests.read(folder).files()}
    for generation, (reader, expected) in enumerate(zip(readers, states, strict=True)):
        named = {file.name for file in reader.snapshot.manifest.files()}
        assert not named & left or generation == 0
        assert reader.generation == generation
        assert state(reader) == expected
        assert state(reader) == expected


def test_a_reader_moves_on_only_when_it_refreshes(folder: Folder) -> None:
    writer, reader = opened(folder), opened(folder)
    take(writer, WORKLOAD[0])
    assert len(reader) == 0
    assert reader.search("cat", system="bm25") == []
    reader.refresh()
    assert state(reader) == state(writer)


def test_results_outlive_their_generation(folder: Folder) -> None:
    writer = opened(folder)
    take(writer, WORKLOAD[0])
    hits = opened(folder).search("cat dog", system="dense")
    take(writer, Step(documents(range(4), 9), compact=True))
    assert [hit.document for hit in hits] == [
        one for hit in hits for one in documents(range(4)) if one.docno == hit.docno
    ]


def test_what_a_writer_has_not_committed_is_seen_by_nobody(folder: Folder) -> None:
    writer = opened(folder)
    take(writer, WORKLOAD[0])
    expected = state(writer)
    WORKLOAD[2].change(writer)
    writer.writer().flush()  # the segment is on disk, and no part of the collection
    assert state(writer) == expected
    assert state(opened(folder)) == expected
    writer.rollback()
    assert state(writer) == expected
    take(writer, Step())
    assert set(folder.names()) - {"lock"} == {
        manifests.NAME, *(file.name for file in manifests.read(folder).files())
    }  # fmt: skip


def test_a_missing_file_without_a_commit_is_damage() -> None:
    folder = FaultFolder()
    start(folder)
    take(opened(folder), WORKLOAD[0])
    folder.remove("00000001.documents")
    with pytest.raises(CorruptIndex, match=r"/fault/00000001.documents is missing: restore it"):
        Snapshot.open(folder)


def test_a_reader_that_loses_the_race_for_a_file_reads_the_manifest_again() -> None:
    folder = FaultFolder()
    start(folder)
    writer = opened(folder)
    take(writer, WORKLOAD[0])
    lost = []

    class Racing(FaultFolder):
        """A commit goes by between the manifest and the first file."""

        def map(self, name: str) -> Any:
            if len(lost) < 3:
                lost.append(name)
                take(writer, Step(documents([len(lost)], len(lost)), compact=True))
            return folder.map(name)

        def read(self, name: str, limit: int) -> bytes:
            return folder.read(name, limit)

    reader = opened(Racing())
    assert len(set(lost)) == 3
    assert state(reader) == state(writer)
    lost.clear()
    assert verify(Racing()).ok
    assert len(set(lost)) == 3


def test_what_an_earlier_snapshot_checked_is_not_read_again() -> None:
    folder = FaultFolder()
    start(folder)
    for step in WORKLOAD[:2]:
        take(opened(folder), step)
    first = Snapshot.open(folder)
    indexes = [segment.index("bm25") for segment in first.segments]
    take(opened(folder), Step(documents([8]), delete=["d2"]))
    folder.operations.clear()
    second = Snapshot.open(folder, first.segments)
    new = second.segments[2].entry.files.values()
    changed = second.segments[0].entry.tombstones
    assert changed is not None
    maps = [name for verb, name in folder.operations if verb == "map"]
    assert sorted(maps) == sorted([changed.name, *(file.name for file in new)])
    assert [segment.index("bm25") for segment in second.segments[:2]] == indexes
    assert second.segments[1] is first.segments[1]
    assert (len(first), first.find("d2")) == (6, 2)  # its tombstones are its own
    assert (len(second), second.find("d2")) == (6, -1)
    take(opened(folder), Step(compact=True, add_representation="extra"))
    third = Snapshot.open(folder, second.segments)
    assert not {id(segment) for segment in third.segments} & {id(s) for s in second.segments}
    assert third.segments[0].index("extra")


STEPS = [
    Step(documents([i % 9, (3 * i + 1) % 9], i), compact=i % 5 == 4,
         delete=[f"d{i % 9}"] if i % 4 == 3 else ())
    for i in range(32)
]  # fmt: skip


def test_readers_beside_a_writer_never_err_or_mix(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Some open anew each time, one refreshes, one verifies; each sees one whole generation."""
    rehearsal = FaultFolder()
    start(rehearsal)
    states = [state(opened(rehearsal))]
    for step in STEPS:
        collection = opened(rehearsal)
        take(collection, step)
        states.append(state(collection))

    folder = DiskFolder(tmp_path)
    start(folder)
    stop = threading.Event()
    problems: list[str] = []
    seen: list[int] = []

    def check(collection: rt.Collection) -> None:
        generation = collection.generation
        if state(collection) != states[generation]:
            problems.append(f"generation {generation} is mixed")
        seen.append(generation)

    def reopen() -> None:
        while not stop.is_set():
            check(opened(folder))

    def refresh() -> None:
        collection = opened(folder)
        while not stop.is_set():
            collection.refresh()
            check(collection)

    def examine() -> None:
        while not stop.is_set():
            problems.extend(verify(folder).problems)

    def guarded(work: Any) -> None:
        try:
            work()
        except Exception as error:
            problems.append(repr(error))

    readers = (reopen, reopen, refresh, examine)
    threads = [threading.Thread(target=guarded, args=(work,)) for work in readers]
    for thread in threads:
        thread.start()
    writer = opened(folder)
    for step in STEPS:
        take(writer, step)
    stop.set()
    for thread in threads:
        thread.join()
    request.node.user_properties.append(("reads", len(seen)))
    assert not problems
    assert len(set(seen)) > 5
    assert state(opened(folder)) == states[-1]
