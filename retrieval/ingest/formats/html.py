"""HTML and XHTML to text, by the tree that a browser would build.

Blocks become lines and cells of a row are set apart by a space; white space collapses, except in
<pre>. Of a page with a <main>, or with a single <article>, only that is read; navigation, scripts,
form controls and embedded media never are. The title is <title>, else the first <h1>.
"""

import codecs
import re
from typing import TypeAlias

from selectolax.lexbor import LexborHTMLParser, LexborNode

from retrieval.ingest.formats.text import FALLBACK_ENCODING, decode_marked, decode_unmarked
from retrieval.ingest.outcome import Content


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


_SKIPPED_TAGS = _tags(
    "script style noscript template title nav svg iframe object embed canvas audio video noframes "
    "button input select textarea datalist"
)
BLOCK_TAGS = _tags(
    "address article aside blockquote body br caption center dd details dialog dir div dl dt "
    "fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main "
    "menu ol p pre search section summary table tbody tfoot thead tr ul"
)
_CELL_TAGS = _tags("td th")
_HEADING_TAGS = _tags("h1 h2 h3 h4 h5 h6")

_DECLARED_BYTES = 1024  # where the HTML standard stops looking for a declaration
_DECLARED = re.compile(
    rb"""<(?:meta[^>]*?charset|\?xml[^>]*?encoding)\s*=\s*["']?\s*([\w:.-]+)""", re.IGNORECASE
)
_SUPERSETS = {
    "ascii": FALLBACK_ENCODING,
    "iso8859-1": FALLBACK_ENCODING,
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
"""The standard reads these as the encodings that contain them, as browsers always did."""
_ENCODINGS = re.compile(
    r"utf-8|iso8859-\d+|cp125\d|cp866|cp874|cp932|cp949|koi8-[ru]|mac-(roman|cyrillic)|"
    r"gb18030|big5(hkscs)?|euc_jp|iso2022_jp"
)
_SELF_CLOSED = re.compile(r"<(script|style|title|iframe|textarea)(\s[^<>]*)?/>", re.IGNORECASE)

Text: TypeAlias = tuple[str, tuple[tuple[int, int], ...]]
"""A text, and (start, end) of each heading in it, in characters."""

_NOTHING: Text = ("", ())


def decode(data: bytes) -> str:
    """Return the markup: by byte order mark, else as declared, else as any other text."""
    marked = decode_marked(data)
    if marked is not None:
        return marked
    declared = _declared_encoding(data[:_DECLARED_BYTES])
    return decode_unmarked(data) if declared is None else data.decode(declared, "replace")


def extract(markup: str) -> Content:
    """Return title, text, and as metadata the language and description where they are given."""
    if markup.lstrip().startswith("<?xml"):
        # An HTML parser takes <script/> for an open tag, and the page for its script.
        markup = _SELF_CLOSED.sub(r"<\1\2></\1>", markup)
    tree = LexborHTMLParser(markup)
    text, headings = _main_text(tree)
    return Content(text, _title(tree), _metadata(tree), headings)


def fragment(markup: str) -> Text:
    """Return the text of markup that is no page, and where its headings are."""
    body = LexborHTMLParser(markup).body
    return _NOTHING if body is None else text_of(body)


def text_of(root: LexborNode) -> Text:
    """Return the text below a node, one line for each block, and (start, end) of its headings."""
    lines = _Lines()
    pending: list[LexborNode | str] = [root]  # a string is the end of an element with that tag
    while pending:
        node = pending.pop()
        if isinstance(node, str):
            lines.end_element(node)
        elif (tag := node.tag) == "-text":
            lines.add(node.text_content or "")
        elif tag and tag not in _SKIPPED_TAGS:
            lines.start_element(tag)
            pending.append(tag)
            child = node.last_child
            while child is not None:
                pending.append(child)
                child = child.prev
    return lines.text()


class _Lines:
    """Text gathered block by block; the open <pre> and headings are counted."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._parts: list[str] = []
        self._preformatted = 0
        self._in_headings = 0
        self._length = 0  # of the lines, with a line break after each
        self._heading_start = 0
        self._headings: list[tuple[int, int]] = []

    def add(self, text: str) -> None:
        self._parts.append(text)

    def start_element(self, tag: str) -> None:
        if tag in BLOCK_TAGS:
            self._end_line()
        self._preformatted += tag == "pre"
        if tag in _HEADING_TAGS:
            if not self._in_headings:
                self._heading_start = self._length
            self._in_headings += 1

    def end_element(self, tag: str) -> None:
        if tag in BLOCK_TAGS:
            self._end_line()
        elif tag in _CELL_TAGS:
            self._parts.append(" ")
        self._preformatted -= tag == "pre"
        if tag in _HEADING_TAGS:
            self._in_headings -= 1
            if not self._in_headings and self._length > self._heading_start:
                self._headings.append((self._heading_start, self._length - 1))

    def text(self) -> Text:
        self._end_line()
        return "\n".join(self._lines), tuple(self._headings)

    def _end_line(self) -> None:
        text = "".join(self._parts)
        self._parts.clear()
        if text and not text.isspace():
            line = text.strip("\r\n") if self._preformatted else _collapsed(text)
            self._lines.append(line)
            self._length += len(line) + 1


def _main_text(tree: LexborHTMLParser) -> Text:
    articles = tree.css("article")
    main = tree.css_first("main") or (articles[0] if len(articles) == 1 else None)
    # A page whose <main> is filled by scripts still has what stands around it.
    found = text_of(main) if main is not None else _NOTHING
    return found if found[0] or tree.body is None else text_of(tree.body)


def _title(tree: LexborHTMLParser) -> str:
    title, heading = tree.css_first("title:not(svg title)"), tree.css_first("h1")
    text = "" if title is None else _collapsed(title.text())
    return text or ("" if heading is None else _collapsed(text_of(heading)[0]))


def _metadata(tree: LexborHTMLParser) -> dict[str, str]:
    html = tree.css_first("html[lang]")
    description = tree.css_first('meta[name="description" i][content]')
    found = {
        "lang": "" if html is None else html.attributes["lang"] or "",
        "description": "" if description is None else description.attributes["content"] or "",
    }
    return {name: _collapsed(value) for name, value in found.items() if value.strip()}


def _declared_encoding(head: bytes) -> str | None:
    """Return the declared encoding if it is one that the web knows; names can also mean codecs."""
    match = _DECLARED.search(head)
    if match is None:
        return None
    try:
        name = codecs.lookup(match[1].decode("ascii", "replace")).name
    except LookupError:
        return None
    if name.startswith("utf-16"):
        return "utf-8"  # or the declaration itself could not have been read
    name = _SUPERSETS.get(name, name)
    return name if _ENCODINGS.fullmatch(name) else None


def _collapsed(text: str) -> str:
    return " ".join(text.split())
