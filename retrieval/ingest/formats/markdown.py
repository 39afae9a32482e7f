"""Markdown to text, by the tokens of CommonMark with tables and strikethrough.

Headings, code, table cells, link texts and the alternative texts of images are kept; addresses,
tags and markers are not. The title is the `title` of the front matter, else the first heading of
level 1, else the first heading.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from retrieval.ingest.formats import html
from retrieval.ingest.outcome import Content

# CommonMark's preset stops reading at depth 20, which is a list of ten levels.
_PARSER = MarkdownIt("commonmark", {"maxNesting": 100}).enable(["table", "strikethrough"])

# Lines between two "---" are front matter only if each could be YAML: otherwise it is a rule, and
# the text below it must not be lost.
_FRONT_MATTER = re.compile(
    r"""--- [ \t]* \r?\n
    ( (?: (?: [ \t]                          # blank, or indented below a key
            | [#\]}]                         # a comment, or the end of a list or mapping
            | -[ \t]                         # a part of a list
            | [\w"'] [\w\ ."'-]* : (?=\s)    # a key
            | (?=\r?\n) ) .* \n
      )*+ )                                  # possessive: lines are never matched a second way
    (?: --- | \.\.\. ) [ \t]* (?: \r?\n | \Z )""",
    re.VERBOSE,
)
_FRONT_TITLE = re.compile(r"^title[ \t]*:[ \t]+(?![|>])(.*)$", re.MULTILINE | re.IGNORECASE)


def extract(source: str) -> Content:
    """Return title and text, and where the headings are in it."""
    front_title, body = _split_front_matter(source)
    tokens = _PARSER.parse(body)
    text, headings = _joined(_blocks(tokens))
    return Content(text, front_title or _heading(tokens), headings=headings)


def _split_front_matter(source: str) -> tuple[str, str]:
    match = _FRONT_MATTER.match(source)
    if match is None:
        return "", source
    title = _FRONT_TITLE.search(match[1])
    return _unquoted(title[1].rstrip(" \t\r")) if title else "", source[match.end() :]


def _unquoted(value: str) -> str:
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1].strip() if quoted else value


def _heading(tokens: Sequence[Token]) -> str:
    """Return the first heading of the highest rank: level 1, or any if there is none."""
    first = ""
    for token, following in pairwise(tokens):
        if token.type == "heading_open":
            heading = " ".join(_inline_text(following).split())
            if token.tag == "h1" and heading:
                return heading
            first = first or heading
    return first


def _joined(blocks: Iterable[html.Text]) -> html.Text:
    """Join the blocks that are not blank by line breaks, and shift their headings accordingly."""
    lines: list[str] = []
    headings: list[tuple[int, int]] = []
    length = 0
    for text, inside in blocks:
        if text and not text.isspace():
            headings += [(length + start, length + end) for start, end in inside]
            lines.append(text)
            length += len(text) + 1
    return "\n".join(lines), tuple(headings)


def _blocks(tokens: Sequence[Token]) -> Iterator[html.Text]:
    cells: list[str] | None = None
    before = ""
    for token in tokens:
        if token.type == "tr_open":
            cells = []
        elif token.type == "tr_close":
            yield " ".join(cells or ()), ()
            cells = None
        elif token.type == "inline" and cells is not None:
            cells.append(_inline_text(token))
        elif token.type == "inline":
            text = _inline_text(token)
            yield text, ((0, len(text)),) if before == "heading_open" else ()
        elif token.type in ("fence", "code_block"):
            yield token.content.strip("\n"), ()
        elif token.type == "html_block":
            yield html.fragment(token.content)
        before = token.type


def _inline_text(token: Token) -> str:
    return "".join(_pieces(token.children or ())).strip()


def _pieces(children: Sequence[Token]) -> Iterator[str]:
    for child in children:
        if child.type == "image":
            yield from _pieces(child.children or ())
        elif child.type == "softbreak":
            yield " "
        elif child.type == "hardbreak":
            yield "\n"
        elif child.type != "html_inline":
            yield child.content
