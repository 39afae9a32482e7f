"""The text of a page is what a reader would see of its content, block by block."""

from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.ingest.formats.html import decode, extract

words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=8)
paragraphs = st.lists(st.lists(words, min_size=1, max_size=5), max_size=5)
TAGS = ["p", "div", "b", "td", "tr", "table", "main", "article", "script", "title", "svg", "br"]
MARKS = [f"<{slash}{tag}>" for tag in TAGS for slash in ("", "/")]
soup = st.lists(st.sampled_from([*MARKS, "a", " ", "\n", "<!--", "&#"])).map("".join)


def text_of(body: str) -> str:
    return extract(f"<!DOCTYPE html><html><head><title>T</title></head><body>{body}").text


@given(paragraphs)
def test_each_block_is_a_line_of_its_words(given: list[list[str]]) -> None:
    body = "\n".join(f"<p>\n {escape(' '.join(line))} </p>" for line in given)
    assert text_of(body) == "\n".join(map(" ".join, given))


@given(paragraphs)
def test_inline_elements_leave_no_trace(given: list[list[str]]) -> None:
    body = "".join(
        "<div>" + "<b> </b>".join(f"<i>{escape(word)}</i>" for word in line) + "</div>"
        for line in given
    )
    assert text_of(body) == "\n".join(map(" ".join, given))


@given(soup)
def test_any_nesting_gives_collapsed_lines(markup: str) -> None:
    lines = extract(markup).text.split("\n")
    assert lines == [""] or all(line and line == " ".join(line.split()) for line in lines)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_markup_to_the_parser(markup: str) -> None:
    content = extract(markup)
    assert content.text == content.text.strip("\r\n")
    content.title.encode()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("un<b>believ</b>able", "unbelievable"),
        ("one<br>two<hr>three", "one\ntwo\nthree"),
        ("a&nbsp;&amp; b &lt;c&gt; &eacute; &#x1F600;", "a & b <c> é 😀"),
        ("<ul><li>one<li>two<ul><li>three</ul></ul>", "one\ntwo\nthree"),
        ("<table><tr><th>a<th>b<tr><td>1<td>2</table>", "a b\n1 2"),
        ("<table><tr><td><p>a</p></td><td>b</td></tr></table>", "a\nb"),
        ("<h1>Head</h1>text<p>para", "Head\ntext\npara"),
        ("<dl><dt>term<dd>meaning</dl>", "term\nmeaning"),
        ("a<!-- hidden -->b", "ab"),
        ("<p>a</p> \n <p> </p><p>b</p>", "a\nb"),
    ],
)
def test_blocks_inlines_and_entities(body: str, text: str) -> None:
    assert text_of(body) == text


@pytest.mark.parametrize(
    "dropped",
    [
        "<script>var a = '<p>x</p>';</script>",
        "<style>p {}</style>",
        "<noscript>enable it</noscript>",
        "<template><p>x</p></template>",
        "<nav><ul><li>Home</ul></nav>",
        "<svg><title>icon</title><text>x</text></svg>",
        "<iframe>x</iframe>",
        "<button>Send</button>",
        "<select><option>x</select>",
        "<textarea>x</textarea>",
        "<video>too old</video>",
    ],
)
def test_what_is_not_content_is_dropped(dropped: str) -> None:
    assert text_of(f"<p>before</p>{dropped}<p>after</p>") == "before\nafter"


def test_white_space_in_pre_is_kept() -> None:
    body = "<p> a  b </p><pre>\n  def f():\n\n      <b>return</b>  1\n</pre><p>c</p>"
    assert text_of(body) == "a b\n  def f():\n\n      return  1\nc"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<header>H</header><p>x</p><footer>F</footer>", "H\nx\nF"),
        ("<header>H</header><main><p>x</p></main><footer>F</footer>", "x"),
        ("<header>H</header><article><header>A</header>x</article>", "A\nx"),
        ("<p>a</p><article>x</article><article>y</article>", "a\nx\ny"),
        ("<article>out</article><main>in<article>x</article></main>", "in\nx"),
        ("<p>a</p><main><script>fill()</script></main>", "a"),
    ],
)
def test_the_main_part_of_a_page_is_preferred(body: str, text: str) -> None:
    assert text_of(body) == text


@pytest.mark.parametrize(
    ("markup", "title"),
    [
        ("<title> A \n &amp; B </title><h1>C</h1>", "A & B"),
        ("<title> </title><p>x<h1>C<br>D <i>E</i></h1><h1>F</h1>", "C D E"),
        ("<svg><title>icon</title></svg><h1>C</h1>", "C"),
        ("<noscript><img></noscript><title>A</title>x", "A"),
        ("<h2>C</h2>", ""),
    ],
)
def test_the_title_is_title_or_the_first_heading(markup: str, title: str) -> None:
    assert extract(markup).title == title


