"""An error at any operation is typed, costs no commit, and leaves a collection that goes on."""

import errno
import os
from pathlib import Path
from random import Random

import numpy as np
import pytest
import sweeps
from faults import SCALE, Fault, FaultFolder
from kinds import KINDS
from sweeps import FAULTY
from workload import WORKLOAD, Step, document, documents, expected_documents, opened, start, state

from retrieval.document import Document
from retrieval.errors import StorageFailed
from retrieval.limits import BUFFER_BYTES_DEFAULT
from retrieval.store.files import DiskFolder

FAULTS = 500 * min(SCALE, 4)
"""There are some four thousand in all."""


@pytest.mark.parametrize("number", range(len(FAULTY)))
def test_an_error_at_any_operation_is_typed_and_costs_nothing(
    number: int, request: pytest.FixtureRequest
) -> None:
    """Every operation fails in every way that it can, a part of them chosen evenly."""
    found = sweeps.faults([number], every=max(1, 40 // SCALE))
    request.node.user_properties += [("faults", found.n), ("faults raised", found.n_raised)]
    assert found.problem == ""
    assert found.n >= 30
    assert found.n_raised > 0.6 * found.n


def test_there_are_enough_faults_of_every_kind() -> None:
    codes, verbs, n_faults = set(), set(), 0
    for number, (files, _, _) in enumerate(sweeps.faulty_life()):
        operations = sweeps.Outcome(files, FAULTY[number], None).folder.operations
        for fault in sweeps.chosen(operations, max(1, 40 // SCALE)):
            short = fault.late and operations[fault.at][0] == "write"
            codes.add("short write" if short else getattr(fault.error, "errno", "interrupted"))
            verbs.add(operations[fault.at][0])
            n_faults += 1
    assert codes >= {errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EINTR, "short write"}
    assert verbs == set(sweeps.ERRORS)
    assert n_faults >= FAULTS


# ---------------------------------------------------------------------- a sync that failed


def test_what_could_not_be_synced_is_not_tried_again() -> None:
    """Neither that file nor its name is used again: its content may be gone with the error."""
    n_failed = 0
    for number, (files, before, _) in enumerate(sweeps.faulty_life()):
        operations = sweeps.Outcome(files, FAULTY[number], None).folder.operations
        for at in [i for i, (verb, _) in enumerate(operations) if verb == "sync file"]:
            folder = FaultFolder(files)
            folder.fault = Fault.of(at, errno.EIO)
            collection = opened(folder)
            with pytest.raises(StorageFailed, match="Nothing committed is lost"):
                sweeps.take(collection, FAULTY[number])
            collection.close()
            n_failed += 1
            name = operations[at][1]
            assert folder.operations[at] == ("sync file", name)
            later = [verb for verb, one in folder.operations[at + 1 :] if one == name]
            assert set(later) <= {"close", "remove"}
            assert not folder.retried
            assert state(collection) == state(opened(folder)) == before
    assert n_failed > 60


def test_the_folder_notices_a_sync_that_is_tried_again() -> None:
    folder = FaultFolder()
    file = folder.create("a")
    file.write(b"x")
    folder.fault = Fault.of(len(folder.operations), errno.EIO)
    with pytest.raises(OSError, match="EIO"):
        file.sync()
    file.sync()
    assert folder.retried == ["a"]
    folder.sync()
    for image in folder.images(Random(0), 1, set()):
        assert image.contents() == {"a": b""}
    folder.replace("a", "b")
    assert folder.retried == ["a", "a"]


def test_a_commit_whose_names_could_not_be_synced_has_failed() -> None:
    """Whichever sync of the folder it is; the one before it or this one is there afterwards."""
    for number, (files, before, after) in enumerate(sweeps.faulty_life()):
        operations = sweeps.Outcome(files, FAULTY[number], None).folder.operations
        syncs = [at for at, operation in enumerate(operations) if operation[0] == "sync"]
        assert len(syncs) == 3  # when a writer opens, and on both sides of the manifest
        for at in syncs:
            folder = FaultFolder(files)
            folder.fault = Fault.of(at, errno.EIO)
            collection = opened(folder)
            with pytest.raises(StorageFailed):
                sweeps.take(collection, FAULTY[number])
            collection.close()
            assert state(opened(folder)) == (after if at == syncs[-1] else before)


# ---------------------------------------------------------------------- a real file


def test_a_short_write_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may take fewer bytes than it was given; the rest is written after them."""
    real, sizes = os.write, list[int]()

    def write(descriptor: int, data: memoryview) -> int:
        sizes.append(len(data))
        return real(descriptor, data[: max(1, len(data) // 2)])

    file = DiskFolder(tmp_path).create("a")
    content = bytes(range(256)) * 40
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        file.write(content)
        file.write(np.arange(5, dtype=np.int64))
    file.sync()
    file.close()
    assert (tmp_path / "a").read_bytes() == content + np.arange(5, dtype=np.int64).tobytes()
    assert len(sizes) > 15


def test_a_write_that_fails_half_way_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, real = DiskFolder(tmp_path), os.write
    start(folder)

    def write(descriptor: int, data: memoryview) -> int:
        if len(data) < 400:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[: len(data) // 2])

    collection = opened(folder)
    collection.update(documents(range(9)))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(StorageFailed, match="free some space"):
            collection.commit()
    assert len(collection) == len(opened(folder)) == 0
    collection.update(documents(range(9)))
    collection.commit()
    assert len(opened(folder)) == 9
    assert opened(folder).verify().ok


def test_a_file_comes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.read
    (tmp_path / "a").write_bytes(bytes(range(100)))
    monkeypatch.setattr(os, "read", lambda descriptor, n: real(descriptor, min(n, 7)))
    assert DiskFolder(tmp_path).read("a", 100) == bytes(range(100))


# ---------------------------------------------------------------------- what is left


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
