"""What reading a file or line gave: a document, or the reason why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retrieval.document import Document
from retrieval.errors import InvalidDocument


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or line that gave no document, and why; `place` as in `Found`.

    unread  whether it could not be read, so that nobody knows what it holds
    docno   the one document it would be, "" where it may be several
    """

    place: str
    reason: str
    unread: bool = field(default=False, compare=False)
    docno: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Found:
    """A document, and the place it was read from: "notes/a.txt" or "corpus.jsonl:17".

    headings  (start, end) of every heading inside `document.text`, in characters, in order
    """

    document: Document
    place: str
    headings: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """What a format reader makes of a file or line: a document that has no docno yet."""

    text: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    headings: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class NoContent:
    """Why a file has no content; `unread` as in `Skipped`."""

    reason: str
    unread: bool = False


def found_or_skipped(content: Content | NoContent, *, docno: str, place: str) -> Found | Skipped:
    """Return the document, or the reason why this content cannot be one."""
    if isinstance(content, NoContent):
        return Skipped(place, content.reason, unread=content.unread, docno=docno)
    if _is_blank(content.text) and _is_blank(content.title):
        return Skipped(place, "it holds no text")
    try:
        document = Document(docno, content.text, content.title, content.metadata)
    except InvalidDocument as error:
        return Skipped(place, str(error))
    return Found(document, place, content.headings)


def reason_of(error: OSError) -> str:
    """Return what the system says, without the path: the place is named already."""
    return f"it cannot be read: {error.strerror or error}"


def printable(name: str) -> str:
    """Return `name` with the bytes that are not UTF-8 escaped, so that it can be printed."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _is_blank(text: str) -> bool:
    return not text or text.isspace()
