"""Files that are one document each: plain text, Markdown, HTML."""

from collections.abc import Callable
from pathlib import Path

from retrieval.ingest.formats import text
from retrieval.ingest.outcome import Content, NoContent

TEXT_ENDINGS = (".txt", ".text")
MARKDOWN_ENDINGS = (".md", ".markdown")
HTML_ENDINGS = (".html", ".htm", ".xhtml")
ENDINGS = TEXT_ENDINGS + MARKDOWN_ENDINGS + HTML_ENDINGS
"""A file with one of these endings is read whole, by its ending."""


def read_content(path: Path) -> Content | NoContent:
    """Return what a file holds.

    Raises:
        OSError: it cannot be read.
    """
    decode: Callable[[bytes], str] = text.decode
    extract: Callable[[str], Content] = text.extract
    name = path.name.lower()
    if name.endswith(HTML_ENDINGS):
        from retrieval.ingest.formats import html

        decode, extract = html.decode, html.extract
    elif name.endswith(MARKDOWN_ENDINGS):
        from retrieval.ingest.formats import markdown

        extract = markdown.extract
    decoded = decode(path.read_bytes())
    if "\0" in decoded:
        return NoContent("it is binary: it holds NUL characters")
    return extract(decoded)
