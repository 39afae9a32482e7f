"""One file of named arrays.

    file      → header array* directory footer
    header    → magic(8) version:u32 zero:u32 kind(16, ASCII, zero-padded)          32 bytes
    array     → bytes, little-endian, C order, starting at a multiple of 64
    directory → JSON {"settings": {…}, "arrays": [[name, dtype, shape, offset, checksum] …]}
    footer    → offset:u64 size:u64 of the directory, checksum:u64, ~magic(8)        32 bytes

Arrays follow each other without holes but the alignment, and three counts must agree: shape ×
item size, the distance to the next array, and the size of the file. Checksums are XXH3-64; that of
the footer is of header and directory, so that nothing is believed of a damaged file, its version
included. Opening reads these three; the bytes of an array are checked when it is first asked for.
The magic has a byte above 127 and line ends of both kinds, so that a text-mode copy destroys it.

A file is mapped, not read: one that somebody shortens while it is open loses pages that are mapped
already. Its size is compared once more before an array is first checked, so that what is asked for
later is `CorruptIndex`; but whoever touches a page of an array in use that is gone is killed by the
system (SIGBUS on Linux), and nothing in the process can prevent it. No file is harmed by that, and
one that is put back opens again. The store itself never shortens a file or writes to it again.
"""

import json
import math
import mmap
import struct
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from retrieval.errors import CorruptIndex
from retrieval.limits import ARRAY_AXES_MAX, DIRECTORY_BYTES_MAX
from retrieval.store.files import Folder
from retrieval.store.formats import check_version

MAGIC = b"\x89RVE\r\n\x1a\n"
VERSION = 2
_HEADER = struct.Struct("<8sII16s")
_FOOTER = struct.Struct("<QQQ8s")
_MAGIC_END = bytes(255 - byte for byte in MAGIC)
_ALIGNMENT = 64
_DTYPES: dict[str, type[np.generic]] = {
    "u1": np.uint8,
    "u2": np.uint16,
    "u4": np.uint32,
    "i4": np.int32,
    "i8": np.int64,
    "f2": np.float16,
    "f4": np.float32,
}
_CODES: dict[np.dtype[Any], str] = {np.dtype(dtype): code for code, dtype in _DTYPES.items()}


@dataclass(frozen=True, slots=True)
class FileEntry:
    """How a manifest names a container: a file exchanged for another one is noticed."""

    name: str
    size: int
    checksum: str


@dataclass(frozen=True, slots=True)
class _Array:
    dtype: type[np.generic]
    shape: tuple[int, ...]
    offset: int
    checksum: int

    @property
    def size(self) -> int:
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def write(
    folder: Folder,
    name: str,
    kind: str,
    *,
    arrays: Mapping[str, NDArray[Any]],
    settings: Mapping[str, Any] | None = None,
    sync: bool = True,
) -> FileEntry:
    """Write a new container, and sync it unless losing it with the power is no harm."""
    file = folder.create(name)
    try:
        header = _HEADER.pack(MAGIC, VERSION, 0, kind.encode("ascii"))
        file.write(header)
        position, rows = _HEADER.size, []
        for key, array in arrays.items():
            data = np.ascontiguousarray(array).data.cast("B") if array.size else b""
            file.write(bytes(-position % _ALIGNMENT))
            position += -position % _ALIGNMENT
            file.write(data)
            row = [key, _CODES[array.dtype], list(array.shape), position]
            rows.append([*row, f"{xxhash.xxh3_64_intdigest(data):016x}"])
            position += len(data)
        directory = json.dumps({"settings": dict(settings or {}), "arrays": rows}).encode()
        checksum = xxhash.xxh3_64_intdigest(header + directory)
        file.write(directory)
        file.write(_FOOTER.pack(position, len(directory), checksum, _MAGIC_END))
        if sync:
            file.sync()
    finally:
        file.close()
    return FileEntry(name, position + len(directory) + _FOOTER.size, f"{checksum:016x}")


def entry_of(folder: Folder, name: str) -> FileEntry:
    """Return what a file says of itself, for one that no manifest names."""
    data = folder.map(name)
    if len(data) < _FOOTER.size:
        raise CorruptIndex(f"{folder.path / name} is shorter than a container")
    _, _, checksum, _ = _FOOTER.unpack(data[-_FOOTER.size :].data)
    return FileEntry(name, len(data), f"{checksum:016x}")


