"""Which keys make a document: those asked for, else the best known ones."""

import json
from dataclasses import asdict

import pytest

from retrieval.errors import InvalidDocument, InvalidInput
from retrieval.ingest.fields import DETECTED, Fields, Layout, check_metadata, layout_of


def layout(fields: Fields, *columns: str) -> Layout:
    return layout_of(fields, columns, columns, place="a.csv")


@pytest.mark.parametrize(
    ("columns", "docno", "text", "title"),
    [
        (("id", "text"), "id", "text", ""),
        (("ID", "Contents", "Title"), "ID", "Contents", "Title"),
        (("url", "title", "headings", "body", "docid"), "docid", "body", "title"),
        (("pid", "passage", "docid"), "pid", "passage", ""),
        (("abstract", "text", "_id"), "_id", "text", ""),
        (("headline", "content"), "", "content", "headline"),
        (("text", "TEXT"), "", "TEXT", ""),
    ],
)
def test_well_known_names_are_found(
    columns: tuple[str, ...], docno: str, text: str, title: str
) -> None:
    assert layout(DETECTED, *columns) == Layout(docno, (text,), title)


def test_names_asked_for_win_and_the_rest_is_found() -> None:
    assert layout(Fields(text="summary"), "id", "summary", "text", "title") == Layout(
        "id", ("summary",), "title"
    )
    assert layout(Fields(text="title, body"), "id", "title", "body") == Layout(
        "id", ("title", "body"), ""
    )
    assert layout(Fields(text="a,b"), "a,b", "a", "b").text == ("a,b",)
    assert layout(Fields("url", "text", "name"), "id", "url", "text", "name") == Layout(
        "url", ("text",), "name"
    )


def test_a_column_that_holds_no_text_is_not_taken_for_it() -> None:
    assert layout_of(DETECTED, ["text", "body"], ["body"], place="a").text == ("body",)
    assert layout_of(Fields(text="text"), ["text", "body"], ["body"], place="a").text == ("text",)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            DETECTED,
            "a.csv has no key or column of a known name that holds text (it has 'id', 'note'): "
            "name one with --field text=NAME",
        ),
        (Fields(text="nota"), "a.csv has no 'nota', did you mean 'note': it has 'id', 'note'"),
        (Fields(text="note,x"), "a.csv has no 'x': it has"),
        (Fields(text="note", title="id,note"), "one docno and one title"),
    ],
)
def test_what_is_not_there_is_named(fields: Fields, fault: str) -> None:
    with pytest.raises(InvalidDocument) as raised:
        layout(fields, "id", "note")
    assert fault in str(raised.value)


def test_many_columns_are_not_all_listed() -> None:
    with pytest.raises(InvalidDocument) as raised:
        layout(DETECTED, *(f"{n:0100}" for n in range(500)))
    assert "and 488 more" in str(raised.value)
    assert len(str(raised.value)) < 1000


def test_metadata_is_what_is_left_or_what_is_asked_for() -> None:
    everything = layout(DETECTED, "id", "text", "year")
    assert [name for name in ("id", "text", "year") if everything.keeps(name)] == ["year"]
    asked = layout(Fields(metadata=("id",)), "id", "text", "year")
    assert [name for name in ("id", "text", "year") if asked.keeps(name)] == ["id"]
    with pytest.raises(InvalidDocument, match="a has no 'yaer', did you mean 'year'"):
        check_metadata(Fields(metadata=("yaer",)), ["year"], "a")


def test_fields_survive_json() -> None:
    fields = Fields("url", "title,body", metadata=("year", "lang"))
    assert Fields(**json.loads(json.dumps(asdict(fields)))) == fields
    assert Fields(**json.loads(json.dumps(asdict(DETECTED)))) == DETECTED


def test_fields_are_read_from_a_command_line() -> None:
    assert Fields.parse([]) == DETECTED
    assert Fields.parse(["text=title, body", "docno=url"]) == Fields("url", "title, body")
    assert Fields.parse(["metadata=year, lang"]).metadata == ("year", "lang")
    assert Fields.parse(["metadata="]).metadata == ()


@pytest.mark.parametrize("pairs", [["texts=a"], ["text"], ["text=a", "text=b"]])
def test_what_is_no_field_is_refused(pairs: list[str]) -> None:
    with pytest.raises(InvalidInput, match="write one of docno, text, title, metadata once"):
        Fields.parse(pairs)


@pytest.mark.parametrize("wrong", [{"text": 3}, {"metadata": "year"}, {"metadata": [1]}])
def test_a_name_that_is_no_string_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=f"the field {next(iter(wrong))} is"):
        Fields(**wrong)  # type: ignore[arg-type]
