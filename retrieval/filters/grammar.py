"""The grammar of filters, by recursive descent: one method per line.

either      = both ("or" both)*
both        = negated ("and" negated)*
negated     = "not" negated | comparison
comparison  = "(" either ")" | operand (operator operand)+ | operand ["not"] "in" operand
operand     = path | literal | "[" [literal ("," literal)*] "]"
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NoReturn

from retrieval.filters.tokens import Token, fail, tokens
from retrieval.filters.tree import And, Comparison, Node, Not, Or, Path, Scalar
from retrieval.limits import (
    FILTER_COMPARISONS_MAX,
    FILTER_DEPTH_MAX,
    FILTER_FIELDS_MAX,
    FILTER_VALUES_MAX,
)

_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_KINDS = {"end": "the end", "literal": "a value", "path": "a field"}


def parse(text: str) -> Node:
    """Return the tree of a filter.

    Raises:
        InvalidInput: it is none; the message shows where and what was expected.
    """
    parser = _Parser(text)
    tree = parser.either()
    if parser.token.kind != "end":
        parser.expected("`and`, `or` or the end")
    return tree


@dataclass(frozen=True, slots=True)
class _Operand:
    """A field (`path`), a value, or a list of values; `token` is its first."""

    token: Token
    path: Path | None = None
    values: tuple[Scalar, ...] = ()
    is_list: bool = False


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokens(text)
        self._depth = self._n_comparisons = self._n_values = 0
        self._fields: set[Path] = set()
        self.token = next(self._tokens)

    def either(self) -> Node:
        return self._joined("or", self._both, Or)

    def _both(self) -> Node:
        return self._joined("and", self._negated, And)

    def _joined(self, word: str, part: Callable[[], Node], kind: type[And] | type[Or]) -> Node:
        parts = [part()]
        while self.token.kind == word:
            self._advance()
            parts.append(part())
        flat = (p.parts if isinstance(p, kind) else (p,) for p in parts)
        return parts[0] if len(parts) == 1 else kind(tuple(p for some in flat for p in some))

    def _negated(self) -> Node:
        if self.token.kind != "not":
            return self._comparison()
        self._deeper()
        self._advance()
        part = self._negated()
        self._depth -= 1
        return part.part if isinstance(part, Not) else Not(part)

    def _comparison(self) -> Node:
        if self.token.kind != "(":
            return self._compared(self._operand())
        self._deeper()
        self._advance()
        inside = self.either()
        self._depth -= 1
        if self.token.kind != ")":
            self.expected("`and`, `or` or )")
        self._advance()
        return inside

    def _compared(self, first: _Operand) -> Node:
        if self.token.kind in ("in", "not"):
            return self._membership(first)
        operands, operators = [first], []
        while self.token.kind in _MIRRORED:
            operators.append(self._advance())
            operands.append(self._operand())
        if not operators:
            self.expected("a comparison: == != < <= > >= in")
        pairs = zip(operators, pairwise(operands), strict=True)
        parts = tuple(self._pair(operator, *both) for operator, both in pairs)
        if len(parts) == 1:
            return parts[0]
        self._deeper()  # canonical text has parentheses around it
        self._depth -= 1
        return And(parts)

    def _membership(self, first: _Operand) -> Node:
        operator = self._advance()
        if operator.kind == "not":
            if self.token.kind != "in":
                self.expected("`in`")
            self._advance()
        name = "in" if operator.kind == "in" else "not in"
        second = self._operand()
        if first.path is not None and second.is_list:
            return Comparison(first.path, name, second.values)
        if second.path is None or first.path is not None or first.is_list:
            self._fail(operator, "write FIELD in [VALUES], or VALUE in FIELD")
        return Comparison(second.path, "==" if name == "in" else "!=", first.values)

    def _pair(self, operator: Token, left: _Operand, right: _Operand) -> Comparison:
        for operand in (left, right):
            if operand.is_list:
                self._fail(operand.token, "a list stands after `in` only")
        if (left.path is None) == (right.path is None):
            self._fail(operator, "one side must be a field, the other a value")
        if left.path is None:
            field, name, value = right.path, _MIRRORED[operator.kind], left
        else:
            field, name, value = left.path, operator.kind, right
        assert field is not None
        if name not in ("==", "!=") and not _has_order(value.values[0]):
            self._fail(value.token, "only numbers and strings have an order")
        return Comparison(field, name, value.values)

    def _operand(self) -> _Operand:
        token = self.token
        if token.kind == "[":
            return self._list()
        if token.kind == "path":
            self._count(token)
            self._advance()
            return _Operand(token, path=token.path)
        return _Operand(token, values=(self._literal("a field or a value"),))

    def _count(self, field: Token) -> None:
        self._n_comparisons += 1
        self._fields.add(field.path)
        if self._n_comparisons > FILTER_COMPARISONS_MAX:
            problem = f"more than {FILTER_COMPARISONS_MAX:,} comparisons: use FIELD in [VALUES]"
            self._fail(field, problem)
        if len(self._fields) > FILTER_FIELDS_MAX:
            self._fail(field, f"more than {FILTER_FIELDS_MAX} different fields: ask for fewer")

    def _list(self) -> _Operand:
        opening, values = self._advance(), []
        while self.token.kind != "]":
            self._n_values += 1
            if self._n_values > FILTER_VALUES_MAX:
                problem = f"more than {FILTER_VALUES_MAX:,} values in lists: ask for fewer"
                self._fail(self.token, problem)
            values.append(self._literal("a value or ]"))
            if self.token.kind == ",":
                self._advance()
            elif self.token.kind != "]":
                self.expected("a comma or ]")
        self._advance()
        return _Operand(opening, values=tuple(values), is_list=True)

    def _literal(self, expected: str) -> Scalar:
        if self.token.kind != "literal":
            self.expected(expected)
        return self._advance().value

    def _advance(self) -> Token:
        token, self.token = self.token, next(self._tokens, self.token)
        return token

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > FILTER_DEPTH_MAX:
            problem = f"more than {FILTER_DEPTH_MAX} levels inside each other: simplify it"
            self._fail(self.token, problem)

    def expected(self, what: str) -> NoReturn:
        found = f"{_KINDS.get(self.token.kind, '')} {self.token.text[:40]}".strip()
        self._fail(self.token, f"expected {what}, found {found}")

    def _fail(self, token: Token, problem: str) -> NoReturn:
        fail(self.text, token.place, problem)


def _has_order(value: Scalar) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
