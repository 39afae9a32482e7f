"""One writer at a time, with real processes: the others are told who it is, and wait for nobody."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from faults import SCALE
from kinds import ENCODERS, KINDS
from nursery import Nursery, hear, say
from workload import document, documents, opened, start, state
from writing import expected, put_files, step

import retrieval as rt
from retrieval.errors import InvalidInput, Locked, StorageFailed
from retrieval.store import lock
from retrieval.store.files import DiskFolder

HERE = "durability.test_locks"
N_RACES = 10 * SCALE
NOBODY = 65534
"""A user who owns nothing."""

FIRST = {name: ENCODERS[name] for name in list(KINDS)[:1]}


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as opened_one:
        yield opened_one


@pytest.fixture
def path(tmp_path: Path) -> Path:
    start(DiskFolder(tmp_path))
    return tmp_path


# ------------------------------------------------------------------ in a process of its own


def hold(path: str) -> None:
    """Hold the lock, with a change that is not committed, until told to commit it."""
    collection = opened(DiskFolder(Path(path)))
    step(1).change(collection)
    say("holding")
    if hear():
        collection.commit()
        say("committed")


def say_nothing() -> None:
    """Be over at once."""


def hold_and_fork(path: str) -> None:
    """Hold the lock and fork a process that lives on; say its number."""
    collection = opened(DiskFolder(Path(path)))
    collection.writer()
    child = os.fork()
    if child == 0:
        signal.pause()
    say(str(child))
    signal.pause()


def create_at_once(path: str) -> None:
    """When told to, make a collection; say what became of it, and whether it could be used."""
    hear()
    try:
        rt.create(path, FIRST)
        say("made")
    except (Locked, InvalidInput) as error:
        say(f"{type(error).__name__} {error}")


def index_at_once(path: str, source: str) -> None:
    """When told to, index a folder."""
    hear()
    try:
        say(f"indexed {len(rt.index(source, path, representations=FIRST))}")
    except Locked as error:
        say(f"{type(error).__name__} {error}")


# ------------------------------------------------------------------ who holds it


def test_the_holder_is_named_and_readers_read_on(nursery: Nursery, path: Path) -> None:
    child = nursery.fork(f"{HERE}:hold", str(path))
    assert child.hear() == "holding"
    collection = opened(DiskFolder(path))
    seconds = []
    for change in (collection.writer, collection.compact, lambda: collection.delete("d0")):
        began = time.perf_counter()
        with pytest.raises(Locked, match=rf"{path} is being written by process {child.pid}: wait"):
            change()
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 1
    assert state(collection) == expected(0)
    child.tell("commit")
    assert child.rest() == ["committed"]
    collection.writer()
    assert state(opened(DiskFolder(path))) == expected(1)


def test_the_lock_of_a_killed_writer_is_taken_at_once(nursery: Nursery, path: Path) -> None:
    for _ in range(20):
        child = nursery.fork(f"{HERE}:hold", str(path))
        assert child.hear() == "holding"
        child.signal(signal.SIGKILL)  # and not waited for: it may still be going
        collection = opened(DiskFolder(path))
        collection.writer()
        assert (path / "lock").read_text() == f"{os.getpid()}\n"
        collection.close()
        assert child.rest() == []
    assert set(DiskFolder(path).names()) == {"manifest.json", "lock"}


def test_the_second_collection_of_a_process_is_told_so(path: Path) -> None:
    one, other = opened(DiskFolder(path)), opened(DiskFolder(path))
    one.writer()
    with pytest.raises(Locked, match=rf"by process {os.getpid()}, which is this one: commit or"):
        other.writer()
    one.close()
    other.add(documents([1]))
    assert other.commit() == 1


@pytest.mark.parametrize("left", [b"", b"4194305\n", b"0", b"\0" * 5, b"9" * 20 + b"\n"])
def test_what_a_dead_process_left_is_taken_over(path: Path, left: bytes) -> None:
    (path / "lock").write_bytes(left)
    with DiskFolder(path).lock():
        assert (path / "lock").read_text() == f"{os.getpid()}\n"
    assert (path / "lock").read_bytes() == b""


def test_a_holder_without_a_number_is_waited_for(
    nursery: Nursery, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has locked the file and not written its number yet; then it has, or is gone."""
    child = nursery.fork(f"{HERE}:hold", str(path))
    assert child.hear() == "holding"
    (path / "lock").write_bytes(b"")
    with pytest.raises(Locked, match="being written by another process"):
        opened(DiskFolder(path)).writer()
    slept: list[float] = []

    def later(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            assert child.kill() == []

    monkeypatch.setattr(lock.time, "sleep", later)
    opened(DiskFolder(path)).writer()
    assert len(slept) >= 3


# ------------------------------------------------------------------ forked processes


def test_a_forked_process_does_not_keep_the_lock(nursery: Nursery, path: Path) -> None:
    child = nursery.fork(f"{HERE}:hold_and_fork", str(path))
    grandchild = int(child.hear())
    child.signal(signal.SIGKILL)
    try:
        opened(DiskFolder(path)).writer()
    finally:
        os.kill(grandchild, signal.SIGKILL)
        assert child.rest() == []


def in_fork(work: object) -> str:
    """Call a function in a process forked from this one; return what it raised."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work()  # type: ignore[operator]
            os.write(writing, b"nothing")
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as stream:
        return stream.read()


def test_an_inherited_writer_refuses_every_write(path: Path) -> None:
    collection = opened(DiskFolder(path))
    step(1).change(collection)
    before = DiskFolder(path).names()
    writer = collection.writer()
    for change in (
        lambda: collection.add([document(7)]),
        lambda: collection.update([document(0)]),
        lambda: collection.delete("d0"),
        lambda: collection.add_representation("extra", ENCODERS["extra"]),
        lambda: collection.drop_representation("bm25"),
        lambda: collection.commit(),
        lambda: collection.compact(),
        lambda: writer.commit(),  # who has got hold of it before does not get further
        lambda: writer.flush(),
    ):
        raised = in_fork(change)
        assert raised.startswith(f"Locked: {path} is being written by"), raised
        assert "open the collection again in this one" in raised
        assert DiskFolder(path).names() == before

    def closed_and_again() -> None:
        collection.close()
        collection.writer()

    assert in_fork(closed_and_again).startswith(f"Locked: {path} is being written by process ")
    with pytest.raises(Locked):
        opened(DiskFolder(path)).writer()  # no child has freed it
    collection.commit()
    assert state(collection) == expected(1)


def test_an_inherited_reader_reads_on(path: Path) -> None:
    collection = opened(DiskFolder(path))
    for number in (1, 2):
        step(number).change(collection)
        step(number).commit(collection)
    collection.writer()

    def read() -> None:
        for _ in range(2):
            assert state(collection) == expected(2)
            collection.search(["cat dog"] * 100, system="late")  # by a pool of threads
            collection.rollback()

    collection.search(["cat dog"] * 100, system="late")
    assert in_fork(read) == "nothing"


def test_a_child_may_write_when_its_parent_has_stopped(path: Path) -> None:
    collection = opened(DiskFolder(path))
    collection.writer()
    collection.close()

    def write() -> None:
        step(1).change(collection)
        step(1).commit(collection)

    assert in_fork(write) == "nothing"
    collection.refresh()
    assert state(collection) == expected(1)


# ------------------------------------------------------------------ what is there in its place


def test_who_removes_the_lock_file_ends_the_commit(path: Path) -> None:
    collection = opened(DiskFolder(path))
    step(1).change(collection)
    (path / "lock").unlink()
    other = opened(DiskFolder(path))
    step(1).change(other)  # it is a writer, too: it believes to be the only one
    with pytest.raises(Locked, match="lock was removed while it was held"):
        collection.commit()
    step(1).commit(other)
    assert state(opened(DiskFolder(path))) == expected(1)
    assert other.verify().ok


@pytest.mark.parametrize("way", ["create", "replace", "remove"])
def test_nothing_is_changed_once_the_lock_file_is_gone(path: Path, way: str) -> None:
    folder = DiskFolder(path)
    (path / "a").write_bytes(b"a")
    change = {
        "create": lambda: folder.create("b"),
        "replace": lambda: folder.replace("a", "b"),
        "remove": lambda: folder.remove("a"),
    }[way]
    with folder.lock():
        (path / "lock").unlink()
        with pytest.raises(Locked, match="lock was removed while it was held"):
            change()
    assert set(os.listdir(path)) == {"a", "manifest.json"}


def test_a_number_of_nobody_is_not_named(path: Path, nursery: Nursery) -> None:
    """The holder has written over it by now, or will."""
    child = nursery.fork(f"{HERE}:hold", str(path))
    assert child.hear() == "holding"
    dead = nursery.fork(f"{HERE}:say_nothing")
    dead.rest()
    (path / "lock").write_text(f"{dead.pid}\n")
    with pytest.raises(Locked, match="is being written by another process: wait for it"):
        opened(DiskFolder(path)).writer()
    child.kill()


@pytest.mark.parametrize("what", ["link", "dangling", "folder", "pipe", "foreign", "long"])
def test_nothing_else_is_taken_for_a_lock_file(path: Path, tmp_path_factory, what: str) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    precious = elsewhere / "precious"
    precious.write_bytes(b"123\n")
    there = path / "lock"
    {
        "link": lambda: there.symlink_to(precious),
        "dangling": lambda: there.symlink_to(elsewhere / "nothing"),
        "folder": there.mkdir,
        "pipe": lambda: os.mkfifo(there),
        "foreign": lambda: there.write_bytes(b"mine\n"),
        "long": lambda: there.write_bytes(b"1" * 100),
    }[what]()
    before = os.lstat(there)
    collection = opened(DiskFolder(path))
    with pytest.raises(StorageFailed, match=r"locking in .*no lock file of ours.*move away"):
        collection.add(documents([1]))
    after = os.lstat(there)
    assert (after.st_mode, after.st_size, after.st_ino) == (
        before.st_mode,
        before.st_size,
        before.st_ino,
    )
    assert precious.read_bytes() == b"123\n"
    assert os.listdir(elsewhere) == ["precious"]
    assert state(collection) == expected(0)


@pytest.mark.parametrize(("folder_mode", "lock_mode"), [(0o755, 0o644), (0o777, 0o000)])
def test_a_lock_that_may_not_be_opened_is_a_failed_store(folder_mode: int, lock_mode: int) -> None:
    with TemporaryDirectory() as room:
        path = Path(room)
        start(DiskFolder(path))
        (path / "lock").touch(lock_mode)
        path.chmod(folder_mode if os.geteuid() == 0 else folder_mode & 0o555)
        collection = opened(DiskFolder(path))

        def write() -> None:
            if os.geteuid() == 0:  # who may everything
                os.seteuid(NOBODY)
            assert state(collection) == expected(0)
            collection.add(documents([1]))

        raised = in_fork(write)
        assert raised.startswith(f"StorageFailed: locking in {path} failed: Permission denied.")
        assert "change the permissions of the folder and its files" in raised
        path.chmod(0o755)
        assert os.listdir(path).count("lock") == 1


# ------------------------------------------------------------------ two at once


def test_of_two_that_create_at_once_one_does(
    nursery: Nursery, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(N_RACES):
        place = tmp_path / str(number)
        children = [nursery.fork(f"{HERE}:create_at_once", str(place)) for _ in range(2)]
        for child in children:
            child.tell("go")
        said = sorted(child.rest()[0] for child in children)
        assert said[1] == "made"
        word, _, message = said[0].partition(" ")
        expected_message = {
            "Locked": f"{place} is being written by process",
            "InvalidInput": f"{place} is a collection already: open it",
        }
        assert message.startswith(expected_message[word])
        outcomes[word] += 1
        assert rt.open(place, encoders=FIRST).generation == 0
    request.node.user_properties.append(("races of two creations", outcomes.total()))


def test_of_two_that_index_at_once_at_least_one_does(
    nursery: Nursery, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source = tmp_path / "source"
    put_files(source, 1)
    n_files = len(list(source.iterdir()))
    for number in range(N_RACES):
        place = tmp_path / str(number)
        work = f"{HERE}:index_at_once"
        children = [nursery.fork(work, str(place), str(source)) for _ in range(2)]
        for child in children:
            child.tell("go")
        said = sorted((child.rest()[0] for child in children), reverse=True)
        assert said[0] == f"indexed {n_files}"
        named = f"Locked {place} is being written by "
        assert said[1] == said[0] or said[1].startswith(named)
        collection = rt.open(place, encoders=FIRST)
        assert len(collection) == n_files
        assert collection.verify().ok
    request.node.user_properties.append(("races of two syncs", N_RACES))
