"""Rows of Parquet keep their types, come in bounded memory, and damage is told."""

import datetime as dt
import decimal
import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet as pq

from retrieval.document import Document
from retrieval.errors import InvalidDocument
from retrieval.ingest import Fields, Found, Skipped, read
from retrieval.ingest.fields import DETECTED
from retrieval.ingest.formats.parquet import read_rows


def write(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), path, **options)
    return path


def documents(path: Path, fields: Fields = DETECTED) -> list[Document]:
    outcomes = list(read_rows(path, path.name, fields))
    assert all(isinstance(one, Found) for one in outcomes), outcomes
    return [one.document for one in outcomes if isinstance(one, Found)]


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
rows = st.tuples(
    words.filter(str.strip),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.booleans(),
    st.none() | st.lists(words, max_size=3),
)


@given(st.lists(rows, min_size=1, max_size=5), st.integers(1, 3))
def test_rows_come_back_with_their_types(given: list[Any], row_group_size: int) -> None:
    names = ("text", "whole", "number", "truth", "tags")
    types = (pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.list_(pa.string()))
    columns = {
        name: pa.array([row[at] for row in given], kind)
        for at, (name, kind) in enumerate(zip(names, types, strict=True))
    }
    with TemporaryDirectory() as folder:
        found = documents(write(Path(folder) / "a.parquet", columns, row_group_size=row_group_size))
    for number, (document, row) in enumerate(zip(found, given, strict=True), 1):
        metadata = dict(zip(names[1:], row[1:], strict=True))
        assert document.docno == f"a.parquet:{number}"
        assert document.text == row[0]
        assert document.metadata == {k: v for k, v in metadata.items() if v is not None}


UTC = dt.UTC
MOMENT = dt.datetime(2020, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (pa.array([2**64 - 1], pa.uint64()), 2**64 - 1),
        (pa.array([1.5], pa.float16()), 1.5),
        (pa.array([float("nan")]), None),
        (pa.array([float("-inf")]), None),
        (pa.array([dt.date(2020, 1, 2)]), "2020-01-02"),
        (pa.array([MOMENT], pa.timestamp("s")), "2020-01-02T03:04:05"),
        (pa.array([MOMENT], pa.timestamp("ms", "Asia/Tokyo")), "2020-01-02T03:04:05+00:00"),
        (pa.array([1_500], pa.timestamp("ns")), "1970-01-01T00:00:00.000001"),
        (pa.array([1_500], pa.time64("ns")), "00:00:00.000001"),
        (pa.array([1_500_000], pa.duration("us")), 1.5),
        (pa.array([decimal.Decimal("1.50")]), 1.5),
        (pa.array([decimal.Decimal(10**30)]), 10**30),
        (pa.array([{"a": 1, "b": MOMENT}]), {"a": 1, "b": "2020-01-02T03:04:05"}),
        (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8())), {"k": 1}),
        (pa.array([[1, None]], pa.large_list(pa.int64())), [1, None]),
        (pa.array(["x"]).dictionary_encode(), "x"),
        (pa.array([None], pa.null()), None),
        (pa.array([b"\x00"]), None),
        (pa.array([{"image": b"\x00"}]), None),
        (pa.array([[0.5, 0.25]]), None),
        (pa.array([[0.5, 0.25]], pa.list_(pa.float32(), 2)), None),
    ],
    ids=str,
)
def test_every_type_is_json_or_absent(tmp_path: Path, values: Any, found: Any) -> None:
    path = write(tmp_path / "a.parquet", {"text": ["wing"], "x": values})
    (document,) = documents(path)
    assert document.metadata == ({} if found is None else {"x": found})
    assert type(document.metadata.get("x")) is type(found)
    json.dumps(dict(document.metadata), allow_nan=False)


def test_fields_choose_the_columns(tmp_path: Path) -> None:
    columns = {
        "url": ["u"],
        "lead": ["one"],
        "body": ["two"],
        "name": ["T"],
        "vector": [[0.5]],
        "id": [7],
        "image": [b"x"],
    }
    path = write(tmp_path / "a.parquet", columns)
    fields = Fields("url", "lead,body", "name", metadata=("vector",))
    assert documents(path, fields) == [Document("u", "one\ntwo", "T", {"vector": [0.5]})]
    assert documents(path)[0].docno == "7"
    for wrong, fault in (
        (Fields(text="bdy"), "has no 'bdy', did you mean 'body'"),
        (Fields(text="id"), "column 'id' holds int64: text is needed"),
        (Fields(text="body", metadata=("image",)), "'image' holds binary, which cannot be"),
        (Fields(text="body", metadata=("nam",)), "has no 'nam', did you mean 'name'"),
    ):
        with pytest.raises(InvalidDocument, match=fault):
            list(read_rows(path, "a.parquet", wrong))


