"""A representation: one encoder and one kind of index over the documents of a collection."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

import encoders
from encoders import Encoder, LexicalEncoder
from indexes.flat import FlatBuild
from indexes.inverted import InvertedBuild
from indexes.metric import Metric
from indexes.vectors import DenseVectors, SparseVectors, Vectors
from retrieval.document import Document
from retrieval.errors import EncoderUnavailable, InvalidInput, RecipeMismatch
from retrieval.store.segment import INDEXES, Index, build_settings, settings_json

Spec: TypeAlias = str | Encoder | tuple[str | Encoder, FlatBuild | InvertedBuild]
"""A spec string, an encoder, or one of them with the build settings of its index."""

DEFAULT = ("bm25", "dense")

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_RESERVED = {"hybrid", "documents"}
_SLICE = 128
"""Texts handed to a model at once, so that progress is seen and memory stays small."""

Progress: TypeAlias = Callable[[str, int], None]
"""Called with the name of what is being done and how many documents have just been dealt with."""


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
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise InvalidInput(
                f"representation name {name!r}: use up to 32 of a-z, 0-9, - and _, "
                f"and none of {sorted(_RESERVED)}"
            )
        encoder, build = spec if isinstance(spec, tuple) else (spec, None)
        if isinstance(encoder, str):
            encoder = encoders.make(encoder)
        if not isinstance(encoder, Encoder):
            raise InvalidInput(
                f"the encoder of {name!r} is {encoder!r}: it needs kind, fingerprint, "
                "encode_documents and encode_queries"
            )
        return cls(name, _recipe(encoder, build), encoder)

    @classmethod
    def recorded(
        cls, name: str, recipe: Mapping[str, Any], given: Encoder | None
    ) -> "Representation":
        """Return the representation a manifest records, with the user's own encoder if given."""
        encoder = given if given is not None else encoders.from_recipe(recipe["encoder"])
        return cls(name, recipe, encoder)

    @cached_property
    def lexical(self) -> LexicalEncoder | None:
        """The encoder, if its query weights depend on the collection."""
        return self.encoder if isinstance(self.encoder, LexicalEncoder) else None

    @property
    def reads(self) -> str:
        """Whether the encoder is given the "text" of a document or its "docno"."""
        return str(getattr(self.encoder, "reads", "text"))

    @cached_property
    def checked_encoder(self) -> Encoder:
        """The encoder, after comparing it with the one that made the stored vectors.

        Raises:
            EncoderUnavailable: only the user's own object can encode, and it was not passed.
            RecipeMismatch: it is another encoder now.
        """
        if self.encoder is None:
            raise EncoderUnavailable(
                f"representation {self.name!r} was made by an encoder of your own "
                f"({self.recipe['fingerprint']}): pass it, open(path, encoders="
                f"{{{self.name!r}: encoder}}), or search with vectors"
            )
        if self.encoder.fingerprint != self.recipe["fingerprint"]:
            raise RecipeMismatch(
                f"representation {self.name!r} was encoded with {self.recipe['fingerprint']}, "
                f"this encoder is {self.encoder.fingerprint}: pass the same encoder, or rebuild"
            )
        return self.encoder

    def encode(self, documents: Sequence[Document], progress: Progress | None = None) -> Vectors:
        """Return the vectors of documents, one each.

        A model is given texts of similar length together, longest first, some at a time.
        """
        encoder = self.checked_encoder
        keys = [d.docno if self.reads == "docno" else d.contents for d in documents]
        if self.lexical or len(keys) <= _SLICE:
            vectors = self._checked(encoder.encode_documents(keys), len(keys))
            if progress is not None:
                progress(self.name, len(keys))
            return vectors
        order = np.argsort([-len(key) for key in keys], kind="stable")
        parts = []
        for start in range(0, len(keys), _SLICE):
            some = [keys[i] for i in order[start : start + _SLICE]]
            parts.append(self._checked(encoder.encode_documents(some), len(some)))
            if progress is not None:
                progress(self.name, len(some))
        return concatenate(parts).take(np.argsort(order))

    def build(self, vectors: Vectors) -> Index:
        """Return an index over vectors."""
        kind = INDEXES[self.recipe["index"]["kind"]]
        settings = dict(self.recipe["index"])
        del settings["kind"]
        build: Any = kind.build
        index: Index = build(vectors, build_settings(kind, settings))
        return index

    def _checked(self, vectors: Vectors, n_documents: int) -> Vectors:
        wanted = INDEXES[self.recipe["index"]["kind"]].Vectors
        if not isinstance(vectors, wanted) or len(vectors) != n_documents:
            raise InvalidInput(
                f"the encoder of {self.name!r} returned {type(vectors).__name__} of length "
                f"{len(vectors)} for {n_documents} documents: return {wanted.__name__}, one each"
            )
        return vectors

    def difference(self, other: Mapping[str, Any]) -> str:
        """Say where this recipe differs from another one, "" if it does not."""
        mine, theirs = _flat(self.recipe), _flat(other)
        keys = [key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)]
        return ", ".join(f"{key}: {theirs.get(key)!r} → {mine.get(key)!r}" for key in keys)


def concatenate(parts: Sequence[Vectors]) -> Vectors:
    """Return vectors of one kind, one after the other."""
    if isinstance(parts[0], DenseVectors):
        return DenseVectors.concatenate([part for part in parts if isinstance(part, DenseVectors)])
    return SparseVectors.concatenate([part for part in parts if isinstance(part, SparseVectors)])


def resolve(asked: Sequence[str] | Mapping[str, Spec]) -> dict[str, Representation]:
    """Return the representations a user asks for: specs that name themselves, or name → spec."""
    if isinstance(asked, str):
        raise InvalidInput(f"representations is the string {asked!r}: pass a list or a mapping")
    pairs = list(
        asked.items() if isinstance(asked, Mapping) else ((_own_name(s), s) for s in asked)
    )
    if len({name for name, _ in pairs}) < len(pairs):
        raise InvalidInput(f"two of the representations {list(asked)} have one name: use a mapping")
    found = {name: Representation.of(name, spec) for name, spec in pairs}
    if not found:
        raise InvalidInput("no representations: a collection needs at least one, such as 'bm25'")
    return found


def _own_name(spec: object) -> str:
    if not isinstance(spec, str):
        raise InvalidInput(f"{spec!r} has no name: pass a mapping of name → encoder")
    return spec.partition(":")[0]


def _recipe(encoder: Encoder, build: FlatBuild | InvertedBuild | None) -> dict[str, Any]:
    if encoder.kind not in ("dense", "sparse"):
        raise InvalidInput(f"encoder kind {encoder.kind!r}: known are 'dense' and 'sparse'")
    if build is None:
        build = FlatBuild(_metric(encoder)) if encoder.kind == "dense" else InvertedBuild()
    kind = "flat" if isinstance(build, FlatBuild) else "inverted"
    if (kind == "flat") != (encoder.kind == "dense"):
        raise InvalidInput(f"a {kind} index cannot hold {encoder.kind} vectors")
    describe = getattr(encoder, "recipe", None)
    own = describe() if describe else {"type": "custom"}
    index = {"kind": kind, **settings_json(build)}
    return {"encoder": own, "fingerprint": encoder.fingerprint, "index": index}


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
