"""A representation: one encoder and one kind of index over the documents of a collection."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, TypeAlias

import encoders
from encoders import Encoder, LexicalEncoder, is_lexical
from encoders.errors import NotDownloaded
from indexes.metric import Metric
from indexes.vectors import Vectors
from retrieval.document import Document
from retrieval.encoding import Progress, encode_texts
from retrieval.errors import (
    CorruptIndex,
    EncoderUnavailable,
    FormatTooNew,
    FormatTooOld,
    InvalidInput,
    RecipeMismatch,
)
from retrieval.store.formats import AGAIN, REBUILD, check_known
from retrieval.store.segment import (
    INDEXES,
    Build,
    Index,
    build_settings,
    settings_json,
    stored_settings,
)

Spec: TypeAlias = str | Encoder | tuple[str | Encoder, Build]
"""A spec string, an encoder, or one of them with the build settings of its index."""

INDEX_OF = {"dense": "hnsw", "sparse": "inverted", "multi": "multivector"}
"""Kind of encoder → kind of index it gets where none is asked for."""

DEFAULT = ("bm25", "dense")

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_RESERVED = {"hybrid", "documents"}


@dataclass(frozen=True)
class Representation:
    """A name, how its vectors are made, and how they are indexed.

    recipe  what the manifest records: encoder, fingerprint, index; JSON
    """

    name: str
    recipe: Mapping[str, Any]
    encoder: Encoder | None

    @classmethod
    def of(cls, name: str, spec: Spec) -> "Representation":
        """Return the representation a user asks for.

        Raises:
            InvalidInput: a name that cannot be part of a file name, or an unknown spec.
            EncoderUnavailable: the model is nowhere to be found.
        """
        sketched = cls.sketched(name, spec)
        encoder = sketched.encoder
        if not isinstance(encoder, Encoder):
            raise InvalidInput(
                f"the encoder of {name!r} is {encoder!r}: it needs kind, fingerprint, "
                "encode_documents and encode_queries"
            )
        build = spec[1] if isinstance(spec, tuple) else None
        return cls(name, _recipe(encoder, build), encoder)

    @classmethod
    def sketched(cls, name: str, spec: Spec) -> "Representation":
        """Return what can be said of a representation without looking for its model.

        Raises:
            InvalidInput: as `of`.
        """
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise InvalidInput(
                f"representation name {name!r}: use up to 32 of a-z, 0-9, - and _, "
                f"and none of {sorted(_RESERVED)}"
            )
        encoder, build = spec if isinstance(spec, tuple) else (spec, None)
        if isinstance(encoder, str):
            encoder = encoders.make(encoder)
        kind = build and next((k for k, one in INDEXES.items() if isinstance(build, one.Build)), "")
        kind = kind or INDEX_OF.get(getattr(encoder, "kind", ""), "hnsw")
        return cls(name, {"index": {"kind": kind}}, encoder)

    @classmethod
    def recorded(
        cls, name: str, recipe: Mapping[str, Any], given: Encoder | None
    ) -> "Representation":
        """Return the representation a manifest records, with the user's own encoder if given.

        Raises:
            FormatTooNew: its encoder or its index is of a later release.
            FormatTooOld: its index lacks a setting, being of an earlier release.
            CorruptIndex: its index has settings that none can have.
        """
        _check_index(name, recipe["index"])
        try:
            encoder = given if given is not None else encoders.from_recipe(recipe["encoder"])
        except (TypeError, KeyError, InvalidInput) as error:
            raise FormatTooNew(
                f"the encoder of {name!r} is recorded as {recipe['encoder']!r}, which this release "
                f"does not read ({error}): use the release that made it, or {AGAIN}"
            ) from error
        return cls(name, recipe, encoder)

    @cached_property
    def lexical(self) -> LexicalEncoder | None:
        """The encoder, if its query weights depend on the collection."""
        return self.encoder if is_lexical(self.encoder) else None

    @property
    def reads(self) -> str:
        """Whether the encoder is given the "text" of a document or its "docno"."""
        return str(getattr(self.encoder, "reads", "text"))

    @cached_property
    def checked_encoder(self) -> Encoder:
        """The encoder, after comparing it with the one that made the stored vectors.

        Raises:
            EncoderUnavailable: only the user's own object can encode, and it was not passed; or
                its model is not on this machine.
            RecipeMismatch: it is another encoder now.
        """
        if self.encoder is None:
            raise EncoderUnavailable(
                f"representation {self.name!r} was made by an encoder of your own "
                f"({self.recipe['fingerprint']}): pass it, open(path, encoders="
                f"{{{self.name!r}: encoder}}), or search with vectors"
            )
        try:
            fingerprint = self.encoder.fingerprint
        except NotDownloaded as error:
            spec, options = encoders.spec_of(self.recipe["encoder"])
            raise EncoderUnavailable(
                f"representation {self.name!r}: {error}; or name it yourself: open(path, encoders="
                f"{{{self.name!r}: encoders.make({spec!r}, {options!r})}})"
            ) from error
        if fingerprint != self.recipe["fingerprint"]:
            raise RecipeMismatch(
                f"representation {self.name!r} was encoded with {self.recipe['fingerprint']}, "
                f"this encoder is {fingerprint}: pass the same encoder, or rebuild"
            )
        return self.encoder

    def encode(self, documents: Sequence[Document], progress: Progress | None = None) -> Vectors:
        """Return the vectors of documents, one each; see `retrieval.encoding`."""
        encoder, kind = self.checked_encoder, self.index_class.Vectors
        texts = [d.docno if self.reads == "docno" else d.contents for d in documents]
        return encode_texts(encoder, texts, kind, name=self.name, progress=progress)

    def build(self, vectors: Vectors) -> Index:
        """Return an index over vectors."""
        settings = dict(self.recipe["index"])
        del settings["kind"]
        build: Any = self.index_class.build
        index: Index = build(vectors, build_settings(self.index_class, settings))
        return index

    @property
    def index_class(self) -> type[Index]:
        """The kind of index it has."""
        return INDEXES[self.recipe["index"]["kind"]]

    def difference(self, other: Mapping[str, Any]) -> str:
        """Say where this recipe differs from another one, "" if it does not."""
        mine, theirs = _flat(self.recipe), _flat(other)
        keys = [key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)]
        return ", ".join(f"{key}: {theirs.get(key)!r} → {mine.get(key)!r}" for key in keys)


def resolve(asked: Sequence[str] | Mapping[str, Spec]) -> dict[str, Representation]:
    """Return the representations a user asks for: specs that name themselves, or name → spec."""
    return {name: Representation.of(name, spec) for name, spec in specs_of(asked).items()}


def specs_of(asked: Sequence[str] | Mapping[str, Spec]) -> dict[str, Spec]:
    """Return name → spec of what a user asks for."""
    if isinstance(asked, str):
        raise InvalidInput(f"representations is the string {asked!r}: pass a list or a mapping")
    pairs = list(
        asked.items() if isinstance(asked, Mapping) else ((_own_name(s), s) for s in asked)
    )
    if len({name for name, _ in pairs}) < len(pairs):
        raise InvalidInput(f"two of the representations {list(asked)} have one name: use a mapping")
    if not pairs:
        raise InvalidInput("no representations: a collection needs at least one, such as 'bm25'")
    return dict(pairs)


def named(specs: Sequence[str]) -> dict[str, str]:
    """Read specs as a command line has them, `SPEC` or `NAME=SPEC`, as name → spec."""
    found: dict[str, str] = {}
    for text in map(str.strip, specs):
        name, equals, spec = text.partition("=")
        if not equals or not _NAME.fullmatch(name):  # an "=" may be part of a path
            name, spec = _own_name(text), text
        if name in found:
            raise InvalidInput(f"two representations are called {name!r}: name them, NAME=SPEC")
        found[name] = spec
    return found


def _own_name(spec: object) -> str:
    if not isinstance(spec, str):
        raise InvalidInput(f"{spec!r} has no name: pass a mapping of name → encoder")
    return spec.partition(":")[0]


def _recipe(encoder: Encoder, build: Build | None) -> dict[str, Any]:
    if encoder.kind not in INDEX_OF:
        raise InvalidInput(f"encoder kind {encoder.kind!r}: known are {list(INDEX_OF)}")
    if build is None:
        build = _fitting(encoder)
    found = next((one for one in INDEXES.values() if isinstance(build, one.Build)), None)
    if found is None or found.Vectors is not INDEXES[INDEX_OF[encoder.kind]].Vectors:
        raise InvalidInput(f"{build!r} is no index for {encoder.kind} vectors")
    describe = getattr(encoder, "recipe", None)
    own = describe() if describe else {"type": "custom"}
    index = {"kind": found.kind, **settings_json(build)}
    return {"encoder": own, "fingerprint": encoder.fingerprint, "index": index}


def _fitting(encoder: Encoder) -> Build:
    """Return the build settings that fit an encoder where none are asked for."""
    kind: Any = INDEXES[INDEX_OF[encoder.kind]]
    settings: Build
    if is_lexical(encoder):
        settings = kind.Build.bm25(encoder.k1, encoder.b)
    elif encoder.kind == "dense":
        settings = kind.Build(_metric(encoder))
    else:
        settings = kind.Build()
    return settings


def _check_index(name: str, recorded: Mapping[str, Any]) -> None:
    """Raise unless the index of a recorded representation is one that this release can build."""
    place, settings = f"the index of {name!r}", dict(recorded)
    kind = settings.pop("kind", None)
    check_known(place, "kind", [kind], INDEXES)
    index = INDEXES[str(kind)]
    if missing := [one.name for one in fields(index.Build) if one.name not in settings]:
        raise FormatTooOld(
            f"{place} is recorded without the setting {missing[0]!r}, so it is of an earlier "
            f"release: use the release that made it, or {REBUILD}"
        )
    try:
        stored_settings(place, index, settings)
    except CorruptIndex as error:
        raise CorruptIndex(f"{place} is recorded as {dict(recorded)!r}: {error}") from error


def _metric(encoder: Encoder) -> Metric:
    name = getattr(encoder, "metric", Metric.INNER_PRODUCT.name)
    if name not in Metric.__members__:
        raise InvalidInput(f"metric {name!r} of an encoder: known are {list(Metric.__members__)}")
    return Metric[name]


def _flat(recipe: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in recipe.items():
        if isinstance(value, Mapping):
            out |= _flat(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = value
    return out
