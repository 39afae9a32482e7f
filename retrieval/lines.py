"""The lines of a plain, gzip or xz file, one at a time, decompressed on the way."""

import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from retrieval.errors import InvalidInput
from retrieval.limits import TEXT_BYTES_MAX

ENDINGS = ("", ".gz", ".xz")
"""How a file of lines may be compressed."""

_BUFFER_BYTES = 2**18
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


def open_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file as `bounded` does; the file is opened by the first line asked for.

    Raises:
        OSError: the file cannot be read, or what is left of it cannot be decompressed.
    """
    try:
        with _open(path) as stream:
            yield from bounded(stream)
    except _DAMAGE as error:
        raise OSError(f"its compressed data are damaged ({error})") from error


def read_input(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file the user named; what cannot be read is `InvalidInput`."""
    try:
        yield from open_lines(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error


def bounded(stream: IO[bytes], bytes_max: int = TEXT_BYTES_MAX) -> Iterator[bytes]:
    """Yield lines; of one longer than `bytes_max`, only its first `bytes_max` + 1 bytes.

    A few kilobytes of gzip can hold gigabytes without a line break: whoever gets too long a line
    can say so, and the memory needed for it stays bounded.
    """
    while line := stream.readline(bytes_max + 1):
        yield line
        while line and not line.endswith(b"\n"):
            line = stream.readline(_BUFFER_BYTES)


def _open(path: Path) -> IO[bytes]:
    if path.name.lower().endswith(".gz"):
        # Without the buffer around it, every readline of a GzipFile is a Python call.
        return io.BufferedReader(gzip.open(path), _BUFFER_BYTES)
    if path.name.lower().endswith(".xz"):
        return io.BufferedReader(lzma.open(path), _BUFFER_BYTES)
    return path.open("rb", _BUFFER_BYTES)
