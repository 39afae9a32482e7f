"""Real English texts as WordPiece tokens: what the generated learned-sparse documents are made of.

All passages below DATA are cut into sentences and tokenised with the vocabulary of BERT, which is
that of SPLADE. A term's number is its position in the vocabulary sorted by bytes, as
`SparseVectors` wants it.
"""

import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from encoders.checkpoint import MINILM, locate
from indexes.strings import Strings
from retrieval.lines import open_lines

DATA = Path(os.environ.get("RETRIEVAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
"""The folder of the test collections."""

SENTENCE_CHARACTERS_MIN = 40
"""A shorter sentence is joined with the one after it."""

_BOUNDARY = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(\[])")
_BATCH = 10_000


class Tokens(NamedTuple):
    """Texts as term numbers, which texts make one passage, and which passages one source.

    terms     (n_tokens,)        int32   in the order of the text
    texts     (n_texts + 1,)     int64   text i is terms[texts[i]:texts[i + 1]]
    passages  (n_passages + 1,)  int64   passage i is texts[passages[i]:passages[i + 1]]
    sources   (n_sources + 1,)   int64   source i is passages[sources[i]:sources[i + 1]]
    """

    terms: NDArray[np.int32]
    texts: NDArray[np.int64]
    passages: NDArray[np.int64]
    sources: NDArray[np.int64]


def sources(data: Path = DATA) -> Iterator[Iterator[str]]:
    """Yield the English passages of every source, about 308 000 in all; medicine is one."""
    squad = [data / "squad_v1.1" / f"{part}.passages.jsonl.xz" for part in ("train", "dev")]
    names = ("wikipedia_en_slice/passages", "arxiv_title_abstract/papers", "msmarco_dl_pool/corpus")
    for paths in (*([data / f"{name}.jsonl.xz"] for name in names), squad):
        yield (row["text"] for path in paths for row in _rows(path))
    zipped = (row for name in ("scifact", "nfcorpus") for row in _zipped(data, name, "corpus"))
    medicine = (row["answer"] for row in _rows(data / "medquad" / "qa_pairs.jsonl.xz"))
    yield chain(medicine, (f"{row['title']}. {row['text']}" for row in zipped))


def questions(data: Path = DATA) -> Iterator[str]:
    """Yield every English question and test query, about 120 000."""
    for part in ("train", "dev"):
        for row in _rows(data / "squad_v1.1" / f"{part}.questions.jsonl.xz"):
            yield row["text"]
    for year in ("dl19", "dl20"):
        for row in _rows(data / "msmarco_dl_pool" / f"queries.{year}.jsonl.gz"):
            yield row["text"]
    for row in _rows(data / "medquad" / "qa_pairs.jsonl.xz"):
        yield row["question"]
    for name in ("scifact", "nfcorpus"):
        for row in _zipped(data, name, "queries"):
            yield row["text"]


def nfcorpus(data: Path = DATA) -> tuple[dict[str, str], dict[str, str]]:
    """Return the documents and the queries of NFCorpus by their ids."""
    documents = {
        row["_id"]: f"{row['title']}. {row['text']}" for row in _zipped(data, "nfcorpus", "corpus")
    }
    return documents, {row["_id"]: row["text"] for row in _zipped(data, "nfcorpus", "queries")}


def sentences(text: str) -> list[str]:
    """Cut a passage at full stops; what is too short is joined with what follows."""
    found = [""]
    for part in _BOUNDARY.split(text.strip()):
        if len(found[-1]) < SENTENCE_CHARACTERS_MIN:
            found[-1] = f"{found[-1]} {part}".strip()
        else:
            found.append(part)
    if len(found) > 1 and len(found[-1]) < SENTENCE_CHARACTERS_MIN:
        found[-2:] = [" ".join(found[-2:])]
    return found


def vocabulary() -> Strings:
    """Return the terms of BERT in byte order."""
    return Strings.of(sorted(term.encode() for term in _tokenizer().get_vocab()))


def tokenise(texts_of_passages: Iterable[list[str]]) -> Tokens:
    """Tokenise lists of texts, one list per passage; all are one source."""
    tokenizer = _tokenizer()
    order = sorted(tokenizer.get_vocab().items(), key=lambda item: item[0].encode())
    number = np.full(len(order), -1, np.int32)
    number[[token for _, token in order]] = np.arange(len(order), dtype=np.int32)
    terms: list[NDArray[np.int32]] = []
    lengths: list[int] = []
    counts: list[int] = []
    source = iter(texts_of_passages)
    while batch := list(islice(source, _BATCH)):
        counts += map(len, batch)
        flat = [text for one in batch for text in one]
        encoded = tokenizer.encode_batch_fast(flat, add_special_tokens=False)
        rows = [one.ids for one in encoded]
        lengths += map(len, rows)
        terms.append(number[np.fromiter((t for row in rows for t in row), np.int64)])
    whole = np.concatenate(terms)
    return Tokens(
        whole, np.cumsum([0, *lengths]), np.cumsum([0, *counts]), np.array([0, len(counts)])
    )


def joined(parts: list[Tokens]) -> Tokens:
    """Return several as one, each with its sources."""
    return Tokens(
        np.concatenate([one.terms for one in parts]),
        _chained([one.texts for one in parts]),
        _chained([one.passages for one in parts]),
        _chained([one.sources for one in parts]),
    )


def _chained(offsets: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.cumsum(np.concatenate([[0], *map(np.diff, offsets)]))


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(locate(MINILM, fetch=False) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _rows(path: Path) -> Iterator[Any]:
    return (json.loads(line) for line in open_lines(path))


def _zipped(data: Path, name: str, part: str) -> Iterator[Any]:
    path = data / f"beir_{name}" / f"{name}.zip"
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}/{part}.jsonl") as lines:
        yield from (json.loads(line) for line in lines)
