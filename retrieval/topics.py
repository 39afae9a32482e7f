"""TREC topics: `<top> <num> Number: 301 <title> … <desc> Description: … <narr> … </top>`.

The XML of later tracks is read as well: `<topic number="1"> <query> … <question> … </topic>`. Tags
need not be closed; a field ends where the next tag begins. Labels such as "Description:" are no
part of the text, and entities are replaced.
"""

import html
import re
from collections.abc import Iterable, Iterator

from retrieval.errors import InvalidInput, UnknownName
from retrieval.limits import QUERY_CHARACTERS_MAX

TOPIC_FIELDS_DEFAULT = "title"
"""What a query is made of unless somebody asks for more."""

_FIELDS = {
    "num": "num",
    "title": "title",
    "query": "title",
    "desc": "desc",
    "description": "desc",
    "question": "desc",
    "narr": "narr",
    "narrative": "narr",
}
_LABELS = {"num": "Number", "title": "Topic", "desc": "Description", "narr": "Narrative"}
_OPENING = re.compile(r"<top(?:ic)?(?=[\s>])([^<>]*+)>", re.I)
_CLOSING = re.compile(r"</top(?:ic)?\s*>", re.I)
_NUMBER = re.compile(r"""\bnumber\s*=\s*["']([^"']*)["']""", re.I)
_TAG = re.compile(r"<(/?)([a-z][\w-]*+)[^<>]*+>", re.I)
_REMEDY = "a topic reads <top> <num> Number: 1 <title> … <desc> … <narr> … </top>"


def read_topics(
    lines: Iterable[tuple[int, bytes]], place: str, fields: str
) -> Iterator[tuple[int, str, str]]:
    """Yield the line number, the id and the text of every topic.

    Args:
        lines: numbered from 1.
        place: what errors call the file.
        fields: what the text is made of: title, desc, narr, or several joined by "+".

    Raises:
        InvalidInput: a topic that is not closed, too long, not UTF-8, or lacks its number or one of
            `fields`.
        UnknownName: `fields` names something else.
    """
    wanted = fields.split("+")
    for name in wanted:
        if name not in _LABELS or name == "num":
            raise UnknownName.of("topic field", name, set(_LABELS) - {"num"})
    for number, attributes, body in _blocks(lines, place):
        parts = _parts(body)
        if named := _NUMBER.search(attributes):
            parts["num"] = named[1].strip()
        for name in ("num", *wanted):
            if not parts.get(name):
                there = ", ".join(part for part in _LABELS if parts.get(part))
                raise InvalidInput(
                    f"{place}:{number}: topic {parts.get('num', '')[:80]!r} has no {name} "
                    f"(it has: {there or 'nothing'}): {_REMEDY}"
                )
        yield number, parts["num"], " ".join(parts[name] for name in wanted)


def _blocks(lines: Iterable[tuple[int, bytes]], place: str) -> Iterator[tuple[int, str, str]]:
    """Yield where a topic starts, the attributes of its tag, and what is inside."""
    parts: list[str] = []
    first = size = 0
    for number, line in lines:
        text, at = _decoded(line, f"{place}:{number}"), 0
        for closing in _CLOSING.finditer(text):
            block = "".join([*parts, text[at : closing.start()]])
            opening = _OPENING.search(block)
            if opening is None:
                raise InvalidInput(f"{place}:{number} closes a topic that none opened: {_REMEDY}")
            yield first or number, opening[1], block[opening.end() :]
            at, parts, first, size = closing.end(), [], 0, 0
        rest = text[at:]
        if not first and _OPENING.search(rest):
            first = number
        parts.append(rest)
        size += len(rest)
        if size > QUERY_CHARACTERS_MAX:
            raise InvalidInput(f"{place}:{first or number}: a topic is not closed: {_REMEDY}")
    if first:
        raise InvalidInput(f"{place}:{first}: a topic is not closed: {_REMEDY}")


def _parts(body: str) -> dict[str, str]:
    """Return the text of every field that is known; the first of each counts."""
    tags = list(_TAG.finditer(body))
    ends = [*(tag.start() for tag in tags), len(body)][1:] if tags else []
    parts: dict[str, str] = {}
    for tag, end in zip(tags, ends, strict=True):
        name = _FIELDS.get(tag[2].lower())
        if name is not None and not tag[1]:
            text = " ".join(html.unescape(body[tag.end() : end]).split())
            label = re.match(rf"{_LABELS[name]}\s*:\s*", text, re.I)
            parts.setdefault(name, text[label.end() :] if label else text)
    return parts


def _decoded(line: bytes, place: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{place} is not UTF-8 ({error}): convert the file") from error
