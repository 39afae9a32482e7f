"""TREC collections: documents between <DOC> and </DOC>, many in a file.

The docno is <DOCNO>. The text is what stands in the elements that hold text in the collections of
TREC's disks, <TEXT> first of all, and the title what stands in <TITLE>, <HEADLINE> and their like;
without any of these elements it is all that is left, which in web collections is a page of HTML.
Markup that could take long to parse only loses its tags.
A document is UTF-8, or windows-1252 if it is not.
"""

import re
from collections.abc import Iterable, Iterator
from html import unescape

from retrieval.errors import InvalidDocument
from retrieval.ingest.fields import LayoutUnknown
from retrieval.ingest.formats.records import Lines, read_records
from retrieval.ingest.formats.text import decode_unmarked
from retrieval.ingest.outcome import Content, Found, Skipped, found_or_skipped
from retrieval.limits import TEXT_BYTES_MAX, TREC_MARKUP_CHARACTERS_MAX
from retrieval.lines import ENDINGS as COMPRESSIONS

ENDINGS = tuple(
    ending + compression
    for ending in (".trec", ".trectext", ".sgml")
    for compression in COMPRESSIONS
)
"""A file with one of these endings is read as a TREC collection."""

_BEGIN = re.compile(rb"\s*<DOC>", re.IGNORECASE)
_END = b"</DOC>"
_AFTER_END = re.compile(rb"(?<=</DOC>)", re.IGNORECASE)
_DOCNO = re.compile(r"<(/?)(DOCNO)>", re.IGNORECASE)
_TEXT = re.compile(r"<(/?)(TEXT|LEADPARA|LP)>", re.IGNORECASE)
_TITLE = re.compile(r"<(/?)(TITLE|HEADLINE|HEAD|HL|TTL)>", re.IGNORECASE)
_HEADER = re.compile(r"<(/?)(DOCNO|DOCHDR|DOCOLDNO)>", re.IGNORECASE)
_DOC_TAG = re.compile(r"</?DOC>", re.IGNORECASE)
_ANY_TAG = re.compile(
    r"<(script|style)\b.*?(?=</\1|\Z)|<(?=[a-z/!?])[/!?]?([a-z][a-z0-9]*+)?[^<>]*+>",
    re.IGNORECASE | re.DOTALL,
)


def read_lines(lines: Iterable[bytes], place: str) -> Iterator[Found | Skipped]:
    """Yield a document for each <DOC>, whose place is "`place`:line" of that tag.

    A file that ends inside of a document is damaged: that document is skipped.

    Raises:
        InvalidDocument: text between documents, a <DOC> inside of another, one without a
            <DOCNO>.
        LayoutUnknown: no <DOC> in the whole file.
    """
    return read_records(lines, place, cut=lambda counted: _documents(counted, place), read=_read)


def _documents(lines: Lines, place: str) -> Iterator[tuple[int, bytes | None]]:
    """Cut lines into the documents with their tags."""
    parts: list[bytes] | None = None
    first, n_bytes = 0, 0
    for line in lines:
        for piece in _AFTER_END.split(line):
            begins = _BEGIN.match(piece) is not None
            if parts is None and not begins:
                _check_outside(piece, f"{place}:{lines.number}", met=first > 0)
                continue
            if parts is not None and begins:
                raise InvalidDocument(
                    f"{place}:{lines.number} begins a <DOC> inside of that of line {first}: "
                    "close that with </DOC>"
                )
            if parts is None:
                parts, first, n_bytes = [], lines.number, 0
            n_bytes += len(piece)
            if n_bytes <= TEXT_BYTES_MAX:
                parts.append(piece)
            if piece[-len(_END) :].upper() == _END:
                yield first, b"".join(parts) if n_bytes <= TEXT_BYTES_MAX else None
                parts = None
    if parts is not None:
        raise OSError(f"the file ends inside of the <DOC> of line {first}")
    if not first and lines.number:
        raise LayoutUnknown(f"{place} holds no <DOC>: it is no TREC collection")


def _check_outside(piece: bytes, place: str, *, met: bool) -> None:
    if met and piece and not piece.isspace() and not piece.lstrip().startswith(b"<"):
        raise InvalidDocument(f"{place} is text outside of <DOC> and </DOC>: remove or enclose it")


def _read(data: bytes, place: str) -> Found | Skipped:
    markup = decode_unmarked(data)
    docno = next((markup[inside].strip() for inside, _ in _elements(_DOCNO, markup)), "")
    if not docno:
        raise InvalidDocument(f"{place} begins a document without a <DOCNO>: give it one")
    return found_or_skipped(_content(markup), docno=docno, place=place)


def _content(markup: str) -> Content:
    is_long = len(markup) > TREC_MARKUP_CHARACTERS_MAX
    texts = [markup[inside] for inside, _ in _elements(_TEXT, markup)]
    if not texts:
        from retrieval.ingest.formats import html

        page = _DOC_TAG.sub("", _without_header(markup))
        return Content(_text_of(page, plain=True)) if is_long else html.extract(page)
    titles = (_text_of(markup[inside], plain=is_long) for inside, _ in _elements(_TITLE, markup))
    title = " ".join(next(filter(None, titles), "").split())
    return Content("\n".join(_text_of(text, plain=is_long) for text in texts).strip(), title)


def _text_of(markup: str, *, plain: bool) -> str:
    """Return the text of markup, by a parser unless it is to be `plain`."""
    from retrieval.ingest.formats import html

    # Most texts hold no markup at all, and a parser would only collapse their white space.
    if "<" not in markup and "&" not in markup:
        return " ".join(markup.split())
    if not plain:
        return html.fragment(markup)[0]

    def space(tag: re.Match[str]) -> str:
        return " " if (tag[2] or "").lower() in html.BLOCK_TAGS else ""

    return " ".join(unescape(_ANY_TAG.sub(space, markup)).split())


def _without_header(markup: str) -> str:
    kept, at = [], 0
    for _, whole in _elements(_HEADER, markup):
        kept.append(markup[at : whole.start])
        at = whole.stop
    return "".join(kept) + markup[at:]


def _elements(tags: re.Pattern[str], markup: str) -> Iterator[tuple[slice, slice]]:
    """Yield where the inside and the whole of each element lies.

    By one pass over the tags: a search for each end from each start would be quadratic.
    """
    name, begin, start = "", 0, 0
    for tag in tags.finditer(markup):
        if not tag[1] and not name:
            name, begin, start = tag[2].upper(), tag.start(), tag.end()
        elif tag[1] and tag[2].upper() == name:
            yield slice(start, tag.start()), slice(begin, tag.end())
            name = ""
