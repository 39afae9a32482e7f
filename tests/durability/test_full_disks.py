"""Real full disks: what does not fit costs no commit, and when there is room again all goes on."""

import errno
import json
import os
import resource
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
import writing
from faults import SCALE
from nursery import Nursery, say
from workload import opened, start, state

import retrieval as rt
from retrieval.errors import StorageFailed
from retrieval.store import manifest as manifests
from retrieval.store.files import DiskFolder

HERE = "durability.test_full_disks"
N_SIZES = 100 * SCALE
FILE_BYTES = 6000
"""More than any file of these collections has."""

DISK_BYTES = 2**20
PAGE = 4096
STEP_PAGES = 40
"""More than any step takes."""


def check(collection: rt.Collection, generation: int) -> None:
    assert collection.generation == generation
    assert state(collection) == writing.expected(writing.place(generation))


def live(path: Path, sizes: list[int], full: Callable[[Path, int], Iterator[None]]) -> None:
    """Commit one step after the other; each is first tried with as much room as a size says."""
    folder, said = DiskFolder(path), Counter[str]()
    start(folder)
    collection = opened(folder)
    for number, size in enumerate(sizes):
        generation = collection.generation
        following = writing.step(generation + 1)
        try:
            with contextmanager(full)(path, size):
                following.change(collection)
                following.commit(collection)
            outcome = "fitted"
        except StorageFailed as error:
            outcome = str(error)
        said[outcome.replace(str(path), "PATH")] += 1
        reopened = opened(folder)
        if reopened.generation == generation:  # tried again, with the same one or another
            assert outcome != "fitted"
            check(reopened, generation)
            collection.rollback()
            check(collection, generation)
            collection = reopened if number % 2 else collection
            following.change(collection)
            following.commit(collection)
        else:
            collection = reopened
        check(collection, generation + 1)
        assert collection.verify().ok
    collection.writer()
    collection.close()
    named = {file.name for file in manifests.read(folder).files()}
    assert set(folder.names()) - {"filler"} == {manifests.NAME, "lock", *named}
    say(json.dumps(said))


def check_outcomes(said: dict[str, int], *, reason: str, remedy: str) -> None:
    assert said.pop("fitted") > 0
    met = set()
    for outcome in said:
        what, _, rest = outcome.partition(" in PATH failed: ")
        assert rest.startswith(f"{reason}. Nothing committed is lost; {remedy}, then"), outcome
        met.add(what)
    always = {"committing", "writing a segment"}
    # Only a compaction fails for want of room to merge: a commit puts its merge off.
    assert always <= met <= {
        *always, "merging segments", "writing representation 'extra'", "opening for writing"
    }  # fmt: skip


# ------------------------------------------------------------------ a limit on the size of files


def limited(path: Path, size: int) -> Iterator[None]:
    """Let no file grow beyond a size; the signal that comes with it is ignored by Python."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def live_limited(path: str) -> None:
    random = Random(3)
    live(Path(path), [int(FILE_BYTES * random.random() ** 2) for _ in range(N_SIZES)], limited)


def test_files_that_may_not_grow(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with Nursery() as nursery:
        (said,) = nursery.fork(f"{HERE}:live_limited", str(tmp_path)).rest()
    said = json.loads(said)
    request.node.user_properties.append(("sizes of full disks", sum(said.values())))
    check_outcomes(said, reason=os.strerror(errno.EFBIG), remedy="allow larger files (ulimit -f)")


# ------------------------------------------------------------------ a small file system


def filled(path: Path, size: int) -> Iterator[None]:
    """Leave so many free pages on the disk."""
    filler = path / "filler"
    status = os.statvfs(path)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, status.f_bavail - size) * PAGE)
        try:
            yield
        finally:
            file.truncate(0)


def live_on_a_small_disk(path: str) -> None:
    subprocess.run(mounting(path), check=True)
    random = Random(4)
    live(Path(path), [random.randrange(STEP_PAGES) for _ in range(N_SIZES // 2)], filled)


def meet_a_read_only_disk(path: str) -> None:
    subprocess.run(mounting(path), check=True)
    folder = DiskFolder(Path(path))
    start(folder)
    for options in ("remount,ro", "remount,rw"):
        subprocess.run(["mount", "-o", options, path], check=True)
        collection = opened(folder)
        try:
            writing.step(1).change(collection)
            writing.step(1).commit(collection)
        except StorageFailed as error:
            say(str(error))
        check(opened(folder), int(options == "remount,rw"))


def mounting(path: str) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", path]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Nursery]:
    """Processes that may mount a file system which no other process sees."""
    within = ["unshare", "--map-root-user", "--user", "--mount"]
    if not shutil.which("unshare"):
        pytest.skip("no unshare, to mount a file system in a namespace")
    if subprocess.run([*within, *mounting(str(tmp_path))], capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    with Nursery(within) as nursery:
        yield nursery
    assert os.listdir(tmp_path) == []


def test_a_disk_without_room(
    mounted: Nursery, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (said,) = mounted.fork(f"{HERE}:live_on_a_small_disk", str(tmp_path)).rest()
    said = json.loads(said)
    request.node.user_properties.append(("sizes of full disks", sum(said.values())))
    check_outcomes(said, reason=os.strerror(errno.ENOSPC), remedy="free some space")


def test_a_read_only_disk_is_searched(mounted: Nursery, tmp_path: Path) -> None:
    (said,) = mounted.fork(f"{HERE}:meet_a_read_only_disk", str(tmp_path)).rest()
    assert said == (
        f"locking in {tmp_path} failed: Read-only file system. Nothing committed is lost; "
        "make the folder writable, then run it again"
    )
