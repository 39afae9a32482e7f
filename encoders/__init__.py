"""Text in, vectors out.

An encoder is any object with the members of `Encoder`; the ones here are `Bm25`, `Dense`,
`LearnedSparse`, `LateInteraction` and `Precomputed`, each in a file of its name.

Not for: storing vectors, searching them, or knowing what a collection is.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from inspect import signature
from typing import Any, Literal, Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from encoders.limits import SPEC_CHARACTERS_MAX
from indexes.errors import InvalidInput, nearest
from indexes.vectors import SparseVectors, Vectors

__all__ = ["SPECS", "Encoder", "LexicalEncoder", "from_recipe", "is_lexical", "make", "spec_of"]


@runtime_checkable
class Encoder(Protocol):
    """Turns documents and queries into vectors of one kind.

    An encoder may also have `reads = "docno"` (it is given ids in place of texts), `metric` (a name
    of `indexes.metric.Metric`; inner product where it has none), `recipe()` (JSON from which
    `from_recipe` makes it again; without it a reopened collection must be given the encoder), and
    `cacheable = True` (equal fingerprints and texts give equal vectors that are worth keeping).
    """

    @property
    def kind(self) -> Literal["dense", "sparse", "multi"]:
        """Which vectors it makes."""
        ...

    @property
    def fingerprint(self) -> str:
        """Identifies what decides the document vectors: model, weights, settings."""
        ...

    def encode_documents(self, texts: Sequence[str], /) -> Vectors:
        """Return one vector per document."""
        ...

    def encode_queries(self, texts: Sequence[str], /) -> Vectors:
        """Return one vector per query."""
        ...


@runtime_checkable
class LexicalEncoder(Encoder, Protocol):
    """An encoder whose query weights depend on statistics of the collection."""

    k1: float
    b: float

    def weigh(
        self, queries: SparseVectors, frequencies: NDArray[np.int64], n_documents: int
    ) -> SparseVectors:
        """Return queries weighted with the document frequencies of their terms."""
        ...


def is_lexical(encoder: object) -> TypeGuard[LexicalEncoder]:
    """Say whether an encoder is lexical, without asking for its fingerprint: it may have none."""
    return hasattr(encoder, "weigh")


_HOMES = {
    "bm25": ("encoders.bm25", "Bm25"),
    "dense": ("encoders.dense", "Dense"),
    "splade": ("encoders.learned_sparse", "LearnedSparse"),
    "colbert": ("encoders.late_interaction", "LateInteraction"),
    "precomputed": ("encoders.precomputed", "Precomputed"),
}
"""The first word of a spec, and where the class is that it makes."""

_WORDS = {"learned_sparse": "splade", "late_interaction": "colbert"}
"""What a recipe calls a type of encoder, where its spec has another word."""

SPECS = "bm25[:LANGUAGE], dense[:MODEL], splade:MODEL, colbert:MODEL, precomputed:DOCS[::QUERIES]"


def make(spec: str, options: Mapping[str, Any] | None = None) -> Encoder:
    """Return the encoder that a spec names, made with more keyword arguments of its class.

    LANGUAGE is a name or code, MODEL a hub id or local folder.

    Raises:
        InvalidInput: an unknown spec, or an option that the encoder does not have.
        EncoderUnavailable: the model is nowhere to be found.
    """
    if len(spec) > SPEC_CHARACTERS_MAX:
        raise InvalidInput(
            f"{spec[:40]!r} … has {len(spec):,} characters, over {SPEC_CHARACTERS_MAX:,}: it is no "
            f"encoder, use {SPECS}"
        )
    word, _, argument = spec.partition(":")
    if word and word not in _HOMES:
        raise InvalidInput(
            f"no encoder is specified by {spec!r}: {nearest(word, _HOMES)}; use {SPECS}"
        )
    if not word or (not argument and word not in ("bm25", "dense")):
        raise InvalidInput(f"no encoder is specified by {spec!r}: use {SPECS}")
    kind = _class(word)
    given = dict(options or {})
    known = set(signature(kind).parameters) - {"model", "documents", "queries"}
    if unknown := set(given) - known:
        raise InvalidInput(f"{spec!r} has no option {nearest(unknown.pop(), known)}")
    if word == "precomputed":
        documents, _, queries = argument.partition("::")
        made: Encoder = kind(documents, queries or None, **given)
    elif word == "bm25":
        made = kind(**_bm25_options(argument, given))
    else:
        made = kind(argument, **given) if argument else kind(**given)
    return made


def _bm25_options(language: str, given: dict[str, Any]) -> dict[str, Any]:
    from encoders.analysis.analyzer import Analysis, from_recipe

    analysis = given.get("analysis")
    if isinstance(analysis, Mapping):  # as a recipe or a configuration file has it
        given["analysis"] = from_recipe(dict(analysis))
    elif isinstance(analysis, str):
        given["analysis"] = Analysis.of_language(analysis)
    elif language:
        given["analysis"] = Analysis.of_language(language)
    if language and analysis is not None:
        raise InvalidInput(f"'bm25:{language}' and the option 'analysis' both say how: leave one")
    return given


def from_recipe(recipe: Mapping[str, Any]) -> Encoder | None:
    """Return the encoder a manifest records, None where only the user's own object can encode."""
    word = _WORDS.get(recipe["type"], recipe["type"])
    if word not in _HOMES:
        return None
    encoder: Encoder = _class(word).from_recipe(recipe)
    return encoder


def spec_of(recipe: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the spec and the options with which `make` makes the encoder of a recipe again."""
    word = _WORDS.get(recipe["type"], recipe["type"])
    options = {key: value for key, value in recipe.items() if key != "type" and value is not None}
    named = (options.pop(key) for key in ("model", "documents", "queries") if key in options)
    return word + "".join(
        f"{mark}{name}" for mark, name in zip((":", "::"), named, strict=False)
    ), options


def _class(word: str) -> Any:
    module, name = _HOMES[word]
    return getattr(import_module(module), name)
