"""Exact search beside brute force, over and over: how many answers differ in any bit.

    python -m benchmarks.exactness [--quick] [--queries 100000] [--json FILE] [--data DIR]
                                   [--cache DIR]

An answer is that of one query with one k, one filter and one traversal: exhaustive, block-max, or
the one that the index takes by itself; over indexes in both orders, with weights as given and
coded, and with many and few block maxima. Ids and the bits of scores are compared with brute force,
which shares no code with the index: numpy in float32, one term of the query after the other, the
heaviest first, and a stable sort.

Collections are drawn: small ones whose scores tie, long queries, term frequencies under BM25, more
documents than a window. With them come NFCorpus by SPLADE-v3, BM25 over one in forty of 299,250
English passages (kept in the cache folder), and the smallest set that `benchmarks.splade_like` has
saved below the cache folder, where these are on the machine.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import passages, splade_like
from benchmarks.harness import write_json
from encoders.bm25 import Bm25
from indexes.bitmap import Bitmap, kernel_bits
from indexes.hits import Hits
from indexes.inverted import (
    Inverted,
    InvertedBuild,
    InvertedSearch,
    Saturation,
    blockmax,
    exhaustive,
)
from indexes.inverted.blockmax import Limits
from indexes.inverted.bounds import bound_blocks
from indexes.inverted.collecting import SMALLEST
from indexes.inverted.dictionary import Terms
from indexes.inverted.lists import Scratch
from indexes.strings import Strings
from indexes.vectors import SparseVectors

KS = (1, 10, 100, 1000)
WAYS = ("index's own", "exhaustive", "block-max")
ORDERS, IMPACTS, DENSITIES = ("given", "bisection"), ("stored", "uint8"), (0.01, 1.0, 20.0)
QUERIES_AT_ONCE, KS_AT_ONCE = 20, 2
PASSAGES_EVERY = 40
QUICK = 5_000
SEED = 5

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Trial:
    """Queries to ask of one index, and how weights become impacts."""

    index: Inverted
    queries: SparseVectors
    saturation: Saturation | None = None


@dataclass(slots=True)
class Row:
    """What was asked of one family of collections."""

    family: str
    collections: int = 0
    answers: int = 0
    hits: int = 0
    differences: int = 0


class BruteForce:
    """All documents, scored term by term."""

    def __init__(self, documents: SparseVectors, saturation: Saturation | None) -> None:
        owners = np.repeat(np.arange(len(documents)), np.diff(documents.offsets))
        by_term = np.argsort(documents.terms, kind="stable")
        self.owners, self.weights = owners[by_term], documents.weights[by_term].astype(np.float32)
        counts = np.bincount(documents.terms, minlength=len(documents.vocabulary))
        self.ends = np.concatenate([[0], np.cumsum(counts)])
        self.numbers = {name: i for i, name in enumerate(documents.vocabulary)}
        self.n = len(documents)
        if saturation is not None:
            given = documents.weights.astype(np.float64)
            lengths = np.bincount(owners, given, self.n).astype(np.float32).astype(np.float64)
            relative = lengths / saturation.average_length
            norms = saturation.k1 * (1 - saturation.b + saturation.b * relative)
            smallest = np.finfo(np.float32).tiny
            norms = np.maximum(norms.astype(np.float32), smallest)[self.owners]
            self.weights /= self.weights + norms

    def ranked(self, queries: SparseVectors, query: int, mask: Array | None) -> tuple[Array, Array]:
        """Return all hits of a query and their scores, best first."""
        span = slice(queries.offsets[query], queries.offsets[query + 1])
        weights, scores = queries.weights[span].astype(np.float32), np.zeros(self.n, np.float32)
        for place in np.argsort(-weights, kind="stable"):
            term = self.numbers.get(queries.vocabulary[int(queries.terms[span][place])])
            if term is not None:
                cells = slice(self.ends[term], self.ends[term + 1])
                scores[self.owners[cells]] += weights[place] * self.weights[cells]
        found = np.flatnonzero(scores > 0 if mask is None else (scores > 0) & mask)
        best = found[np.argsort(-scores[found], kind="stable")]
        return best, scores[best]


def asked(trial: Trial, way: str, k: int, mask: Array | None) -> Hits:
    """Search in one of `WAYS`."""
    index, allowed = trial.index, None if mask is None else Bitmap.of_mask(mask)
    if way == WAYS[0]:
        settings = InvertedSearch(trial.saturation)
        return index.search(trial.queries, k, settings, allowed=allowed)
    terms, lists = (
        Terms.of(index.vectors().vocabulary, trial.queries),
        index._scored(trial.saturation),
    )
    hits = Hits.empty(len(trial.queries), min(k, len(index)))
    scratch = Scratch.of(lists, hits.ids.shape[1], int(np.diff(terms.offsets).max(initial=0)))
    bits, limits = kernel_bits(allowed, len(index)), Limits(0, np.float32(1), len(index))
    for i in range(len(hits) if hits.ids.shape[1] else 0):
        span = slice(terms.offsets[i], terms.offsets[i + 1])
        query, out = (terms.terms[span], terms.weights[span]), (hits.ids[i], hits.scores[i])
        if way == "exhaustive":
            exhaustive.search(lists, query, bits, SMALLEST, scratch, *out)
        else:
            bound_blocks(lists, query, scratch.bounds)
            blockmax.search(lists, query, bits, limits, scratch, *out)
    return hits.padded(k)


def tried(trial: Trial, random: np.random.Generator, row: Row) -> None:
    """Ask everything of one trial, and count."""
    n, row.collections = len(trial.index), row.collections + 1
    truth = BruteForce(trial.index.vectors(), trial.saturation)
    for mask in (None, random.random(n) < random.choice([0.01, 0.3, 0.9])):
        right = [truth.ranked(trial.queries, i, mask) for i in range(len(trial.queries))]
        ks = random.choice([*KS, max(n, 1)], KS_AT_ONCE, replace=False)
        for k, way in product(ks.tolist(), WAYS):
            hits = asked(trial, way, k, mask)
            for found, scores, (ids, expected) in zip(hits.ids, hits.scores, right, strict=True):
                m = int(np.count_nonzero(found >= 0))
                same = np.array_equal(found[:m], ids[:k]) and (found[m:] == -1).all()
                same = same and scores[:m].tobytes() == expected[:k].tobytes()
                row.answers, row.hits = row.answers + 1, row.hits + m
                row.differences += not same


def vectors(
    random: np.random.Generator, shape: tuple[int, int], weights: Array, share: float
) -> SparseVectors:
    """Draw sparse vectors that have each term with this probability."""
    rows, terms = np.nonzero(random.random(shape) < share)
    names = Strings.of(f"{i:05}".encode() for i in range(shape[1]))
    offsets = np.searchsorted(rows, np.arange(shape[0] + 1))
    return SparseVectors.of(offsets, terms, random.choice(weights, len(rows)), names)


def some_build(random: np.random.Generator) -> InvertedBuild:
    """Draw build settings."""
    order, impacts = str(random.choice(ORDERS)), str(random.choice(IMPACTS))
    return InvertedBuild(order, impacts, float(random.choice(DENSITIES)))  # type: ignore[arg-type]


def drawn(random: np.random.Generator, n: int, n_terms: int, share: float) -> Iterator[Trial]:
    """Yield collections of up to n documents; weights make scores tie in two of three."""
    while True:
        kinds = (np.array([1.0, 2.0, 3.0]), np.array([0.25, 0.5, 3.0]), random.random(1000) + 0.1)
        palette = kinds[random.integers(3)]
        documents = vectors(random, (random.integers(n // 2, n + 1), n_terms), palette, share)
        if random.integers(2) and len(documents):  # copies
            documents = documents.take(random.integers(len(documents), size=len(documents)))
        queries = vectors(random, (QUERIES_AT_ONCE, n_terms + 2), palette, random.random())
        yield Trial(Inverted.build(documents, some_build(random)), queries)


def frequencies(random: np.random.Generator) -> Iterator[Trial]:
    """Yield term frequencies under BM25, with the values that bounds were made for and others."""
    while True:
        counts = np.array([1, 1, 1, 2, 2, 3, 5, 9])
        documents = vectors(random, (random.integers(1, 1500), 20), counts, 0.2)
        queries = vectors(random, (QUERIES_AT_ONCE, 22), random.random(50) * 8, 0.3)
        k1, b = float(random.choice([0.0, 0.9, 1.2, 9.0])), float(random.choice([0.0, 0.4, 1.0]))
        average = max(float(documents.weights.sum(dtype=np.float64)) / len(documents), 0.5)
        order = str(random.choice(ORDERS))
        density = float(random.choice(DENSITIES))
        made = None if random.integers(3) == 0 else k1 if random.integers(2) else 1.5
        build = InvertedBuild(order, density=density, k1=made, b=b)  # type: ignore[arg-type]
        yield Trial(Inverted.build(documents, build), queries, Saturation(k1, b, average))


def real_trials(
    documents: SparseVectors, queries: SparseVectors, saturation: Saturation | None = None
) -> Iterator[Trial]:
    """Yield all queries in turn, some at a time, of one index after the other."""
    builds = [InvertedBuild(o, i) for o, i in product(ORDERS, IMPACTS)]  # type: ignore[arg-type]
    if saturation is not None:
        builds = [InvertedBuild(), InvertedBuild("bisection", k1=saturation.k1, b=saturation.b)]
        builds.append(InvertedBuild.bm25())
    indexes = cycle([Inverted.build(documents, build) for build in builds])
    while True:
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            rows = np.arange(start, min(start + QUERIES_AT_ONCE, len(queries)))
            some = queries.take(rows)
            yield Trial(next(indexes), some, saturation)


def splade(data: Path) -> Iterator[Trial]:
    """Yield real SPLADE-v3 queries of NFCorpus, whose weights are made no whole numbers."""
    found = splade_like.real(data)
    d = found.documents
    real = SparseVectors.of(d.offsets, d.terms, d.weights / np.float32(16), d.vocabulary)
    for pair in zip(real_trials(d, found.queries), real_trials(real, found.queries), strict=True):
        yield from pair


def bm25(data: Path, cache: Path) -> Iterator[Trial]:
    """Yield real queries over a sample of real passages."""
    tokens = passages.tokens(data, "passages", every=PASSAGES_EVERY, cache=cache)
    documents = tokens.frequencies()
    counts = Bm25().encode_queries(passages.queries(data, 1000))
    seen = np.bincount(documents.terms, minlength=len(documents.vocabulary))
    df = dict(zip(documents.vocabulary, seen.tolist(), strict=True))
    n = len(documents)
    idf = [np.log(1 + (n - df.get(t, 0) + 0.5) / (df.get(t, 0) + 0.5)) for t in counts.vocabulary]
    weights = counts.weights * np.array(idf)[counts.terms]
    queries = SparseVectors.of(counts.offsets, counts.terms, weights, counts.vocabulary)
    average = float(documents.weights.sum(dtype=np.float64)) / n
    yield from real_trials(documents, queries, Saturation(0.9, 0.4, average))


def saved(cache: Path) -> Iterator[Trial]:
    """Yield a large set that was generated before."""
    sets = sorted(
        cache.glob("generated_*"), key=lambda f: (f / "documents.terms.npy").stat().st_size
    )
    documents, queries = splade_like.load(sets[0])
    yield from real_trials(documents, queries)


def families(
    random: np.random.Generator, data: Path, cache: Path
) -> dict[str, tuple[float, Callable[[], Iterator[Trial]]]]:
    """Return what is tried: its share of the answers, and its trials."""
    found: dict[str, tuple[float, Callable[[], Iterator[Trial]]]] = {
        "few documents": (0.15, lambda: drawn(random, 40, 6, 0.4)),
        "some blocks": (0.25, lambda: drawn(random, 1500, 12, 0.15)),
        "long queries": (0.1, lambda: drawn(random, 700, 300, 0.3)),
        "BM25, drawn": (0.15, lambda: frequencies(random)),
        "two windows": (0.05, lambda: drawn(random, 120_000, 8, 0.1)),
    }
    if (data / "nfcorpus_splade_v3").is_dir():
        found["NFCorpus, SPLADE-v3"] = (0.15, lambda: splade(data))
    if (data / "wikipedia_en_slice").is_dir():
        found["BM25, passages"] = (0.15, lambda: bm25(data, cache))
    if list(cache.glob("generated_*")):
        found["learned sparse, generated"] = (0.02, lambda: saved(cache))
    return found


def main() -> None:
    """Read the arguments, try, print, write; exit with 1 if an answer differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} answers")
    parser.add_argument("--queries", type=int, default=100_000, help="answers to compare")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--data", type=Path, default=splade_like.DATA)
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    cache = options.cache or Path(tempfile.gettempdir()) / "retrieval-benchmarks"
    wanted, random = QUICK if options.quick else options.queries, np.random.default_rng(SEED)
    kinds, rows = families(random, options.data, cache), []
    whole = sum(share for share, _ in kinds.values())
    for name, (share, trials) in kinds.items():
        row, start = Row(name), time.perf_counter()
        for trial in trials():
            tried(trial, random, row)
            if row.answers * whole >= wanted * share:
                break
        rows.append(row)
        print(
            f"{name:<27}{row.collections:>6} trials{row.answers:>9,} answers{row.hits:>12,} hits"
            f"{row.differences:>7,} differ{time.perf_counter() - start:>8.1f} s", flush=True,
        )  # fmt: skip
    differences = sum(row.differences for row in rows)
    print(f"{sum(row.answers for row in rows):,} answers, {differences:,} differences")
    if options.json:
        write_json(rows, options.json, ("retrieval-engine", "numpy", "numba"))
    raise SystemExit(1 if differences else 0)


if __name__ == "__main__":
    main()
