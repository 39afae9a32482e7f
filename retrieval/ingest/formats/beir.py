"""BEIR corpora: one JSON object a line, with `_id`, `text`, and perhaps `title` and `metadata`.

A line without `_id` or `text`, or with a wrong type, raises `InvalidDocument`; keys that BEIR does
not know are kept in the metadata. How lines are read at all is in `jsonl`.
"""

from collections.abc import Iterable, Iterator

from retrieval.ingest.formats import jsonl
from retrieval.ingest.outcome import Found, Skipped
from retrieval.lines import ENDINGS as COMPRESSIONS

CORPUS_NAMES = tuple("corpus.jsonl" + compression for compression in COMPRESSIONS)
"""The file that makes a folder a BEIR folder; the first of these that exists is the corpus."""


def read_lines(lines: Iterable[bytes], place: str) -> Iterator[Found | Skipped]:
    """Yield a document for each line; blank lines are ignored.

    If the lines themselves raise OSError, the rest of them is skipped as one.

    Raises:
        InvalidDocument: a line that is not BEIR, named as "`place`:number".
    """
    return jsonl.read_lines(lines, place, jsonl.BEIR)
