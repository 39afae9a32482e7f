"""Documents and what they are stored as: themselves, or passages that were cut from them.

A collection either cuts every document or none. Passages of a parent are numbered from 0 without
gaps, are written together and deleted together: whoever has the first ones finds the others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from retrieval.chunking import Chunking
from retrieval.document import Document
from retrieval.errors import InvalidDocument
from retrieval.limits import PASSAGES_PER_DOCUMENT_MAX

Find: TypeAlias = Callable[[Sequence[str]], Sequence[tuple[int, int]]]
"""Tells where each docno is stored, (-1, -1) for nowhere."""

_PROBED = 8
"""Passages looked for at once; most documents have fewer to look for."""


def cut(
    document: Document, chunking: Chunking | None, headings: Sequence[tuple[int, int]] = ()
) -> list[Document]:
    """Return what a document is stored as: the passages it is cut into, or itself.

    headings  (start, end) of each heading in the text, in characters

    Raises:
        InvalidDocument: more passages than `PASSAGES_PER_DOCUMENT_MAX`, or no room for their number
            in the docno.
    """
    if chunking is None:
        return [document]
    docno, text = document.docno, document.text
    spans = chunking.spans(text, headings) or [(0, 0)]  # of a title alone
    if len(spans) > PASSAGES_PER_DOCUMENT_MAX:
        raise InvalidDocument(
            f"document {docno!r} is cut into {len(spans):,} passages, over "
            f"{PASSAGES_PER_DOCUMENT_MAX:,}: split it, or make passages larger"
        )
    return [
        Document(f"{docno}#{n}", text[start:end], document.title, document.metadata, (start, end))
        for n, (start, end) in enumerate(spans)
    ]


def stored(find: Find, parents: Iterable[str]) -> list[str]:
    """Return the docnos of all stored passages of some parents."""
    return surplus(find, dict.fromkeys(parents, 0))


def surplus(find: Find, counts: Mapping[str, int]) -> list[str]:
    """Return the docnos of stored passages that documents have no more, by how many they have."""
    found: list[str] = []
    following = dict(counts)
    while following:
        asked = [f"{p}#{n + i}" for p, n in following.items() for i in range(_PROBED)]
        there = [name for name, at in zip(asked, find(asked), strict=True) if at != (-1, -1)]
        found += there
        last = {f"{p}#{n + _PROBED - 1}": p for p, n in following.items()}
        more = [last[name] for name in there if name in last]
        following = {parent: following[parent] + _PROBED for parent in more}
    return found
