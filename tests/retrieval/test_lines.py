"""Lines come out as they went in, whatever the compression, and as they are asked for."""

import gzip
import io
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.lines import bounded, open_lines

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "a.jsonl": bytes,
    "a.jsonl.gz": gzip.compress,
    "a.jsonl.xz": lzma.compress,
    "A.JSONL.GZ": gzip.compress,
    "A.JSONL.XZ": lzma.compress,
}


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


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.xz"])
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


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.xz"])
def test_lines_before_the_damage_are_read(tmp_path: Path, name: str) -> None:
    lines = [b"%d\n" % number for number in range(500_000)]
    data = COMPRESS[name](b"".join(lines))
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    read: list[bytes] = []
    with pytest.raises(OSError, match="its compressed data are damaged"):
        read.extend(open_lines(tmp_path / name))  # keeps what came before the error
    assert len(read) > 100_000
    assert read == lines[: len(read)]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.xz"])
@pytest.mark.parametrize("data", [b"plain\n", b"\x1f\x8b", b"\xfd7zXZ\x00"])
def test_data_of_another_kind_are_damage(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(OSError, match="its compressed data are damaged"):
        list(open_lines(tmp_path / name))


def test_a_file_is_opened_by_the_first_line_asked_for(tmp_path: Path) -> None:
    lines = open_lines(tmp_path / "missing.jsonl")
    with pytest.raises(FileNotFoundError):
        next(lines)
