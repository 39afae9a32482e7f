"""The root of the error tree and the errors an index can raise.

The whole tree is drawn in `retrieval.errors`; the root lives here because `indexes` imports nothing
else of the project.
"""


class RetrievalError(Exception):
    """Any error a user can act on: the message says the thing, the value and the remedy."""


class InvalidInput(RetrievalError, ValueError):
    """A value the caller passed cannot be used."""


class InvalidVectors(InvalidInput):
    """Vectors with a wrong shape, dimension or dtype, or with NaN, infinite or negative weights."""


class CorruptIndex(RetrievalError):
    """Stored bytes are damaged: a wrong checksum, size, range or structure."""
