"""One file, read by its ending.

Readers of single formats are imported by the first file that needs them, so that importing this
package stays cheap.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from retrieval.ingest import beir, text
from retrieval.ingest.outcome import (
    Content,
    Found,
    Skipped,
    found_or_skipped,
    printable,
    reason_of,
)
from retrieval.limits import TEXT_BYTES_MAX
from retrieval.lines import open_lines

TEXT_ENDINGS = (".txt", ".text")
MARKDOWN_ENDINGS = (".md", ".markdown")
HTML_ENDINGS = (".html", ".htm", ".xhtml")
ENDINGS = TEXT_ENDINGS + MARKDOWN_ENDINGS + HTML_ENDINGS + beir.ENDINGS
"""Every ending that is read, in lower case; upper case is read as well."""


def is_readable(name: str) -> bool:
    """Say whether a file of this name has an ending that is read."""
    return name.lower().endswith(ENDINGS)


def read_file(path: Path, name: str) -> Iterator[Found | Skipped]:
    """Yield what one file holds; `name` is its docno, or the place of its lines."""
    if name.lower().endswith(beir.ENDINGS):
        yield from beir.read_lines(open_lines(path), printable(name))
    else:
        yield _read_whole(path, name)


def _read_whole(path: Path, name: str) -> Found | Skipped:
    place = printable(name)
    try:
        size = path.stat().st_size
        if size > TEXT_BYTES_MAX:
            return Skipped(place, f"it has {size:,} bytes, more than {TEXT_BYTES_MAX:,}: split it")
        data = path.read_bytes()
    except OSError as error:
        return Skipped(place, reason_of(error), unread=True)
    content = _extract(data, name.lower())
    if content is None:
        return Skipped(place, "it is binary: it holds NUL characters")
    return found_or_skipped(content, docno=name, place=place)


def _extract(data: bytes, name: str) -> Content | None:
    """Return the content, by the ending of `name`; None if it is binary."""
    decode: Callable[[bytes], str] = text.decode
    extract: Callable[[str], Content] = text.extract
    if name.endswith(HTML_ENDINGS):
        from retrieval.ingest import html

        decode, extract = html.decode, html.extract
    elif name.endswith(MARKDOWN_ENDINGS):
        from retrieval.ingest import markdown

        extract = markdown.extract
    decoded = decode(data)
    return None if "\0" in decoded else extract(decoded)
