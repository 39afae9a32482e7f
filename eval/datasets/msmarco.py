"""MS MARCO version 1, under the official file names.

    passages   collection.tsv, queries.SPLIT.tsv, qrels.SPLIT.tsv (dev.small, dev, train)
    documents  msmarco-docs.tsv, msmarco-docSPLIT-queries.tsv, msmarco-docSPLIT-qrels.tsv

The queries and judgements of the TREC Deep Learning tracks of 2019 and 2020 are the splits dl19 and
dl20 of both: msmarco-testYEAR-queries.tsv with YEARqrels-pass.txt or YEARqrels-docs.txt.
"""

import re
from collections.abc import Iterable

from eval.datasets.dataset import Layout, Split
from eval.datasets.files import COMPRESSED, Files, first_of
from retrieval.errors import InvalidInput
from retrieval.ingest.formats.tables import MARCO_DOCUMENTS, MARCO_PASSAGES, read_tsv

PASSAGES, DOCUMENTS = "collection.tsv", "msmarco-docs.tsv"
"""The files that make it this layout."""

_SPLIT_QRELS = {
    PASSAGES: re.compile(rf"qrels\.(?P<split>.+)\.tsv{COMPRESSED}"),
    DOCUMENTS: re.compile(rf"msmarco-doc(?P<split>.+)-qrels\.tsv{COMPRESSED}"),
}
_SPLIT_QUERIES = {PASSAGES: "queries.{}.tsv", DOCUMENTS: "msmarco-doc{}-queries.tsv"}
_TRACK_QRELS = {PASSAGES: "{}qrels-pass.txt", DOCUMENTS: "{}qrels-docs.txt"}
_COLUMNS = {PASSAGES: MARCO_PASSAGES, DOCUMENTS: MARCO_DOCUMENTS}


def layout(files: Files, names: Iterable[str]) -> Layout | None:
    """Return where a copy of MS MARCO keeps what, None if there is no corpus.

    Raises:
        InvalidInput: passages and documents in one folder.
    """
    there = frozenset(names)
    passages, documents = first_of(there, PASSAGES), first_of(there, DOCUMENTS)
    corpus = passages or documents
    if corpus is None:
        return None
    if passages and documents:
        raise InvalidInput(
            f"{files.path} holds {passages} and {documents}: put passages and documents into "
            "folders of their own"
        )
    kind = PASSAGES if passages else DOCUMENTS
    return Layout(
        lambda: read_tsv(files.lines(corpus), files.place(corpus), columns=_COLUMNS[kind]),
        _splits(there, kind),
        defaults=("dev.small", "dev"),
        expected=f"one is {_SPLIT_QUERIES[kind].format('dev')} with its qrels, or "
        f"msmarco-test2019-queries.tsv with {_TRACK_QRELS[kind].format(2019)}",
    )


def _splits(there: frozenset[str], kind: str) -> dict[str, Split]:
    """Return the splits of which both files are there."""
    matches = map(_SPLIT_QRELS[kind].fullmatch, sorted(there, reverse=True))
    qrels: dict[str, str | None] = {match["split"]: match[0] for match in matches if match}
    queries = {split: first_of(there, _SPLIT_QUERIES[kind].format(split)) for split in qrels}
    for split, year in (("dl19", 2019), ("dl20", 2020)):
        if judged := first_of(there, _TRACK_QRELS[kind].format(year)):
            qrels[split] = judged
            queries[split] = first_of(there, f"msmarco-test{year}-queries.tsv")
    return {
        split: Split([asked], judged)
        for split, judged in sorted(qrels.items())
        if judged and (asked := queries[split])
    }