def test_a_table_without_text_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"id": [1], "text": [2], "note": ["x"]})
    with pytest.raises(InvalidDocument, match=r"^a.parquet has no key or column .*'note'"):
        list(read(path))


def test_bytes_may_be_text_and_a_row_that_is_not_unicode_is_skipped(tmp_path: Path) -> None:
    texts = [b"wing \xc3\xa9", b"caf\xe9", b"flow"]
    path = write(tmp_path / "a.parquet", {"body": texts})
    for column, kind in (("body", pa.binary()), ("text", pa.string())):
        array = pa.array(texts, pa.binary()).view(kind)
        path = write(tmp_path / f"{column}.parquet", {column: array})
        first, bad, last = read_rows(path, "a", Fields(text=column))
        assert isinstance(first, Found)
        assert first.document.text == "wing é"
        assert isinstance(bad, Skipped)
        assert bad.place == "a:2"
        assert "has a value that cannot be read" in bad.reason
        assert isinstance(last, Found)


def test_nulls_are_absent_and_a_row_without_text_is_skipped(tmp_path: Path) -> None:
    columns = {"id": ["1", "2", "3"], "text": [None, None, "a"], "title": ["T", None, None]}
    first, empty, last = read_rows(write(tmp_path / "a.parquet", columns), "a")
    assert isinstance(first, Found)
    assert first.document == Document("1", "", "T")
    assert empty == Skipped("a:2", "it holds no text")
    assert isinstance(last, Found)


@pytest.mark.parametrize("docnos", [["1", None], [0.5, 1.5], [True, False]])
def test_a_docno_that_is_none_is_named(tmp_path: Path, docnos: list[Any]) -> None:
    path = write(tmp_path / "a.parquet", {"id": docnos, "text": ["a", "b"]})
    with pytest.raises(InvalidDocument, match=r"^a:\d has the 'id' .*text or a whole number"):
        list(read_rows(path, "a"))


def test_an_empty_table_is_skipped(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", {"text": pa.array([], pa.string())})
    assert list(read(tmp_path)) == [Skipped("a.parquet", "it holds no documents")]


@pytest.mark.parametrize("data", [b"", b"PAR1", b"text", b"PAR1" + bytes(100) + b"PAR1"])
def test_what_is_no_parquet_is_skipped(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(data)
    (skipped,) = read(tmp_path)
    assert isinstance(skipped, Skipped)
    assert skipped.place == "a.parquet"
    assert "its data are damaged" in skipped.reason
    assert skipped.unread


def test_rows_before_the_damage_are_found(tmp_path: Path) -> None:
    texts = [f"wing {n * n}" for n in range(20_000)]
    path = write(
        tmp_path / "a.parquet",
        {"text": texts},
        row_group_size=5000,
        write_page_checksum=True,
        use_dictionary=False,
    )
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    *found, last = read(path)
    assert [one.document.text for one in found if isinstance(one, Found)] == texts[: len(found)]
    assert 5000 <= len(found) < 20_000
    assert isinstance(last, Skipped)
    assert last.place == f"a.parquet:{len(found) + 1}"
    assert "its data are damaged" in last.reason
    assert last.unread


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_any_damage_is_an_outcome(at: int, change: int) -> None:
    with TemporaryDirectory() as folder:
        path = write(
            Path(folder) / "a.parquet",
            {"id": [1, 2], "text": ["wing", "flow"], "year": [2020, None]},
        )
        data = bytearray(path.read_bytes())
        data[at % len(data)] ^= change
        path.write_bytes(data)
        with suppress(InvalidDocument):  # the names of the columns may be hit
            assert all(isinstance(one, Found | Skipped) for one in read(path))


def test_memory_is_that_of_a_batch(tmp_path: Path) -> None:
    texts = [f"{n:07}" * 400 for n in range(20_000)]  # 56 MB in one row group
    path = write(tmp_path / "a.parquet", {"text": texts}, compression="NONE", use_dictionary=False)
    del texts
    pool, before = pa.default_memory_pool(), pa.total_allocated_bytes()
    peak = max(pool.bytes_allocated() - before for _ in read(path))
    assert peak < 24 * 2**20
