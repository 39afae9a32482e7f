"""Metadata as columns: what a filter asks of many documents at once.

A column is a dictionary of distinct values and, for each value of each document, its code in it:

    vocabulary   distinct strings, rising; then distinct numbers, rising; then false, true, object
    rows   (m,)  int32   the document of each value, rising
    codes  (m,)  int32   its place in the vocabulary

so that a comparison is decided once per distinct value, by Python, which compares whole numbers
with fractions exactly, and then looked up for all. A column is made from the JSON when a filter
first asks for its field: all new fields of a filter in one pass, a batch of documents at a time, so
that nothing but the columns asked for stays in memory, and of those the latest.
"""

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexes.strings import Strings
from retrieval.errors import CorruptIndex
from retrieval.filters.tree import Path, Scalar

COLUMNS_MAX = 64
"""Columns kept in memory at once; beyond, the older ones are given up."""

_BATCH = 1024
"""Documents whose JSON is read together."""

_FALSE, _TRUE, _OBJECT = (False,), (True,), ()
"""Keys of what else would be equal to 0 or 1, or to nothing."""
_OTHERS = (_FALSE, _TRUE, _OBJECT)
_PLAIN = frozenset((str, int, float))

_Key: TypeAlias = str | int | float | tuple[bool, ...]


class Columns:
    """The metadata of the documents of a segment, by field.

    Raises, whenever a field is read for the first time:
        CorruptIndex: what is stored is no JSON object.
    """

    def __init__(self, metadata: Strings) -> None:
        self._metadata = metadata
        self._columns: dict[Path, Column] = {}

    @classmethod
    def of(cls, metadata: Strings) -> "Columns":
        """Return the columns of documents: a JSON object each, or b"". Nothing is read yet."""
        return cls(metadata)

    def __len__(self) -> int:
        return len(self._metadata)

    def read(self, paths: Iterable[Path]) -> dict[Path, "Column"]:
        """Return the columns of some fields; JSON is parsed at most once, for all new ones."""
        wanted = dict.fromkeys(paths)
        known = {path: self._columns[path] for path in wanted if path in self._columns}
        if new := [path for path in wanted if path not in known]:
            builders = [_Builder(path) for path in new]
            for first, documents in self._batches():
                for builder in builders:
                    builder.add(first, documents)
            known |= {builder.path: builder.column(len(self)) for builder in builders}
            older = [item for item in self._columns.items() if item[0] not in known]
            self._columns = dict([*older, *known.items()][-COLUMNS_MAX:])
        return known

    def _batches(self) -> Iterator[tuple[int, list[Any]]]:
        offsets, data = self._metadata.offsets, self._metadata.data
        for first in range(0, len(self), _BATCH):
            ends = offsets[first : first + _BATCH + 1].tolist()
            joined = data[ends[0] : ends[-1]].tobytes()
            parts = [joined[a - ends[0] : b - ends[0]] for a, b in pairwise(ends)]
            yield first, _objects(parts, first)


