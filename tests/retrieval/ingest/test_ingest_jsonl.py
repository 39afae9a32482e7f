"""JSON lines of any keys: the first object decides, and the lines after it must be like it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.document import Document
from retrieval.errors import InvalidDocument
from retrieval.ingest import Fields, Found, Skipped, read
from retrieval.ingest.formats.jsonl import read_lines
from retrieval.limits import TEXT_BYTES_MAX
from retrieval.lines import ENDINGS, create


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def documents(lines: list[bytes], fields: Fields | None = None) -> list[Document]:
    outcomes = read_lines(lines, "a.jsonl", fields) if fields else read_lines(lines, "a.jsonl")
    found = list(outcomes)
    assert all(isinstance(one, Found) for one in found), found
    return [one.document for one in found if isinstance(one, Found)]


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()


@given(words, words, words, st.dictionaries(st.text("xyz", min_size=1), numbers, max_size=3))
def test_any_object_comes_back_with_its_types(
    docno: str, text: str, title: str, metadata: dict[str, Any]
) -> None:
    docno = docno[:100]
    data = line(docid=docno, contents=text, title=title, **metadata)
    (found,) = documents([data])
    assert found == Document(docno, text, title, metadata)
    assert list(map(type, found.metadata.values())) == list(map(type, metadata.values()))


def test_without_an_id_the_docno_is_the_place() -> None:
    lines = [line(text="wing"), b"\n", line(text="flow", url="u")]
    assert [d.docno for d in documents(lines)] == ["a.jsonl:1", "a.jsonl:3"]


def test_a_number_is_an_id() -> None:
    assert documents([line(id=7, body="wing")])[0].docno == "7"


def test_fields_name_the_keys() -> None:
    lines = [line(id="x", url="u1", name="T", lead="one", body="two", year=2020, extra=[1])]
    fields = Fields("url", "lead,body", "name", metadata=("year", "absent"))
    assert documents(lines, fields) == [Document("u1", "one\ntwo", "T", {"year": 2020})]


def test_a_null_or_missing_text_leaves_the_title() -> None:
    lines = [
        line(id="1", abstract="wing", title="A"),
        line(id="2", abstract=None, title="B"),
        line(id="3", title="C"),
    ]
    assert [d.contents for d in documents(lines)] == ["A wing", "B", "C"]


def test_an_object_of_metadata_is_joined_and_anything_else_kept() -> None:
    joined = [line(id="1", text="a", year=1, lang="x", metadata={"year": 2})]
    assert documents(joined)[0].metadata == {"year": 2, "lang": "x"}
    assert documents([line(id="1", text="a", metadata="red")])[0].metadata == {"metadata": "red"}


def test_a_known_name_without_text_is_not_taken_for_it() -> None:
    (found,) = documents([line(text={"en": 1}, content="wing")])
    assert (found.text, found.metadata) == ("wing", {"text": {"en": 1}})


@pytest.mark.parametrize(
    ("second", "fault"),
    [
        (b"{\n", "is not JSON in UTF-8 (Expecting property name"),
        (b'{"id": "2", "body": "caf\xe9"}', "is not JSON in UTF-8 ('utf-8' codec"),
        (b"[1]", "is [1], not a JSON object"),
        (line(body="wing"), "has no 'id'"),
        (line(id=None, body="wing"), "has no 'id'"),
        (line(id=1.5, body="wing"), "has the 'id' 1.5"),
        (line(id="2", body=["wing"]), "has the 'body' [\"wing\"]"),
        (line(id="2", body="wing", title=3), "has the 'title' 3"),
        ('{"id": "2"}'.encode("utf-16"), "is not JSON in UTF-8"),
    ],
)
def test_a_line_unlike_the_first_is_named(second: bytes, fault: str) -> None:
    with pytest.raises(InvalidDocument) as raised:
        list(read_lines([line(id="1", body="flow", title="T"), second], "a.jsonl"))
    assert str(raised.value).startswith("a.jsonl:2 ")
    assert fault in str(raised.value)
    assert "each line must have 'id' and 'body', like the first" in str(raised.value)


def test_a_first_line_without_text_names_its_keys_and_the_remedy() -> None:
    with pytest.raises(InvalidDocument, match=r"^a.jsonl:1 has no .*'id', 'note'.*--field text="):
        list(read_lines([line(id="1", note="wing")], "a.jsonl"))
    with pytest.raises(InvalidDocument, match=r"^a.jsonl:1 has no 'nota', did you mean 'note'"):
        list(read_lines([line(id="1", note="wing")], "a.jsonl", Fields(text="nota")))


def test_a_huge_line_is_skipped_and_the_others_read() -> None:
    first, huge, last = read_lines(
        [line(text="wing"), b'{"text": "' + bytes(TEXT_BYTES_MAX), line(text="flow")], "a.jsonl"
    )
    assert isinstance(first, Found)
    assert huge == Skipped("a.jsonl:2", f"it has more than {TEXT_BYTES_MAX:,} bytes")
    assert isinstance(last, Found)


@pytest.mark.parametrize("name", ["a.jsonl", "A.NDJSON"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_all_compressions_are_read(tmp_path: Path, name: str, ending: str) -> None:
    with create(tmp_path / (name + ending)) as stream:
        stream.writelines([line(id="ü", text="wing 中"), line(id="2", text="flow")])
    found = [outcome for outcome in read(tmp_path) if isinstance(outcome, Found)]
    assert [one.document.docno for one in found] == ["ü", "2"]
    assert [one.place for one in found] == [f"{name}{ending}:1", f"{name}{ending}:2"]
    assert found[0].document.text == "wing 中"


@pytest.mark.parametrize("ending", ENDINGS[1:])
def test_what_comes_before_the_damage_is_found(tmp_path: Path, ending: str) -> None:
    path = tmp_path / ("a.jsonl" + ending)
    with create(path) as stream:
        stream.writelines(line(id=n, text=f"wing {n * n}") for n in range(100_000))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    *found, last = read(path)
    assert len(found) > 1000
    assert all(isinstance(one, Found) for one in found)
    assert isinstance(last, Skipped)
    assert last.place == f"a.jsonl{ending}:{len(found) + 1}"
    assert last.unread
    assert "its compressed data are damaged" in last.reason
