"""The dense test sets with their exact answers, kept in a cache folder once made.

`real` is every all-MiniLM-L6-v2 vector of the shared data, `sift` a slice of SIFT, `generated` the
large synthetic set of `benchmarks.dense_like`. Documents are in random order, so that the first n
of them are a sample. Equal documents are kept: answers that tie go by the lower id.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xxhash
from numpy.typing import NDArray

from benchmarks import dense_like
from benchmarks.splade_text import DATA
from indexes.validate import frozen
from retrieval.lines import open_lines

CACHE = Path(tempfile.gettempdir()) / "dense_like"

SEED = 0
"""Of the order of the real documents and queries, and of everything generated."""

QUERIES, TUNING = 2000, 1000
SIFT_QUERIES, SIFT_TUNING = 500, 250

TRUE_HITS = 100
"""Exact answers per query."""

SPARE_HITS = 64
"""Answers of the float32 scan beyond those asked for that are scored again in float64."""

DOCUMENTS = (
    *("scifact.corpus", "nfcorpus.corpus", "msmarco_dl.corpus"),
    *("squad.dev.passages", "squad.train.passages"),
)
ASKED = (
    *("squad.dev.questions", "nfcorpus.queries", "scifact.queries"),
    *("msmarco_dl.dl19.queries", "msmarco_dl.dl20.queries"),
)

Name = Literal["cosine", "euclidean"]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Vectors, and the exact answers of the queries; of cosine, all have length 1."""

    name: str
    metric: Name
    documents: Floats  # (n, dim), memory-mapped where large
    queries: Floats  # (m, dim), to measure with
    tuning: Floats  # (m2, dim), to choose settings with: none is among the queries
    truth: NDArray[np.int32]  # (m, TRUE_HITS), -1 where there are fewer documents
    truth_scores: Floats  # (m, TRUE_HITS), larger is better: cosines, squared distances negated


def real(cache: Path = CACHE, more: Path | None = None) -> Dataset:
    """Return the vectors of real passages and questions.

    Args:
        cache: a folder for exact answers.
        more: a folder of `.npy` files of vectors (n, 384) of other texts by the same model, which
            join the documents; by default `vectors` in the cache folder, if there is one.
    """
    folder = _shared("minilm_embeddings")
    others = sorted((cache / "vectors" if more is None else more).glob("*.npy"))
    random = np.random.default_rng(SEED)
    found = [np.load(file) for file in [*(folder / f"{n}.npy" for n in DOCUMENTS), *others]]
    documents = _units(random.permutation(np.concatenate(found)))
    asked = np.concatenate([np.load(folder / f"{n}.npy") for n in ASKED])
    asked = _units(random.permutation(asked)[: QUERIES + TUNING])
    name = f"minilm {len(documents)}"
    return _with_truth(name, "cosine", documents, asked, n_queries=QUERIES, cache=cache)


def sift(cache: Path = CACHE) -> Dataset:
    """Return SIFT descriptors, some of them held out as queries."""
    lines = open_lines(_shared("sift_5k") / "sift-dataset-5k.tsv.gz")
    rows = np.array([line.split() for line in lines], np.float32)
    rows = np.random.default_rng(SEED).permutation(rows)
    held = SIFT_QUERIES + SIFT_TUNING
    asked, documents = rows[:held], rows[held:]
    name = f"sift {len(documents)}"
    return _with_truth(name, "euclidean", documents, asked, n_queries=SIFT_QUERIES, cache=cache)


def generated(n: int, cache: Path = CACHE) -> Dataset:
    """Return the first n documents of the synthetic set, which are the same whatever n is."""
    made = dense_like.kept(n, QUERIES + TUNING, seed=SEED, cache=cache)
    name = f"generated {n}"
    return _with_truth(name, "cosine", *made, n_queries=QUERIES, cache=cache)


def exact(
    documents: Floats, queries: Floats, *, metric: Name, k: int = TRUE_HITS
) -> tuple[NDArray[np.int32], Floats]:
    """Return the ids and scores of the k best documents of every query, ties by lower id.

    A scan by float32 matrix products finds the candidates, their scores are computed in float64.
    For cosines, documents have length 1.
    """
    wanted = min(k + SPARE_HITS, len(documents))
    ids = np.full((len(queries), k), -1, np.int32)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    for start, candidates in _candidates(documents, queries, metric, wanted):
        for row, near in enumerate(candidates, start):
            near = np.sort(near)
            score = _scores(documents[near], queries[row], metric)
            best = np.argsort(-score, kind="stable")[:k]
            ids[row, : len(best)], scores[row, : len(best)] = near[best], score[best]
    return ids, scores


def _candidates(
    documents: Floats, queries: Floats, metric: Name, wanted: int, block: int = 1 << 15
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield the first row of some queries and the approximate answers of each, unordered."""
    some = 500
    for first in range(0, len(queries), some):
        asked = queries[first : first + some]
        ids = np.zeros((len(asked), 0), np.int64)
        scores = np.zeros((len(asked), 0), np.float32)
        for start in range(0, len(documents), block):
            rows = documents[start : start + block]
            found = asked @ rows.T
            if metric == "euclidean":
                found -= np.einsum("ij,ij->i", rows, rows) / 2
            here = np.argpartition(-found, min(wanted, len(rows)) - 1, axis=1)[:, :wanted]
            ids = np.concatenate([ids, here + start], 1)
            scores = np.concatenate([scores, np.take_along_axis(found, here, 1)], 1)
            if ids.shape[1] > wanted:
                best = np.argpartition(-scores, wanted - 1, axis=1)[:, :wanted]
                ids = np.take_along_axis(ids, best, 1)
                scores = np.take_along_axis(scores, best, 1)
        yield first, ids


def _scores(rows: Floats, query: Floats, metric: Name) -> Floats:
    """Return the scores that the canonical formula gives, up to the order of its sums."""
    x, q = rows.astype(np.float64), query.astype(np.float64)
    if metric == "euclidean":
        found = -((x - q) ** 2).sum(1)
    else:
        found = x @ q / np.linalg.norm(x, axis=1) / np.linalg.norm(q)
    return np.asarray(found, np.float32)


def _with_truth(
    name: str, metric: Name, documents: Floats, asked: Floats, *, n_queries: int, cache: Path
) -> Dataset:
    queries, tuning = frozen(asked[:n_queries]), frozen(asked[n_queries:])
    digest = xxhash.xxh3_128(f"{metric} {TRUE_HITS} {documents.shape} {queries.shape}".encode())
    digest.update(np.ascontiguousarray(documents).data)
    digest.update(queries.data)
    path = cache / "truth" / f"{name.replace(' ', '_')}_{digest.hexdigest()}.npz"
    if not path.exists():
        ids, scores = exact(documents, queries, metric=metric)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{os.getpid()}.npz")  # whole or not at all
        np.savez(part, ids=ids, scores=scores)
        part.replace(path)
    with np.load(path) as stored:
        ids, scores = stored["ids"], stored["scores"]
    return Dataset(name, metric, frozen(documents), queries, tuning, frozen(ids), frozen(scores))


def _units(rows: NDArray[Any]) -> Floats:
    """Return the rows as float32 of length 1; half precision leaves them off by 1e-4."""
    rows = rows.astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _shared(name: str) -> Path:
    folder = DATA / name
    if not folder.is_dir():
        raise SystemExit(f"{folder} is not here: set RETRIEVAL_DATA to the folder of shared data")
    return folder
