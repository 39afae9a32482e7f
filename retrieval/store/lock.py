"""The one writer of a folder: an operating-system lock on a file, with its holder's number in it.

The lock is the system's (flock), so that it frees itself when its holder dies; the number is only
for messages. Two things the system would allow are refused: writing in a process that was forked
from the holder, and writing on when the lock file was removed, as somebody does who takes it for a
stale one.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from retrieval.errors import Locked
from retrieval.limits import LOCK_BYTES_MAX

NAME = "lock"

_PATIENCE_S = 0.25
"""How long another holder is waited for: one that is being killed is gone by then."""


class Lock:
    """The lock of a folder, held by this process."""

    def __init__(self, file: Path, descriptor: int) -> None:
        self._file, self._descriptor = file, descriptor
        _HELD.add(self)

    def free(self) -> None:
        """Let the next one have it; in a forked process nothing happens."""
        with _CHANGING:
            if self in _HELD:
                _HELD.remove(self)
                with suppress(OSError):
                    os.ftruncate(self._descriptor, 0)  # or the next one would go by our number
                os.close(self._descriptor)

    def leave(self) -> None:
        """Have no part in it any more, in a forked process; it stays locked."""
        os.close(self._descriptor)

    def check(self) -> None:
        """Raise `Locked` unless this process still keeps all others out."""
        folder = self._file.parent
        if self not in _HELD:
            raise Locked(
                f"{folder} is being written by the process that this one was forked from: "
                "open the collection again in this one"
            )
        if not _is_at(self._file, self._descriptor):
            raise Locked(
                f"{self._file} was removed while it was held, so another process may be writing "
                f"to {folder}: open the collection again"
            )

    def is_on(self, descriptor: int) -> bool:
        """Say whether an open file is the one that is locked."""
        return os.path.samestat(os.fstat(self._descriptor), os.fstat(descriptor))


_HELD: set[Lock] = set()
"""The locks of this process."""

_CHANGING = threading.RLock()
"""Held while a descriptor is open that is not in `_HELD`: nothing is forked then.

Reentrant, because a lock that nobody refers to any more is freed wherever that is noticed.
"""


def take(file: Path, opened: Callable[[Path], AbstractContextManager[int]]) -> Lock:
    """Take the lock of the folder that `file` is in, or raise `Locked` within a second.

    Args:
        file: the lock file.
        opened: opens it for reading and writing, making it where it is missing.
    """
    give_up = time.monotonic() + _PATIENCE_S
    while True:
        with _CHANGING, opened(file) as descriptor:
            if _flock(descriptor) and _is_at(file, descriptor):
                _sign(descriptor)
                return Lock(file, os.dup(descriptor))
            if any(held.is_on(descriptor) for held in _HELD):
                raise Locked(
                    f"{file.parent} is being written by process {os.getpid()}, which is this one: "
                    "commit or close the other Collection first"
                )
            holder = _number(os.pread(descriptor, LOCK_BYTES_MAX, 0))
        if time.monotonic() > give_up:
            named = f"process {holder}" if _is_alive(holder) else "another process"
            raise Locked(f"{file.parent} is being written by {named}: wait for it, or stop it")
        time.sleep(_PATIENCE_S / 50)


def is_ours(descriptor: int) -> bool:
    """Say whether an open file holds what a lock file may: a number, nothing, or zeros.

    Zeros are what a loss of power may leave.
    """
    content = os.pread(descriptor, LOCK_BYTES_MAX + 1, 0)
    return len(content) <= LOCK_BYTES_MAX and not content.strip(b"0123456789\n\0")


def _sign(descriptor: int) -> None:
    """Write the number of this process over another one; on a full disk there is none."""
    with suppress(OSError):
        os.ftruncate(descriptor, os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0))


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    """Say whether an open file still has this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _number(content: bytes) -> int:
    """Return the process number in a lock file, 0 if there is none."""
    first = content.partition(b"\n")[0]
    return int(first) if first.isdigit() else 0


def _is_alive(process: int) -> bool:
    """Say whether another process of that number is running here."""
    if not 0 < process < 2**31 or process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _leave_all() -> None:
    _CHANGING.release()
    for held in _HELD:
        held.leave()
    _HELD.clear()


os.register_at_fork(
    before=_CHANGING.acquire, after_in_parent=_CHANGING.release, after_in_child=_leave_all
)
