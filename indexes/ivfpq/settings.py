"""Settings of an IVF-PQ index and of a search in it."""

from dataclasses import dataclass, replace
from math import isqrt
from typing import Literal, get_args

from indexes.errors import InvalidInput
from indexes.metric import Metric

NLIST_MAX = 1 << 20
"""Lists of an index, at the most."""

GROUPS_MAX = 4096
"""Groups of dimensions, at the most: their numbers add up to less than 2^16."""

COUNT_MAX = 2**31 - 1
"""What a number of vectors can be."""

Rotation = Literal["none", "pca", "opq"]


@dataclass(frozen=True, slots=True)
class IvfPqBuild:
    """Settings of an IVF-PQ index.

    metric    how vectors are compared
    nlist     lists, each around a centroid. None: the power of two nearest to 2·√n, but no more
              than there are 39 vectors each to learn from
    groups    groups of dimensions with a code of 4 bits each (sub-quantisers): two groups make a
              byte of a document. None: one for two dimensions, at most 256
    rotation  what is done before dimensions are grouped. "none": nothing. "pca": the directions
              of the largest variance, two for a group, turned at random. "opq": the rotation that
              loses least (Ge et al. 2013), which takes long to learn. Either leaves directions out
              where there are fewer than half as many groups as dimensions: fewer bytes, and more
              candidates to score again
    prefix    the first so many components, which decide about the list of a vector, for Matryoshka
              embeddings (AdANNS); codes are made of all. None: all
    sampled   vectors to learn from, at the most
    seed      of what is drawn at random while learning

    Raises:
        InvalidInput: a value outside its range.
    """

    metric: Metric = Metric.INNER_PRODUCT
    nlist: int | None = None
    groups: int | None = None
    rotation: Rotation = "none"
    prefix: int | None = None
    sampled: int = 131_072
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rotation not in get_args(Rotation):
            known = list(get_args(Rotation))
            raise InvalidInput(f"rotation is {self.rotation!r}: use one of {known}")
        for name, most in (("nlist", NLIST_MAX), ("groups", GROUPS_MAX), ("prefix", 65_536)):
            if getattr(self, name) is not None:
                _check_count(name, getattr(self, name), 1, most)
        _check_count("sampled", self.sampled, 1, COUNT_MAX)
        _check_count("seed", self.seed, 0, 2**31 - 1)


@dataclass(frozen=True, slots=True)
class IvfPqSearch:
    """Settings of a search.

    nprobe    lists that are scanned, those of the nearest centroids: more find more and take
              longer. More are scanned where these hold too few documents that are allowed. None:
              all documents are scored, which is exact
    recall    the share of the exact top k to find, such as 0.95: the first operating point that
              reached it when the index was measured (see `indexes.operating_point`), the exact
              search if none did. It takes the place of the other two
    rescored  how many of the best candidates by their codes are scored by their vectors, no fewer
              than k. None: k and ten times its root more

    Raises:
        InvalidInput: a value outside its range.
    """

    nprobe: int | None = 32
    recall: float | None = None
    rescored: int | None = None

    def __post_init__(self) -> None:
        for name, most in (("nprobe", NLIST_MAX), ("rescored", COUNT_MAX)):
            if getattr(self, name) is not None:
                _check_count(name, getattr(self, name), 1, most)
        if self.recall is not None:
            number = isinstance(self.recall, int | float) and not isinstance(self.recall, bool)
            if not number or not 0 <= self.recall <= 1:
                raise InvalidInput(f"recall is {self.recall!r}: use a number from 0 to 1")

    def candidates(self, k: int) -> int:
        """Return how many candidates are scored by their vectors for k hits."""
        return max(self.rescored or k + 10 * isqrt(k), k)

    def at_depth(self, k: int) -> "IvfPqSearch":
        """Return the settings that search for fewer than k hits as these do for k."""
        return replace(self, rescored=self.candidates(k))


def _check_count(name: str, value: object, low: int, high: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not low <= value <= high:  # type: ignore[operator]
        raise InvalidInput(f"{name} is {value!r}: use a whole number from {low:,} to {high:,}")
