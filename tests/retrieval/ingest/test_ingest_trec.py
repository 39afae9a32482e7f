"""Documents of TREC collections, cut by their tags; damage is told, not read over."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.document import Document
from retrieval.errors import InvalidDocument
from retrieval.ingest import Found, Skipped, read
from retrieval.ingest.formats.trec import read_lines
from retrieval.limits import TEXT_BYTES_MAX
from retrieval.lines import ENDINGS, create

words = st.text("abcxyzéß中", min_size=1, max_size=8)


def documents(data: bytes) -> list[Document]:
    outcomes = list(read_lines(io.BytesIO(data), "a.trec"))
    assert all(isinstance(one, Found) for one in outcomes), outcomes
    return [one.document for one in outcomes if isinstance(one, Found)]


@given(
    st.lists(st.tuples(words, words, words)),
    st.sampled_from(["\n", "\r\n", " ", ""]),
    st.booleans(),
)
def test_each_doc_is_a_document(given: list[tuple[str, str, str]], gap: str, lower: bool) -> None:
    template = gap.join(
        ["<DOC>", "<DOCNO> {} </DOCNO>", "<TITLE>{}</TITLE>", "<TEXT>", "{}", "</TEXT>", "</DOC>\n"]
    )
    template = template.lower() if lower else template
    data = "".join(template.format(*one) for one in given).encode()
    if given:
        assert documents(data) == [Document(docno, text, title) for docno, title, text in given]


def test_a_document_of_the_disks() -> None:
    data = b"""<DOC>
<DOCNO> FT911-1 </DOCNO>
<DOCID>not wanted</DOCID>
<HEADLINE>
FT  14 MAY 91 / Wings &amp; flow
</HEADLINE>
<LEADPARA>The lead.</LEADPARA>
<TEXT>
<P>One line
goes on.</P><P>AT&amp;T a < b</P>
</TEXT>
<TEXT>more</TEXT>
</DOC>
"""
    assert documents(data) == [
        Document(
            "FT911-1",
            "The lead.\nOne line goes on.\nAT&T a < b\nmore",
            "FT 14 MAY 91 / Wings & flow",
        )
    ]


def test_a_page_of_a_web_collection_is_html() -> None:
    data = b"""<DOC>
<DOCNO>WTX1</DOCNO>
<DOCHDR>http://a.b 1.2.3.4
Content-type: text/html
</DOCHDR>
<html lang=en><head><title>Wings</title></head><body><nav>Home</nav><p>Lift<p>Drag</body></html>
</DOC>
"""
    assert documents(data) == [Document("WTX1", "Lift\nDrag", "Wings", {"lang": "en"})]


def test_each_document_has_its_own_encoding() -> None:
    data = "<DOC><DOCNO>1</DOCNO><TEXT>caf\u00e9</TEXT></DOC>\n"
    texts = [d.text for d in documents(data.encode() + data.encode("cp1252"))]
    assert texts == ["café", "café"]


def test_places_are_the_lines_of_the_tags() -> None:
    data = b'<?xml version="1.0"?>\n<docs>\n\n' + b"<DOC>\n<DOCNO>1</DOCNO>a\n</DOC>\n\n" * 2
    outcomes = read_lines(io.BytesIO(data + b"</docs>\n"), "a.trec")
    assert [one.place for one in outcomes] == ["a.trec:4", "a.trec:8"]


DOC = b"<DOC><DOCNO>1</DOCNO><TEXT>wing</TEXT></DOC>\n"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (DOC + b"<DOC>\n<DOCNO>2</DOCNO>\n<DOC>\n", "a:4 begins a <DOC> inside of that of line 2"),
        (DOC + b"stray words\n", "a:2 is text outside of <DOC> and </DOC>"),
        (DOC + b"<DOC><TEXT>a</TEXT></DOC>", "a:2 begins a document without a <DOCNO>"),
        (DOC + b"<DOC><DOCNO> </DOCNO>a</DOC>", "a:2 begins a document without a <DOCNO>"),
        (b"plain words\nand more\n", "a holds no <DOC>: it is no TREC collection"),
        (DOC.decode().encode("utf-16"), "a holds no <DOC>"),
    ],
)
def test_what_is_no_trec_collection_is_named(data: bytes, fault: str) -> None:
    with pytest.raises(InvalidDocument) as raised:
        list(read_lines(io.BytesIO(data), "a"))
    assert str(raised.value).startswith(fault)


def test_a_document_without_text_is_skipped() -> None:
    skipped, found = read_lines([b"<DOC><DOCNO>1</DOCNO><TEXT> </TEXT></DOC>\n", DOC], "a")
    assert skipped == Skipped("a:1", "it holds no text")
    assert isinstance(found, Found)


def test_a_file_that_is_cut_short_is_not_read_as_a_shorter_one() -> None:
    found, last = read_lines([DOC, b"<DOC>\n", b"<DOCNO>2</DOCNO><TEXT>half\n"], "a")
    assert isinstance(found, Found)
    assert last == Skipped("a:4", "it cannot be read: the file ends inside of the <DOC> of line 2")
    assert isinstance(last, Skipped)
    assert last.unread


def test_a_huge_document_is_skipped_in_bounded_memory() -> None:
    def huge() -> Iterator[bytes]:
        yield b"<DOC>\n<DOCNO>1</DOCNO>\n"
        line = b"a" * (TEXT_BYTES_MAX // 8) + b"\n"
        for _ in range(9):
            yield line
        yield b"</DOC>\n"
        yield DOC

    skipped, found = read_lines(huge(), "a")
    assert skipped == Skipped("a:1", f"it has more than {TEXT_BYTES_MAX:,} bytes")
    assert found.place == "a:12"


def test_tags_that_are_never_closed_are_read_in_linear_time() -> None:
    data = b"<DOC><DOCNO>1</DOCNO>" + b"<TEXT>a" * 50_000 + b"</TEXT></DOC>"
    (found,) = documents(data)
    assert found.text == "a" * 50_000


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", ["a.trec", "a.TRECTEXT", "a.sgml"])
def test_all_endings_and_compressions_are_read(tmp_path: Path, name: str, ending: str) -> None:
    with create(tmp_path / (name + ending)) as stream:
        stream.write(DOC)
    (found,) = read(tmp_path)
    assert isinstance(found, Found)
    assert found.document == Document("1", "wing")


@pytest.mark.parametrize("ending", ENDINGS[1:])
def test_damaged_compression_is_skipped_from_there_on(tmp_path: Path, ending: str) -> None:
    path = tmp_path / ("a.trec" + ending)
    with create(path) as stream:
        stream.writelines(DOC.replace(b"1", b"%d" % (n * n)) for n in range(50_000))
    path.write_bytes(path.read_bytes()[:-9])
    *found, last = read(path)
    assert len(found) > 1000
    assert isinstance(last, Skipped)
    assert last.unread
    assert "its compressed data are damaged" in last.reason
