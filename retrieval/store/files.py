"""The only module that touches durable state: one folder of files.

What the rest of the store relies on, and what the fault-injecting double in the tests imitates:

* a created file is new (`O_EXCL`), private, and complete on disk only after `sync`;
* its name is on disk only after `Folder.sync`; the same holds for a replaced or removed name;
* `replace` is atomic: a reader sees the old file or the new one;
* a failed `sync` is never tried again: what it should have written may be gone;
* only plain files are read: a link is not followed, a pipe is not waited for.
"""

import errno
import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import CorruptIndex, InvalidInput, StorageFailed
from retrieval.store import lock
from retrieval.store.lock import Lock

Buffer = bytes | bytearray | memoryview

_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "allow larger files (ulimit -f)",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "allow more open files (ulimit -n)",
    errno.EACCES: "change the permissions of the folder and its files",
    errno.EPERM: "change the permissions of the folder and its files",
    errno.EROFS: "make the folder writable",
    errno.EEXIST: "move away what is in its place",
}


class OutputFile(Protocol):
    """A new file being written."""

    def write(self, data: Buffer) -> None:
        """Append all of `data`."""

    def sync(self) -> None:
        """Return once the content is durable."""

    def close(self) -> None:
        """Release the file."""


class Folder(Protocol):
    """What the store needs of a folder; names are plain file names, never paths."""

    @property
    def path(self) -> Path:
        """Where it is, for messages."""
        ...

    def names(self) -> list[str]:
        """Return the names of all files in it."""
        ...

    def read(self, name: str, limit: int) -> bytes:
        """Return a whole small file; `CorruptIndex` if it is larger than `limit` bytes."""
        ...

    def map(self, name: str) -> NDArray[np.uint8]:
        """Return a whole file, memory-mapped and read-only."""
        ...

    def create(self, name: str) -> OutputFile:
        """Start a new file; OSError if there is one of that name."""
        ...

    def replace(self, source: str, target: str) -> None:
        """Give a file another name, atomically taking the place of what had it."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file."""
        ...

    def sync(self) -> None:
        """Return once all names are durable."""
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Hold the folder as its only writer, or raise `Locked`."""
        ...


@dataclass(frozen=True, slots=True)
class FileUse:
    """What a listing says of a file: its bytes, and when it was last used.

    used  seconds since 1970
    """

    size: int
    used: float


class CacheFolder(Folder, Protocol):
    """A folder of what can be made again: others may remove any file of it at any time."""

    def make(self) -> None:
        """Make the folder where it is missing."""

    def uses(self) -> dict[str, FileUse]:
        """Return the files in it; none where there is no such folder."""
        ...

    def touch(self, name: str) -> None:
        """Note that a file has been used now."""

    def free(self) -> int:
        """Return the bytes that may still be written to its disk."""
        ...


class DiskFolder:
    """A folder of the file system; `InvalidInput` if no file system can have its name."""

    def __init__(self, path: Path) -> None:
        if _is_impossible(path):
            raise InvalidInput(f"{str(path)!r} cannot be the name of a folder: choose another one")
        self._path = path
        self._lock: Lock | None = None

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path

    def make(self) -> None:
        """Make the folder, and those above it that are missing; their names are durable."""
        missing = [path for path in (self._path, *self._path.parents) if not path.exists()]
        self._path.mkdir(parents=True, exist_ok=True)
        for path in missing:
            DiskFolder(path.parent).sync()

    def names(self) -> list[str]:
        """Return the names of all files in it."""
        with os.scandir(self._path) as entries:
            return sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))

    def read(self, name: str, limit: int) -> bytes:
        """Return a whole small file."""
        with _plain(self._path / name) as descriptor:
            size = os.fstat(descriptor).st_size
            if size > limit:
                raise CorruptIndex(f"{self._path / name} has {size:,} bytes, more than {limit:,}")
            parts = []
            while part := os.read(descriptor, 2**20):
                parts.append(part)
            return b"".join(parts)

    def map(self, name: str) -> NDArray[np.uint8]:
        """Return a whole file, memory-mapped; the map outlives the file's name."""
        with _plain(self._path / name) as descriptor:
            if os.fstat(descriptor).st_size == 0:
                return np.frombuffer(b"", np.uint8)
            return np.frombuffer(mmap.mmap(descriptor, 0, prot=mmap.PROT_READ), np.uint8)

    def create(self, name: str) -> OutputFile:
        """Start a new file, readable by its owner's usual mask."""
        self._check_lock()
        return _DiskFile(self._path / name)

    def replace(self, source: str, target: str) -> None:
        """Rename, replacing the target atomically."""
        self._check_lock()
        os.replace(self._path / source, self._path / target)

    def remove(self, name: str) -> None:
        """Remove a file."""
        self._check_lock()
        os.unlink(self._path / name)

    def sync(self) -> None:
        """Sync the folder itself: names are its content."""
        descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold an operating-system lock; it frees itself when the process dies.

        While it is held, nothing in the folder is changed by a process forked from this one, nor
        once the lock file was removed: both raise `Locked`.

        Raises:
            Locked: another writer has it, which is named.
            FileExistsError: what is there under the name of the lock file is none.
        """
        taken = lock.take(self._path / lock.NAME, _lock_file)
        self._lock = taken
        try:
            yield
        finally:
            self._lock = None
            taken.free()

    def _check_lock(self) -> None:
        if self._lock is not None:
            self._lock.check()


class PrivateFolder(DiskFolder):
    """A `CacheFolder` on disk that its user alone can read and write.

    One that is a link, belongs to another user or may be written by others is refused with a
    PermissionError: what is in it could be anybody's.
    """

    def make(self) -> None:
        """Make the folder, and those above it that are missing, for the user alone."""
        missing = [path for path in (self._path, *self._path.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(mode=0o700, exist_ok=True)
        self._check()

    def uses(self) -> dict[str, FileUse]:
        """Return the plain files in it; none where there is no such folder."""
        found = {}
        try:
            self._check()
            with os.scandir(self._path) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):  # another process has just removed it
                        status = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode):
                            found[entry.name] = FileUse(status.st_size, status.st_mtime)
        except FileNotFoundError:
            return {}
        return found

    def create(self, name: str) -> OutputFile:
        """Start a new file that others cannot read."""
        self._check_lock()
        return _DiskFile(self._path / name, 0o600)

    def touch(self, name: str) -> None:
        """Set the time of a file's last change to now."""
        os.utime(self._path / name, follow_symlinks=False)

    def free(self) -> int:
        """Return the bytes that this user may still write."""
        status = os.statvfs(self._path)
        return status.f_bavail * status.f_frsize

    def _check(self) -> None:
        status = os.lstat(self._path)
        if not stat.S_ISDIR(status.st_mode):
            raise PermissionError(errno.EPERM, f"{self._path} is a link, or no folder")
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise PermissionError(
                errno.EPERM, f"{self._path} is not yours alone to write: chmod it to 700"
            )


