"""Queries: information needs with ids, in an order."""

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path

from retrieval.errors import InvalidInput
from retrieval.limits import QUERY_CHARACTERS_MAX
from retrieval.lines import read_input


class Queries(Mapping[str, str]):
    """Query texts by id, in an order, immutable.

    Raises:
        InvalidInput: an id that is empty or comes twice, a text that is too long or not Unicode.
    """

    __slots__ = ("_texts",)

    def __init__(self, queries: Iterable[tuple[str, str]]) -> None:
        self._texts: dict[str, str] = {}
        for qid, text in queries:
            _check_query(qid, text)
            if qid in self._texts:
                raise InvalidInput(f"query {qid!r} comes twice: ids are unique")
            self._texts[qid] = text

    @classmethod
    def from_mapping(cls, texts: Mapping[str, str]) -> "Queries":
        """Take the queries of any mapping from id to text."""
        return cls(texts.items())

    @classmethod
    def read(cls, path: str | Path) -> "Queries":
        """Read a file of queries, also .gz and .xz; see `parse` for the two formats."""
        return cls.parse(read_input(Path(path)), str(path))

    @classmethod
    def parse(cls, lines: Iterable[bytes], place: str) -> "Queries":
        """Read BEIR's `{"_id": …, "text": …}` or `id<TAB>text` lines; the first line decides which.

        `place` is what errors call the file.
        """
        return cls(_numbered_queries(lines, place))

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
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput(f"{name} of query {qid!r} is not Unicode: {error}") from error
    if not qid:
        raise InvalidInput(f"the query {text[:80]!r} has an empty id: give it one")
    if len(text) > QUERY_CHARACTERS_MAX:
        raise InvalidInput(
            f"query {qid!r} has {len(text):,} characters, at most {QUERY_CHARACTERS_MAX:,} are "
            "allowed: cut it"
        )


def _numbered_queries(lines: Iterable[bytes], place: str) -> Iterator[tuple[str, str]]:
    seen: dict[str, int] = {}
    read = None
    for number, line in enumerate(lines, 1):
        line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not line.strip():
            continue
        read = read or (_query_of_json if line.lstrip().startswith(b"{") else _query_of_tsv)
        try:
            qid, text = read(line)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise InvalidInput(
                f'{place}:{number} is no query ({error}): expected {{"_id": …, "text": …}} or '
                "`id<TAB>text`, the same on every line"
            ) from error
        if qid in seen:
            raise InvalidInput(f"query {qid!r} is on lines {seen[qid]} and {number} of {place}")
        seen[qid] = number
        yield qid, text


def _query_of_json(line: bytes) -> tuple[str, str]:
    record = json.loads(line)
    qid, text = record["_id"], record["text"]
    if not isinstance(qid, str | int) or isinstance(qid, bool) or not isinstance(text, str):
        raise TypeError("the id or the text is not a string")
    return str(qid), text


def _query_of_tsv(line: bytes) -> tuple[str, str]:
    qid, text = line.decode().rstrip("\r\n").split("\t", 1)
    return qid, text
