"""Text in, vectors out.

An encoder is any object with the members of `Encoder`; the ones here are `Bm25`, `Dense` and
`Precomputed`. Not for: storing vectors, searching them, or knowing what a collection is.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from indexes.errors import InvalidInput
from indexes.vectors import SparseVectors, Vectors

__all__ = ["Encoder", "LexicalEncoder", "from_recipe", "make"]


@runtime_checkable
class Encoder(Protocol):
    """Turns documents and queries into vectors of one kind.

    An encoder may also have `reads = "docno"` (it is given ids in place of texts), `metric` (a name
    of `indexes.metric.Metric`; inner product where it has none), and `recipe()` (JSON from which
    `from_recipe` makes it again; without it a reopened collection must be given the encoder).
    """

    @property
    def kind(self) -> Literal["dense", "sparse"]:
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


def make(spec: str) -> Encoder:
    """Return the encoder that a spec names.

    Specs are `bm25`, `dense`, `dense:MODEL` and `precomputed:DOCUMENTS[::QUERIES]`.

    Raises:
        InvalidInput: an unknown spec.
    """
    name, _, argument = spec.partition(":")
    if name == "bm25" and not argument:
        from encoders.bm25 import Bm25

        return Bm25()
    if name == "dense":
        from encoders.dense import Dense

        return Dense(argument) if argument else Dense()
    if name == "precomputed" and argument:
        from encoders.precomputed import Precomputed

        return Precomputed.from_spec(argument)
    raise InvalidInput(
        f"no encoder is specified by {spec!r}: use bm25, dense, dense:MODEL "
        "or precomputed:DOCUMENTS[::QUERIES]"
    )


def from_recipe(recipe: dict[str, Any]) -> Encoder | None:
    """Return the encoder a manifest records, None where only the user's own object can encode."""
    makers: dict[str, Callable[[dict[str, Any]], Encoder]] = {
        "bm25": _bm25,
        "dense": _dense,
        "precomputed": _precomputed,
    }
    maker = makers.get(recipe["type"])
    return maker(recipe) if maker else None


def _bm25(recipe: dict[str, Any]) -> Encoder:
    from encoders.bm25 import Bm25

    return Bm25.from_recipe(recipe)


def _dense(recipe: dict[str, Any]) -> Encoder:
    from encoders.dense import Dense

    return Dense.from_recipe(recipe)


def _precomputed(recipe: dict[str, Any]) -> Encoder:
    from encoders.precomputed import Precomputed

    return Precomputed.from_recipe(recipe)
