"""Settings of a graph index and of a search in it."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from indexes.errors import InvalidInput
from indexes.metric import Metric
from indexes.validate import DIMENSION_MAX

DEGREE_MAX = 256
"""Links of a document, on the lowest layer, at the most."""

EF_MAX = 100_000
"""Candidates kept at once, at the most."""

RECALL = 0.99
"""What a search finds where nothing else is asked for."""

EF_SEARCH = 64
"""Candidates kept where only `rescored` is asked for."""

Storage = Literal["int4", "int8", "float32"]
Entry = Literal["hierarchy", "sampled"]
Insertion = Literal["random", "given"]

BITS = {"float32": 0, "int8": 8, "int4": 4}


@dataclass(frozen=True, slots=True)
class HnswBuild:
    """Settings of a graph index.

    metric   how vectors are compared
    storage  what a search reads of a document that it passes: a code of 8 or 4 bits a dimension,
             or the float32 vector itself. The best are always scored again from the vectors
    M        links of a document on the upper layers; twice as many on the lowest
    ef_construction  candidates kept while the links of a document are found
    entry    "hierarchy": a search comes down through layers of ever more documents; "sampled": it
             starts at √n documents, the first of the insertion order
    insertion  order in which documents are linked: "random", drawn from `seed`, or as "given"
    dimensions  of what codes are made of: that many directions of the largest variance, and as
             many more as fill a cache line, or all. None: as few as hold 95 % of it
    prefix   search by so many of the first components, for Matryoshka embeddings; the best are
             scored again by all. None: all
    seed     of the insertion order and of the directions
    graph_from  documents from which there is a graph; fewer are scored all, which is exact and,
             with codes of 8 bits for a first pass, takes up to 0.2 ms

    Raises:
        InvalidInput: a value outside its range.
    """

    metric: Metric = Metric.INNER_PRODUCT
    storage: Storage = "int4"
    M: int = 16
    ef_construction: int = 128
    entry: Entry = "hierarchy"
    insertion: Insertion = "random"
    dimensions: int | None = None
    prefix: int | None = None
    seed: int = 0
    graph_from: int = 20_000

    def __post_init__(self) -> None:
        _check_choice("storage", self.storage, get_args(Storage))
        _check_choice("entry", self.entry, get_args(Entry))
        _check_choice("insertion", self.insertion, get_args(Insertion))
        _check_count("M", self.M, 2, DEGREE_MAX // 2)
        _check_count("ef_construction", self.ef_construction, 1, EF_MAX)
        _check_count("seed", self.seed, 0, 2**32 - 1)
        _check_count("graph_from", self.graph_from, 0, 2**31 - 1)
        for name in ("dimensions", "prefix"):
            if getattr(self, name) is not None:
                _check_count(name, getattr(self, name), 1, DIMENSION_MAX)
        if self.storage == "float32" and (self.prefix or self.dimensions):
            raise InvalidInput("storage is 'float32', which reads whole vectors: use codes instead")

    @property
    def degree(self) -> int:
        """Links of a document on the lowest layer, at the most."""
        return 2 * self.M

    @property
    def bits(self) -> int:
        """Bits of a code and dimension, 0 where vectors are read."""
        return BITS[self.storage]

    def seen(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the components (n, ≤ prefix) of vectors that the graph knows."""
        return values if self.prefix is None else np.ascontiguousarray(values[:, : self.prefix])


@dataclass(frozen=True, slots=True)
class HnswSearch:
    """Settings of a search; by default it finds 99 % of the best.

    recall     the share of the exact top k to find: the first operating point that reached it when
               the index was measured (see `indexes.operating_point`), without a filter; the exact
               search if none did, if k is above 1000, or for 1. None: `RECALL`, unless `ef_search`
               or `rescored` decides
    ef_search  candidates kept at once, never fewer than k: more find more and take longer
    rescored   how many of the candidates are scored by their vectors, k at least. None: k, and
               three times its root or an eighth of the candidates more

    Raises:
        InvalidInput: a value outside its range, or `recall` beside what it decides.
    """

    recall: float | None = None
    ef_search: int | None = None
    rescored: int | None = None

    def __post_init__(self) -> None:
        for name in ("ef_search", "rescored"):
            if getattr(self, name) is not None:
                _check_count(name, getattr(self, name), 1, EF_MAX)
        counted = self.ef_search is not None or self.rescored is not None
        if self.recall is None:
            object.__setattr__(self, "recall", None if counted else RECALL)
            return
        number = isinstance(self.recall, int | float) and not isinstance(self.recall, bool)
        if not number or not 0 <= self.recall <= 1:
            raise InvalidInput(f"recall is {self.recall!r}: use a number from 0 to 1")
        if counted:
            raise InvalidInput(
                f"recall is {self.recall} beside ef_search or rescored: recall decides those, so "
                "leave one of them out"
            )

    def at_depth(self, k: int) -> "HnswSearch":
        """Return the settings that search for fewer than k hits as these do for k."""
        return replace(self, ef_search=max(self.ef_search or EF_SEARCH, k))


def _check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidInput(f"{name} is {value!r}: use one of {list(known)}")


def _check_count(name: str, value: object, low: int, high: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not low <= value <= high:  # type: ignore[operator]
        raise InvalidInput(f"{name} is {value!r}: use a whole number from {low:,} to {high:,}")
