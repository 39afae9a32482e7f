"""A folder in memory that can fail, be killed and lose power, with the promises of a file system
and no others:

* the content of a file is durable up to where `OutputFile.sync` found it. Of the rest a crash keeps
  nothing, all, a beginning, or any of its blocks in any order; the size may be there without the
  data, and then zeros are, or what the disk held before;
* names are durable as `sync` of the folder found them. Since then each name by itself may stand for
  anything that it has stood for, whatever has become of the other names and of any content: a name
  without its content, content without its name, what was done last without what was done first;
* `replace` is atomic for its target; its source may still be there after a crash;
* after a failed sync of a file what it should have written is never durable, even if it is synced
  again without an error; that, and giving such a file another name, is noted in `retried`;
* after a failed sync of the folder names are as before it. It may be tried again: they are in the
  journal of a file system, which stops altogether when it cannot be written.

Not modelled: damage to what was synced (which the suites of damage do), a `replace` that is seen
half done by readers, files that are changed other than by writing to their end.
"""

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import CorruptIndex, Locked
from retrieval.store.files import FileUse

SCALE = int(os.environ.get("RETRIEVAL_TEST_SCALE", "1"))
"""How many times as many crash images, faults and kills there are to be: 1 for a minute."""

BLOCK = 64
"""Bytes that are written together; files of tests are small, so it is less than any disk's."""

CHANGING = {"create", "write", "sync file", "close", "replace", "remove", "sync"}


class Killed(BaseException):
    """The process is no more; nothing in it may catch this."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong at operation number `at`, counted from 0.

    error   what is raised
    late    the operation takes place all the same (a write: half of it)
    stays   every later operation that takes space fails too: the disk is full
    """

    at: int
    error: BaseException
    late: bool = False
    stays: bool = False

    @classmethod
    def of(cls, at: int, code: int, *, late: bool = False, stays: bool = False) -> "Fault":
        return cls(at, OSError(code, errno.errorcode[code]), late, stays)


@dataclass(eq=False, slots=True)
class Inode:
    """The content of a file, under whatever names."""

    data: bytearray
    synced: int = 0
    lost: bool = False


