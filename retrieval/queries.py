"""Queries: information needs with ids, in an order."""

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from retrieval.errors import InvalidInput
from retrieval.limits import (
    QUERIES_MAX,
    QUERY_CHARACTERS_MAX,
    QUERY_ID_BYTES_MAX,
    QUERY_LINE_BYTES_MAX,
)
from retrieval.lines import read_input
from retrieval.topics import TOPIC_FIELDS_DEFAULT, read_topics

_ID_KEYS = ("_id", "id", "qid", "query_id")
_TEXT_KEYS = ("text", "query", "question")


class Queries(Mapping[str, str]):
    """Query texts by id, in an order, immutable.

    Raises:
        InvalidInput: an id that is empty or comes twice, a text that is too long or not Unicode.
    """

    __slots__ = ("_texts",)

    def __init__(self, queries: Iterable[tuple[str, str]]) -> None:
        self._texts: dict[str, str] = {}
        for query in queries:
            if not isinstance(query, tuple) or len(query) != 2:
                raise InvalidInput(f"{query!r} is no query: pass pairs of id and text")
            qid, text = query
            _check_query(qid, text)
            if qid in self._texts:
                raise InvalidInput(f"query {qid!r} comes twice: ids are unique")
            self._texts[qid] = text
            if len(self._texts) > QUERIES_MAX:
                raise InvalidInput(f"there are more than {QUERIES_MAX:,} queries: split them")

    @classmethod
    def read(cls, path: str | Path, *, topic_fields: str | None = None) -> "Queries":
        """Read a file of queries, compressed or not; see `parse` for the formats."""
        return cls.parse(read_input(Path(path)), str(path), topic_fields=topic_fields)

    @classmethod
    def parse(
        cls, lines: Iterable[bytes], place: str, *, topic_fields: str | None = None
    ) -> "Queries":
        """Read queries from lines; the first that is not blank decides the format.

        JSON lines have an id (`_id`, `id`, `qid` or `query_id`) and a text (`text`, `query` or
        `question`; the first of these that is there). TREC topics start with a tag. All else is
        `id<TAB>text`, as in MS MARCO.

        Args:
            lines: of the file.
            place: what errors call the file.
            topic_fields: the fields of a TREC topic its query is made of: "title", which is the
                default, "desc", "narr", or several as in "title+desc".

        Raises:
            InvalidInput: a line that is no query, an id that comes twice, no query at all, or
                `topic_fields` where there are no topics.
        """
        return cls(_numbered_queries(lines, place, topic_fields))

    @property
    def ids(self) -> tuple[str, ...]:
        """The query ids, in order."""
        return tuple(self._texts)

    @property
    def texts(self) -> tuple[str, ...]:
        """The query texts, in the order of the ids."""
        return tuple(self._texts.values())

    def only(self, ids: Container[str]) -> "Queries":
        """Return the queries whose id is among `ids`, in this order."""
        return Queries((qid, text) for qid, text in self.items() if qid in ids)

    def __getitem__(self, qid: str) -> str:
        return self._texts[qid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def _check_query(qid: str, text: str) -> None:
    for name, value in (("id", qid), ("text", text)):
        if not isinstance(value, str):
            raise InvalidInput(f"{name} of query {qid!r} is {value!r}: it must be a string")
        try:
            size = len(value.encode())
        except UnicodeEncodeError as error:
            raise InvalidInput(f"{name} of query {qid[:80]!r} is not Unicode: {error}") from error
        if name == "id" and size > QUERY_ID_BYTES_MAX:
            raise InvalidInput(
                f"the query id {qid[:80]!r} … has {size:,} bytes: an id has 1 to "
                f"{QUERY_ID_BYTES_MAX}"
            )
    if not qid:
        raise InvalidInput(f"the query {text[:80]!r} has an empty id: give it one")
    if len(text) > QUERY_CHARACTERS_MAX:
        raise InvalidInput(
            f"query {qid!r} has {len(text):,} characters, at most {QUERY_CHARACTERS_MAX:,} are "
            "allowed: cut it"
        )


def _numbered_queries(
    lines: Iterable[bytes], place: str, topic_fields: str | None
) -> Iterator[tuple[str, str]]:
    seen: dict[str, int] = {}
    for number, qid, text in _read(lines, place, topic_fields):
        if qid in seen:
            raise InvalidInput(f"query {qid!r} is on lines {seen[qid]} and {number} of {place}")
        seen[qid] = number
        yield qid, text
    if not seen:
        raise InvalidInput(f"{place} holds no query: is this the file of queries?")


def _read(
    lines: Iterable[bytes], place: str, topic_fields: str | None
) -> Iterator[tuple[int, str, str]]:
    numbered = _not_blank(lines, place)
    first = next(numbered, (0, b""))
    numbered = chain([first], numbered) if first[0] else iter(())
    start = first[1].lstrip()
    if start.startswith(b"<") and b"\t" not in start:
        fields = TOPIC_FIELDS_DEFAULT if topic_fields is None else topic_fields
        yield from read_topics(numbered, place, fields)
        return
    if topic_fields is not None:
        raise InvalidInput(f"{place} holds no TREC topics, of which {topic_fields!r} are fields")
    read = _query_of_json if start.startswith(b"{") else _query_of_tsv
    for number, line in numbered:
        try:
            yield number, *read(line)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise InvalidInput(
                f"{place}:{number} is no query ({str(error)[:200]}): expected "
                '{"_id": …, "text": …} or `id<TAB>text`, the same on every line'
            ) from error


def _not_blank(lines: Iterable[bytes], place: str) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines, 1):
        if len(line) > QUERY_LINE_BYTES_MAX:
            raise InvalidInput(
                f"{place}:{number} has more than {QUERY_LINE_BYTES_MAX:,} bytes: it is no query"
            )
        line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if line.strip():
            yield number, line


def _query_of_json(line: bytes) -> tuple[str, str]:
    record = json.loads(line)
    qid, text = _value(record, _ID_KEYS), _value(record, _TEXT_KEYS)
    if not isinstance(qid, str | int) or isinstance(qid, bool) or not isinstance(text, str):
        raise TypeError("the id or the text is not a string")
    return str(qid), text


def _value(record: dict[str, Any], keys: tuple[str, ...]) -> Any:
    for key in keys:
        if key in record:
            return record[key]
    raise LookupError(f"it has none of {', '.join(keys)}")


def _query_of_tsv(line: bytes) -> tuple[str, str]:
    qid, text = line.decode().rstrip("\r\n").split("\t", 1)
    return qid, text
