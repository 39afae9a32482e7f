"""A PDF is the text of its pages; what cannot be read costs that one file and says why."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pdfs import pdf

from retrieval.document import Document
from retrieval.ingest import Found, Skipped, read
from retrieval.ingest.formats.pdf import read_content
from retrieval.ingest.outcome import Content, NoContent
from retrieval.ingest.worker import Worker

pytest.importorskip("pypdfium2")


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as one:
        yield one


def outcome(worker: Worker, path: Path, data: bytes) -> Content | NoContent:
    path.write_bytes(data)
    return worker.read_content("retrieval.ingest.formats.pdf", path)


def test_pages_become_text_and_properties_metadata(tmp_path: Path) -> None:
    properties = {
        "Title": " On  wings ",
        "Author": "Ann \351",
        "Keywords": "lift, drag",
        "CreationDate": "D:20200102030405+01'30'",
        "ModDate": "D:2021",
        "Producer": "a program",
    }
    (tmp_path / "a.pdf").write_bytes(pdf(["one caf\351\ntwo", "", "three"], properties))
    (found,) = read(tmp_path)
    assert isinstance(found, Found)
    assert found.place == "a.pdf"
    assert found.document == Document(
        "a.pdf",
        "one café\ntwo\nthree",
        "On wings",
        {
            "pages": 3,
            "author": "Ann é",
            "keywords": "lift, drag",
            "created": "2020-01-02T03:04:05+01:30",
            "modified": "2021",
        },
    )


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("D:20200102", "2020-01-02"),
        ("D:202001020304", "2020-01-02T03:04:00"),
        ("D:20200102030405Z", "2020-01-02T03:04:05Z"),
        ("D:20200102030405-08", "2020-01-02T03:04:05-08:00"),
        ("yesterday", None),
    ],
)
def test_dates_become_iso(worker: Worker, tmp_path: Path, written: str, iso: str | None) -> None:
    content = outcome(worker, tmp_path / "a.pdf", pdf(["wing"], {"CreationDate": written}))
    assert isinstance(content, Content)
    assert content.metadata.get("created") == iso


def test_a_pdf_without_title_has_none(worker: Worker, tmp_path: Path) -> None:
    content = outcome(worker, tmp_path / "a.pdf", pdf(["wing"]))
    assert content == Content("wing", "", {"pages": 1})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is no PDF, or a damaged one"),
        (b"just text", "it is no PDF, or a damaged one"),
        (pdf(["wing"])[:40], "it is no PDF, or a damaged one"),
        (pdf(["", ""]), "none of its pages holds text: run OCR"),
        (
            pdf(["wing"]).replace(
                b"trailer\n<<",
                b"trailer\n<< /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 "
                b"/O <" + b"00" * 32 + b"> /U <" + b"00" * 32 + b"> >> "
                b"/ID [<00> <00>] ",
            ),
            "it is encrypted: save it without a password",
        ),
    ],
    ids=["empty", "text", "cut", "scan", "encrypted"],
)
def test_what_gives_no_text_says_why(
    worker: Worker, tmp_path: Path, data: bytes, reason: str
) -> None:
    content = outcome(worker, tmp_path / "a.pdf", data)
    assert isinstance(content, NoContent)
    assert content.reason.startswith(reason)
    assert not content.unread


@pytest.mark.parametrize("at", range(0, 700, 23))
def test_any_damage_is_an_outcome(worker: Worker, tmp_path: Path, at: int) -> None:
    data = bytearray(pdf(["wing"]))
    data[at % len(data)] ^= 0x15
    content = outcome(worker, tmp_path / "a.pdf", bytes(data))
    assert isinstance(content, Content | NoContent)


def test_without_the_package_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    content = read_content(tmp_path / "a.pdf")
    assert isinstance(content, NoContent)
    assert "pip install pypdfium2" in content.reason
    assert content.unread


def test_a_file_that_vanished_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["wing"]))
    (tmp_path / "b.pdf").write_bytes(pdf(["flow"]))
    outcomes = read(tmp_path)
    assert isinstance(next(outcomes), Found)
    (tmp_path / "b.pdf").unlink()
    (lost,) = outcomes
    assert lost == Skipped("b.pdf", "it cannot be read: No such file or directory")
    assert isinstance(lost, Skipped)
    assert lost.unread
