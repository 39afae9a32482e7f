"""Real English passages and queries, read from a folder of public collections, and their tokens.

Passages are the abstracts of arXiv papers, paragraphs of Wikipedia, passages of MS MARCO and SQuAD
and the answers of MedQuAD, in that order and without titles: 299,250. Sentences are the same texts
cut by the project's own rule: 1,381,862. Queries are drawn with a seed from those of MS MARCO (TREC
DL 2019 and 2020), SQuAD, MedQuAD, SciFact and NFCorpus.

Texts are analysed once, by the project's analyzer, and the tokens kept in a cache folder: every
engine is fed the same ones.
"""

import json
import os
import random
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from encoders.bm25 import Bm25
from eval.datasets import open_dataset
from indexes.strings import Strings
from indexes.vectors import SparseVectors
from retrieval.chunking.sentences import sentence_ends
from retrieval.lines import read_input

Cut = Literal["passages", "sentences"]

_PASSAGES = (
    ("arxiv_title_abstract/papers.jsonl.xz", "text"),
    ("wikipedia_en_slice/passages.jsonl.xz", "text"),
    ("msmarco_dl_pool/corpus.jsonl.xz", "text"),
    ("squad_v1.1/train.passages.jsonl.xz", "text"),
    ("squad_v1.1/dev.passages.jsonl.xz", "text"),
    ("medquad/qa_pairs.jsonl.xz", "answer"),
)
_QUERIES = (
    ("msmarco_dl_pool/queries.dl19.jsonl.gz", "text"),
    ("msmarco_dl_pool/queries.dl20.jsonl.gz", "text"),
    ("squad_v1.1/dev.questions.jsonl.xz", "text"),
    ("medquad/qa_pairs.jsonl.xz", "question"),
)
_BEIR = ("scifact", "nfcorpus")
_QUERIES_PER_SOURCE = 250
_SEED = 20


@dataclass(frozen=True, slots=True)
class Tokens:
    """Texts as numbers of their terms, stop words left out.

    offsets     (n + 1,)    int64  text i owns numbers[offsets[i]:offsets[i + 1]]
    numbers     (tokens,)   int32  in the order of the text
    vocabulary  (n_terms,)  UTF-8 strings in byte order
    """

    offsets: NDArray[np.int64]
    numbers: NDArray[np.int32]
    vocabulary: Strings

    @classmethod
    def of(cls, texts: Iterable[str], encoder: Bm25) -> "Tokens":
        """Analyse texts."""
        terms, numbers, lengths = encoder.analyzer.number(list(texts))
        order = sorted(range(len(terms)), key=terms.__getitem__)
        rank = np.empty(len(terms), np.int32)
        rank[order] = np.arange(len(terms), dtype=np.int32)
        kept = numbers >= 0
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
        offsets = ends[np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])]
        return cls(offsets, rank[numbers[kept]], Strings.of(terms[i].encode() for i in order))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def frequencies(self) -> SparseVectors:
        """Return how often each text has each of its terms."""
        n, n_terms = len(self), len(self.vocabulary)
        cells = np.repeat(np.arange(n, dtype=np.int64) * n_terms, np.diff(self.offsets))
        cells += self.numbers
        cells.sort()  # equal cells side by side
        starts = np.flatnonzero(np.diff(cells, prepend=-1))
        owners, columns = np.divmod(cells[starts], max(n_terms, 1))
        offsets = np.zeros(n + 1, np.int64)
        np.cumsum(np.bincount(owners, minlength=n), out=offsets[1:])
        return SparseVectors.of(
            offsets, columns, np.diff(starts, append=len(cells)), self.vocabulary
        )

    def lists(self) -> list[list[int]]:
        """Return the numbers of each text as Python integers."""
        flat = self.numbers.tolist()
        return [flat[start:end] for start, end in pairwise(self.offsets.tolist())]

    def lines(self) -> Iterator[str]:
        """Yield the terms of each text with a space between them."""
        names = [name.decode() for name in self.vocabulary]
        return (" ".join(map(names.__getitem__, numbers)) for numbers in self.lists())

    def save(self, folder: Path) -> None:
        """Write the arrays into a new folder, which appears whole or not at all."""
        room = folder.with_name(f"{folder.name}.{os.getpid()}")
        room.mkdir(parents=True)
        arrays: dict[str, NDArray[Any]] = {"offsets": self.offsets, "numbers": self.numbers}
        for name, array in (arrays | self.vocabulary.arrays("vocabulary")).items():
            np.save(room / f"{name}.npy", array)
        room.rename(folder)

    @classmethod
    def load(cls, folder: Path) -> "Tokens":
        """Read what `save` wrote."""
        arrays = {file.stem: np.load(file) for file in folder.glob("*.npy")}
        vocabulary = Strings.from_arrays(arrays, "vocabulary")
        return cls(arrays["offsets"], arrays["numbers"], vocabulary)


def data_folder(given: Path | None) -> Path:
    """Return the folder of public collections: the one given, RETRIEVAL_DATA, or the one beside.

    Exits with a message if a collection is missing there.
    """
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = given or Path(os.environ.get("RETRIEVAL_DATA", beside))
    missing = [name for name, _ in (*_PASSAGES, *_QUERIES) if not (folder / name).is_file()]
    if missing:
        raise SystemExit(f"{folder} has no {missing[0]}: pass --data DIR, or set RETRIEVAL_DATA")
    return folder


def texts(data: Path, cut: Cut) -> Iterator[str]:
    """Yield all passages, or all their sentences."""
    passages = chain.from_iterable(_field(data / name, key) for name, key in _PASSAGES)
    return passages if cut == "passages" else chain.from_iterable(map(_sentences, passages))


def tokens(data: Path, cut: Cut, *, every: int, cache: Path) -> Tokens:
    """Return the tokens of one text in `every`, from the cache folder if they are there.

    What is cached is known by its analysis, not by its texts: empty the folder if these change.
    """
    encoder = Bm25()
    mark = f"{zlib.crc32(encoder.fingerprint.encode()):08x}"
    folder = cache / f"{cut}-{every}-{mark}"
    if not folder.is_dir():
        Tokens.of(islice(texts(data, cut), 0, None, every), encoder).save(folder)
    return Tokens.load(folder)


def queries(data: Path, n: int) -> list[str]:
    """Return a seeded sample of n real queries, 1,097 at most, of all sources together."""
    draw = random.Random(_SEED)
    found = []
    for name, key in _QUERIES:
        distinct = list(dict.fromkeys(_field(data / name, key)))
        found += draw.sample(distinct, min(_QUERIES_PER_SOURCE, len(distinct)))
    for name in _BEIR:
        dataset = open_dataset(data / f"beir_{name}" / f"{name}.zip")
        found += draw.sample(list(dataset.queries.texts), _QUERIES_PER_SOURCE)
    draw.shuffle(found)
    return found[:n]


def _field(path: Path, key: str) -> Iterator[str]:
    return (json.loads(line)[key] for line in read_input(path))


def _sentences(text: str) -> Iterator[str]:
    ends = [0, *sentence_ends(text).tolist(), len(text)]
    return filter(str.strip, (text[start:end] for start, end in pairwise(ends)))
