"""The errors an encoder can raise; the whole tree is drawn in `retrieval.errors`."""

from indexes.errors import RetrievalError


class EncoderUnavailable(RetrievalError):
    """The model of an encoder cannot be loaded here; the message says how to provide it."""
