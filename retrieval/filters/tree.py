"""What a filter is made of: comparisons of fields with values under `not`, `and` and `or`."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
Path: TypeAlias = tuple[str, ...]
"""Keys from the outermost object to the field."""

CONSTANTS: Mapping[str, bool | None] = MappingProxyType(
    {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
)
WORDS = frozenset(("and", "or", "not", "in"))

_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field and an operator; `values` is what stands on the other side, one but for `in`."""

    path: Path
    operator: str
    values: tuple[Scalar, ...]

    def __str__(self) -> str:
        listed = ", ".join(map(_literal, self.values))
        other = f"[{listed}]" if self.operator in ("in", "not in") else listed
        return f"{name_of(self.path)} {self.operator} {other}"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: "Node"

    def __str__(self) -> str:
        return f"not {_enclosed(self.part, (And, Or))}"


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more parts."""

    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " and ".join(_enclosed(part, (And, Or)) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """Any of two or more parts."""

    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " or ".join(_enclosed(part, (Or,)) for part in self.parts)


Node: TypeAlias = Comparison | Not | And | Or


def paths(node: Node) -> Iterator[Path]:
    """Yield the fields of a tree from left to right, as often as they are named."""
    if isinstance(node, Comparison):
        yield node.path
    elif isinstance(node, Not):
        yield from paths(node.part)
    else:
        for part in node.parts:
            yield from paths(part)


def name_of(path: Path) -> str:
    """Return a field as it is written in a filter."""
    name = ".".join(key if _NAME.fullmatch(key) else _backquoted(key) for key in path)
    return _backquoted(name) if name in WORDS or name in CONSTANTS else name


def _backquoted(key: str) -> str:
    return f"`{key.replace('`', '``')}`"


def _literal(value: Scalar) -> str:
    return json.dumps(value, ensure_ascii=False)


def _enclosed(node: Node, kinds: tuple[type[Node], ...]) -> str:
    return f"({node})" if isinstance(node, kinds) else str(node)
