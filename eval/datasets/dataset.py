"""What every layout comes down to: documents, and the queries and judgements of one split."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from eval.qrels import Qrels
from retrieval.errors import InvalidInput, UnknownName
from retrieval.ingest.outcome import Found, Skipped
from retrieval.queries import Queries

QUERIES_ARE_DOCUMENTS = frozenset({"arguana", "quora"})
"""Datasets whose queries are documents of the corpus under the same id.

Known by name, not by equal ids: where both are numbered from 1 (Cranfield, many home-made sets)
query 1 and document 1 have nothing to do with each other.
"""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Documents, and the queries and judgements of one split.

    name                  fit for a file name
    place                 where the documents come from: a path, or "ir_datasets:NAME"; the splits
                          of one corpus have the same
    queries               those that the qrels judge, in the order of their file
    drop_query_documents  whether a query's own document is to be dropped from its hits
    """

    name: str
    place: str
    split: str
    queries: Queries
    qrels: Qrels
    drop_query_documents: bool
    _read: Callable[[], Iterator[Found | Skipped]] = field(repr=False, compare=False)

    def documents(self) -> Iterator[Found | Skipped]:
        """Read the corpus from its beginning, one document at a time; every call starts anew.

        A corpus that turns out damaged is an error, never a shorter corpus.
        """
        return self._read()


@dataclass(frozen=True, slots=True)
class Split:
    """The files of a split, named as in `Files`: queries, of which there may be several, qrels."""

    queries: Sequence[str]
    qrels: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a dataset keeps what.

    read      reads the documents from their beginning
    splits    by name
    defaults  the splits to take unless one is named, the first that is there
    expected  which files make a split, for messages
    """

    read: Callable[[], Iterator[Found | Skipped]]
    splits: Mapping[str, Split]
    defaults: Sequence[str]
    expected: str


def chosen(layout: Layout, split: str | None, place: str) -> str:
    """Return the name of the split that was asked for, or of the one to take unless one is named.

    Raises:
        UnknownName: no such split; or none was named and no default is there, but several others.
    """
    there = ", ".join(layout.splits)
    if not there:
        raise UnknownName(f"{place} has no split: {layout.expected}")
    if split is None:
        split = next((name for name in layout.defaults if name in layout.splits), None)
        if split is None and len(layout.splits) > 1:
            raise UnknownName(f"{place} has several splits, name one: {there}")
        return split or next(iter(layout.splits))
    if split not in layout.splits:
        raise UnknownName(f"{place} has no split {split!r}: it has {there}")
    return split


def only_judged(queries: Queries, qrels: Qrels, *, place: str, judge: str) -> Queries:
    """Return the queries that are judged.

    Args:
        queries: all of them.
        qrels: the judgements.
        place: what messages call the file of queries.
        judge: what messages call the file of judgements.

    Raises:
        InvalidInput: a query is judged whose text is not there.
    """
    missing = [qid for qid in qrels if qid not in queries]
    if missing:
        raise InvalidInput(
            f"{place} lacks {len(missing)} queries that {judge} judges, like {missing[0]!r}: use "
            "the files of one release"
        )
    return queries.only(qrels)
