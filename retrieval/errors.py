"""Every error this project raises on purpose.

    RetrievalError
    ├── InvalidInput (ValueError)      a value the caller passed
    │   ├── InvalidVectors             shape, dimension, NaN, negative weights
    │   ├── InvalidDocument            a document, file or line that cannot be read
    │   ├── DuplicateDocument          one docno, two documents
    │   └── UnknownName (KeyError)     no such system, representation, measure or document
    ├── RecipeMismatch                 an index was built with another encoder or analysis
    ├── EncoderUnavailable             the model of a representation cannot be loaded
    ├── Locked                         another process writes to the collection
    ├── StorageFailed                  the disk refused: full, read-only, an input/output error
    ├── DownloadFailed                 a server cannot be reached, or sends something else
    ├── CorruptIndex                   stored bytes are damaged
    └── FormatUnknown                  no collection, or of a format that is not read
        ├── FormatTooOld               written by an earlier release: index again
        └── FormatTooNew               written by a later release: use that one

A message names the thing, the value and the remedy.
"""

from collections.abc import Iterable

from encoders.errors import EncoderUnavailable
from indexes.errors import CorruptIndex, InvalidInput, InvalidVectors, RetrievalError, nearest

__all__ = [
    "CorruptIndex",
    "DownloadFailed",
    "DuplicateDocument",
    "EncoderUnavailable",
    "FormatTooNew",
    "FormatTooOld",
    "FormatUnknown",
    "InvalidDocument",
    "InvalidInput",
    "InvalidVectors",
    "Locked",
    "RecipeMismatch",
    "RetrievalError",
    "StorageFailed",
    "UnknownName",
]


class InvalidDocument(InvalidInput):
    """A document, a file or a line of a file that cannot be read as one."""


class DuplicateDocument(InvalidInput):
    """Two documents with the same docno."""


class UnknownName(InvalidInput, KeyError):
    """A name that nothing answers to; the message lists or suggests what exists."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str]) -> "UnknownName":
        """Say that no `kind` is called `name`, and suggest the nearest of the `known` names."""
        return cls(f"no {kind} is called {nearest(name, known)}")


class RecipeMismatch(RetrievalError):
    """A collection was built with another recipe than the one asked for."""


class Locked(RetrievalError):
    """Another writer holds the collection."""


class StorageFailed(RetrievalError):
    """The file system refused an operation; the last commit is intact."""


class DownloadFailed(RetrievalError):
    """A server cannot be reached, refuses, breaks off, or sends another file than is published."""


class FormatUnknown(RetrievalError):
    """A folder or file that is no collection, or of a format that this release does not read."""


class FormatTooOld(FormatUnknown):
    """Written by an earlier release, in a format that is not read any more: index again."""


class FormatTooNew(FormatUnknown):
    """Written by a later release, or with something that only a later one knows."""
