"""A container gives back what was written, or says that it does not."""

import json
import resource
import struct
from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest
import xxhash
from faults import FaultFolder
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from retrieval.errors import CorruptIndex, FormatTooNew, FormatTooOld
from retrieval.limits import DIRECTORY_BYTES_MAX
from retrieval.store import container
from retrieval.store.container import Container, FileEntry

arrays = st.sampled_from([np.uint8, np.int32, np.int64, np.float32]).flatmap(
    lambda dtype: arrays_of.arrays(
        dtype, arrays_of.array_shapes(min_dims=1, max_dims=3, min_side=0)
    )
)
names = st.text(min_size=1, max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(
        a[k].dtype == b[k].dtype and a[k].shape == b[k].shape and a[k].tobytes() == b[k].tobytes()
        for k in a
    )


@given(st.dictionaries(names, arrays, max_size=4), st.dictionaries(names, json_values, max_size=3))
def test_round_trip(content: dict[str, Any], settings: dict[str, Any]) -> None:
    folder = FaultFolder()
    entry = container.write(folder, "a", "index", arrays=content, settings=settings)
    opened = Container(folder, entry, "index")
    assert same(opened.arrays(), content)
    assert opened.settings == settings
    assert opened.size == entry.size == len(folder.contents()["a"])
    assert not any(array.flags.writeable for array in opened.arrays().values())
    opened.verify()
    again = container.write(folder, "b", "index", arrays=opened.arrays(), settings=settings)
    assert folder.contents()["a"] == folder.contents()["b"]
    assert (again.size, again.checksum) == (entry.size, entry.checksum)


def test_arrays_lie_at_multiples_of_64_without_other_holes() -> None:
    folder, content, entry = tiny()
    data = folder.contents()["a"]
    position = 32
    for array in content.values():
        position += -position % 64
        assert data[position : position + array.nbytes] == array.tobytes()
        position += array.nbytes
    assert json.loads(data[position:-32])["settings"] == {"kind": "flat"}
    assert entry.size == len(data)


def test_a_non_contiguous_array_is_written_in_order() -> None:
    folder = FaultFolder()
    array = np.arange(12, dtype=np.int32).reshape(3, 4).T[::2]
    entry = container.write(folder, "a", "index", arrays={"x": array})
    assert (Container(folder, entry, "index").array("x") == array).all()


# ---------------------------------------------------------------------- damage


def tiny() -> tuple[FaultFolder, dict[str, Any], FileEntry]:
    folder = FaultFolder()
    content = {
        "bytes": np.arange(5, dtype=np.uint8),
        "counts": np.arange(4, dtype=np.int64).reshape(2, 2),
        "none": np.empty((0, 3), np.int32),
        "values": np.array([[0.5, -2.0]], np.float32),
    }
    settings = {"kind": "flat"}
    return folder, content, container.write(folder, "a", "index", arrays=content, settings=settings)


def answer(data: bytes, entry: FileEntry, kind: str = "index") -> Any:
    """Return all that is in a container, or the error that says why not."""
    try:
        opened = Container(FaultFolder({entry.name: data}), entry, kind)
        return opened.arrays()
    except CorruptIndex as error:
        return error


def test_every_flipped_bit_is_noticed_or_harmless() -> None:
    folder, content, entry = tiny()
    data = folder.contents()["a"]
    harmless = 0
    for place, bit in product(range(len(data)), range(8)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << bit
        found = answer(bytes(damaged), entry)
        if not isinstance(found, CorruptIndex):  # and no version of another release
            assert same(found, content)
            harmless += 1
    n_padding = 32 + (64 - 5) + (64 - 32)  # before the first, second and last array
    assert harmless == 8 * n_padding


def test_every_truncation_and_extension_is_noticed() -> None:
    folder, _, entry = tiny()
    data = folder.contents()["a"]
    for size in range(len(data)):
        assert isinstance(answer(data[:size], entry), CorruptIndex)
        lying = FileEntry(entry.name, size, entry.checksum)  # a manifest that agrees
        assert isinstance(answer(data[:size], lying), CorruptIndex)
    for more in (b"\0", b"\0" * 64, data, data[-32:]):
        assert isinstance(answer(data + more, entry), CorruptIndex)
        lying = FileEntry(entry.name, len(data + more), entry.checksum)
        assert isinstance(answer(data + more, lying), CorruptIndex)


def test_random_bytes_are_refused() -> None:
    random = Random(0)
    for _ in range(300):
        data = container.MAGIC * random.randrange(2) + random.randbytes(random.randrange(300))
        assert isinstance(answer(data, FileEntry("a", len(data), "0" * 16)), CorruptIndex)


def test_a_file_exchanged_for_another_is_noticed() -> None:
    """Also when both are sound, of one kind and of one size."""
    folder = FaultFolder()
    one, other = (
        container.write(folder, name, "vectors", arrays={"values": np.full(5, i, np.int32)})
        for i, name in enumerate("ab")
    )
    files = folder.contents()
    assert one.size == other.size
    assert isinstance(answer(files["b"], one, "vectors"), CorruptIndex)
    assert isinstance(answer(files["a"], other, "vectors"), CorruptIndex)
    assert isinstance(answer(files["a"], one, "index"), CorruptIndex)


def test_another_version_is_named() -> None:
    folder, _, _ = tiny()
    data = folder.contents()["a"]
    for version, error in ((0, FormatTooOld), (1, FormatTooOld), (3, FormatTooNew)):
        with pytest.raises(error, match=f"a has format version {version}, this release reads 2"):
            Container(*retold(data, 8, struct.pack("<I", version)), "index")


def test_nobody_is_told_to_rebuild_over_what_a_later_release_wrote() -> None:
    """`--rebuild` refuses it."""
    folder, _, _ = tiny()
    with pytest.raises(FormatTooNew, match=r"newer release, or index again into another folder$"):
        Container(*retold(folder.contents()["a"], 8, struct.pack("<I", 3)), "index")


def test_a_header_that_lies_is_refused() -> None:
    folder, content, _ = tiny()
    data = folder.contents()["a"]
    assert same(Container(*retold(data, 16, b"other"), "other").arrays(), content)
    for place, said in ((0, b"x"), (12, b"\1"), (16, b"other")):
        with pytest.raises(CorruptIndex):
            Container(*retold(data, place, said), "index")


def retold(data: bytes, place: int, said: bytes) -> tuple[FaultFolder, FileEntry]:
    """Return a container whose header says something else, and an entry that vouches for it."""
    header = (data[:place] + said + data[place + len(said) :])[:32]
    (offset,) = struct.unpack("<Q", data[-32:-24])
    checksum = xxhash.xxh3_64_intdigest(header + data[offset:-32])
    whole = header + data[32:-16] + struct.pack("<Q", checksum) + data[-8:]
    return FaultFolder({"a": whole}), FileEntry("a", len(whole), f"{checksum:016x}")


# ---------------------------------------------------------------------- lies with right checksums


def forged(directory: bytes, payload: bytes = b"") -> tuple[bytes, FileEntry]:
    """Return a container with any directory, and the entry of a manifest that vouches for it."""
    said = struct.pack("<8sII16s", container.MAGIC, container.VERSION, 0, b"index")
    header, checksum = said + bytes(32), xxhash.xxh3_64_intdigest(said + directory)
    end = bytes(255 - byte for byte in container.MAGIC)
    footer = struct.pack("<QQQ8s", len(header + payload), len(directory), checksum, end)
    data = header + payload + directory + footer
    return data, FileEntry("a", len(data), f"{checksum:016x}")


def of_rows(*rows: Any, settings: Any = None) -> bytes:
    return json.dumps({"settings": settings or {}, "arrays": rows}).encode()


EMPTY = f"{xxhash.xxh3_64_intdigest(b''):016x}"
EIGHT = f"{xxhash.xxh3_64_intdigest(bytes(8)):016x}"


def test_the_forger_can_forge() -> None:
    data, entry = forged(of_rows(["x", "i8", [1], 64, EIGHT]), bytes(8))
    assert answer(data, entry)["x"].tolist() == [0]


LIES = {
    "no json": b"{",
    "no object": b"[]",
    "null": b"null",
    "no arrays": b'{"settings": {}}',
    "no settings": b'{"arrays": []}',
    "settings are a list": b'{"settings": [1], "arrays": []}',
    "arrays are a number": b'{"settings": {}, "arrays": 3}',
    "not Unicode": b'{"settings": {}, "arrays": [], "\xff": 1}',
    "deep": b'{"settings": {}, "arrays": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep settings": b'{"arrays": [], "settings": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
    "huge number": b'{"settings": {}, "arrays": [["x", "u1", [' + b"9" * 10_000 + b'], 64, "0"]]}',
    "huge directory": b'{"settings": {}, "arrays": []' + b" " * DIRECTORY_BYTES_MAX + b"}",
    "row too short": of_rows(["x", "i8", [1], 64]),
    "row too long": of_rows(["x", "i8", [1], 64, EIGHT, 1]),
    "no such dtype": of_rows(["x", "f8", [1], 64, EIGHT]),
    "object dtype": of_rows(["x", "O", [1], 64, EIGHT]),
    "dtype is a list": of_rows(["x", ["i8"], [1], 64, EIGHT]),
    "name is a list": of_rows([["x"], "i8", [1], 64, EIGHT]),
    "shape is a number": of_rows(["x", "i8", 1, 64, EIGHT]),
    "shape is a text": of_rows(["x", "i8", "1", 64, EIGHT]),
    "shape of floats": of_rows(["x", "i8", [1.0], 64, EIGHT]),
    "shape of booleans": of_rows(["x", "i8", [True], 64, EIGHT]),
    "negative": of_rows(["x", "i8", [-1], 64, EIGHT]),
    "negative twice": of_rows(["x", "i8", [-1, -1], 64, EIGHT]),
    "too long": of_rows(["x", "i8", [2], 64, EIGHT]),
    "too short": of_rows(["x", "i8", [0], 64, EMPTY]),
    "gigantic": of_rows(["x", "i8", [2**62], 64, EIGHT]),
    "overflows to 8 bytes": of_rows(["x", "i8", [2**61 + 1, 8], 64, EIGHT]),
    "overflows to 0 bytes": of_rows(["x", "i8", [1], 64, EIGHT], ["y", "i8", [2**61], 72, EMPTY]),
    "empty and long": of_rows(["x", "i8", [1], 64, EIGHT], ["y", "u1", [2**70, 0], 128, EMPTY]),
    "empty, long, long": of_rows(
        ["y", "u1", [0, 2**40, 2**40], 64, EMPTY], ["x", "i8", [1], 64, EIGHT]
    ),
    "four dimensions": of_rows(["x", "i8", [1, 1, 1, 1], 64, EIGHT]),
    "offset 0": of_rows(["x", "i8", [1], 0, EIGHT]),
    "offset negative": of_rows(["x", "i8", [1], -64, EIGHT]),
    "offset not aligned": of_rows(["x", "i8", [1], 65, EIGHT]),
    "offset a float": of_rows(["x", "i8", [1], 64.0, EIGHT]),
    "offset beyond": of_rows(["x", "i8", [1], 2**63, EIGHT]),
    "twice": of_rows(["x", "i8", [1], 64, EIGHT], ["x", "u1", [0], 128, EMPTY]),
    "overlapping": of_rows(["x", "i8", [1], 64, EIGHT], ["y", "i8", [1], 64, EIGHT]),
    "checksum a number": of_rows(["x", "i8", [1], 64, 5]),
    "checksum no number": of_rows(["x", "i8", [1], 64, "zz"]),
    "checksum wrong": of_rows(["x", "i8", [1], 64, EMPTY]),
}


@pytest.mark.parametrize("directory", LIES.values(), ids=LIES.keys())
def test_a_lying_directory_is_refused_without_allocating(directory: bytes) -> None:
    data, entry = forged(directory, bytes(8))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert isinstance(answer(data, entry), CorruptIndex)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


def test_a_lying_footer_is_refused() -> None:
    data, entry = forged(of_rows(["x", "i8", [1], 64, EIGHT]), bytes(8))
    for offset, length in ((0, 2**64 - 1), (2**64 - 32, len(data)), (72, 0), (len(data), 0)):
        footer = struct.pack("<QQ", offset, length)
        assert isinstance(answer(data[:-32] + footer + data[-16:], entry), CorruptIndex)


def test_a_missing_array_is_named() -> None:
    folder, _, entry = tiny()
    with pytest.raises(CorruptIndex, match="/fault/a lacks the array 'nothing'"):
        Container(folder, entry, "index").array("nothing")
