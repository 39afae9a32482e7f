"""Merging is upkeep: a full disk puts it off, costs nothing, and gets back what it gave."""

import errno
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults import Fault, FaultFile, FaultFolder, Killed
from kinds import ENCODERS, KINDS
from workload import Step, document, documents, expected_documents, opened, start, state

import retrieval as rt
from retrieval.errors import StorageFailed
from retrieval.limits import MERGE_FANOUT
from retrieval.store import manifest as manifests

OLD = [Step(documents(range(40 * i, 40 * i + 40))) for i in range(MERGE_FANOUT - 1)]
LAST = Step([document(199)], delete=["d3"])
"""One document, for which segments are merged that have more than a hundred."""


REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class SmallDisk(FaultFolder):
    """A folder on a disk with room for so many bytes more than it has at first."""

    def __init__(self, files: Any = None, room: int = 2**30) -> None:
        super().__init__(files)
        self.capacity = self.used() + room
        self.most = self.used()

    def used(self) -> int:
        return sum(len(inode.data) for inode in self.live.values())

    def create(self, name: str) -> FaultFile:
        super().create(name)
        return SmallFile(self, name, self._inode(name))


class SmallFile(FaultFile):
    def write(self, data: bytes | bytearray | memoryview) -> None:
        disk, whole = self._folder, bytes(memoryview(data).cast("B"))
        assert isinstance(disk, SmallDisk)
        fitting = whole[: disk.capacity - disk.used()]
        super().write(fitting)
        disk.most = max(disk.most, disk.used())
        if len(fitting) < len(whole):
            raise OSError(errno.ENOSPC, "No space left on device")


class ShortFiles(FaultFolder):
    """A folder whose files may have so many bytes each: `ulimit -f`."""

    def __init__(self, files: Any, longest: int) -> None:
        super().__init__(files)
        self.longest = longest

    def create(self, name: str) -> FaultFile:
        super().create(name)
        return ShortFile(self, name, self._inode(name))


class ShortFile(FaultFile):
    def write(self, data: bytes | bytearray | memoryview) -> None:
        folder, whole = self._folder, bytes(memoryview(data).cast("B"))
        assert isinstance(folder, ShortFiles)
        fitting = whole[: folder.longest - len(self._inode.data)]
        super().write(fitting)
        if len(fitting) < len(whole):
            raise OSError(errno.EFBIG, "File too large")


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """As many small segments as there may be."""
    folder = FaultFolder()
    start(folder)
    for step in OLD:
        taken(folder, step)
    assert len(opened(folder).snapshot.segments) == MERGE_FANOUT - 1
    return folder.contents()


def taken(folder: FaultFolder, step: Step) -> rt.Collection:
    collection = opened(folder)
    step.change(collection)
    step.commit(collection)
    return collection


def named(folder: FaultFolder) -> set[str]:
    return {manifests.NAME, *(file.name for file in manifests.read(folder).files())}


def needed(files: dict[str, bytes]) -> int:
    """Return the bytes that the last change takes while it is committed."""
    disk = SmallDisk(files)
    before = disk.used()
    taken(disk, LAST)
    return disk.most - before


