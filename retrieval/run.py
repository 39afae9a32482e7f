"""A run: a system's ranking of every query, read and written as TREC lines.

MS MARCO's three columns, `query docno rank`, are read too, with 1 / rank as the score. TREC run
lines are `query Q0 docno rank score tag`, ranks from 1. trec_eval ignores the rank, sorts by the
score as a float32 and breaks ties by docno, later ones first. So `Run.to_trec` writes scores that
strictly decrease in float32: a score that does not is lowered to the next float below the one
before it, so that every tool sees our order. `Run.read` orders other people's lines by trec_eval's
rule. White space in ids is percent-encoded on writing (" " is %20, and a "%20" that was there
before is %2520) and decoded on reading.
"""

import os
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrieval.errors import InvalidInput
from retrieval.limits import QUERY_ID_BYTES_MAX, RUN_LINE_BYTES_MAX, SCORE_MAX
from retrieval.lines import create, read_input

Ranking: TypeAlias = tuple[tuple[str, ...], NDArray[np.float64]]
"""Docnos, best first, and their scores."""

_ENCODE = re.compile(rb"[ \t\n\v\f\r]|%(?=25|20|0[9A-D])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DECODE = re.compile(rb"%(25|20|0[9A-D])")


class Run(Mapping[str, list[tuple[str, float]]]):
    """A system's ranking per query: `run[qid]` is a list of (docno, score), best first.

    The order is the ranking; scores normally agree with it but need not. Every query that was
    asked is there, also without hits.

    Raises:
        InvalidInput: an id that is no string, a docno that is empty or ranked twice, a score that
            is not a finite number.
    """

    __slots__ = ("_rankings", "tag")

    def __init__(
        self, rankings: Mapping[str, tuple[Sequence[str], ArrayLike]], *, tag: str = "run"
    ) -> None:
        if not isinstance(tag, str) or not tag or _SURROGATE.search(tag):
            raise InvalidInput(f"the tag of a run is {tag!r}: name the system with a string")
        if not isinstance(rankings, Mapping):
            raise InvalidInput(
                f"a run is a mapping of query id → (docnos, scores), not {type(rankings).__name__}"
            )
        self.tag = tag
        self._rankings = {qid: _checked(qid, ranking) for qid, ranking in rankings.items()}

    @classmethod
    def from_hits(
        cls,
        query_ids: Sequence[str],
        docnos: Sequence[Sequence[str]],
        *,
        scores: Sequence[ArrayLike],
        tag: str = "run",
    ) -> "Run":
        """Make a run of parallel lists, one entry per query."""
        if not len(query_ids) == len(docnos) == len(scores) == len(set(query_ids)):
            raise InvalidInput(
                f"{len(query_ids)} query ids ({len(set(query_ids))} different), {len(docnos)} "
                f"lists of docnos and {len(scores)} of scores: a run needs one of each per query"
            )
        return cls(dict(zip(query_ids, zip(docnos, scores, strict=True), strict=True)), tag=tag)

    @classmethod
    def read(cls, path: str | Path, *, query_ids: Iterable[str] = ()) -> "Run":
        """Read a TREC run, compressed or not, in the order trec_eval would give it.

        The first line decides between the six columns of TREC and the three of MS MARCO. A file
        cannot say that a query has no hits: `query_ids` names queries that are in the run whether
        the file has lines for them or not.

        Raises:
            InvalidInput: a file that cannot be read, a line in another format, a docno ranked twice
                for one query.
        """
        path, tag = Path(path), ""
        found: dict[str, dict[str, float]] = {qid: {} for qid in query_ids}
        n_columns = 0
        for number, line in enumerate(read_input(path), 1):
            if len(line) > RUN_LINE_BYTES_MAX:
                raise InvalidInput(
                    f"{path}:{number} has more than {RUN_LINE_BYTES_MAX:,} bytes: it is no run"
                )
            if fields := line.split():
                n_columns = n_columns or len(fields)
                if len(fields) != n_columns or n_columns not in (3, 6):
                    raise InvalidInput(
                        f"{path}:{number} has {len(fields)} columns: a TREC run has 6, `query Q0 "
                        "docno rank score tag`, one of MS MARCO 3, `query docno rank`, and the "
                        "same on every line"
                    )
                qid, docno, score, last = _parse(fields, path, number)
                if docno in found.setdefault(qid, {}):
                    raise InvalidInput(f"{path}:{number} ranks {docno!r} a second time for {qid!r}")
                found[qid][docno] = score
                tag = tag or last
        return cls({qid: _as_trec_eval(hits) for qid, hits in found.items()}, tag=tag or "run")

    @property
    def query_ids(self) -> tuple[str, ...]:
        """The ids of all queries, also of those without hits."""
        return tuple(self._rankings)

    def ranking(self, qid: str) -> Ranking:
        """Return docnos and scores of one query without making pairs of them."""
        return self._rankings[qid]

    def cut(self, k: int) -> "Run":
        """Return the run with at most the first `k` hits of every query."""
        if k < 0:
            raise InvalidInput(f"cannot cut a run to {k} hits: 0 or more")
        return Run({qid: (d[:k], s[:k]) for qid, (d, s) in self._rankings.items()}, tag=self.tag)

    def without_query_documents(self) -> "Run":
        """Return the run without hits whose docno is their query's id (the ArguAna rule)."""
        rankings: dict[str, Ranking] = {}
        for qid, (docnos, scores) in self._rankings.items():
            kept = [place for place, docno in enumerate(docnos) if docno != qid]
            rankings[qid] = tuple(docnos[place] for place in kept), scores[kept]
        return Run(rankings, tag=self.tag)

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Return query id -> docno -> score as pytrec_eval, BEIR and MTEB take it.

        The scores are those that `to_trec` writes, so that these tools see our order.
        """
        return {
            qid: dict(zip(docnos, strictly_decreasing(scores).tolist(), strict=True))
            for qid, (docnos, scores) in self._rankings.items()
        }

    def to_trec(self, path: str | Path) -> None:
        """Write TREC lines, compressed by the ending; the file appears whole or not at all."""
        tag = _encode(self.tag)
        with _replacing(Path(path)) as stream:
            for qid, hits in self.to_dict().items():
                start = _encode(qid) + b" Q0 "
                stream.writelines(
                    b"%s%s %d %s %s\n" % (start, _encode(docno), rank, repr(score).encode(), tag)
                    for rank, (docno, score) in enumerate(hits.items(), 1)
                )

    def __getitem__(self, qid: str) -> list[tuple[str, float]]:
        docnos, scores = self._rankings[qid]
        return list(zip(docnos, scores.tolist(), strict=True))

    def __iter__(self) -> Iterator[str]:
        return iter(self._rankings)

    def __len__(self) -> int:
        return len(self._rankings)

    def __repr__(self) -> str:
        n_hits = sum(len(docnos) for docnos, _ in self._rankings.values())
        return f"Run({self.tag!r}, {len(self)} queries, {n_hits} hits)"


def strictly_decreasing(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the scores as float32, each lowered as far as it takes to lie below the one before.

    lowered[i] = min(scores[i], nextafter(lowered[i - 1], -inf)), in one pass: floats in order are
    consecutive whole numbers once the sign bit is turned into a sign.
    """
    bits = scores.astype(np.float32).view(np.int32).astype(np.int64)
    whole = np.where(bits >= 0, bits, -(bits & 0x7FFFFFFF))
    places = np.arange(len(whole))
    whole = np.minimum.accumulate(whole + places) - places
    bits = np.where(whole >= 0, whole, -whole - 2**31)
    return bits.astype(np.int32).view(np.float32)


def _checked(qid: str, ranking: tuple[Sequence[str], ArrayLike]) -> Ranking:
    try:
        docnos, scores = ranking
        names, values = tuple(docnos), np.array(scores, np.float64)
        "".join((qid, *names)).encode()  # every id at once: a loop over them would be felt
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"the ranking of query {qid!r} is no pair of docnos and scores ({error}): ids are "
            "strings, scores numbers"
        ) from error
    if values.shape != (len(names),):
        raise InvalidInput(
            f"query {qid!r} has {len(names)} docnos and scores of shape {values.shape}: "
            "one score per docno"
        )
    if len(set(names)) < len(names) or "" in names or not qid:
        twice = [name for name, count in Counter(names).items() if count > 1]
        raise InvalidInput(
            f"query {qid!r} ranks {twice[0] if twice else ''!r}: ids are not empty and come once"
        )
    # Twice as much, because ties that `to_trec` broke just below the limit are read again.
    if not (np.abs(values) <= 2 * SCORE_MAX).all():
        raise InvalidInput(f"query {qid!r} has scores that are NaN or beyond ±{SCORE_MAX:g}")
    values.flags.writeable = False
    return names, values


