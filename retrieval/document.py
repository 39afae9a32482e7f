"""A document: the unit of retrieval."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from retrieval.errors import InvalidDocument
from retrieval.limits import DOCNO_BYTES_MAX, TEXT_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Document:
    """A text with an external id, and optionally a title and JSON metadata.

    Raises:
        InvalidDocument: an empty or too long docno, a lone surrogate, or metadata that is not JSON.
    """

    docno: str
    text: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

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
            return text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidDocument(f"metadata of {self.docno!r} is not JSON: {error}") from error

    def digest(self) -> bytes:
        """Return 16 bytes that identify title, text and metadata: equal digests, equal content."""
        return digest_of(self.title.encode(), self.text.encode(), self.metadata_json())


def digest_of(title: bytes, text: bytes, metadata: bytes) -> bytes:
    """Return the 16 bytes that identify a content, from its stored form."""
    state = blake2b(digest_size=16)
    for part in (title, text, metadata):
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.digest()


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
