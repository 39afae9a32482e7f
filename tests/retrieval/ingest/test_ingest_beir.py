"""A line of BEIR is a document, a reason why not, or an error that names the line."""

import gzip
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.document import Document
from retrieval.errors import InvalidDocument
from retrieval.ingest import Found, Skipped, read
from retrieval.ingest.formats.beir import read_lines
from retrieval.limits import DOCNO_BYTES_MAX, TEXT_BYTES_MAX

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
words = texts.filter(lambda text: bool(text.strip()))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(texts, children, max_size=3),
    max_leaves=5,
)
mappings = st.dictionaries(texts, values, max_size=3)
documents = st.builds(Document, texts.filter(bool), words, texts, mappings)


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def outcome(data: bytes) -> Found | Skipped:
    (only,) = read_lines([data], "corpus.jsonl")
    return only


def document(data: bytes) -> Document:
    found = outcome(data)
    assert isinstance(found, Found)
    return found.document


@given(documents, st.booleans(), st.sampled_from([b"", b"\n", b"\r\n"]))
def test_any_document_comes_back(given: Document, ascii_only: bool, line_end: bytes) -> None:
    fields = {
        "_id": given.docno,
        "title": given.title,
        "text": given.text,
        "metadata": given.metadata,
    }
    data = json.dumps(fields, ensure_ascii=ascii_only).encode()
    assert outcome(data + line_end) == Found(given, "corpus.jsonl:1")


@given(mappings, mappings)
def test_unknown_keys_join_the_metadata_which_wins(unknown: Any, metadata: Any) -> None:
    known = {"_id", "title", "text", "metadata"}
    unknown = {key: value for key, value in unknown.items() if key not in known}
    found = document(line(_id="d", text="wing", metadata=metadata, **unknown))
    assert found.metadata == {**unknown, **metadata}


@pytest.mark.parametrize("missing", [{}, {"title": None, "metadata": None}])
def test_title_and_metadata_are_optional(missing: dict[str, None]) -> None:
    assert document(line(_id="d", text="wing", **missing)) == Document("d", "wing")


def test_a_title_alone_is_a_document() -> None:
    assert document(line(_id="d", text="", title="wing")).contents == "wing"


def test_a_number_may_be_an_id() -> None:
    assert document(line(_id=-7, text="wing")).docno == "-7"


def test_blank_lines_are_ignored_and_counted() -> None:
    wing = line(_id="d", text="wing")
    places = [o.place for o in read_lines([b"\n", wing, b" \r\n", b"", wing], "c")]
    assert places == ["c:2", "c:5"]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert document(b"\xef\xbb\xbf" + line(_id="d", text="wing")).text == "wing"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (
            b"{",
            "is not JSON in UTF-8 (Expecting property name enclosed in double quotes at column 2)",
        ),
        (b'{"_id": "1", "text": "wing"} x', "is not JSON in UTF-8 (Extra data at column 30)"),
        (b'{"_id": "1", "text": "caf\xe9"}', "is not JSON in UTF-8 ('utf-8' codec can't decode"),
        (b'{"_id": "1", "text": "a", "n": NaN}', "(NaN is not JSON, write null)"),
        (b'{"_id": ' + b"9" * 5000 + b', "text": "a"}', "(Exceeds the limit"),
        (b'{"_id": "1", "x": ' + b"[" * 100_000, "is not JSON"),
        (b'["wing"]', 'is ["wing"], not a JSON object'),
        (b'"' + b"a" * 999 + b'"', 'is "' + "a" * 56 + "..., not a JSON object"),
        (b'{"text": "wing"}', "has no '_id'"),
        (b'{"_id": true, "text": "wing"}', "has the '_id' true"),
        (b'{"_id": 1.5, "text": "wing"}', "has the '_id' 1.5"),
        (b'{"_id": "1", "title": "wing"}', "has no 'text'"),
        (b'{"_id": "1", "text": ["wing"]}', "has the 'text' [\"wing\"]"),
        (b'{"_id": "1", "text": "wing", "title": 3}', "has the 'title' 3"),
        (b'{"_id": "1", "text": "wing", "metadata": "red"}', "has the 'metadata' \"red\""),
    ],
)
def test_a_line_that_is_not_beir_is_named(data: bytes, fault: str) -> None:
    with pytest.raises(InvalidDocument) as raised:
        list(read_lines([line(_id="0", text="wing"), data], "corpus.jsonl"))
    message = str(raised.value)
    assert message.startswith("corpus.jsonl:2 ")
    assert fault in message
    assert 'each line must read {"_id"' in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (line(_id="d", text="", title=" \n"), "it holds no text"),
        (line(_id="d" * (DOCNO_BYTES_MAX + 1), text="wing"), f"1 to {DOCNO_BYTES_MAX}"),
        (line(_id="", text="wing"), "has 0 bytes"),
        (line(_id="\ud800", text="wing"), "docno of document '\\ud800' is not Unicode"),
        (line(_id="d", text="\ud800"), "text of document 'd' is not Unicode"),
        (line(_id="d", text="wing", metadata={"\ud800": 1}), "metadata of 'd' is not JSON"),
        (b'{"_id": "d", "text": "wing", "n": 1e999}', "metadata of 'd' is not JSON"),
        (bytes(TEXT_BYTES_MAX + 1), f"it has more than {TEXT_BYTES_MAX:,} bytes"),
    ],
    ids=range(8),
)
def test_a_line_that_can_be_no_document_is_skipped(data: bytes, reason: str) -> None:
    skipped, found = read_lines([data, line(_id="e", text="wing")], "corpus.jsonl")
    assert isinstance(skipped, Skipped)
    assert skipped.place == "corpus.jsonl:1"
    assert reason in skipped.reason
    skipped.reason.encode()
    assert isinstance(found, Found)


def test_an_endless_corpus_is_read_line_by_line() -> None:
    endless = (line(_id=number, text="wing") for number in count())
    outcomes = read_lines(endless, "corpus.jsonl")
    assert [next(outcomes).place for _ in range(3)] == [f"corpus.jsonl:{n}" for n in (1, 2, 3)]


def test_lines_after_an_error_of_the_system_are_skipped_as_one() -> None:
    def failing() -> Iterator[bytes]:
        yield line(_id="d", text="wing")
        raise OSError(5, "Input/output error")

    _, last = read_lines(failing(), "corpus.jsonl")
    assert last == Skipped("corpus.jsonl:2", "it cannot be read: Input/output error")


def test_documents_before_the_damage_in_a_gzip_are_found(tmp_path: Path) -> None:
    data = gzip.compress(b"\n".join(line(_id=n, text=f"wing {n}") for n in range(100_000)))
    (tmp_path / "corpus.jsonl.gz").write_bytes(data[: len(data) // 2])
    *found, last = read(tmp_path)
    assert len(found) > 10_000
    assert [o.place for o in found[:2]] == ["corpus.jsonl.gz:1", "corpus.jsonl.gz:2"]
    assert last.place == f"corpus.jsonl.gz:{len(found) + 1}"
    assert isinstance(last, Skipped)
    assert "its compressed data are damaged" in last.reason


def test_a_corpus_that_is_no_gzip_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl.gz").write_bytes(line(_id="d", text="wing"))
    (skipped,) = read(tmp_path)
    assert isinstance(skipped, Skipped)
    assert skipped.place == "corpus.jsonl.gz"
    assert "its compressed data are damaged" in skipped.reason