def _parse(fields: list[bytes], path: Path, number: int) -> tuple[str, str, float, str]:
    try:
        if len(fields) == 3:
            rank = int(fields[2])
            if rank < 1:
                raise ValueError(f"rank {rank} is below 1")
            return _id_of(fields[0]), _id_of(fields[1]), 1 / rank, ""
        score = float(fields[4])
        if not abs(score) <= 2 * SCORE_MAX:
            raise ValueError(f"score {score} is not a number within ±{SCORE_MAX:g}")
        return _id_of(fields[0]), _id_of(fields[2]), score, _decode(fields[5])
    except ValueError as error:
        raise InvalidInput(f"{path}:{number} cannot be read: {str(error)[:200]}") from error


def _as_trec_eval(hits: Mapping[str, float]) -> tuple[list[str], list[float]]:
    single = dict(zip(hits, np.array([*hits.values()], np.float32).tolist(), strict=True))
    docnos = sorted(hits, key=lambda docno: (single[docno], docno), reverse=True)
    return docnos, [hits[docno] for docno in docnos]


def _encode(name: str) -> bytes:
    return _ENCODE.sub(lambda found: b"%%%02X" % ord(found[0]), name.encode())


def _id_of(field: bytes) -> str:
    found = _decode(field)
    if len(field) > QUERY_ID_BYTES_MAX and len(found.encode()) > QUERY_ID_BYTES_MAX:
        raise ValueError(f"an id has more than {QUERY_ID_BYTES_MAX} bytes: {found[:40]!r} …")
    return found


def _decode(field: bytes) -> str:
    if b"%" in field:
        field = _DECODE.sub(lambda found: bytes([int(found[1], 16)]), field)
    return field.decode()


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    temporary = path.with_name(f".{secrets.token_hex(4)}.{path.name}")  # the ending says how
    try:
        with create(temporary) as stream:
            yield stream
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