@dataclass(frozen=True)
class Column:
    """The values of one field; the module says how they are laid out."""

    n: int
    strings: Sequence[str]
    numbers: Sequence[int | float]
    rows: NDArray[np.int32]
    codes: NDArray[np.int32]

    def mask(self, operator: str, values: Sequence[Scalar]) -> NDArray[np.bool_]:
        """Say for every document whether the operator holds for some value of it and of `values`.

        `operator` is "==", "<", "<=", ">" or ">="; null is equal to having no value.
        """
        chosen = np.zeros(len(self.strings) + len(self.numbers) + len(_OTHERS), bool)
        for value in values:
            if value is not None:
                chosen[self._range(operator, value)] = True
        found = chosen[self.codes]
        if not self._one_each:
            found = self._any(self.rows[found])
        return found | ~self._present if None in values else found

    @cached_property
    def _one_each(self) -> bool:
        """Whether every document has one value: then the codes are in the order of documents."""
        return len(self.rows) == self.n == np.count_nonzero(self._present)

    @cached_property
    def _present(self) -> NDArray[np.bool_]:
        return self._any(self.rows)

    def _any(self, rows: NDArray[np.int32]) -> NDArray[np.bool_]:
        mask = np.zeros(self.n, bool)
        mask[rows] = True
        return mask

    def _range(self, operator: str, value: str | int | float | bool) -> slice:
        """Return the codes of the values of the vocabulary for which `value` is on the right."""
        known: Sequence[Any] = self.strings if isinstance(value, str) else self.numbers
        base = 0 if isinstance(value, str) else len(self.strings)
        if isinstance(value, bool):
            known, base = (False, True), len(self.strings) + len(self.numbers)
        low, high = base + bisect_left(known, value), base + bisect_right(known, value)
        return {
            "==": slice(low, high),
            "<": slice(base, low),
            "<=": slice(base, high),
            ">": slice(high, base + len(known)),
            ">=": slice(low, base + len(known)),
        }[operator]


class _Builder:
    """Gathers one field; values are numbered as they come and sorted at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._numbers: dict[_Key, int] = dict(zip(_OTHERS, range(len(_OTHERS)), strict=True))
        self._rows, self._codes = array("i"), array("i")

    def add(self, first: int, documents: Iterable[Any]) -> None:
        """Take the values of some documents, the first of which is number `first`."""
        numbers, rows, codes = self._numbers, self._rows, self._codes
        key, is_deep = self.path[0], len(self.path) > 1
        for row, document in enumerate(documents, first):
            value = document.get(key)
            if value is None:
                continue
            # What most documents have, one value or a list of them, is taken without a detour.
            for one in value if type(value) is list else (value,):
                if type(one) in _PLAIN and not is_deep:
                    rows.append(row)
                    codes.append(numbers.setdefault(one, len(numbers)))
                else:
                    for found in _values(one, self.path):
                        rows.append(row)
                        codes.append(numbers.setdefault(found, len(numbers)))

    def column(self, n: int) -> Column:
        """Return the column of `n` documents."""
        strings = sorted([key for key in self._numbers if isinstance(key, str)])
        numbers = sorted([key for key in self._numbers if isinstance(key, (int, float))])
        order = [self._numbers[key] for key in (*strings, *numbers, *_OTHERS)]
        places = np.empty(len(order), np.int32)
        places[order] = np.arange(len(order), dtype=np.int32)
        codes = places[np.array(self._codes, np.int32)]
        return Column(n, strings, numbers, np.array(self._rows, np.int32), codes)


def _values(value: Any, path: Path) -> Iterator[_Key]:
    """Yield the keys of the values that a path reaches from `value`, which `path[0]` led to."""
    pending = [(value, 1)]
    while pending:
        value, depth = pending.pop()
        if isinstance(value, list):
            pending += [(one, depth) for one in value]
        elif depth < len(path):
            if isinstance(value, dict):
                pending.append((value.get(path[depth]), depth + 1))
        elif isinstance(value, bool):
            yield (value,)
        elif isinstance(value, dict):
            yield _OBJECT
        elif value is not None:
            yield value


def _objects(parts: Sequence[bytes], first: int) -> list[Any]:
    """Parse the metadata of several documents in one go: half the price of one by one."""
    try:
        objects = json.loads(b"[" + b",".join(part or b"{}" for part in parts) + b"]")
    except (ValueError, RecursionError) as error:
        raise CorruptIndex(
            f"the metadata of documents {first} to {first + len(parts) - 1} of a segment is no "
            f"JSON: {error}"
        ) from error
    if len(objects) != len(parts) or not all(isinstance(one, dict) for one in objects):
        raise CorruptIndex(
            f"the metadata of documents {first} to {first + len(parts) - 1} of a segment are no "
            "JSON objects: the file is damaged"
        )
    return list(objects)
