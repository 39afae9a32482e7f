"""Queries of every format, and what is wrong with them, named by file and line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import InvalidInput, UnknownName
from retrieval.limits import QUERY_CHARACTERS_MAX
from retrieval.lines import ENDINGS, create
from retrieval.queries import Queries

names = st.text(st.characters(codec="utf-8"), min_size=1)

texts = st.dictionaries(names, st.text(st.characters(codec="utf-8")))


@given(texts)
def test_queries_are_an_ordered_mapping(mapping):
    queries = Queries(mapping.items())
    assert list(queries.items()) == list(mapping.items())
    assert (queries.ids, queries.texts) == (tuple(mapping), tuple(mapping.values()))
    assert queries == mapping
    half = queries.ids[::2]
    assert queries.only(half).ids == half


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "content",
    [
        '\ufeff{"_id": "1", "text": "one", "metadata": {}}\r\n\r\n{"_id": 2, "text": "zwei\\tü"}',
        "\ufeff1\tone\r\n\n2\tzwei\tü\n",
        '{"qid": 1, "query": "one"}\n{"query_id": "2", "question": "zwei\\tü"}\n',
        '{"id": "1", "text": "one", "query": "no"}\n{"_id": "2", "id": 7, "query": "zwei\\tü"}',
    ],
)
def test_queries_of_one_line_each(tmp_path, content, ending):
    path = tmp_path / f"queries{ending}"
    with create(path) as stream:
        stream.write(content.encode())
    assert list(Queries.read(path).items()) == [("1", "one"), ("2", "zwei\tü")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"1\ta\n\n2\tb\n1\tc\n", "query '1' is on lines 1 and 4 of Q"),
        (b'{"_id": "1", "text": "a"}\n{"_id": "1"', "Q:2 is no query"),
        (b'{"_id": "1", "text": "a"}\n2\tb', "Q:2 is no query"),
        (b'{"key": "1", "text": "a"}', "Q:1 is no query .*none of _id, id, qid, query_id"),
        (b'{"id": "1", "title": "a"}', "Q:1 is no query .*none of text, query, question"),
        (b'["1", "a"]', "Q:1 is no query"),
        (b"1\ta\n<top>\n", "Q:2 is no query"),
        (b"", "Q holds no query"),
        (b"\n \n", "Q holds no query"),
        (b'{"_id": null, "text": "a"}', "Q:1 is no query"),
        (b'{"_id": true, "text": "a"}', "Q:1 is no query"),
        (b'{"_id": "1", "text": ["a"]}', "Q:1 is no query"),
        (b"1 without a tab", "Q:1 is no query"),
        (b"\xff\tb", "Q:1 is no query"),
        (b"{" + b'"a":[' * 100_000, "Q:1 is no query"),
        (b'{"_id": "1", "text": "\\ud800"}', "not Unicode"),
        (b"\tb", "empty id"),
        (b"1\t" + b"a" * (QUERY_CHARACTERS_MAX + 1), "cut it"),
    ],
)
def test_bad_queries_are_named(content, said):
    with pytest.raises(InvalidInput, match=said):
        Queries.parse(content.splitlines(keepends=True), "Q")


def test_queries_given_twice_or_not_as_text_are_refused():
    with pytest.raises(InvalidInput, match="comes twice"):
        Queries([("1", "a"), ("1", "b")])
    with pytest.raises(InvalidInput, match="must be a string"):
        Queries([("1", None)])
    for wrong in (["abc"], [("1", "a", "b")], [1]):
        with pytest.raises(InvalidInput, match="is no query: pass pairs"):
            Queries(wrong)


@pytest.mark.parametrize("ending", ENDINGS[1:])
def test_a_damaged_file_is_named(tmp_path, ending):
    path = tmp_path / f"queries.tsv{ending}"
    with create(path) as stream:
        stream.write(b"".join(b"%d\ttext %d\n" % (n, n * 7919) for n in range(999)))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InvalidInput, match=r"queries.* cannot be read: .*damaged"):
        Queries.read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="absent cannot be read: No such file"):
        Queries.read(tmp_path / "absent")


# Topics of three decades: labels and open tags, closed tags, attributes; all on one line.
ADHOC = """
<top>
<head> Tipster Topic Description
<num> Number: 301
<dom> Domain: International Politics
<title> Topic:  International
Organized Crime

