"""Rows of csv and tsv: cut as their standard says, typed by their columns, never torn apart."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.document import Document
from retrieval.errors import InvalidDocument
from retrieval.ingest import Fields, Found, Skipped, read
from retrieval.ingest.formats.columns import SAMPLE_ROWS, type_of
from retrieval.ingest.formats.records import Lines
from retrieval.ingest.formats.rfc4180 import cut_records
from retrieval.ingest.formats.tables import MARCO_DOCUMENTS, MARCO_PASSAGES, read_csv, read_tsv
from retrieval.limits import TEXT_BYTES_MAX
from retrieval.lines import ENDINGS, create


def csv_documents(text: str, fields: Fields | None = None) -> list[Document]:
    lines = io.BytesIO(text.encode())
    outcomes = list(read_csv(lines, "a.csv", fields) if fields else read_csv(lines, "a.csv"))
    assert all(isinstance(one, Found) for one in outcomes), outcomes
    return [one.document for one in outcomes if isinstance(one, Found)]


def tsv_documents(text: str, **options: Any) -> list[Document]:
    outcomes = list(read_tsv(io.BytesIO(text.encode()), "a.tsv", **options))
    assert all(isinstance(one, Found) for one in outcomes), outcomes
    return [one.document for one in outcomes if isinstance(one, Found)]


cells = st.text(st.sampled_from('a é,"\n;')) | st.just('x" y')


@given(
    st.lists(st.lists(cells, min_size=2, max_size=3), max_size=5),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_records_are_those_that_were_written(
    rows: list[list[str]], quoting: Any, line_end: str
) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, quoting=quoting, lineterminator=line_end).writerows(rows)
    lines = Lines(io.BytesIO(written.getvalue().encode()))
    assert [record for _, record in cut_records(lines, "a.csv")] == rows


def test_a_field_may_be_longer_than_the_csv_module_allows() -> None:
    limit, text = csv.field_size_limit(), 'wing "w"\n' * 50_000
    written = io.StringIO(newline="")
    csv.writer(written).writerows([["id", "text"], ["1", text]])
    assert csv_documents(written.getvalue()) == [Document("1", text)]
    assert csv.field_size_limit() == limit


def test_places_are_the_first_lines_of_records() -> None:
    text = '\ufefftext\n"a\nb"\n\n"c"\nd\n'
    outcomes = read_csv(io.BytesIO(text.encode()), "a.csv")
    assert [one.place for one in outcomes] == ["a.csv:2", "a.csv:5", "a.csv:6"]
    assert [d.docno for d in csv_documents(text)] == ["a.csv:2", "a.csv:5", "a.csv:6"]


def test_columns_that_make_no_part_are_metadata_with_types() -> None:
    (found, other) = csv_documents(
        "id,Title,text,year,price,ok,zip,code,empty\n"
        "007,T,wing,2020,1.50,true,02134,1e5,\n"
        "8,,flow,-3,2,False,90210,2e5,\n"
    )
    assert found == Document(
        "007",
        "wing",
        "T",
        {"year": 2020, "price": 1.5, "ok": True, "zip": "02134", "code": "1e5"},
    )
    assert other.metadata == {"year": -3, "price": 2.0, "ok": False, "zip": "90210", "code": "2e5"}
    assert isinstance(other.metadata["price"], float)


@pytest.mark.parametrize(
    ("values", "typed"),
    [
        (["1", "", "-20", "0"], [1, "", -20, 0]),
        (["999999999999999999"], [999999999999999999]),
        (["9999999999999999999", "1"], ["9999999999999999999", "1"]),
        (["1", "2.50"], [1.0, 2.5]),
        (["1e-05", "2.5E+07", "-0.0"], [1e-05, 2.5e07, -0.0]),
        (["1e+999", "1.0"], ["1e+999", 1.0]),
        (["-0"], ["-0"]),
        (["01", "1"], ["01", "1"]),
        (["1", "NaN"], ["1", "NaN"]),
        (["1_000"], ["1_000"]),
        (["٣"], ["٣"]),
        (["1 "], ["1 "]),
        (["True", "false", ""], [True, False, ""]),
        (["TRUE"], ["TRUE"]),
        (["true", "1"], ["true", "1"]),
        (["", ""], ["", ""]),
    ],
)
def test_a_column_has_the_type_of_all_its_values(values: list[str], typed: list[Any]) -> None:
    convert = type_of(values)
    found = [convert(value) if value else "" for value in values]
    assert list(zip(found, map(type, found), strict=True)) == list(
        zip(typed, map(type, typed), strict=True)
    )


@given(st.lists(st.integers(-(2**53), 2**53) | st.floats(allow_infinity=False, allow_nan=False)))
def test_numbers_as_python_prints_them_come_back(values: list[float]) -> None:
    convert = type_of(map(repr, values))
    assert [convert(repr(value)) for value in values] == values


def test_a_late_value_of_another_type_stays_text() -> None:
    rows = "text,year\n" + "a,2020\n" * SAMPLE_ROWS + "b,unknown\n"
    years = [document.metadata["year"] for document in csv_documents(rows)]
    assert years == [2020] * SAMPLE_ROWS + ["unknown"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("id,text\n1,a\n2,b,c\n", "a.csv:3 has 3 columns where the file has 2"),
        ("id,text\n1\n", "a.csv:2 has 1 columns where the file has 2"),
        ('id,text\n1,"a\nb"c\n', "a.csv:3 has text after a closing quote, at character 3"),
        ('id,text\n1,a\n2,"b\nc\n', "a.csv:3 opens a quote that is not closed before the end"),
        ("id,text\n1,a\0\n", "a.csv:2 holds NUL characters"),
        ("id,id,text\n", "a.csv has two columns of one name"),
        ("id,note\n1,wing\n", "a.csv has no key or column of a known name that holds text"),
        ("1,wing\n", "a.csv has no key or column of a known name"),
    ],
)
def test_what_is_no_csv_is_named(text: str, fault: str) -> None:
    with pytest.raises(InvalidDocument) as raised:
        list(read_csv(io.BytesIO(text.encode()), "a.csv"))
    assert str(raised.value).startswith(fault)


@pytest.mark.parametrize("reader", [read_csv, read_tsv])
@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_another_encoding_is_an_error_with_its_line(reader: Any, encoding: str) -> None:
    separator = "," if reader is read_csv else "\t"
    data = f"id{separator}text\n1{separator}café\n".encode(encoding)
    number = 2 if encoding == "cp1252" else 1
    with pytest.raises(InvalidDocument, match=rf"^a:{number} (is not UTF-8|holds NUL)"):
        list(reader(io.BytesIO(data), "a"))


def test_an_unnamed_column_is_left_out() -> None:
    assert csv_documents(",text,x\n0,wing,1\n") == [Document("a.csv:2", "wing", "", {"x": 1})]


def test_fields_name_columns() -> None:
    text = "url,lead,body,year,lang\nu,one,two,2020,en\n"
    fields = Fields("url", "lead,body", metadata=("lang",))
    assert csv_documents(text, fields) == [Document("u", "one\ntwo", "", {"lang": "en"})]
    with pytest.raises(InvalidDocument, match=r"a.csv has no 'bdy', did you mean 'body'"):
        csv_documents(text, Fields(text="bdy"))
    with pytest.raises(InvalidDocument, match=r"a.csv has no 'yea', did you mean 'year'"):
        csv_documents(text, Fields(text="body", metadata=("yea",)))


def test_a_quote_never_closed_ends_at_the_limit_of_bytes() -> None:
    chunk = b"a" * (TEXT_BYTES_MAX // 4) + b"\n"
    lines = iter([b"text\n", b'"', *[chunk] * 5])
    with pytest.raises(InvalidDocument, match=r"^a.csv:2 begins a record of more than"):
        list(read_csv(lines, "a.csv"))


def test_tsv_of_ms_marco_has_no_header_and_no_quotes() -> None:
    assert tsv_documents('0\t"Bare quote, and \\n\r\n1\ta 中\n') == [
        Document("0", '"Bare quote, and \\n'),
        Document("1", "a 中"),
    ]
    assert tsv_documents("7\tTitle\twing\n") == [Document("7", "wing", "Title")]
    assert tsv_documents("D1\thttp://a.b\tT\tbody\nD2\tx\t\tb\n") == [
        Document("D1", "body", "T", {"url": "http://a.b"}),
        Document("D2", "b", "", {"url": "x"}),
    ]


def test_tsv_with_a_header_is_read_by_it() -> None:
    text = "id\ttext\ttitle\tyear\n1\twing\tT\t2020\n"
    assert tsv_documents(text) == [Document("1", "wing", "T", {"year": 2020})]
    assert tsv_documents("url\tlead\nu\twing\n", fields=Fields("url", "lead")) == [
        Document("u", "wing")
    ]


def test_columns_given_leave_no_guess() -> None:
    assert tsv_documents("id\ttext\n", columns=MARCO_PASSAGES) == [Document("id", "text")]
    (found,) = tsv_documents("d\tu\tt\t3\n", columns=MARCO_DOCUMENTS)
    assert found == Document("d", "3", "t", {"url": "u"})


@pytest.mark.parametrize(
    "line",
    [
        "query-id\tcorpus-id\tscore",
        "q1\td1\t1",
        "1\t0\tD1\t2",
        "q\tu\tt\twing",
        "alone",
        "1\t2\t3\t4\t5\t6",
    ],
)
def test_tsv_of_something_else_is_not_taken_for_documents(line: str) -> None:
    with pytest.raises(InvalidDocument, match=r"^a.tsv has \d columns, and neither a header"):
        list(read_tsv([line.encode()], "a.tsv"))


def test_a_tsv_line_of_other_columns_is_named() -> None:
    with pytest.raises(InvalidDocument, match=r"^a.tsv:3 has 3 columns where the file has 2"):
        list(read_tsv([b"1\ta\n", b"\n", b"2\ta\tb\n"], "a.tsv"))


def test_a_row_that_can_be_no_document_is_skipped() -> None:
    outcomes = list(read_tsv([b"1\twing\n", b"2\t \n", b"\tflow\n", b"4\ta\n"], "a.tsv"))
    assert [type(one) for one in outcomes] == [Found, Skipped, Skipped, Found]
    assert outcomes[1] == Skipped("a.tsv:2", "it holds no text")
    assert outcomes[2].place == "a.tsv:3"


def test_a_huge_line_of_tsv_is_skipped() -> None:
    _, huge, last = read_tsv([b"1\twing\n", b"2\t" + bytes(TEXT_BYTES_MAX), b"3\ta\n"], "a.tsv")
    assert huge == Skipped("a.tsv:2", f"it has more than {TEXT_BYTES_MAX:,} bytes")
    assert isinstance(last, Found)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", 'id,text\n1,"wing,\n中"\n'), ("a.tsv", "1\twing 中\n")]
)
def test_all_compressions_are_read(tmp_path: Path, name: str, text: str, ending: str) -> None:
    with create(tmp_path / (name + ending)) as stream:
        stream.write(text.encode())
    (found,) = read(tmp_path)
    assert isinstance(found, Found)
    assert found.document.docno == "1"
    assert "中" in found.document.text


@pytest.mark.parametrize("ending", ENDINGS[1:])
@pytest.mark.parametrize("n_rows", [50, 50_000])
def test_what_comes_before_the_damage_is_found(tmp_path: Path, ending: str, n_rows: int) -> None:
    path = tmp_path / ("a.csv" + ending)
    with create(path) as stream:
        stream.write(b"id,text,year\n")
        stream.writelines(b'%d,"wing %d\nflow",%d\n' % (n, n * n, n) for n in range(n_rows))
    path.write_bytes(path.read_bytes()[:-9])
    *found, last = read(path)
    assert all(isinstance(one, Found) for one in found)
    assert isinstance(last, Skipped)
    assert last.unread
    assert "its compressed data are damaged" in last.reason
    years = [one.document.metadata["year"] for one in found if isinstance(one, Found)]
    assert years == list(range(len(years)))
    assert n_rows < 100 or len(years) > 10_000
