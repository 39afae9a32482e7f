"""The one decorator of every kernel: compiled on first use, kept in a private folder.

numba's cache is read with pickle, so the folder belongs to the user alone (mode 0700). numba also
keeps stale code when only a callee in another file changes, and shares code compiled with and
without bounds checks: the folder name therefore carries a digest of every source file of `indexes`
and of the flags that change what is compiled.

With NUMBA_DISABLE_JIT=1 kernels are interpreted and must answer the same: numbers that wrap or
round are numpy's, not Python's. An `@intrinsic` lives beside a plain kernel that gives the same
numbers, its twin, and is called only where the CPU has the instruction and the JIT is on.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_FLAGS: Any = numba.config  # its attributes are set at run time, unseen by type checkers


def kernel(function: Kernel) -> Kernel:
    """Compile `function` without the GIL, in strict IEEE arithmetic, cached."""
    return _compile(function, fastmath=False)


def reordered(function: Kernel) -> Kernel:
    """Compile `function` so that sums may be reordered: for approximations that are rescored.

    Only reassociation and contraction are allowed: NaN and infinity keep their meaning.
    """
    return _compile(function, fastmath={"reassoc", "contract"})


def _compile(function: Kernel, *, fastmath: bool | set[str]) -> Kernel:
    if _FLAGS.DISABLE_JIT:
        return np.errstate(all="ignore")(function)  # compiled arithmetic never warns
    before = _FLAGS.CACHE_DIR
    _FLAGS.CACHE_DIR = _FOLDER  # numba reads it once, while decorating
    try:
        # Division as in numpy: an exception would leave scratch arrays half filled.
        compile_ = numba.njit(
            cache=_FOLDER != "", nogil=True, fastmath=fastmath, error_model="numpy"
        )
        compiled: Any = compile_(function)
        _forgive(compiled)
        return cast("Kernel", compiled)
    finally:
        _FLAGS.CACHE_DIR = before


def _forgive(compiled: Any) -> None:
    """Let a damaged cache cost a compilation, not the search: it is emptied and written anew."""
    cache = compiled._cache
    load = cache.load_overload

    def load_or_compile(signature: Any, context: Any) -> Any:
        try:
            return load(signature, context)
        except Exception:  # whatever unreadable bytes make of numba and LLVM
            with suppress(OSError):
                cache.flush()
            return None

    cache.load_overload = load_or_compile


def _cache_folder() -> str:
    """Return a folder only this user can write, or "" where none can be had."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(root) / "retrieval-engine" / "kernels" / _identity()
    # Whoever may write the folder above could put another one in its place.
    chain = (folder.parent.parent, folder.parent, folder)
    try:
        for part in chain:
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = all(_is_private(part) for part in chain)
    except OSError:
        return ""
    return str(folder) if private and os.access(folder, os.W_OK) else ""


def _is_private(folder: Path) -> bool:
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _identity() -> str:
    state = blake2b(digest_size=8)
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        state.update(source.read_bytes())
    cpu = (_FLAGS.CPU_NAME, _FLAGS.CPU_FEATURES)
    flags = (numba.__version__, bool(_FLAGS.BOUNDSCHECK), *cpu, sys.version)
    state.update(repr(flags).encode())
    return state.hexdigest()


_FOLDER = _cache_folder()
