"""A filter: an expression that was understood, and its answer on columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InvalidInput
from retrieval.filters.columns import Column, Columns
from retrieval.filters.grammar import parse
from retrieval.filters.tree import And, Comparison, Node, Not, Path, name_of, paths

_OPPOSITE = {"!=": "==", "not in": "=="}
_SAME = {"in": "=="}


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on metadata; equal and hashed by its canonical text. Made by `parse`."""

    text: str
    tree: Node = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> "Filter":
        """Return the filter that an expression means; `retrieval.filters` documents the language.

        Raises:
            InvalidInput: it is none; the message shows where, and what was expected.
        """
        if not isinstance(text, str):
            raise InvalidInput(f"the filter is {text!r}: pass a text such as 'year >= 2020'")
        tree = parse(text)
        return cls(str(tree), tree)

    def __str__(self) -> str:
        return self.text

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are asked for, as they are written, each once, in order."""
        return tuple(dict.fromkeys(map(name_of, paths(self.tree))))

    def mask(self, columns: Columns) -> NDArray[np.bool_]:
        """Return (n,) booleans: which documents of the columns the filter lets pass.

        Raises:
            CorruptIndex: the stored metadata cannot be read.
        """
        return _mask(self.tree, columns.read(paths(self.tree)))

    def absent(self, columns: Columns) -> set[str]:
        """Return the fields asked for that no document of the columns has a value of."""
        found = columns.read(paths(self.tree))
        return {name_of(path) for path, column in found.items() if not len(column.rows)}


def _mask(node: Node, columns: Mapping[Path, Column]) -> NDArray[np.bool_]:
    if isinstance(node, Comparison):
        column = columns[node.path]
        if node.operator in _OPPOSITE:
            return ~column.mask(_OPPOSITE[node.operator], node.values)
        return column.mask(_SAME.get(node.operator, node.operator), node.values)
    if isinstance(node, Not):
        return ~_mask(node.part, columns)
    combine = np.logical_and if isinstance(node, And) else np.logical_or
    mask = _mask(node.parts[0], columns)
    for part in node.parts[1:]:
        combine(mask, _mask(part, columns), out=mask)
    return mask