def test_a_commit_that_fits_is_made_though_its_merge_does_not_fit(
    files: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    after = expected_documents([*OLD, LAST])
    merging = needed(files)
    with monkeypatch.context() as patch:
        patch.setattr("retrieval.writer.due", lambda sizes: None)
        enough = needed(files)
    manifest = len(files[manifests.NAME]) + 200  # one of fewer segments is smaller than this
    assert merging > 2 * enough
    put_off = refused = 0
    for room in [*range(0, merging + 200, 797), enough - 1, enough, merging - 1, merging]:
        disk = SmallDisk(files, room)
        try:
            collection = taken(disk, LAST)
        except StorageFailed:
            # Where the merged files fit and the manifest after them does not, it is too late.
            assert room < enough or merging - manifest <= room < merging, room
            assert disk.contents() == files  # to the last byte, and nothing beside it
            disk.capacity = 2**30
            collection = taken(disk, LAST)
            refused += 1
        assert [collection[docno] for docno in collection] == after
        assert named(disk) == set(disk.live)
        if len(collection.snapshot.segments) > 1:
            put_off += 1
            disk.capacity = 2**30
            collection = taken(disk, Step([document(198)]))
        assert len(collection.snapshot.segments) == 1
        assert collection.verify().ok
    record_property("sizes of a full disk", put_off + refused)
    assert min(put_off, refused) > 15


def test_commits_are_made_though_their_merges_make_too_large_a_file(
    files: dict[str, bytes],
) -> None:
    """As many as there are, each of which tries to merge all that was put off before."""
    folder = ShortFiles(files, longest=2 * max(map(len, files.values())))
    for n in range(3):
        collection = taken(folder, Step([document(200 + n)]))
        assert named(folder) == set(folder.live)
        assert len(collection.snapshot.segments) == MERGE_FANOUT + n
    folder.longest = 2**30
    collection = taken(folder, LAST)
    assert len(collection.snapshot.segments) < MERGE_FANOUT
    steps = [*OLD, *(Step([document(200 + n)]) for n in range(3)), LAST]
    assert [collection[docno] for docno in collection] == expected_documents(steps)
    assert collection.verify().ok


@pytest.mark.parametrize("late", [False, True])
def test_one_refusal_inside_a_merge_puts_it_off(files: dict[str, bytes], late: bool) -> None:
    """Also a quota that is exceeded, which another one frees at once, or one file too large."""
    rehearsal = FaultFolder(files)
    taken(rehearsal, LAST)
    merged = [
        number
        for number, (verb, name) in enumerate(rehearsal.operations)
        if verb in ("create", "write", "sync file") and name in named(rehearsal)
        if name != manifests.NAME
    ]
    expected, n_put_off = state(opened(rehearsal)), 0
    for n, number in enumerate(merged[:: 1 if not late else 5]):
        folder = FaultFolder(files)
        folder.fault = Fault.of(number, REFUSALS[n % 3], late=late)
        collection = taken(folder, LAST)
        assert state(collection) == expected
        assert named(folder) == set(folder.live)
        n_put_off += len(collection.snapshot.segments) == MERGE_FANOUT
    assert n_put_off == len(merged[:: 1 if not late else 5]) > 10


def test_other_errors_of_a_merge_are_errors_of_the_commit(files: dict[str, bytes]) -> None:
    rehearsal = FaultFolder(files)
    taken(rehearsal, LAST)
    last = max(n for n, (verb, name) in enumerate(rehearsal.operations) if verb == "sync file"
               and name in named(rehearsal))  # fmt: skip
    folder = FaultFolder(files)
    folder.fault = Fault.of(last, errno.EIO)
    with pytest.raises(StorageFailed):
        taken(folder, LAST)
    assert folder.contents() == files


def test_a_kill_inside_a_merge_at_the_size_limit_leaves_one_commit(
    files: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Only two of the four segments fit into one; what is killed in between is merged later."""
    sizes = [segment.size_bytes for segment in opened(FaultFolder(files)).snapshot.segments]
    monkeypatch.setattr("retrieval.store.merging.SEGMENT_BYTES_MAX", sizes[0] + sizes[1])
    rehearsal = FaultFolder(files)
    whole = taken(rehearsal, LAST)
    before, after = state(opened(FaultFolder(files))), state(whole)
    n_segments = len(whole.snapshot.segments)
    assert 1 < n_segments < MERGE_FANOUT
    places = [n for n, (verb, _) in enumerate(rehearsal.operations) if verb not in ("map", "write")]
    for number in places:
        folder = FaultFolder(files)
        folder.fault = Fault(number, Killed(), late=True)
        with pytest.raises(Killed):
            taken(folder, LAST)
        survivor = folder.survivor()
        collection = opened(survivor)
        assert state(collection) == (before if collection.generation == len(OLD) else after)
        if collection.generation == len(OLD):
            collection = taken(survivor, LAST)
        else:
            collection = taken(survivor, Step())
        assert state(collection) == after
        assert len(collection.snapshot.segments) == n_segments
        assert named(survivor) == set(survivor.live)
    record_property("kills inside a merge", len(places))


def test_a_full_disk_at_any_operation_of_a_compaction(
    files: dict[str, bytes], record_property: Callable[[str, object], None]
) -> None:
    """Nothing half-written stays, not even until the next commit."""
    before = state(opened(FaultFolder(files)))
    rehearsal = FaultFolder(files)
    taken(rehearsal, Step(compact=True))
    places = [n for n, (verb, _) in enumerate(rehearsal.operations)
              if verb in ("create", "write", "sync file")]  # fmt: skip
    for number in places:
        folder = FaultFolder(files)
        folder.fault = Fault.of(number, errno.ENOSPC, stays=True)
        collection = opened(folder)
        with pytest.raises(StorageFailed, match="free some space"):
            collection.compact()
        assert folder.contents() == files
        assert state(collection) == before
        folder.fault = None
        collection.compact()
        assert state(collection) == before
        assert named(folder) == set(folder.live)
        assert len(collection.snapshot.segments) == 1
    record_property("faults of a full disk", len(places))


def folder_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir())


def test_compact_gives_disk_space_back_also_from_under_a_reader(tmp_path: Path) -> None:
    encoders = {name: ENCODERS[name] for name in KINDS}
    many, fresh = rt.create(tmp_path / "c.idx", KINDS), rt.create(tmp_path / "f.idx", KINDS)
    for first in range(0, 400, 40):
        many.update(documents(range(first, first + 40)))
        many.commit()
    many.update(documents(range(200), 1))
    many.commit()
    many.delete([f"d{number}" for number in range(0, 400, 3)])
    many.commit()
    large = folder_bytes(many.path)
    reader = rt.open(many.path, encoders=encoders)
    held = state(reader)
    many.compact()
    fresh.add([many[docno] for docno in many])
    fresh.commit()
    assert large > 1.2 * folder_bytes(fresh.path)
    assert folder_bytes(many.path) == pytest.approx(folder_bytes(fresh.path), rel=0.02)
    assert state(many) == state(fresh)
    assert state(reader) == held
    if Path("/proc/self/maps").exists():
        assert maps_of_removed_files(many.path) > 0  # the reader's; the space is not free yet
        del reader
        gc.collect()
        assert maps_of_removed_files(many.path) == 0


def maps_of_removed_files(path: Path) -> int:
    lines = Path("/proc/self/maps").read_text().splitlines()
    return sum(line.endswith("(deleted)") and f" {path}/" in line for line in lines)