<desc> Description:
Identify organizations at AT&amp;T where x < y.
<narr> Narrative:
A relevant document names one.

</top>
<top>

<num> Number: 302 </num>
<title>Poliomyelitis and Post-Polio</title>
<desc>Is it under control?</desc>
</top>
"""
XML = """<?xml version="1.0" encoding="UTF-8"?>
<topics task="ad hoc" batch="1">
  <topic number="301">
    <query>International Organized Crime</query>
    <question>Identify organizations at AT&amp;T where x &lt; y.</question>
    <narrative>A relevant document names one.</narrative>
  </topic>
  <topic number='302' type="single"><query>Poliomyelitis and Post-Polio</query>
  <description>Is it under control?</description></topic>
</topics>
"""


def topics(content, fields=None, place="T"):
    return Queries.parse(content.encode().splitlines(keepends=True), place, topic_fields=fields)


@pytest.mark.parametrize("content", [ADHOC, XML, "\ufeff" + ADHOC, ADHOC.replace("\n", "\r\n")])
def test_topics(content):
    assert list(topics(content).items()) == [
        ("301", "International Organized Crime"),
        ("302", "Poliomyelitis and Post-Polio"),
    ]
    assert topics(content, "title+desc")["301"] == (
        "International Organized Crime Identify organizations at AT&T where x < y."
    )
    assert topics(content, "desc").texts[1] == "Is it under control?"
    with pytest.raises(InvalidInput, match=r"topic '302' has no narr .*it has: num, title, desc"):
        topics(content, "title+narr")


def test_topics_of_one_line():
    line = "<top><num>1<title>one</top> <top><num>2<title>two</top>"
    assert topics(line) == {"1": "one", "2": "two"}


words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9)
texts_of_topics = st.lists(words, min_size=1, max_size=4).map(" ".join)


@given(
    st.dictionaries(words, st.tuples(texts_of_topics, texts_of_topics), min_size=1, max_size=4),
    st.sampled_from(["<num> Number: {}\n<title> {}\n<desc> Description:\n{}\n", "<num>{}</num>"
                     "<title>{}</title><desc>{}</desc>"]),
)  # fmt: skip
def test_topics_come_out_as_they_were_written(written, form):
    content = "\n".join(f"<top>{form.format(n, *both)}</top>" for n, both in written.items())
    assert topics(content, "title") == {n: title for n, (title, _) in written.items()}
    assert topics(content, "desc") == {n: desc for n, (_, desc) in written.items()}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<top>\n<num> Number: 1\n<title> a\n", "T:1: a topic is not closed"),
        (ADHOC + "<top>\n<num>", "T:21: a topic is not closed"),
        ("<top>\n" + "a\n" * 10 + "b" * QUERY_CHARACTERS_MAX, "T:1: a topic is not closed"),
        ("<title> a\n</top>\n", "T:2 closes a topic that none opened"),
        ("<top>\n<title> a\n</top>\n", "T:1: topic '' has no num .*it has: title"),
        ("<top>\n<num> Number:\n<title> a\n</top>\n", "T:1: topic '' has no num"),
        ("<top>\n<num> Number: 1\n</top>\n", "T:1: topic '1' has no title .*it has: num"),
        ("<top>\n<num>1<title> \n</top>\n", "T:1: topic '1' has no title"),
        (ADHOC + ADHOC, "query '301' is on lines 2 and 22 of T"),
        ("<DOC>\n<DOCNO> 1 </DOCNO>\n</DOC>\n", "T holds no query"),
    ],
)
def test_bad_topics_are_named(content, said):
    with pytest.raises(InvalidInput, match=said):
        topics(content)


def test_topics_are_utf_8():
    with pytest.raises(InvalidInput, match=r"T:2 is not UTF-8 .*convert the file"):
        Queries.parse([b"<top>\n", b"<title> caf\xe9\n"], "T")


@pytest.mark.parametrize("fields", ["describe", "", "title,desc", "num", "title+", "Title"])
def test_topics_have_three_fields(fields):
    with pytest.raises(UnknownName, match="no topic field is called"):
        topics(ADHOC, fields)


@pytest.mark.parametrize("content", ["1\ta\n", '{"_id": "1", "text": "a"}\n'])
def test_only_topics_have_fields(content):
    with pytest.raises(InvalidInput, match="Q holds no TREC topics, of which 'desc'"):
        topics(content, "desc", "Q")
