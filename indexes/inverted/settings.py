"""Settings of an inverted index and of a search in it."""

from dataclasses import dataclass, fields
from typing import Literal, get_args

from indexes.errors import InvalidInput

COUNT_MAX = 2**31 - 1
"""What a number of terms, blocks or documents can be."""

Order = Literal["given", "bisection"]
Impacts = Literal["stored", "uint8"]


@dataclass(frozen=True, slots=True)
class InvertedBuild:
    """Settings of an inverted index.

    order    "given", or "bisection": similar documents side by side, so that more blocks can be
             skipped; it takes minutes for a million documents (see `indexes.inverted.order`)
    impacts  "stored": lists hold the weights as they are; "uint8": impacts in 255 steps of the
             term's largest, rounded up, and what may be among the best is scored again from the
             vectors. Weights that are uint8, and no frequencies, are stored in any case
    density  postings in a block of 256 documents, on average, from which a term has block maxima.
             Fewer make skipping finer and cost 3 bytes a block and term
    champions  share of the documents that the heaviest postings of a list are kept for a second
               time, for first passes (see `indexes.inverted.champions`); 0: none, as for BM25
    k1, b    weights are term frequencies, saturated by BM25; block maxima are made for these
             values, and stay right, if less tight, for others. None: weights are impacts
    query_terms  how many terms of a document, the heaviest, make a query of it, where recall is
             measured without real queries

    Raises:
        InvalidInput: a value outside its range.
    """

    order: Order = "given"
    impacts: Impacts = "stored"
    density: float = 1.0
    champions: float = 1 / 32
    k1: float | None = None
    b: float = 0.4
    query_terms: int = 32

    @classmethod
    def bm25(cls, k1: float = 0.9, b: float = 0.4) -> "InvertedBuild":
        """Return settings for term frequencies: with short queries, few terms need maxima."""
        return cls(k1=k1, b=b, impacts="uint8", density=4.0, champions=0.0)

    def __post_init__(self) -> None:
        _check_choice("order", self.order, get_args(Order))
        _check_choice("impacts", self.impacts, get_args(Impacts))
        _check_number("density", self.density, 0.0, 256.0)
        _check_number("champions", self.champions, 0.0, 1.0)
        _check_number("b", self.b, 0.0, 1.0)
        _check_count("query_terms", self.query_terms)
        if self.k1 is not None:
            _check_number("k1", self.k1, 0.0, 1000.0)


@dataclass(frozen=True, slots=True)
class Saturation:
    """BM25's document side: a term with frequency tf counts tf / (tf + K).

    K = k1 · (1 − b + b · length / average_length) (Robertson and Zaragoza 2009, eq. 3.15, without
    the constant factor k1 + 1, as Lucene has it). The query side, idf, is the query's weights.

    Raises:
        InvalidInput: a value outside its range.
    """

    k1: float
    b: float
    average_length: float

    def __post_init__(self) -> None:
        _check_number("k1", self.k1, 0.0, 1000.0)
        _check_number("b", self.b, 0.0, 1.0)
        _check_number("average_length", self.average_length, 0.0, float("inf"))


@dataclass(frozen=True, slots=True)
class InvertedSearch:
    """Settings of a search; by default it is exact.

    saturation  how a stored frequency becomes an impact: BM25. None: weights are impacts
    recall      the share of the exact top k to find, such as 0.95: the first operating point that
                reached it when the index was measured (see `indexes.operating_point`), the exact
                search if none did. It decides all that follows
    blocks      visit no more blocks than this, those with the highest bounds (γ of LSP/0)
    alpha       skip blocks whose bound is below the k-th best score / alpha; 1 is exact (α of BMP)
    terms       search with this many terms of the query, the heaviest
    mass        search with as few terms, the heaviest, as hold this share of the weights
    champions   read champion lists only, where the index has some (see `InvertedBuild`)
    rescored    score so many of the best of a search with less again by the whole query, but no
                fewer than k (two-step search); None: return their scores as they are

    Raises:
        InvalidInput: a value outside its range, or `recall` beside what it decides.
    """

    saturation: Saturation | None = None
    recall: float | None = None
    blocks: int | None = None
    alpha: float = 1.0
    terms: int | None = None
    mass: float | None = None
    champions: bool = False
    rescored: int | None = None

    def __post_init__(self) -> None:
        for name in ("recall", "alpha", "mass"):
            if getattr(self, name) is not None:
                _check_number(name, getattr(self, name), 0.0, 1.0)
        for name in ("alpha", "mass"):
            if getattr(self, name) == 0:
                raise InvalidInput(f"{name} is 0, which finds nothing: use more, up to 1")
        for name in ("blocks", "terms", "rescored"):
            if getattr(self, name) is not None:
                _check_count(name, getattr(self, name))
        if not isinstance(self.champions, bool):
            raise InvalidInput(f"champions is {self.champions!r}: use True or False")
        if self.saturation is not None and not isinstance(self.saturation, Saturation):
            raise InvalidInput(f"saturation is {self.saturation!r}: pass a Saturation")
        if self.recall is not None:
            self._check_alone()

    def _check_alone(self) -> None:
        said = [one.name for one in fields(self) if getattr(self, one.name) != one.default]
        if decided := [name for name in said if name not in ("saturation", "recall")]:
            raise InvalidInput(
                f"recall is {self.recall} and {decided[0]} is {getattr(self, decided[0])}: "
                "recall decides that, so leave one of them out"
            )

    @property
    def exact(self) -> bool:
        """Whether these settings promise the same hits as scoring every document."""
        less = (self.blocks, self.alpha, self.terms, self.mass, self.champions, self.rescored)
        return less == (None, 1.0, None, None, False, None) and self.recall in (None, 1.0)


def _check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidInput(f"{name} is {value!r}: use one of {list(known)}")


def _check_number(name: str, value: object, low: float, high: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # type: ignore[operator]
        raise InvalidInput(f"{name} is {value!r}: use a number from {low:g} to {high:g}")


def _check_count(name: str, value: object) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not 1 <= value <= COUNT_MAX:  # type: ignore[operator]
        raise InvalidInput(f"{name} is {value!r}: use a whole number from 1 to {COUNT_MAX:,}")
