"""Manifests that no writer of ours would write, vouched for by their checksum."""

import json
from typing import Any

from xxhash import xxh3_64_hexdigest

from retrieval.store import manifest as manifests
from retrieval.store.manifest import Manifest

_PLACE = b'"body": 0'


def told(**changes: Any) -> bytes:
    """Return an empty manifest that says something else of itself."""
    whole = json.loads(Manifest().to_bytes())
    del whole["checksum"]
    return manifests.sealed({**whole, **changes})


def forged(body: Any) -> bytes:
    """Return a manifest with any body; NaN as Python spells it."""
    return respelled(json.dumps(body).encode())


def respelled(body: bytes) -> bytes:
    """Return a manifest whose body has any spelling."""
    before, _, after = told(body=0).partition(_PLACE)
    opened = before + b'"body": ' + body + after[: after.rindex(b', "checksum"')]
    return opened + f', "checksum": "{xxh3_64_hexdigest(opened)}"}}'.encode()