def test_language_and_description_are_metadata() -> None:
    page = "<html lang=' en-GB '><meta NAME=Description content=' On\nwings &amp; flow '><p>x"
    assert extract(page).metadata == {"lang": "en-GB", "description": "On wings & flow"}


@pytest.mark.parametrize(
    "page", ["<p>x", "<html lang><meta name=description><p>x", "<html lang=' '>x"]
)
def test_metadata_are_absent_where_the_page_has_none(page: str) -> None:
    assert extract(page).metadata == {}


@pytest.mark.parametrize(
    ("declared", "written"),
    [
        ('<meta charset="utf-8">', "utf-8"),
        ("<meta charset=ISO-8859-1>", "cp1252"),
        ("<META http-equiv=Content-Type content='text/html; charset=windows-1251'>", "cp1251"),
        ("<meta charset=koi8-r>", "koi8-r"),
        ("<meta charset=gb2312>", "gb18030"),
        ("<meta charset=Shift_JIS>", "cp932"),
        ("<meta charset=utf-16>", "utf-8"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', "cp1252"),
    ],
)
def test_a_declared_encoding_is_used(declared: str, written: str) -> None:
    text = {"cp1251": "Привет", "koi8-r": "Привет", "gb18030": "镕", "cp932": "日本①"}.get(
        written, "é€"
    )
    assert extract(decode(f"{declared}<p>{text}".encode(written))).text == text


@pytest.mark.parametrize("name", ["unicode_escape", "rot13", "hex", "utf-7", "no-such", "x" * 99])
def test_a_declared_name_that_the_web_does_not_know_is_ignored(name: str) -> None:
    page = f"<meta charset={name}><p>\\ud800 é"
    assert decode(page.encode()) == page
    assert decode(page.encode("cp1252")) == page


def test_a_byte_order_mark_wins_over_a_declaration() -> None:
    page = "<meta charset=windows-1251><p>é"
    assert decode(page.encode("utf-8-sig")) == decode(page.encode("utf-16")) == page


def test_a_declaration_after_the_first_kilobyte_is_too_late() -> None:
    page = " " * 1024 + "<meta charset=windows-1251><p>é"
    assert decode(page.encode()) == page


def test_self_closed_elements_of_xhtml_do_not_swallow_the_page() -> None:
    page = (
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/>'
        '<script src="a.js"/></head><body><p>wing</p></body></html>'
    )
    assert extract(page).text == "wing"


def test_nesting_deeper_than_the_stack_is_read() -> None:
    assert text_of("<div><b>" * 3000 + "wing") == "wing"


def test_a_page_of_frames_has_no_text() -> None:
    assert extract("<frameset><frame src=a></frameset>").text == ""


@given(st.lists(st.tuples(st.sampled_from(["h1", "h3", "p", "pre", "div"]), words), max_size=8))
def test_headings_are_told_where_they_are(given: list[tuple[str, str]]) -> None:
    markup = "".join(f"<{tag}> {escape(word)}\n</{tag}>" for tag, word in given)
    content = extract(f"<title>T</title>{markup}")
    found = [content.text[start:end] for start, end in content.headings]
    assert found == [word for tag, word in given if tag.startswith("h")]


@given(soup)
def test_headings_of_any_soup_lie_in_order_on_whole_lines(markup: str) -> None:
    markup = markup.replace("<b>", "<h2>").replace("</b>", "</h2>")
    content = extract(markup)
    ends = [0, *(at for span in content.headings for at in span)]
    assert ends == sorted(ends)
    for start, end in content.headings:
        assert content.text[start:end].strip()
        assert start == 0 or content.text[start - 1] == "\n"
        assert content.text[end : end + 1] in ("", "\n")


@pytest.mark.parametrize(
    ("body", "headings"),
    [
        ("<h1>a<br>b</h1>c", ["a\nb"]),
        ("<h1></h1><p>x</p><h2> </h2>", []),
        ("<div><h2>a</h2></div><nav><h2>no</h2></nav>x", ["a"]),
        ("<header><h1>out</h1></header><main>x<h2>in</h2></main>", ["in"]),
        ("<h1><div><h2>inner</h2></div></h1>", ["inner"]),
        ("<pre><h3>\n a  b\n</h3></pre>", [" a  b"]),
    ],
)
def test_headings_that_are_not_simple(body: str, headings: list[str]) -> None:
    content = extract(body)
    assert [content.text[start:end] for start, end in content.headings] == headings
