"""A document: the unit of retrieval."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from retrieval.errors import InvalidDocument, InvalidInput
from retrieval.limits import DOCNO_BYTES_MAX, JSON_DEPTH_MAX, METADATA_BYTES_MAX, TEXT_BYTES_MAX

_BATCH = 1000
_BATCH_BYTES = 4 * 2**20

WHOLE = (-1, -1)
"""What is stored as the span of a document that is no passage."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text with an external id, and optionally a title and JSON metadata.

    A passage is a document as well: its docno is `PARENT#n`, and `span` says which characters of
    its parent's text it is, (start, end). A document that was not cut from another has no span.

    Raises:
        InvalidDocument: an empty or too long docno, a lone surrogate, metadata that is not JSON, or
            a span that is none.
    """

    docno: str
    text: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    span: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name, value in (("docno", self.docno), ("text", self.text), ("title", self.title)):
            _check_text(self.docno, name, value)
        if not self.docno or len(self.docno.encode()) > DOCNO_BYTES_MAX:
            raise InvalidDocument(
                f"docno {self.docno[:80]!r} has {len(self.docno.encode())} bytes: "
                f"an id has 1 to {DOCNO_BYTES_MAX}"
            )
        if self.metadata or not isinstance(self.metadata, Mapping):
            self.metadata_json()  # refused here, not when other documents wait for a commit
        if self.span is not None:
            _check_span(self.docno, self.span)

    @property
    def parent(self) -> str:
        """The docno of the document it is a passage of; its own if it is none."""
        return self.docno if self.span is None else self.docno.rpartition("#")[0]

    @property
    def contents(self) -> str:
        """What encoders see: title, a space, text, stripped (the BEIR convention)."""
        return f"{self.title} {self.text}".strip()

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory."""
        return len(self.text) + len(self.title) + len(self.metadata_json())

    def metadata_json(self) -> bytes:
        """Return the metadata as canonical JSON: sorted keys, no white space, b"" where empty."""
        if not isinstance(self.metadata, Mapping):
            raise InvalidDocument(
                f"metadata of {self.docno!r} is {self.metadata!r}: pass a mapping"
            )
        if not self.metadata:
            return b""
        try:
            text = json.dumps(
                self.metadata,
                sort_keys=True,
                ensure_ascii=False,
                separators=(",", ":"),
                allow_nan=False,
            )
            data = text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidDocument(f"metadata of {self.docno!r} is not JSON: {error}") from error
        if len(data) > METADATA_BYTES_MAX:
            raise InvalidDocument(
                f"metadata of {self.docno!r} has {len(data):,} bytes, over {METADATA_BYTES_MAX:,}: "
                "keep what filters ask for"
            )
        if data.count(b"[") + data.count(b"{") > JSON_DEPTH_MAX and _too_deep(self.metadata):
            raise InvalidDocument(
                f"metadata of {self.docno!r} has more than {JSON_DEPTH_MAX} levels inside each "
                "other: flatten it"
            )
        return data

    def digest(self) -> bytes:
        """Return 16 bytes that identify all but the docno: equal digests, equal content."""
        parts = self.title.encode(), self.text.encode(), self.metadata_json()
        return digest_of(*parts, self.span or WHOLE)


def batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Yield documents some at a time: as many as are checked and written together.

    Raises:
        InvalidInput: something that is no document.
    """
    if isinstance(documents, Document):
        raise InvalidInput("one Document was given: pass a list of them")
    batch: list[Document] = []
    n_bytes = 0
    for document in documents:
        if not isinstance(document, Document):
            raise InvalidInput(f"{document!r} is no Document: make one with Document(docno, text)")
        batch.append(document)
        n_bytes += document.size
        if len(batch) == _BATCH or n_bytes >= _BATCH_BYTES:
            yield batch
            batch, n_bytes = [], 0
    if batch:
        yield batch


def digest_of(title: bytes, text: bytes, metadata: bytes, span: tuple[int, int]) -> bytes:
    """Return the 16 bytes that identify a content, from its stored form."""
    state = blake2b(digest_size=16)
    place = b"" if span == WHOLE else b"%d:%d" % span
    for part in (title, text, metadata, place):
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.digest()


def _too_deep(value: object, depth: int = 0) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        return False
    return depth == JSON_DEPTH_MAX or any(_too_deep(one, depth + 1) for one in value)


def _check_text(docno: object, name: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidDocument(f"{name} of document {docno!r} is {value!r}: it must be a string")
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise InvalidDocument(f"{name} of document {docno!r} is not Unicode: {error}") from error
    if size > TEXT_BYTES_MAX:
        raise InvalidDocument(
            f"{name} of document {docno!r} has {size:,} bytes, over {TEXT_BYTES_MAX:,}: split it"
        )


def _check_span(docno: str, span: tuple[int, int]) -> None:
    pair = isinstance(span, tuple) and len(span) == 2 and all(type(place) is int for place in span)
    if not pair or not 0 <= span[0] <= span[1] or not docno.rpartition("#")[0]:
        raise InvalidDocument(
            f"document {docno!r} has the span {span!r}: a passage is called PARENT#n, and its span "
            "is (start, end) in characters of its parent's text"
        )
