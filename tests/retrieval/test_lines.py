"""Lines come out as they went in, whatever the compression, and as they are asked for."""

import errno
import gzip
import io
import lzma
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import InvalidInput
from retrieval.lines import ENDINGS, bounded, create, open_lines, read_input


def zstd(data: bytes) -> bytes:
    return bytes(pyarrow.compress(data, "zstd", asbytes=True))


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "a.jsonl": bytes,
    "a.jsonl.gz": gzip.compress,
    "a.jsonl.xz": lzma.compress,
    "a.jsonl.zst": zstd,
    "A.JSONL.GZ": gzip.compress,
    "A.JSONL.XZ": lzma.compress,
    "A.JSONL.ZST": zstd,
}
COMPRESSED = ["a.jsonl.gz", "a.jsonl.xz", "a.jsonl.zst"]


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=4), st.sampled_from(sorted(COMPRESS)))
def test_lines_are_those_of_all_members_together(members: list[bytes], name: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(b"".join(COMPRESS[name](member) for member in members))
        assert list(open_lines(path)) == io.BytesIO(b"".join(members)).readlines()


@given(
    st.lists(st.sampled_from([b"a", b"bb", b"\n"]), max_size=30).map(b"".join), st.integers(1, 5)
)
def test_bounded_lines_are_the_openings_of_all_lines(data: bytes, bytes_max: int) -> None:
    openings = [line[: bytes_max + 1] for line in io.BytesIO(data).readlines()]
    assert list(bounded(io.BytesIO(data), bytes_max)) == openings


@pytest.mark.parametrize("name", ["a.jsonl", *COMPRESSED])
def test_memory_is_that_of_one_line(tmp_path: Path, name: str) -> None:
    size = 64 * 2**20
    (tmp_path / name).write_bytes(COMPRESS[name](b"a" * 999 + b"\n" + bytes(size)))
    tracemalloc.start()
    try:
        first = next(open_lines(tmp_path / name))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert first == b"a" * 999 + b"\n"
    assert peak_bytes < size // 4  # the dictionary of xz alone has 8 MiB


@pytest.mark.parametrize("name", COMPRESSED)
def test_lines_before_the_damage_are_read(tmp_path: Path, name: str) -> None:
    lines = [b"%d\n" % number for number in range(500_000)]
    data = COMPRESS[name](b"".join(lines))
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    read: list[bytes] = []
    with pytest.raises(OSError, match="its compressed data are damaged"):
        read.extend(open_lines(tmp_path / name))  # keeps what came before the error
    assert len(read) > 100_000
    assert read == lines[: len(read)]


@pytest.mark.parametrize("name", COMPRESSED)
@pytest.mark.parametrize("data", [b"plain\n", b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"])
def test_data_of_another_kind_are_damage(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(OSError, match="its compressed data are damaged"):
        list(open_lines(tmp_path / name))


def test_a_file_is_opened_by_the_first_line_asked_for(tmp_path: Path) -> None:
    lines = open_lines(tmp_path / "missing.jsonl")
    with pytest.raises(FileNotFoundError):
        next(lines)


@pytest.mark.parametrize("ending", [".gz", ".xz", ".zst"])
def test_every_cut_of_a_compressed_file_is_told(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    members = [COMPRESS["a.jsonl" + ending](b"wing %d\n" % n * 20) for n in range(2)]
    whole = {0, len(members[0]), sum(map(len, members))}  # where a file could end as well
    data = b"".join(members)
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        if size in whole - {0}:
            assert len(list(open_lines(path))) in (20, 40)
        elif size:
            with pytest.raises(OSError, match="its compressed data are damaged"):
                list(open_lines(path))


@given(st.lists(st.binary(max_size=30), max_size=4), st.sampled_from(ENDINGS))
def test_what_is_created_is_read_again(pieces: list[bytes], ending: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / ("a.run" + ending)
        with create(path) as stream:
            stream.writelines(pieces)
        assert b"".join(open_lines(path)) == b"".join(pieces)
        assert ending == "" or path.read_bytes() != b"".join(pieces)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_cannot_be_created_or_read_is_named(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "missing" / ("a" + ending)
    with pytest.raises(FileNotFoundError):
        create(path)
    with pytest.raises(InvalidInput, match=r"missing/a.* cannot be read: No such file"):
        list(read_input(path))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_name_that_is_not_unicode_is_opened(tmp_path: Path, ending: str) -> None:
    path = tmp_path / (os.fsdecode(b"caf\xe9") + ending)
    with create(path) as stream:
        stream.write(b"wing")
    assert list(open_lines(path)) == [b"wing"]


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="no file that fails on reading")
@pytest.mark.parametrize("ending", ENDINGS)
def test_an_error_of_the_system_is_no_damage(tmp_path: Path, ending: str) -> None:
    (tmp_path / ("a" + ending)).symlink_to("/proc/self/mem")
    with pytest.raises(OSError, match="Input/output error") as raised:
        list(open_lines(tmp_path / ("a" + ending)))
    assert raised.value.errno == errno.EIO