class FaultFolder:
    """See `retrieval.store.files.Folder`."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.durable = {n: Inode(bytearray(d), len(d)) for n, d in (files or {}).items()}
        self.live = dict(self.durable)
        self.history: dict[str, list[Inode | None]] = {}
        """Since the last sync: what each name that changed has stood for, the latest last."""
        self.operations: list[tuple[str, str]] = []
        self.fault: Fault | None = None
        self.after: Callable[[str], None] = lambda verb: None
        """Called after each operation that changes something."""
        self.path = Path("/fault")
        self.retried: list[str] = []
        """Files that were used or synced again after a sync of them had failed: never right."""
        self.touched: list[str] = []
        self._locked = False
        self.dead = False
        """Whether the process that uses it was killed."""

    # ------------------------------------------------------------------ the protocol

    def names(self) -> list[str]:
        with self._operation("names", ""):
            return sorted(self.live)

    def read(self, name: str, limit: int) -> bytes:
        with self._operation("read", name):
            data = bytes(self._inode(name).data)
        if len(data) > limit:
            raise CorruptIndex(f"{self.path / name} has {len(data)} bytes")
        return data

    def map(self, name: str) -> NDArray[np.uint8]:
        with self._operation("map", name):
            return np.frombuffer(bytes(self._inode(name).data), np.uint8)

    def create(self, name: str) -> "FaultFile":
        inode = Inode(bytearray())
        with self._operation("create", name):
            if name in self.live:
                raise FileExistsError(errno.EEXIST, "File exists", str(self.path / name))
            self._name(name, inode)
        return FaultFile(self, name, inode)

    def replace(self, source: str, target: str) -> None:
        with self._operation("replace", target):
            self._note_if_lost(source, self._inode(source))
            self._name(target, self._inode(source))
            self._name(source, None)

    def remove(self, name: str) -> None:
        with self._operation("remove", name):
            self._inode(name)
            self._name(name, None)

    def sync(self) -> None:
        with self._operation("sync", ""):
            self.sync_names()

    @contextmanager
    def lock(self) -> Iterator[None]:
        if self._locked:
            raise Locked(f"{self.path} is locked")
        try:
            with self._operation("lock", ""):
                self._locked = True
            yield
        finally:
            self._locked = False

    # ------------------------------------------------------------------ a folder of a cache

    def make(self) -> None:
        with self._operation("make", ""):
            pass

    def uses(self) -> dict[str, FileUse]:
        """Return the files; the time of one is when it was touched, counted from 1."""
        with self._operation("uses", ""):
            times = {name: number for number, name in enumerate(self.touched, 1)}
            return {
                name: FileUse(len(inode.data), times.get(name, 0))
                for name, inode in self.live.items()
            }

    def touch(self, name: str) -> None:
        with self._operation("touch", name):
            self._inode(name)
            self.touched.append(name)

    def free(self) -> int:
        with self._operation("free", ""):
            return 2**40

    # ------------------------------------------------------------------ what mutants override

    def sync_names(self) -> None:
        """Make all names durable."""
        self.durable = dict(self.live)
        self.history.clear()

    def sync_file(self, name: str, inode: Inode) -> None:
        """Make the content of a file durable."""
        if not inode.lost:
            inode.synced = len(inode.data)

    # ------------------------------------------------------------------ crashes

    def seen(self) -> "FaultFolder":
        """Return the folder as another process sees it now; what happens later does not show."""
        other = type(self)()
        other.live, other.durable = dict(self.live), dict(self.durable)
        other.history = {name: list(inodes) for name, inodes in self.history.items()}
        return other

    def survivor(self) -> "FaultFolder":
        """Return the folder as the next process finds it when this one was killed."""
        self.dead = True
        return self.seen()

    def contents(self) -> dict[str, bytes]:
        """Return all files as they are."""
        return {name: bytes(inode.data) for name, inode in self.live.items()}

    def images(self, random: Random, n: int, seen: set[Any]) -> Iterator["FaultFolder"]:
        """Yield up to `n` folders that a power loss may leave, none of those already `seen`.

        The first has lost everything that was not synced, the second nothing; then mixtures.
        """
        for number in range(n):
            image = self._image(random, number)
            key = hash(frozenset(image.items()))
            if key not in seen:
                seen.add(key)
                yield FaultFolder(image)

    def _image(self, random: Random, number: int) -> dict[str, bytes]:
        left: dict[int, bytes] = {}  # a file of two names has one content
        image = {}
        for name in sorted({*self.durable, *self.history}):
            past = [self.durable.get(name), *self.history.get(name, [])]
            inode = past[0] if number == 0 else past[-1] if number == 1 else random.choice(past)
            if inode is not None:
                if id(inode) not in left:
                    left[id(inode)] = _left(inode, random, number)
                image[name] = left[id(inode)]
        return image

    # ------------------------------------------------------------------ the machinery

    def _inode(self, name: str) -> Inode:
        if name not in self.live:
            raise FileNotFoundError(errno.ENOENT, "No such file", str(self.path / name))
        return self.live[name]

    def _name(self, name: str, inode: Inode | None) -> None:
        self.history.setdefault(name, []).append(inode)
        if inode is None:
            del self.live[name]
        else:
            self.live[name] = inode

    def _note_if_lost(self, name: str, inode: Inode) -> None:
        if inode.lost:
            self.retried.append(name)

    @contextmanager
    def _operation(self, verb: str, name: str) -> Iterator[None]:
        """Count an operation, and let it fail before or after it took place."""
        if self.dead:
            raise Killed
        number = len(self.operations)
        self.operations.append((verb, name))
        fault = self._due(number, verb)
        self.dead = fault is not None and isinstance(fault.error, Killed)
        if fault is not None and not fault.late:
            raise fault.error
        yield
        if fault is not None:
            raise fault.error
        if verb in CHANGING:
            self.after(verb)

    def _due(self, number: int, verb: str) -> Fault | None:
        fault = self.fault
        if fault is None or number < fault.at:
            return None
        later = fault.stays and verb in {"create", "write", "sync file"}
        return fault if number == fault.at or later else None


class FaultFile:
    """See `retrieval.store.files.OutputFile`."""

    def __init__(self, folder: FaultFolder, name: str, inode: Inode) -> None:
        self._folder, self._name, self._inode = folder, name, inode
        self._open = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        whole = bytes(memoryview(data).cast("B"))
        size = len(self._inode.data)
        assert self._open
        try:
            with self._folder._operation("write", self._name):
                self._inode.data += whole
        except OSError:
            if len(self._inode.data) > size:  # a short write: half of it is there
                del self._inode.data[size + len(whole) // 2 :]
            raise

    def sync(self) -> None:
        assert self._open
        self._folder._note_if_lost(self._name, self._inode)
        try:
            with self._folder._operation("sync file", self._name):
                self._folder.sync_file(self._name, self._inode)
        except OSError:
            self._inode.lost = True
            raise

    def close(self) -> None:
        self._open = False
        with self._folder._operation("close", self._name):
            pass


def _left(inode: Inode, random: Random, number: int) -> bytes:
    """Choose what a crash leaves of a file."""
    durable, tail = bytes(inode.data[: inode.synced]), bytes(inode.data[inode.synced :])
    if number == 0 or not tail:
        return durable
    kept = random.randrange(len(tail) + 1)
    match 1 if number == 1 else random.randrange(6):
        case 0:
            return durable
        case 1:
            return durable + tail
        case 2:
            return durable + tail[:kept]
        case 3:
            return durable + tail[:kept].ljust(len(tail), b"\0")
        case 4:
            return durable + tail[:kept] + random.randbytes(len(tail) - kept)
    blocks = (tail[start : start + BLOCK] for start in range(0, len(tail), BLOCK))
    return durable + b"".join(random.choice([block, bytes(len(block))]) for block in blocks)
