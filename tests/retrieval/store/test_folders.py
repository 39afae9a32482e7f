"""One contract for every folder the store can live in, and what only a disk can do."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from faults import FaultFolder

import retrieval as rt
from retrieval.errors import CorruptIndex, InvalidInput, Locked, StorageFailed
from retrieval.store.files import DiskFolder, Folder, storing

ROOT = Path(__file__).parents[3]


def put(folder: Folder, name: str, data: bytes) -> None:
    file = folder.create(name)
    file.write(data)
    file.sync()
    file.close()


class FolderContract:
    """What the store relies on."""

    def test_what_is_written_is_read_and_mapped(self, folder: Folder) -> None:
        file = folder.create("a")
        for part in (b"one", bytearray(b" two"), memoryview(np.arange(3, dtype=np.int32)), b""):
            file.write(part)
        file.sync()
        file.close()
        whole = b"one two" + np.arange(3, dtype=np.int32).tobytes()
        assert folder.read("a", 100) == whole
        assert folder.map("a").tobytes() == whole
        assert folder.map("a").dtype == np.uint8

    def test_a_map_is_read_only(self, folder: Folder) -> None:
        put(folder, "a", b"abc")
        mapped = folder.map("a")
        with pytest.raises(ValueError, match="read-only"):
            mapped[0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            mapped.flags.writeable = True

    def test_an_empty_file_has_an_empty_map(self, folder: Folder) -> None:
        put(folder, "a", b"")
        assert folder.read("a", 0) == b""
        assert len(folder.map("a")) == 0

    def test_a_file_is_created_once(self, folder: Folder) -> None:
        put(folder, "a", b"first")
        with pytest.raises(FileExistsError):
            folder.create("a")
        assert folder.read("a", 100) == b"first"

    def test_a_replaced_file_takes_name_and_content(self, folder: Folder) -> None:
        put(folder, "a", b"old")
        put(folder, "b", b"new")
        folder.replace("b", "a")
        folder.sync()
        assert folder.names() == ["a"]
        assert folder.read("a", 100) == b"new"

    def test_a_map_outlives_its_name(self, folder: Folder) -> None:
        put(folder, "a", b"a" * 10_000)
        put(folder, "b", b"b" * 10_000)
        put(folder, "c", b"c")
        removed, replaced = folder.map("a"), folder.map("b")
        folder.remove("a")
        folder.replace("c", "b")
        assert (removed == ord("a")).all()
        assert (replaced == ord("b")).all()

    def test_a_file_over_the_limit_is_not_read(self, folder: Folder) -> None:
        put(folder, "a", b"12345")
        assert folder.read("a", 5) == b"12345"
        with pytest.raises(CorruptIndex, match="a has 5 bytes"):
            folder.read("a", 4)

    def test_a_missing_file_is_named(self, folder: Folder) -> None:
        for refused in (lambda: folder.read("a", 1), lambda: folder.map("a")):
            with pytest.raises(FileNotFoundError) as error:
                refused()
            assert str(error.value.filename) == str(folder.path / "a")
        with pytest.raises(FileNotFoundError):
            folder.remove("a")

    def test_names_are_sorted(self, folder: Folder) -> None:
        for name in ("b", "c", "a"):
            put(folder, name, b"")
        assert folder.names() == ["a", "b", "c"]

    def test_one_writer_holds_the_lock(self, folder: Folder) -> None:
        with folder.lock():
            with pytest.raises(Locked, match=str(folder.path)), folder.lock():
                pass
            with pytest.raises(Locked), folder.lock():
                pass  # the one that was refused has freed nothing
        with pytest.raises(ZeroDivisionError), folder.lock():
            _ = 1 / 0
        with folder.lock():
            pass

    def test_an_error_of_the_system_is_a_failed_store(self, folder: Folder) -> None:
        put(folder, "a", b"")
        message = f"writing in {folder.path} failed: File exists"
        with pytest.raises(StorageFailed, match=message), storing(folder, "writing"):
            folder.create("a")


class TestFaultFolder(FolderContract):
    @pytest.fixture
    def folder(self) -> Folder:
        return FaultFolder()


class TestDiskFolder(FolderContract):
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Folder:
        return DiskFolder(tmp_path)

    def test_a_folder_is_made_with_those_above_it(self, tmp_path: Path) -> None:
        folder = DiskFolder(tmp_path / "a" / "b")
        folder.make()
        put(folder, "x", b"")
        folder.make()
        assert folder.names() == ["x"]
        with pytest.raises(FileExistsError):
            DiskFolder(folder.path / "x").make()

    def test_only_plain_files_have_names(self, folder: Folder) -> None:
        put(folder, "a", b"")
        (folder.path / "folder").mkdir()
        (folder.path / "link").symlink_to("a")
        os.mkfifo(folder.path / "pipe")
        assert folder.names() == ["a"]

    def test_no_link_is_followed(self, folder: Folder, tmp_path_factory: pytest.TempPathFactory):
        secret = tmp_path_factory.mktemp("elsewhere") / "secret"
        secret.write_bytes(b"secret")
        for name in ("a", "b", "lock"):
            (folder.path / name).symlink_to(secret)
        (folder.path / "dangling").symlink_to(folder.path / "target")
        with pytest.raises(CorruptIndex, match="a is a link"):
            folder.read("a", 100)
        with pytest.raises(CorruptIndex, match="a is a link"):
            folder.map("a")
        with pytest.raises(FileExistsError):
            folder.create("dangling")
        with pytest.raises(FileExistsError, match="lock is no lock file of ours"), folder.lock():
            pass
        put(folder, "new", b"new")
        folder.replace("new", "b")
        folder.remove("a")
        assert secret.read_bytes() == b"secret"
        assert folder.read("b", 100) == b"new"

    @pytest.mark.parametrize(
        "make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")]
    )
    def test_nothing_waits_on_what_is_no_file(self, folder: Folder, make) -> None:
        make(folder.path / "a")
        with pytest.raises(CorruptIndex, match=r"a is (no plain file|a link)"):
            folder.read("a", 100)
        with pytest.raises(CorruptIndex, match=r"a is (no plain file|a link)"):
            folder.map("a")

    def test_no_descriptor_is_left_open(self, folder: Folder) -> None:
        put(folder, "a", b"12345")
        (folder.path / "link").symlink_to("a")
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            mapped = folder.map("a")
            for refused in (lambda: folder.read("a", 4), lambda: folder.map("link")):
                with pytest.raises(CorruptIndex):
                    refused()
            with folder.lock(), pytest.raises(Locked), folder.lock():
                pass
            folder.sync()
        del mapped
        assert len(os.listdir("/proc/self/fd")) == before

    def test_readers_see_the_old_file_or_the_new_one(self, folder: Folder) -> None:
        contents = [bytes([value]) * 5000 for value in range(256)]
        put(folder, "a", contents[0])
        stop, seen = threading.Event(), set[bytes]()

        def look() -> None:
            while not stop.is_set():
                seen.add(folder.read("a", 5000))

        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(300):
            put(folder, "b", contents[number % 256])
            folder.replace("b", "a")
        stop.set()
        for thread in threads:
            thread.join()
        assert seen <= set(contents)

    def test_the_lock_of_a_killed_process_frees_itself(self, folder: Folder) -> None:
        code = (
            f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
            "from pathlib import Path\n"
            "from retrieval.store.files import DiskFolder\n"
            f"with DiskFolder(Path({str(folder.path)!r})).lock():\n"
            "    print('locked', flush=True)\n"
            "    sys.stdin.read()\n"
        )
        pipe = subprocess.PIPE
        with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"locked\n"
            with pytest.raises(Locked, match=f"process {other.pid}"), folder.lock():
                pass
            other.send_signal(signal.SIGKILL)
            other.wait()
            with folder.lock():
                assert (folder.path / "lock").read_text() == f"{os.getpid()}\n"

    def test_a_full_disk_says_what_to_do(self, folder: Folder) -> None:
        with pytest.raises(StorageFailed, match="free some space"), storing(folder, "writing"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with pytest.raises(StorageFailed, match="ulimit -f"), storing(folder, "writing"):
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        with pytest.raises(StorageFailed, match="ulimit -n"), storing(folder, "writing"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_a_name_that_no_folder_can_have_is_refused(name: str) -> None:
    for use in (rt.open, lambda path: rt.create(path, {"bm25": "bm25"})):
        with pytest.raises(InvalidInput, match="cannot be the name of a folder"):
            use(name)