class Container:
    """An opened container; arrays are checked when first asked for.

    Raises:
        CorruptIndex: anything that does not follow the grammar above.
        FormatTooNew, FormatTooOld: another version of the format.
    """

    def __init__(self, folder: Folder, entry: FileEntry, kind: str) -> None:
        self._folder, self._entry = folder, entry
        self._bytes = folder.map(entry.name)
        self._trusted: dict[str, NDArray[Any]] = {}
        self._lock = threading.Lock()
        try:
            self.settings, self._directory = self._parse(kind)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._corrupt(f"has an unreadable directory ({error})") from error

    def _parse(self, kind: str) -> tuple[dict[str, Any], dict[str, _Array]]:
        size, entry = len(self._bytes), self._entry
        if size != entry.size or size < _HEADER.size + _FOOTER.size:
            raise self._corrupt(f"has {size:,} bytes, the manifest says {entry.size:,}")
        header = self._bytes[: _HEADER.size].tobytes()
        magic, version, zero, name = _HEADER.unpack(header)
        if magic != MAGIC or zero != 0:
            raise self._corrupt("does not start like a container")
        offset, length, checksum, end = _FOOTER.unpack(self._bytes[-_FOOTER.size :].data)
        if end != _MAGIC_END or offset + length + _FOOTER.size != size:
            raise self._corrupt("does not end like a container")
        if length > DIRECTORY_BYTES_MAX:
            raise self._corrupt(f"has a directory of {length:,} bytes")
        directory = self._bytes[offset : offset + length].tobytes()
        found = xxhash.xxh3_64_intdigest(header + directory)
        if found != checksum or f"{checksum:016x}" != entry.checksum:
            raise self._corrupt("has a header or directory that is not the one the manifest knows")
        check_version(self.name, version, VERSION)
        if name.rstrip(b"\0") != kind.encode():
            raise self._corrupt(f"is of kind {name!r}, not {kind!r}")
        return self._read_directory(read_json(directory), offset)

    def _read_directory(
        self, content: dict[str, Any], end: int
    ) -> tuple[dict[str, Any], dict[str, _Array]]:
        arrays: dict[str, _Array] = {}
        position = _HEADER.size
        for name, code, shape, offset, checksum in content["arrays"]:
            if len(shape) > ARRAY_AXES_MAX or not _are_counts(shape) or not _are_counts([offset]):
                raise self._corrupt(f"gives array {name!r} the shape {shape!r}")
            array = _Array(_DTYPES[code], tuple(shape), offset, int(checksum, 16))
            if offset != position + -position % _ALIGNMENT or name in arrays:
                raise self._corrupt(f"puts array {name!r} in the wrong place")
            arrays[name] = array
            position = offset + array.size
        if position != end:
            raise self._corrupt("has arrays that do not add up to its size")
        return dict(content["settings"]), arrays

    def array(self, name: str) -> NDArray[Any]:
        """Return an array; its checksum is verified the first time."""
        with self._lock:
            if name not in self._trusted:
                self._trusted[name] = self._checked(name)
            return self._trusted[name]

    def arrays(self, *, unchecked: Collection[str] = ()) -> dict[str, NDArray[Any]]:
        """Return all arrays, verified but for those that the caller checks piece by piece."""
        return {
            name: self._plain(name) if name in unchecked else self.array(name)
            for name in self._directory
        }

    def verify(self) -> None:
        """Check every byte again, or raise `CorruptIndex`."""
        for name in self._directory:
            self._checked(name)

    @property
    def name(self) -> str:
        """The file, for messages."""
        return str(self._folder.path / self._entry.name)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self._bytes)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array as the directory has it; its bytes are not looked at."""
        return self._described(name).shape

    def _checked(self, name: str) -> NDArray[Any]:
        if _has_shrunk(self._bytes):
            raise self._corrupt("has become shorter since it was opened")
        array = self._plain(name)
        data = array.data.cast("B") if array.size else b""
        if xxhash.xxh3_64_intdigest(data) != self._directory[name].checksum:
            raise self._corrupt(f"has damaged bytes in array {name!r}")
        return array

    def _plain(self, name: str) -> NDArray[Any]:
        entry = self._described(name)
        data = self._bytes[entry.offset : entry.offset + entry.size]
        return data.view(entry.dtype).reshape(entry.shape)

    def _described(self, name: str) -> _Array:
        if name not in self._directory:
            raise self._corrupt(f"lacks the array {name!r}")
        return self._directory[name]

    def _corrupt(self, what: str) -> CorruptIndex:
        remedy = "restore it from a copy, or index again (--rebuild)"
        return CorruptIndex(f"{self.name} {what}: {remedy}")


def read_json(data: bytes) -> Any:
    """Read JSON that says one thing: a name twice or NaN is a ValueError, as what is no JSON is."""
    return json.loads(data, object_pairs_hook=_distinct, parse_constant=_refuse)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise ValueError(f"a name comes twice among {[name for name, _ in pairs][:9]}")
    return read


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _has_shrunk(data: NDArray[np.uint8]) -> bool:
    """Say whether a mapped file has become shorter; the map holds on to the file, not its name."""
    mapped = getattr(data.base, "obj", None)
    return isinstance(mapped, mmap.mmap) and mapped.size() < len(mapped)


def _are_counts(values: list[Any]) -> bool:
    product = 1
    for value in values:
        if type(value) is not int or value < 0:
            return False
        product *= value or 1
    # An array may be empty and still too long in another dimension for numpy to describe.
    return product < 2**48
