"""The words of a filter: text to tokens, and errors that point at the place."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from retrieval.errors import InvalidInput
from retrieval.filters.tree import CONSTANTS, WORDS, Path, Scalar
from retrieval.limits import FILTER_CHARACTERS_MAX

_SHOWN_CHARACTERS = 72
"""Of a long filter an error shows this much around the place."""

_TOKEN = re.compile(
    r"""(?P<space> \s+ )
    | (?P<number> -? [0-9]+ (?: \.[0-9]+ )? (?: [eE] [+-]? [0-9]+ )? )
    | (?P<string> "(?: [^"\\] | \\. )*" | '(?: [^'\\] | \\. )*' )
    | (?P<path> (?: [^\W\d]\w* | `(?: [^`] | `` )*` ) (?: \. (?: \w+ | `(?: [^`] | `` )*` ) )* )
    | (?P<sign> [=!<>]= | [<>()\[\],] )""",
    re.VERBOSE | re.DOTALL,
)
_SEGMENT = re.compile(r"`((?:[^`]|``)*)`|(\w+)")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = dict(zip("\\\"'/bfnrt", "\\\"'/\b\f\n\r\t", strict=True))
_HINTS = {
    "=": "write == to compare",
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not` or !=",
    '"': "this text has no end",
    "'": "this text has no end",
    "`": "this name has no end",
    "{": "lists are written in [ ]",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A token: `kind` is "literal", "path", "end", or the word or sign that it is."""

    kind: str
    place: int
    text: str
    value: Scalar = None
    path: Path = ()


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a filter and one of kind "end".

    Raises:
        InvalidInput: too long, not Unicode, or something that no token begins with.
    """
    if len(text) > FILTER_CHARACTERS_MAX:
        raise InvalidInput(
            f"the filter has {len(text):,} characters, over {FILTER_CHARACTERS_MAX:,}: "
            "ask for less at once"
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        fail(text, error.start, "this is not Unicode: it is half a character")
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            fail(text, place, _HINTS.get(text[place], f"{text[place]!r} means nothing here"))
        if match.lastgroup != "space":
            yield _token(text, match)
        place = match.end()
    yield Token("end", place, "")


def fail(text: str, place: int, problem: str) -> NoReturn:
    """Raise the `InvalidInput` that shows the filter with a caret below the place."""
    start = max(0, min(place - _SHOWN_CHARACTERS // 2, len(text) - _SHOWN_CHARACTERS))
    shown = text[start : start + _SHOWN_CHARACTERS].encode("utf-8", "replace").decode()
    shown = "".join(char if char.isprintable() else " " for char in shown)
    left = "… " if start else ""
    right = " …" if start + _SHOWN_CHARACTERS < len(text) else ""
    caret = " " * (len(left) + place - start) + "^"
    raise InvalidInput(
        f"the filter is not understood at character {place + 1}: {problem}\n"
        f"  {left}{shown}{right}\n  {caret}"
    )


def _token(text: str, match: re.Match[str]) -> Token:
    kind, place, found = match.lastgroup, match.start(), match.group()
    if kind == "sign":
        return Token(found, place, found)
    if kind == "string":
        return Token("literal", place, found, _string(text, match))
    if kind == "number":
        return Token("literal", place, found, _number(text, match))
    if found in CONSTANTS:
        return Token("literal", place, found, CONSTANTS[found])
    if found in WORDS:
        return Token(found, place, found)
    path = tuple(quoted.replace("``", "`") or bare for quoted, bare in _SEGMENT.findall(found))
    return Token("path", place, found, path=path)


def _number(text: str, match: re.Match[str]) -> int | float:
    after = text[match.end() : match.end() + 1]
    if after in (".", "_", "-") or after.isalnum():
        fail(text, match.start(), "this is no number; text stands in quotes")
    try:
        value: int | float = json.loads(match.group())
    except ValueError:
        fail(text, match.start(), "this is no number: it begins with 0 or is too long")
    if isinstance(value, float) and math.isinf(value):
        fail(text, match.start(), "this number is too large")
    return value


def _string(text: str, match: re.Match[str]) -> str:
    def unescaped(escape: re.Match[str]) -> str:
        code, char = escape.groups()
        if code is not None:
            return chr(int(code, 16))
        if char not in _ESCAPED:
            place = match.start() + 1 + escape.start()
            fail(text, place, f"\\{char} is no escape; a backslash is written \\\\")
        return _ESCAPED[char]

    value = _ESCAPE.sub(unescaped, match.group()[1:-1])
    try:  # two escapes of four digits can be the halves of one character
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        fail(text, match.start(), "this is not Unicode: it holds half a character")