def _is_impossible(path: Path) -> bool:
    try:
        return b"\0" in os.fsencode(path)
    except UnicodeEncodeError:
        return True


@contextmanager
def _lock_file(path: Path) -> Iterator[int]:
    """Open a lock file, making it where it is missing; whatever else is there stays as it is."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise _no_lock_file(path) from error
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) or not lock.is_ours(descriptor):
            raise _no_lock_file(path)
        yield descriptor
    finally:
        os.close(descriptor)


def _no_lock_file(path: Path) -> OSError:
    return FileExistsError(errno.EEXIST, f"{path} is no lock file of ours")


@contextmanager
def _plain(path: Path) -> Iterator[int]:
    """Open a plain file for reading; anything else under its name is `CorruptIndex`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise CorruptIndex(f"{path} is a link: put the file itself there") from error
        if error.errno in (errno.ENXIO, errno.ENODEV):  # a socket, a device that is not there
            raise _not_plain(path) from error
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _not_plain(path)
        yield descriptor
    finally:
        os.close(descriptor)


def _not_plain(path: Path) -> CorruptIndex:
    remedy = "restore it from a copy, or index again (--rebuild)"
    return CorruptIndex(f"{path} is no plain file: {remedy}")


class _DiskFile:
    def __init__(self, path: Path, mode: int = 0o644) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)

    def write(self, data: Buffer) -> None:
        view = memoryview(data).cast("B")
        while view:
            view = view[os.write(self._descriptor, view) :]

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


@contextmanager
def storing(folder: Folder, what: str) -> Iterator[None]:
    """Turn an OSError of the file system into `StorageFailed`, saying what was being done."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "see to the disk")
        raise StorageFailed(
            f"{what} in {folder.path} failed: {error.strerror or error}. Nothing committed is "
            f"lost; {remedy}, then run it again"
        ) from error
