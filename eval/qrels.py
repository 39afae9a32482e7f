"""Judgements: query id -> docno -> grade, read from the lines of BEIR, TREC and MS MARCO files."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from eval.limits import GRADE_MAX, QRELS_ID_BYTES_MAX, QRELS_LINE_BYTES_MAX
from indexes.errors import InvalidInput

Qrels: TypeAlias = dict[str, dict[str, int]]
"""Query id -> docno -> grade; 0 and below are judged not relevant, absent is not judged."""

_Fields: TypeAlias = tuple[bytes, bytes, bytes]


def parse_qrels(lines: Iterable[bytes], place: str) -> Qrels:
    """Read judgements from lines; `place` is what errors call the file.

    Three columns separated by tabs are BEIR's `query-id corpus-id score`, with or without that
    header; four columns separated by white space are TREC's `query iteration docno grade`, which is
    also MS MARCO's. The first line decides. A judgement may be repeated, but not with another
    grade.

    Raises:
        InvalidInput: another format, a grade that is no whole number, a contradiction, no line.
    """
    qrels: Qrels = {}
    columns: Callable[[bytes], _Fields | None] | None = None
    for number, line in enumerate(lines, 1):
        if len(line) > QRELS_LINE_BYTES_MAX:
            raise InvalidInput(
                f"{place}:{number} has more than {QRELS_LINE_BYTES_MAX:,} bytes: it is no judgement"
            )
        if not line.strip():
            continue
        if columns is None:
            line = line.removeprefix(b"\xef\xbb\xbf")
            columns = _beir if line.count(b"\t") == 2 else _trec
            if columns is _beir and line.split(b"\t")[2].strip().isalpha():
                continue  # the header
        _judge(qrels, columns(line), f"{place}:{number}")
    if not qrels:
        raise InvalidInput(f"{place} holds no judgement: is this the qrels file?")
    return qrels


def _beir(line: bytes) -> _Fields | None:
    fields = line.split(b"\t")
    return (fields[0], fields[1], fields[2]) if len(fields) == 3 else None


def _trec(line: bytes) -> _Fields | None:
    fields = line.split()
    return (fields[0], fields[2], fields[3]) if len(fields) == 4 else None


def _judge(qrels: Qrels, fields: _Fields | None, place: str) -> None:
    if fields is None:
        raise InvalidInput(
            f"{place} is no judgement: expected `query-id<TAB>corpus-id<TAB>score` (BEIR) "
            "or `query 0 docno grade` (TREC), the same on every line"
        )
    try:
        query, docno, grade = fields[0].decode(), fields[1].decode(), int(fields[2])
    except ValueError as error:
        raise InvalidInput(
            f"{place} cannot be read ({str(error)[:200]}): ids are UTF-8, a grade is a whole number"
        ) from error
    for name in (fields[0], fields[1]):
        if len(name) > QRELS_ID_BYTES_MAX:
            raise InvalidInput(
                f"{place} has an id of {len(name):,} bytes, over {QRELS_ID_BYTES_MAX}: "
                f"{name[:40].decode(errors='replace')!r} …"
            )
    if not query or not docno or "\0" in query + docno or abs(grade) > GRADE_MAX:
        raise InvalidInput(
            f"{place} judges document {docno!r} of query {query!r} as {grade}: ids are not empty "
            f"and without NUL (trec_eval ends them there), grades within ±{GRADE_MAX:,}"
        )
    first = qrels.setdefault(query, {}).setdefault(docno, grade)
    if first != grade:
        raise InvalidInput(
            f"{place} judges document {docno!r} of query {query!r} as {grade}, "
            f"an earlier line as {first}: remove one"
        )
