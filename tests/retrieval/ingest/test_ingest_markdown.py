"""The text of a Markdown file is what it renders to, without markers, addresses and tags."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.ingest import Found, read
from retrieval.ingest.formats.markdown import extract

words = st.text("abcxyzéß中", min_size=1, max_size=8)
lines = st.lists(words, min_size=1, max_size=5).map(" ".join)
keys = st.text("abcxyz_", min_size=1, max_size=8).filter(lambda key: key != "title")


@given(st.lists(lines, max_size=5))
def test_each_paragraph_is_a_line(paragraphs: list[str]) -> None:
    assert extract("\n\n".join(paragraphs)).text == "\n".join(paragraphs)


@given(
    words, st.sampled_from(["*{}*", "**{}**", "~~{}~~", "`{}`", "[{}](http://x.y 't')", "![{}](u)"])
)
def test_marks_leave_no_trace(word: str, mark: str) -> None:
    assert extract(f"before {mark.format(word)} after").text == f"before {word} after"


@given(st.dictionaries(keys, lines, max_size=4), lines, lines, st.sampled_from(["\n", "\r\n"]))
def test_front_matter_gives_only_the_title(
    front: dict[str, str], title: str, body: str, line_end: str
) -> None:
    matter = [f"{key}: {value}" for key, value in front.items()]
    source = ["---", *matter, f"title: {title}", "---", "", "# Heading", body]
    content = extract(line_end.join(source))
    assert (content.title, content.text) == (title, f"Heading\n{body}")


@given(st.text(st.sampled_from("ab#*_`[]()<>!|-:\n \t&;\"'~\\")) | st.text())
def test_any_source_gives_unicode_without_blank_lines_around(source: str) -> None:
    content = extract(source.encode("utf-8", "replace").decode())
    content.text.encode()
    assert not content.text.startswith("\n")
    assert "\n" not in content.title


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a\nb  \nc\\\nd", "a b\nc\nd"),
        ("- one\n- two\n  - three\n\n1. four", "one\ntwo\nthree\nfour"),
        ("> quoted\n> on\n\nafter", "quoted on\nafter"),
        ("|a|b *c*|\n|-|-|\n|1||\n|3|4|", "a b c\n1 \n3 4"),
        ("```py\ndef f():\n\n    return 1\n```", "def f():\n\n    return 1"),
        ("    indented\n      code", "indented\n  code"),
        ("a &amp; b &eacute; \\*c\\*", "a & b é *c*"),
        ("[text][1] and [other]\n\n[1]: http://x.y\n[other]: /u 'title'", "text and other"),
        ("![a *chart* of `x`](u.png 'title')", "a chart of x"),
        ("a <b>bold</b> word<!-- no -->", "a bold word"),
        ("<div align=center>\n<h1>Name</h1>\n<img src=x>&copy; me\n</div>", "Name\n© me"),
        ("<!-- a comment -->\n\n<script>\nx()\n</script>\n\nafter", "after"),
        ("one\n\n---\n\ntwo", "one\ntwo"),
        ("- [x] done", "[x] done"),
    ],
)
def test_blocks_and_inlines(source: str, text: str) -> None:
    assert extract(source).text == text


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("## Two\n\n# One *and* `half`\n\n# Other", "One and half"),
        ("One\n===\n\ntext", "One"),
        ("text\n\n### Three\n\n## Two", "Three"),
        ("#\n\n## Two", "Two"),
        ("text", ""),
        ("---\ntitle: 'The: title'\n---\n# One", "The: title"),
        ("---\nTitle:   Plain  \ntags:\n- a\n  b: c\n# comment\n\n...\n# One", "Plain"),
        ("---\nsub:\n  title: no\n---\n# One", "One"),
        ("---\ntitle: >-\n  folded\n---\n# One", "One"),
        ("---\ntitle:\n---\n# One", "One"),
    ],
)
def test_the_title_is_of_the_front_matter_or_the_first_best_heading(
    source: str, title: str
) -> None:
    assert extract(source).title == title


@pytest.mark.parametrize(
    "source",
    [
        "---\nSome prose that stays.\n---\n\nand more",
        "---\ntitle: never closed\n\nand more",
        " ---\ntitle: indented\n---\n\nand more",
        "text\n---\ntitle: below\n---\n\nand more",
    ],
)
def test_what_only_looks_like_front_matter_is_kept(source: str) -> None:
    text = extract(source).text
    assert "and more" in text
    assert "prose" in text or "title" in text


def test_long_unclosed_front_matter_is_given_up_in_linear_time() -> None:
    assert extract("---\n" + "  \n" * 20_000 + "end").text == "end"


def test_deep_lists_are_read_to_the_bottom() -> None:
    source = "".join("  " * depth + f"- item{depth}\n" for depth in range(40))
    assert extract(source).text.split("\n")[-1] == "item39"


def test_nesting_deeper_than_the_stack_does_not_fail() -> None:
    extract(">" * 5000 + "wing")
    extract("[" * 3000 + "wing" + "]" * 3000)


blocks = st.sampled_from(["# {}", "### {} #", "{}\n===", "{}", "- {}", "> ## {}", "<h2>{}</h2>"])


@given(st.lists(st.tuples(blocks, words), max_size=8))
def test_headings_are_told_where_they_are(given: list[tuple[str, str]]) -> None:
    content = extract("\n\n".join(block.format(word) for block, word in given))
    found = [content.text[start:end] for start, end in content.headings]
    assert found == [word for block, word in given if block not in ("{}", "- {}")]


@given(st.text(st.sampled_from("ab#*_`[]()<>!|-=:\n \t&")))
def test_headings_of_any_source_lie_in_order_on_whole_lines(source: str) -> None:
    content = extract(source)
    ends = [0, *(at for span in content.headings for at in span)]
    assert ends == sorted(ends)
    for start, end in content.headings:
        assert content.text[start:end].strip()
        assert start == 0 or content.text[start - 1] == "\n"
        assert content.text[end : end + 1] in ("", "\n")


def test_headings_are_part_of_what_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\ntitle: T\n---\nintro\n\n## One *more*\ntext\n")
    (found,) = read(tmp_path)
    assert isinstance(found, Found)
    assert found.headings == ((6, 14),)
    assert found.document.text[6:14] == "One more"
