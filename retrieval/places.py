"""Where on this machine the engine keeps what it can make or fetch again."""

import os
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """Return the folder of "indexes", "datasets" or "embeddings" in the user's cache.

    It is `$XDG_CACHE_HOME/retrieval-engine/KIND`, with ~/.cache where that is not set. Deleting it
    loses time, nothing else.
    """
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "retrieval-engine" / kind
