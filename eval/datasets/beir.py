"""BEIR: `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv`.

Where the splits have files of queries of their own, these are `queries.SPLIT.jsonl`.
"""

import re
from collections.abc import Container, Iterable

from eval.datasets.dataset import Layout, Split
from eval.datasets.files import COMPRESSED, Files, first_of
from retrieval.errors import InvalidInput
from retrieval.ingest.formats.beir import read_lines

CORPUS = "corpus.jsonl"
"""The file that makes it this layout."""

_QRELS = re.compile(rf"qrels/(?P<split>[^/]+)\.tsv{COMPRESSED}")


def layout(files: Files, names: Iterable[str]) -> Layout | None:
    """Return where a BEIR dataset keeps what, None if there is no corpus.

    Raises:
        InvalidInput: there is no file of queries.
    """
    there = frozenset(names)
    corpus = first_of(there, CORPUS)
    if corpus is None:
        return None
    # The plain file comes last, so that it is the one that counts beside its compressed copies.
    matches = map(_QRELS.fullmatch, sorted(there, reverse=True))
    found = {match["split"]: match[0] for match in matches if match}
    return Layout(
        lambda: read_lines(files.lines(corpus), files.place(corpus)),
        {split: Split([_queries(files, there, split)], found[split]) for split in sorted(found)},
        defaults=("test",),
        expected="judgements lie in qrels/SPLIT.tsv",
    )


def _queries(files: Files, there: Container[str], split: str) -> str:
    found = first_of(there, f"queries.{split}.jsonl", "queries.jsonl")
    if found is None:
        raise InvalidInput(
            f"{files.place('queries.jsonl')} does not exist: a dataset in BEIR layout has one, or "
            "queries.SPLIT.jsonl for every split"
        )
    return found
