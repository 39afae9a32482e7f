"""A hundred short original texts about retrieval, with queries and judgements, in BEIR layout.

The folder is a small glossary of information retrieval, one concept a text, written for this
project. It lets a newcomer index, search and evaluate something within a minute, without a
download. It is too small and too clean to say which system is better.

    corpus.jsonl      one text a line: _id, title, text, and metadata with topic and perhaps year
    queries.jsonl     thirty questions: some share words with their answer, some share hardly any
    qrels/test.tsv    judgements: 2 is the concept asked for, 1 is clearly helpful as well
"""

from importlib.resources import files
from pathlib import Path

__all__ = ["path"]


def path() -> Path:
    """Return the folder that holds the sample: corpus, queries and judgements.

    The package must be installed as plain files, which every ordinary installation does; from
    inside a zip archive there is no folder to return.
    """
    return Path(str(files(__name__)))
