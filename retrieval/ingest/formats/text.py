"""Bytes to text, and plain text files.

A byte order mark decides first (UTF-8, UTF-16). Without one a file is UTF-8 if it is valid UTF-8,
and windows-1252 if not: in practice that is what older Western files are. Other encodings without a
mark cannot be told apart reliably, so they are not guessed.
"""

import codecs

from retrieval.ingest.outcome import Content

FALLBACK_ENCODING = "cp1252"
"""For bytes that are not UTF-8; its five undefined bytes become U+FFFD."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(data: bytes) -> str:
    """Return the text of a file, by its byte order mark, else as UTF-8, else as windows-1252."""
    marked = decode_marked(data)
    return decode_unmarked(data) if marked is None else marked


def decode_marked(data: bytes) -> str | None:
    """Return the text after a byte order mark, U+FFFD for what is invalid; None without one."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return str(memoryview(data)[len(mark) :], encoding, "replace")
    return None


def decode_unmarked(data: bytes) -> str:
    """Return the text of bytes that carry no mark and declare nothing."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(FALLBACK_ENCODING, "replace")


def extract(text: str) -> Content:
    """Return plain text as it stands: every character kept, no title."""
    return Content(text)
