"""Making a collection, and opening one that is there."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from encoders import Encoder
from retrieval import systems
from retrieval.chunking import Chunking
from retrieval.collection import Collection
from retrieval.config import Recipe
from retrieval.errors import CorruptIndex, FormatTooOld, InvalidInput, RecipeMismatch
from retrieval.representation import DEFAULT, Representation, Spec, resolve
from retrieval.store import lock
from retrieval.store import manifest as manifests
from retrieval.store.afresh import Afresh
from retrieval.store.container import Container
from retrieval.store.files import DiskFolder, Folder, storing
from retrieval.store.formats import CONTENTS, content_of
from retrieval.store.manifest import Manifest
from retrieval.store.segment import INDEXES, build_settings


def create(
    path: str | Path,
    representations: Sequence[str] | Mapping[str, Spec] = DEFAULT,
    *,
    chunking: Chunking | str | None = None,
) -> Collection:
    """Make an empty collection in a new or empty folder.

    Args:
        path: folder to make.
        representations: specs such as "bm25" and "dense", or a mapping of name → spec.
        chunking: how documents are cut into passages, such as "sentences:200"; None: not at all.

    Raises:
        InvalidInput: the folder has something in it, or a spec is unknown.
        EncoderUnavailable: the model of a spec is nowhere to be found.
        StorageFailed: the folder cannot be made.
    """
    return _created(path, representations, Recipe(chunking=chunking).settings())


def _created(
    path: str | Path, representations: Sequence[str] | Mapping[str, Spec], settings: dict[str, Any]
) -> Collection:
    asked = resolve(representations)
    systems.check(settings, asked)
    folder = DiskFolder(Path(path))
    recipes = {name: dict(r.recipe) for name, r in asked.items()}
    with storing(folder, "making a collection"):
        folder.make()
        _check_empty(folder.path)
        with folder.lock():
            _check_empty(folder.path)  # again: another process may have been quicker
            manifests.commit(folder, Manifest(representations=recipes, settings=settings))
    return _opened(folder, asked)


def prepare(path: str | Path, recipe: Recipe, *, rebuild: bool = False) -> Collection:
    """Open the collection at `path`, or make it; say where its recipe differs from the one asked.

    What the recipe leaves unsaid (None) an existing collection keeps. Systems and search defaults
    are taken over as they are: nothing is indexed again for them.

    To `rebuild` takes also what is damaged or too old to be opened; the recipe that cannot be read
    is then that of a new collection, and the files stay until the first commit.

    Raises:
        RecipeMismatch: it was made in another way, and not `rebuild`.
    """
    if not _is_collection(path):
        representations = DEFAULT if recipe.representations is None else recipe.representations
        try:
            return _created(path, representations, recipe.settings())
        except InvalidInput:
            if not _is_collection(path):  # else another process has been quicker
                raise
    collection = taken_over(DiskFolder(Path(path))) if rebuild else open_collection(path)
    asked = _asked(collection, recipe, rebuild=rebuild)
    collection.use_encoders({n: r.encoder for n, r in asked.items() if r.encoder is not None})
    settings = recipe.settings(collection.settings)
    there = {n: collection.representation(n) for n in collection.representations}
    systems.check(settings, asked or there)
    differences = _differences(collection, asked, settings)
    if rebuild:
        collection.writer().clear(asked)
        collection.writer().configure(settings)
    elif differences and not collection.snapshot.segments:
        # It holds nothing yet, as after a first try that failed: there is nothing to keep.
        collection.writer().clear(asked or there)
        collection.writer().configure(settings)
        collection.commit()
    elif differences:
        raise RecipeMismatch(
            f"{path} was built with another recipe: {'; '.join(differences)}. Leave it out to keep "
            "what there is, or rebuild (--rebuild)"
        )
    elif settings != collection.settings:
        collection.writer().configure(settings)
    return collection


def taken_over(folder: Folder) -> Collection:
    """Open a collection whose documents are not needed any more, for writing.

    Raises:
        FormatUnknown: the folder is no collection, or a newer one.
    """
    try:
        collection = Collection(folder)
        try:
            _check_contents(folder, collection.writer().manifest)
        finally:
            collection.close()
    except (CorruptIndex, FormatTooOld):
        return Collection(Afresh(folder))
    return collection


def _check_contents(folder: Folder, manifest: Manifest) -> None:
    """Raise `FormatUnknown` where a file is of another version, also if nobody has read it yet."""
    known = {**CONTENTS, **{kind: one.format_version for kind, one in INDEXES.items()}}
    with storing(folder, "opening"):
        for file in manifest.files():
            opened = Container(folder, file, file.name.rpartition(".")[2])
            content_of(opened.name, opened.settings, known)


def _asked(collection: Collection, recipe: Recipe, *, rebuild: bool) -> dict[str, Representation]:
    """Return the representations to have; {} to keep those there are as they are."""
    if recipe.representations is not None:
        return resolve(recipe.representations)
    if not rebuild:
        return {}
    if not collection.representations:
        return resolve(DEFAULT)
    return resolve(
        {name: _again(collection.representation(name)) for name in collection.representations}
    )


def _again(representation: Representation) -> Spec:
    """Return the spec of a recorded representation."""
    settings = {k: v for k, v in representation.recipe["index"].items() if k != "kind"}
    build = build_settings(representation.index_class, settings)
    return representation.checked_encoder, build


def _differences(
    collection: Collection, asked: Mapping[str, Representation], settings: Mapping[str, Any]
) -> list[str]:
    recorded = collection.snapshot.manifest.representations
    found = [f"{name} is not in it" for name in asked if name not in recorded]
    found += [f"{name} is in it" for name in recorded if asked and name not in asked]
    for name in sorted(set(asked) & set(recorded)):
        if difference := asked[name].difference(recorded[name]):
            found.append(f"{name} ({difference})")
    for key in ("chunking", "fields"):
        before, after = collection.settings.get(key), settings.get(key)
        if before != after:
            found.append(f"{key}: {before!r} → {after!r}")
    return found


def _is_collection(path: str | Path) -> bool:
    return os.path.lexists(Path(path) / manifests.NAME)


def _check_empty(path: Path) -> None:
    there = {entry.name for entry in path.iterdir()}  # once: another process may be making one
    if manifests.NAME in there:
        raise InvalidInput(f"{path} is a collection already: open it, or choose another folder")
    own = {lock.NAME, f"{manifests.NAME}.new"}  # what a process that died while making one leaves
    if foreign := sorted(there - own):
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
