"""What the columns of a text table hold: whole numbers, numbers, truth values, or text.

A column has the first of these types that all its values in the sample have, empty ones aside:

    int    0, 17, -3; at most 18 digits. 007 and +1 are text: they are codes, not counts
    float  0.5, 1.50, -2.5e-07, 1e+16 as programs print them, and whole numbers among these;
           1e5 and NaN are text
    bool   true and false, True and False
    text   everything else

An empty value is an absent one. What does not fit the type of its column, further down than the
sample, stays text: it is kept, and equals no number.
"""

import math
import re
from collections.abc import Callable, Iterable
from typing import TypeAlias

Value: TypeAlias = str | int | float | bool
Convert: TypeAlias = Callable[[str], Value]

SAMPLE_ROWS = 1000
"""How many rows decide about the type of a column, and"""

SAMPLE_CHARACTERS = 4 * 2**20
"""how many characters at most are held in memory for that."""

_INT = re.compile(r"0|-?[1-9][0-9]{0,17}")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-][0-9]{1,3})?")
_DIGITS = re.compile(r"-?[0-9]+")
_BOOL = re.compile(r"true|false|True|False")


def type_of(values: Iterable[str]) -> Convert:
    """Return what turns the values of a column into its type."""
    found = {value for value in values if value}
    for pattern, convert in ((_INT, _whole), (_FLOAT, _number), (_BOOL, _truth)):
        if found and all(map(pattern.fullmatch, found)):
            # Digits alone that are too many for an int are the digits of a name.
            digits = convert is _number and all(map(_DIGITS.fullmatch, found))
            return str if digits else convert
    return str


def _whole(value: str) -> Value:
    return int(value) if _INT.fullmatch(value) else value


def _number(value: str) -> Value:
    number = float(value) if _FLOAT.fullmatch(value) else math.inf
    return number if math.isfinite(number) else value


def _truth(value: str) -> Value:
    return value in ("true", "True") if _BOOL.fullmatch(value) else value
