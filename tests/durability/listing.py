"""Lies about posting lists, told of an index that has all there can be.

Two windows, an order, champion lists and recalls: most of it is what the collections of the other
suites are too small for. Few of its documents have any terms, so that it loads in no time.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any
from unittest.mock import patch

import numpy as np
from damage import Arrays

from indexes.inverted import Inverted, InvertedBuild
from indexes.operating_point import evenly
from indexes.strings import Strings
from indexes.validate import frozen
from indexes.vectors import SparseVectors

N = 65_536 + 464
N_TERMS = 24
BUILD = InvertedBuild("bisection", density=0.01)


@cache
def vectors() -> SparseVectors:
    """Return documents of which one in fifty has terms, some frequent and some rare."""
    generator = np.random.default_rng(5)
    there = np.zeros((N, N_TERMS), bool)
    full = np.union1d(evenly(N), np.arange(0, N, 50))
    there[full] = generator.random((len(full), N_TERMS)) < np.geomspace(0.7, 0.0005, N_TERMS)
    there[full, generator.integers(0, 3, len(full))] = True
    there[[0, N - 1], 0] = True
    offsets = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int64)
    terms = np.nonzero(there)[1].astype(np.int32)
    weights = generator.integers(1, 60, len(terms), np.uint8)
    vocabulary = Strings.of([f"t{term:02}".encode() for term in range(N_TERMS)])
    return SparseVectors(frozen(offsets), frozen(terms), frozen(weights), vocabulary)


@cache
def index() -> Inverted:
    """Return the index that is lied about.

    Any order will do; bisection would find one with all that has terms in one window.
    """
    order = np.random.default_rng(6).permutation(N).astype(np.int32)
    with patch("indexes.inverted.order.bisected", lambda vectors: frozen(order)):
        return Inverted.build(vectors(), BUILD)


def loaded(arrays: Mapping[str, Any]) -> Inverted:
    """Return the index of other arrays, or raise `CorruptIndex`."""
    return Inverted.from_arrays(vectors(), arrays, BUILD)


def lying(what: str) -> Arrays:
    """Return the arrays after a lie."""
    arrays = {name: array.copy() for name, array in index().arrays().items()}
    LIES[what](arrays)
    return arrays


# ---------------------------------------------------------------------- how lies are told

Lie = Callable[[Arrays], object]


def _put(name: str, place: Any, value: Any) -> Lie:
    return lambda arrays: arrays[name].__setitem__(place, value)


def _become(name: str, change: Callable[[Any], Any]) -> Lie:
    return lambda arrays: arrays.update({name: change(arrays[name])})


def _all(*lies: Lie) -> Lie:
    return lambda arrays: [lie(arrays) for lie in lies]


def _swapped(name: str, one: Any, other: Any) -> Lie:
    return lambda arrays: arrays[name].__setitem__([one, other], arrays[name][[other, one]])


def _again(array: Any) -> Any:
    return np.concatenate([array, array[-1:]])


def _and(value: int) -> Callable[[Any], Any]:
    return lambda array: np.append(array, np.asarray(value, array.dtype))


def _doc_beyond(prefix: str, arrays: Arrays) -> None:
    """Let the first list end with a document behind the last one, in a window that is there."""
    run = arrays[f"{prefix}runs"][1] - 1
    assert arrays[f"{prefix}windows"][run] == 1
    arrays[f"{prefix}docs"][arrays[f"{prefix}starts"][run + 1] - 1] = N - 65_536


def _run_in_two(prefix: str, arrays: Arrays) -> None:
    """Let the first list have two runs in its first window."""
    arrays[f"{prefix}runs"][1:] += 1
    for name, what in (("windows", 0), ("starts", arrays[f"{prefix}starts"][1] // 2)):
        arrays[prefix + name] = np.insert(arrays[prefix + name], 1, what)


def _lies_of_lists(prefix: str) -> dict[str, Lie]:
    runs, windows, starts, docs, weights = (
        prefix + name for name in ("runs", "windows", "starts", "docs", "weights")
    )
    return {
        f"{windows} twice": _put(windows, 1, 0),
        f"{windows} turned round": _swapped(windows, 0, 1),
        f"{windows} beyond": _put(windows, 1, 2),
        f"{windows} the last of all": _put(windows, 1, 65_535),
        f"{runs}, an empty one in a window beyond": _all(
            _put(runs, -1, index().arrays()[runs][-1] + 1),
            _become(windows, _and(65_535)),
            _become(starts, _again),
        ),
        f"{runs}, one in two": partial(_run_in_two, prefix),
        f"{runs} as int32": _become(runs, lambda array: array.astype(np.int32)),
        f"{runs} falling": _swapped(runs, 1, 2),
        f"{runs} beyond": _put(runs, 1, 2**40),
        f"{runs} negative": _put(runs, 1, -1),
        f"{docs} beyond": partial(_doc_beyond, prefix),
        f"{docs} twice": _put(docs, 1, index().arrays()[docs][0]),
        f"{docs} turned round": _swapped(docs, 0, 1),
        f"{docs} of one more": _become(docs, _and(65_535)),
        f"{starts} falling": _swapped(starts, 1, 2),
        f"{starts} late": _put(starts, 0, 1),
        f"{starts} too early at the end": _put(starts, -1, 1),
        f"{starts} the largest": _put(starts, 1, 2**32 - 1),
        f"{starts} negative": _all(
            _become(starts, lambda array: array.astype(np.int64)), _put(starts, 1, -1)
        ),
        f"{starts} as int32": _become(starts, lambda array: array.astype(np.int32)),
        f"{weights} as floats": _become(weights, lambda array: array.astype(np.float32)),
        f"{weights} too few": _become(weights, lambda array: array[:-1]),
    }


def _lies_of_bounds() -> dict[str, Lie]:
    sound = index().arrays()
    wide = np.flatnonzero(sound["rows"] >= 0)
    n_runs = np.diff(sound["runs"])[wide]
    short = int(np.flatnonzero(n_runs == 1)[0])  # a row whose list ends before the second window
    length = int(sound["starts"][1])
    return {
        "cuts leave their run": _put("cuts", (0, 255), length + 1),
        "cuts are the largest": _put("cuts", (0, 255), 65_535),
        "cuts fall": _all(_put("cuts", (0, 3), 5), _put("cuts", (0, 4), 1)),
        "cuts where there is no run": _put("cuts", (short, 256), 1),
        "rows exchanged": _swapped("rows", wide[0], wide[1]),
        "rows twice": _put("rows", wide[1], 0),
        "rows beyond": _put("rows", wide[-1], len(wide)),
        "rows below none": _put("rows", np.flatnonzero(sound["rows"] < 0), -2),
        "peaks infinite": _put("peaks", 0, np.inf),
        "peaks NaN": _put("peaks", 0, np.nan),
        "peaks negative": _put("peaks", 0, -1),
        "peaks in bytes": _become("peaks", lambda array: array.astype(np.uint8)),
        "lengths NaN": _put("lengths", 0, np.nan),
        "lengths in bytes": _become("lengths", lambda array: array.astype(np.uint8)),
    }


def _lies_of_others() -> dict[str, Lie]:
    more = [_become(name, _again) for name in ("runs", "rows", "peaks")]
    return {
        "a term more": _all(*more, _put("rows", -1, -1)),
        "a posting less": _all(
            _become("docs", lambda array: array[:-1]),
            _become("weights", lambda array: array[:-1]),
            _put("starts", -1, int(index().arrays()["starts"][-1]) - 1),
        ),
        "champions of a term more": _become("champions.runs", _again),
        "champions without documents": lambda arrays: arrays.pop("champions.docs"),
        "order has a document twice": _put("order", 0, int(index().order[1])),
        "order beyond": _put("order", 0, N),
        "order negative": _put("order", 0, -1),
        "order as int64": _become("order", lambda array: array.astype(np.int64)),
        "order of one less": _become("order", lambda array: array[:-1]),
        "order of one more": _become("order", _and(N)),
        "no order": lambda arrays: arrays.pop("order"),
        "recalls NaN": _put("recalls", (0, 0, 0), np.nan),
        "recalls above 1": _put("recalls", (0, 0, 0), 1.5),
        "recalls below 0": _put("recalls", (0, 0, 1), -0.5),
        "recalls of fewer rungs": _become("recalls", lambda array: array[:-1]),
        "recalls in doubles": _become("recalls", lambda array: array.astype(np.float64)),
    }


LIES: Mapping[str, Lie] = {
    **_lies_of_lists(""),
    **_lies_of_lists("champions."),
    **_lies_of_bounds(),
    **_lies_of_others(),
}
"""What is told, and how."""
