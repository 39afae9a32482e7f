"""Making a collection, and opening one that is there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from encoders import Encoder
from retrieval.collection import Collection
from retrieval.errors import InvalidInput
from retrieval.representation import DEFAULT, Representation, Spec, resolve
from retrieval.store import manifest as manifests
from retrieval.store.files import DiskFolder, Folder, storing
from retrieval.store.manifest import Manifest


def create(
    path: str | Path,
    representations: Sequence[str] | Mapping[str, Spec] = DEFAULT,
) -> Collection:
    """Make an empty collection in a new or empty folder.

    Args:
        path: folder to make.
        representations: specs such as "bm25" and "dense", or a mapping of name → spec.

    Raises:
        InvalidInput: the folder has something in it, or a spec is unknown.
        EncoderUnavailable: the model of a spec is nowhere to be found.
        StorageFailed: the folder cannot be made.
    """
    asked = resolve(representations)
    folder = DiskFolder(Path(path))
    recipes = {name: dict(r.recipe) for name, r in asked.items()}
    with storing(folder, "making a collection"):
        folder.make()
        _check_empty(folder.path)
        with folder.lock():
            _check_empty(folder.path)  # again: another process may have been quicker
            manifests.commit(folder, Manifest(representations=recipes))
    return _opened(folder, asked)


def _check_empty(path: Path) -> None:
    own = {"lock", f"{manifests.NAME}.new"}  # what a process that died while making one leaves
    if foreign := sorted({entry.name for entry in path.iterdir()} - own):
        raise InvalidInput(f"{path} holds {foreign[0]!r}: choose a new or empty folder")


def open_collection(
    path: str | Path,
    *,
    encoders: Mapping[str, Encoder] | None = None,
    verify: Literal["lazy", "eager"] = "lazy",
) -> Collection:
    """Open a collection at its last commit.

    Args:
        path: its folder.
        encoders: your own encoders by representation, where the collection cannot make them again.
        verify: "lazy" checks an array before its first use, "eager" checks everything now.

    Raises:
        FormatUnknown: the folder is no collection, or a newer one.
        CorruptIndex: it is damaged.
    """
    if verify not in ("lazy", "eager"):
        raise InvalidInput(f"verify is {verify!r}: use 'lazy' or 'eager'")
    collection = Collection(DiskFolder(Path(path)), encoders)
    if verify == "eager":
        collection.verify().raise_problems()
    return collection


def _opened(folder: Folder, asked: Mapping[str, Representation]) -> Collection:
    own = {n: r.encoder for n, r in asked.items() if r.encoder is not None}
    return Collection(folder, own)
