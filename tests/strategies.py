"""What properties are tried on: matrices, sparse rows, queries and sets of allowed documents."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

TERMS = ("a", "b", "ab", "abc", "ä", "é", "z", "日本", "😀", " ", "")
"""Terms that are prefixes of each other, of one to four bytes a character, and the empty one."""

UNSEEN = ("aa", "zz", "ö", "\x00")
"""Terms that only queries have."""

wholes = st.integers(-3, 3).map(float)
"""Sums of products of these are exact, so that equality is bitwise in any order."""

floats = st.floats(-8, 8, width=32)

magnitudes = st.builds(
    lambda digit, exponent: float(np.float32(digit * 10.0**exponent)),
    st.integers(-9, 9),
    st.integers(-30, 30),
)
"""Tiny and huge: products of these leave the range of float32 at both ends."""


@st.composite
def matrices(
    draw: st.DrawFn,
    elements: st.SearchStrategy[float],
    dimension: int,
    *,
    rows: tuple[int, int] = (0, 12),
) -> NDArray[np.float32]:
    """Draw a matrix; rows may be all zeros, and be copies of each other."""
    row = st.lists(elements, min_size=dimension, max_size=dimension)
    kept = draw(st.lists(row | st.just([0.0] * dimension), min_size=rows[0], max_size=rows[1]))
    copied = draw(st.lists(st.sampled_from(kept), max_size=4)) if kept else []
    values = [*kept, *copied][: rows[1]]
    return np.array(values, np.float32).reshape(len(values), dimension)


def token_matrices(
    elements: st.SearchStrategy[float], dimension: int, *, most: int = 8
) -> st.SearchStrategy[list[NDArray[np.float32]]]:
    """Draw documents of any number of tokens; tokens may be all zeros, and be copies."""
    return st.lists(matrices(elements, dimension, rows=(0, 6)), max_size=most)


whole_weights = st.integers(1, 300).map(float)
"""Frequencies: up to 255 they are kept in a byte."""

real_weights = st.floats(2.0**-10, 2.0**10, width=32)


@st.composite
def sparse_rows(
    draw: st.DrawFn, weights: st.SearchStrategy[float], *, terms: Sequence[str] = TERMS
) -> list[dict[str, float]]:
    """Draw documents as one mapping of term to weight each, some of them empty."""
    row = st.dictionaries(st.sampled_from(terms), weights, max_size=6)
    return draw(st.lists(row, max_size=12))


def sparse_queries(weights: st.SearchStrategy[float]) -> st.SearchStrategy[list[dict[str, float]]]:
    """Queries with terms that no document has, and with no terms."""
    return sparse_rows(weights, terms=(*TERMS, *UNSEEN))


@st.composite
def masks(draw: st.DrawFn, n: int) -> NDArray[np.bool_] | None:
    """Draw which of n documents are allowed; None: all of them, unsaid."""
    some = st.lists(st.booleans(), min_size=n, max_size=n)
    few = st.just([i == n // 2 for i in range(n)])
    whole = st.sampled_from([[True] * n, [False] * n])
    drawn = draw(st.none() | some | few | whole)
    return None if drawn is None else np.array(drawn, bool)


byte_strings = st.binary(max_size=5) | st.sampled_from([term.encode() for term in TERMS])
