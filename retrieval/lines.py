"""The lines of a plain, gzip, xz or zstd file, one at a time, decompressed on the way; and back.

How a file is compressed is said by its ending alone. zstd comes with pyarrow, which unlike other
bindings tells a stream that was cut short from one that ended.
"""

import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal, cast

from retrieval.errors import InvalidInput
from retrieval.limits import TEXT_BYTES_MAX

ENDINGS = ("", ".gz", ".xz", ".zst")
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
    except OSError as error:
        if error.errno is None:  # not from the system, so from the decompressor
            raise OSError(f"its compressed data are damaged ({error})") from error
        raise


def read_input(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file the user named; what cannot be read is `InvalidInput`."""
    try:
        yield from open_lines(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error


def create(path: Path) -> IO[bytes]:
    """Return a new, buffered file to write to; what is written is compressed by the ending.

    What has been written is whole only after `close`, or at the end of a `with`.

    Raises:
        OSError: the file cannot be created; while writing and closing, the disk refuses.
    """
    opener = _OPENERS.get(path.suffix.lower())
    return path.open("wb") if opener is None else cast("IO[bytes]", opener(path, "wb"))


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
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        return path.open("rb", _BUFFER_BYTES)
    # Without the buffer around it, every readline of a GzipFile is a Python call.
    return io.BufferedReader(opener(path, "rb"), _BUFFER_BYTES)


def _open_zstd(path: Path, mode: Literal["rb", "wb"]) -> IO[bytes]:
    import pyarrow

    file = path.open(mode)  # by us, because Arrow cannot open a name that is not Unicode
    if mode == "rb":
        return cast("IO[bytes]", pyarrow.input_stream(file, compression="zstd"))
    raw = pyarrow.CompressedOutputStream(pyarrow.PythonFile(file, "w"), "zstd")
    return cast("IO[bytes]", io.BufferedWriter(raw, _BUFFER_BYTES))


_OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".zst": _open_zstd}
