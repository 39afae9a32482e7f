"""The root of the error tree and the errors an index can raise.

The whole tree is drawn in `retrieval.errors`; the root lives here because `indexes` imports nothing
else of the project.
"""

import difflib
from collections.abc import Iterable

_MESSAGE_CHARACTERS_MAX = 2_000
"""A value that came from outside is quoted in a message, however long it is."""


class RetrievalError(Exception):
    """Any error a user can act on: the message says the thing, the value and the remedy."""

    def __str__(self) -> str:
        # Not that of the next class: a KeyError would print the repr of the message.
        said, half = Exception.__str__(self), _MESSAGE_CHARACTERS_MAX // 2
        return said if len(said) <= 2 * half else f"{said[:half]} … {said[-half:]}"


class InvalidInput(RetrievalError, ValueError):
    """A value the caller passed cannot be used."""


class InvalidVectors(InvalidInput):
    """Vectors with a wrong shape, dimension or dtype, or with NaN, infinite or negative weights."""


class CorruptIndex(RetrievalError):
    """Stored bytes are damaged: a wrong checksum, size, range or structure."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a name nobody knows with the known one that it is nearest to, or with all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
    return f"{name!r}: {hint}"
