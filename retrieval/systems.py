"""Systems that have a name: every representation's own, those a recipe defines, and the hybrid.

A definition is JSON, as a recipe and the manifest have it:

    {"retrieve": "bm25", "settings": {"k1": 1.2}}                   search one representation
    {"retrieve": "splade", "settings": {"recall": 0.95}}           any search settings of its index
    {"fuse": ["bm25", "dense"], "constant": 60, "depth": 200}      reciprocal rank fusion of systems
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import count
from typing import Any, Protocol, cast

import numpy as np

from encoders.bm25 import Bm25Search
from indexes.errors import nearest
from indexes.vectors import DenseVectors, MultiVectors, SparseVectors
from retrieval.errors import InvalidInput, UnknownName
from retrieval.limits import SYSTEM_PARTS_MAX
from retrieval.pipeline import (
    RRF_CONSTANT,
    Fusion,
    Retriever,
    Searchable,
    SearchSettings,
    Stage,
)
from retrieval.representation import Representation

HYBRID = "hybrid"
"""All representations fused by reciprocal ranks, unless a recipe defines another system of it."""

_NAME = re.compile(r"\w[\w .+:=@-]{0,63}")
_KEYS = {"retrieve": {"retrieve", "settings"}, "fuse": {"fuse", "constant", "depth"}}


class Named(Searchable, Protocol):
    """What named systems are made of: a collection."""

    @property
    def representations(self) -> tuple[str, ...]:
        """Names of the representations."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """What its manifest records besides representations."""
        ...


def names(collection: Named) -> tuple[str, ...]:
    """Return the names of all systems of a collection."""
    own = (*collection.representations, *collection.settings.get("systems", {}))
    return (*own, HYBRID) if len(collection.representations) > 1 and HYBRID not in own else own


def default(collection: Named) -> str:
    """Return the name of the system that answers when none is named."""
    asked = collection.settings.get("search", {}).get("system")
    if asked:
        return str(asked)
    known = names(collection)
    return HYBRID if HYBRID in known else known[0]


def of_vectors(collection: Named, vectors: Any) -> str:
    """Return the only representation that vectors of this kind can search."""
    wanted = type(vectors) if not isinstance(vectors, np.ndarray) else DenseVectors
    found = [
        name
        for name in collection.representations
        if collection.representation(name).index_class.Vectors is wanted
    ]
    if len(found) != 1:
        fit = found or "no representation"
        raise InvalidInput(f"{wanted.__name__} fit {fit}: name the system")
    return found[0]


def are_vectors(query: object) -> bool:
    """Return whether a query is vectors, not text."""
    return isinstance(query, np.ndarray | DenseVectors | SparseVectors | MultiVectors)


def build(collection: Named, name: str) -> Stage:
    """Return the system of a name, or raise `UnknownName`."""
    return _build(collection, name, (), count())


def _build(collection: Named, name: str, above: tuple[str, ...], number: Iterator[int]) -> Stage:
    """Build a system with its parts; `above` are those it is part of, `number` counts them all."""
    definition = collection.settings.get("systems", {}).get(name)
    if name in above:
        raise InvalidInput(f"system {name!r} is part of itself: {' → '.join((*above, name))}")
    if next(number) > SYSTEM_PARTS_MAX:
        raise InvalidInput(
            f"system {(*above, name)[0]!r} has more than {SYSTEM_PARTS_MAX} parts: fuse fewer"
        )
    if definition is None and name in collection.representations:
        return Retriever(collection, name)
    if definition is None and name in names(collection):
        definition = {"fuse": list(collection.representations)}
    if definition is None:
        raise UnknownName.of("system", name, names(collection))
    if _verb(name, definition) == "retrieve":
        part = collection.representation(definition["retrieve"])
        return Retriever(collection, part.name, _settings(part, definition), label=name)
    parts = [_build(collection, part, (*above, name), number) for part in definition["fuse"]]
    depth = definition.get("depth")
    return Fusion(parts, k=definition.get("constant", RRF_CONSTANT), depth=depth, name=name)


def _verb(name: str, definition: Any) -> str:
    """Return what a system does, "retrieve" or "fuse", after checking how it is written."""
    verbs = [verb for verb in _KEYS if isinstance(definition, Mapping) and verb in definition]
    if len(verbs) != 1:
        raise InvalidInput(f"system {name!r} is {definition!r}: it needs 'retrieve' or 'fuse'")
    (verb,) = verbs
    if unknown := set(definition) - _KEYS[verb]:
        raise InvalidInput(f"system {name!r} has no {nearest(unknown.pop(), _KEYS[verb])}")
    parts = definition[verb]
    alone = verb == "retrieve" and isinstance(parts, str)
    several = verb == "fuse" and isinstance(parts, list | tuple) and len(parts) > 1
    if not alone and not (several and all(isinstance(part, str) for part in parts)):
        raise InvalidInput(
            f"system {name!r} has {verb} = {parts!r}: "
            + ("name a representation" if verb == "retrieve" else "list two or more systems")
        )
    return verb


def _settings(
    representation: Representation, definition: Mapping[str, Any]
) -> SearchSettings | None:
    values = definition.get("settings")
    if values is None:
        return None
    kind: Any = representation.index_class.Search
    known = [one.name for one in fields(kind)]
    if representation.lexical and not (isinstance(values, Mapping) and set(values) & set(known)):
        kind, known = Bm25Search, [one.name for one in fields(Bm25Search)]
    if not isinstance(values, Mapping):
        raise InvalidInput(f"settings is {values!r}: make it a table of {known}")
    if unknown := set(values) - set(known):
        raise InvalidInput(f"{kind.__name__} has no setting {nearest(unknown.pop(), known)}")
    settings: SearchSettings = kind(**values)
    return settings


@dataclass(frozen=True)
class _Draft:
    """What systems are built over to see whether they can be."""

    settings: Mapping[str, Any]
    parts: Mapping[str, Representation]

    @property
    def representations(self) -> tuple[str, ...]:
        return tuple(self.parts)

    def representation(self, name: str) -> Representation:
        if name not in self.parts:
            raise UnknownName.of("representation", name, self.parts)
        return self.parts[name]


def check(settings: Mapping[str, Any], representations: Mapping[str, Representation]) -> None:
    """Raise `InvalidInput` unless every system of a recipe can be built over representations."""
    draft = cast("Named", _Draft(settings, representations))
    for name in settings.get("systems", {}):
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"the name {name[:80]!r} of a system is part of file names: use up to 64 letters, "
                "digits, spaces and . + : = @ _ -"
            )
        if name in representations:
            raise InvalidInput(f"system {name!r} has the name of a representation: rename it")
        try:
            build(draft, name)
        except UnknownName as error:
            raise UnknownName(f"system {name!r}: {error}") from error
        except InvalidInput as error:
            raise InvalidInput(f"system {name!r}: {error}") from error
    search = settings.get("search", {})
    if search.get("system") is not None and search["system"] not in names(draft):
        raise UnknownName.of("system", str(search["system"]), names(draft))
