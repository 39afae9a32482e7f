"""A large learned-sparse test set: real texts, expanded to vectors whose statistics are SPLADE's.

    python -m benchmarks.splade_like [--documents 1000000] [--queries 2000] [--seed 0]
                                     [--cache DIR] [--bootstrapped]

No SPLADE encoder comes with this project, so the terms of a document are those of a real sentence,
those of the passage around it, terms that keep company with them in 308 000 real passages, and
terms popular everywhere, which SPLADE too gives a little weight in a great many vectors; how many
there are and what they weigh is the profile of a real SPLADE-v3 document, drawn at random.
NFCorpus documents have 275 terms on average where those of MS MARCO have 120, so a profile is
stretched to the length wanted: its shape is kept. Queries are real questions with the profiles of
the SPLADE++ED queries of TREC DL 2019 and 2020, which have the length of SPLADE's queries, 43 terms
(SPLADE-v3's have 24), a little sharpened so that ten terms have 75 % of the mass.

`bootstrapped` mixes real SPLADE-v3 documents instead: real co-occurrence and weights, few topics.
`benchmarks.splade_statistics` compares samples of both with the real vectors.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array  # type: ignore[import-untyped]

from benchmarks import splade_expansion, splade_text
from benchmarks.splade_text import DATA, Tokens
from indexes.strings import Strings
from indexes.vectors import SparseVectors
from retrieval.lines import open_lines

DOCUMENT_TERMS, QUERY_TERMS = 120.0, 44.0
"""Mean non-zeros of SPLADE on MS MARCO."""

NEIGHBOURS = 192
"""How many companions a term has."""

POPULAR = 3000
"""How many terms may come into any vector, whatever its text."""

POPULAR_HEAD = 10
"""How many of these are about as popular as the first."""

Array = NDArray[Any]

CACHE = Path(tempfile.gettempdir()) / "splade_like"


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents and queries with their ids."""

    documents: SparseVectors
    queries: SparseVectors
    document_ids: list[str]
    query_ids: list[str]


class Profiles(NamedTuple):
    """Weights of real vectors, best first: row i is weights[offsets[i]:offsets[i + 1]]."""

    offsets: NDArray[np.int64]
    weights: NDArray[np.float32]


class Company(NamedTuple):
    """The terms near each, what they count, the rarity (0 to 1) of all, the popular ones."""

    near: NDArray[np.int32]
    worth: NDArray[np.float32]
    idf: NDArray[np.float64]
    popular: NDArray[np.int32]


def real(data: Path = DATA, *, queries: str = "splade-v3") -> Collection:
    """Return the real SPLADE-v3 vectors of NFCorpus; weights are whole numbers up to 255."""
    folder = data / "nfcorpus_splade_v3"
    document_ids, documents = _vectors(folder / "docs.splade-v3.jsonl.xz")
    query_ids, found = _vectors(folder / f"nfcorpus.queries.{queries}.jsonl.gz")
    return Collection(documents, found, document_ids, query_ids)


def profiles(
    vectors: SparseVectors, *, terms: float | None = None, top: int = 0, share: float = 0.0
) -> Profiles:
    """Return the weights of every vector, best first.

    Args:
        vectors: real ones.
        terms: the mean number of terms wanted; every profile is stretched by the same factor.
        top: with `share`, weights are raised to the power at which the best `top` have that share
            of the mass, and each keeps its highest weight.
        share: see `top`; 0 leaves the weights as they are.
    """
    lengths = np.diff(vectors.offsets)
    factor = 1.0 if terms is None else terms / lengths.mean()
    rows = []
    for i, length in enumerate(lengths):
        weights = np.sort(vectors.weights[vectors.offsets[i] : vectors.offsets[i + 1]])[::-1]
        wanted = max(1, round(length * factor))
        places = (np.arange(wanted) + 0.5) * (length / wanted) - 0.5
        rows.append(np.interp(places, np.arange(length), weights.astype(np.float64)))
    if share:
        low, high = 0.5, 4.0
        while high - low > 1e-3:
            power = (low + high) / 2
            mass = np.mean([(r[:top] ** power).sum() / (r**power).sum() for r in rows])
            low, high = (low, power) if mass > share else (power, high)
        rows = [row**low * row[0] ** (1 - low) for row in rows]
    offsets = np.cumsum([0, *map(len, rows)])
    return Profiles(offsets, np.concatenate(rows).astype(np.float32))


def company(tokens: Tokens, vocabulary: Strings) -> Company:
    """Count which terms share passages; punctuation keeps no company and counts nothing."""
    n_terms = len(vocabulary)
    starts = tokens.texts[tokens.passages]
    matrix = csr_array(
        (np.ones(len(tokens.terms), np.int32), tokens.terms, starts), (len(starts) - 1, n_terms)
    )
    matrix.sum_duplicates()
    turned = matrix.tocsc()
    df = np.diff(turned.indptr).astype(np.int64)
    idf = np.log((len(starts) - 1) / np.maximum(df, 1)) / np.log(len(starts) - 1)
    silent = [not any(c.isalnum() for c in t.decode()) or t == b"[UNK]" for t in vocabulary]
    df[silent], idf[silent] = 0, 0.0
    rows, columns = (matrix.indptr, matrix.indices), (turned.indptr, turned.indices)
    near, worth = splade_expansion.neighbours(rows, columns, df, NEIGHBOURS)
    return Company(near, worth, idf, popular(matrix, tokens.sources, idf))


def popular(
    matrix: csr_array, sources: NDArray[np.int64], idf: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Return the terms that are frequent in every source, the most popular first.

    The value of a term is the geometric mean of its document frequencies, so that no source's size
    counts, times its rarity cubed, which keeps out most function words, as SPLADE does.
    """
    value = np.log(np.maximum(idf, 1e-9)) * 3
    for start, end in pairwise(sources):
        df = np.bincount(matrix.indices[matrix.indptr[start] : matrix.indptr[end]], None, len(idf))
        value += np.log((df + 1) / (end - start + 1)) / (len(sources) - 1)
    return np.argsort(-value)[:POPULAR].astype(np.int32)


def generate(
    n_documents: int,
    n_queries: int,
    *,
    seed: int = 0,
    data: Path = DATA,
    cache: Path = CACHE,
) -> tuple[SparseVectors, SparseVectors]:
    """Return documents (uint8 weights, random order) and queries (float32 weights).

    The same arguments give the same vectors. What does not depend on them is kept in `cache`.
    """
    texts, asked, near = materials(data, cache)
    documents = profiles(real(data).documents, terms=DOCUMENT_TERMS)
    queries = profiles(_query_vectors(data), terms=QUERY_TERMS, top=10, share=0.75)
    n_questions = len(asked.texts) - 1
    if n_queries > n_questions:
        raise SystemExit(f"{n_queries} queries: there are {n_questions} questions, ask for fewer")
    random = np.random.default_rng(seed)
    made = expanded(texts, spans(texts, n_documents, random), near, profiles=documents, seed=seed)
    own = np.sort(random.choice(n_questions, n_queries, replace=False))
    whole = _spans(asked.texts[own], asked.texts[own + 1])
    return made, expanded(
        asked, whole, near, profiles=queries, seed=seed + 1, whole=False, query=True
    )


def spans(tokens: Tokens, n_documents: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Choose the texts of documents: single ones first, then pairs out of one passage."""
    n_texts = len(tokens.texts) - 1
    passage = np.repeat(np.arange(len(tokens.passages) - 1), np.diff(tokens.passages))
    around = tokens.texts[tokens.passages]
    found: list[NDArray[np.int64]] = []
    distance = 0
    while (left := n_documents - sum(len(one) for one in found)) > 0:
        first = np.arange(n_texts - distance)
        first = first[passage[first] == passage[first + distance]]
        if not len(first):
            raise SystemExit(f"{n_documents} documents: the texts suffice for {n_documents - left}")
        first = random.permutation(first)[:left]
        made = np.zeros((len(first), 3, 2), np.int64)
        made[:, 0] = np.stack([tokens.texts[first], tokens.texts[first + 1]], 1)
        if distance:
            second = first + distance
            made[:, 1] = np.stack([tokens.texts[second], tokens.texts[second + 1]], 1)
        made[:, 2] = np.stack([around[passage[first]], around[passage[first] + 1]], 1)
        found.append(made)
        distance += 1
    return random.permutation(np.concatenate(found))


def expanded(
    tokens: Tokens,
    where: NDArray[np.int64],
    near: Company,
    *,
    profiles: Profiles,
    seed: int,
    whole: bool = True,
    query: bool = False,
    chosen: NDArray[np.int64] | None = None,
) -> SparseVectors:
    """Return one vector for each row of `where`; `whole` rounds the weights to 1..255.

    Of popular terms, vectors of a `query` have fewer than documents.
    """
    if chosen is None:
        n_profiles = len(profiles.offsets) - 1
        chosen = np.random.default_rng(seed + 1).integers(0, n_profiles, len(where))
    used = np.bincount(tokens.terms, minlength=len(near.idf))
    strays = np.cumsum(np.sqrt(used * near.idf))
    balance = splade_expansion.BALANCE
    worth = near.worth * near.idf[near.near] ** balance.rare_neighbour
    places = np.arange(len(near.popular)) / POPULAR_HEAD
    most = balance.popular_query if query else balance.popular
    popularity = most * (1 + places) ** -balance.popular_fall
    rarity = near.idf**balance.rare_text
    model = (near.near, worth.astype(np.float32), rarity, near.popular, popularity, balance)
    offsets, terms, weights = splade_expansion.expand(
        tokens.terms, where, model, strays / strays[-1], tuple(profiles), chosen, seed
    )
    if whole:
        weights = _impacts(weights)
    return SparseVectors.of(offsets, terms, weights, splade_text.vocabulary())


def bootstrapped(
    n_documents: int, *, seed: int = 0, data: Path = DATA
) -> tuple[SparseVectors, SparseVectors]:
    """Return mixtures of real SPLADE-v3 documents with one of their ten nearest, and real queries.

    A mixture keeps 70 % of the terms of one and fills up from the other, with weights a little off.
    """
    found = real(data)
    rows = found.documents
    matrix = csr_array((rows.weights.astype(np.float32), rows.terms, rows.offsets))
    matrix = matrix / np.sqrt(matrix.multiply(matrix).sum(1))[:, None]
    alike = (matrix.tocsr() @ matrix.tocsr().T).toarray()
    np.fill_diagonal(alike, -1)
    nearest = np.argpartition(-alike, 10, axis=1)[:, :10]
    random = np.random.default_rng(seed)
    first = random.permutation(np.resize(np.arange(len(rows)), n_documents))
    pairs = np.stack([first, nearest[first, random.integers(0, 10, n_documents)]], 1)
    offsets, terms, weights = splade_expansion.mixed(
        (rows.offsets, rows.terms, rows.weights), pairs, 0.7, 0.15, seed
    )
    made = SparseVectors.of(offsets, terms, _impacts(weights), rows.vocabulary)
    return made, found.queries


def save(folder: Path, documents: SparseVectors, queries: SparseVectors) -> None:
    """Write both as plain .npy files."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, vectors in (("documents", documents), ("queries", queries)):
        for name, array in vectors.arrays().items():
            np.save(folder / f"{part}.{name}.npy", array)


def load(folder: Path) -> tuple[SparseVectors, SparseVectors]:
    """Return the documents and the queries that `save` wrote, memory-mapped."""
    found = []
    for part in ("documents", "queries"):
        files = sorted(folder.glob(f"{part}.*.npy"))
        arrays = {f.name[len(part) + 1 : -4]: np.load(f, mmap_mode="r") for f in files}
        found.append(SparseVectors.from_arrays(arrays))
    return found[0], found[1]


def _impacts(weights: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(weights), 1, 255).astype(np.uint8)


def _spans(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    made = np.zeros((len(starts), 3, 2), np.int64)
    made[:, 0] = np.stack([starts, ends], 1)
    return made


def _vectors(path: Path) -> tuple[list[str], SparseVectors]:
    rows = [json.loads(line) for line in open_lines(path)]
    return [row["id"] for row in rows], SparseVectors.of_rows(row["vector"] for row in rows)


def _query_vectors(data: Path) -> SparseVectors:
    folder = data / "encoded_queries"
    names = ("dl19-passage.splade-pp-ed", "dl20.splade-pp-ed")
    found = SparseVectors.concatenate([_vectors(folder / f"{n}.jsonl.gz")[1] for n in names])
    weights = found.weights.astype(np.float32) / 1000  # as the model gave them
    return SparseVectors.of(found.offsets, found.terms, weights, found.vocabulary)


def materials(data: Path = DATA, cache: Path = CACHE) -> tuple[Tokens, Tokens, Company]:
    """Return the texts, the questions and the company of terms, made once per cache folder.

    Remove the folder after a change of what they are made with.
    """
    if not data.is_dir():
        raise SystemExit(f"{data} is not here: set RETRIEVAL_DATA to the folder of the collections")
    texts = Tokens(**_kept(cache / "texts_by_source.npz", lambda: _texts(data)._asdict()))
    asked = Tokens(**_kept(cache / "asked.npz", lambda: _questions(data)._asdict()))
    names = splade_text.vocabulary()
    return (
        texts,
        asked,
        Company(**_kept(cache / "company.npz", lambda: company(texts, names)._asdict())),
    )


def _texts(data: Path) -> Tokens:
    cut = (map(splade_text.sentences, one) for one in splade_text.sources(data))
    return splade_text.joined([splade_text.tokenise(one) for one in cut])


def _questions(data: Path) -> Tokens:
    return splade_text.tokenise([one] for one in splade_text.questions(data))


def _kept(path: Path, make: Callable[[], dict[str, Array]]) -> dict[str, Array]:
    if path.exists():
        with np.load(path) as stored:
            return dict(stored)
    made = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **made)
    return made


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--bootstrapped", action="store_true", help="mix real documents instead")
    options = parser.parse_args()
    kind = "bootstrapped" if options.bootstrapped else "generated"
    folder = options.cache / f"{kind}_{options.documents}_{options.queries}_{options.seed}"
    start = time.perf_counter()
    if options.bootstrapped:
        documents, queries = bootstrapped(options.documents, seed=options.seed)
    else:
        documents, queries = generate(
            options.documents, options.queries, seed=options.seed, cache=options.cache
        )
    save(folder, documents, queries)
    print(f"{folder}: {len(documents.terms)} postings, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
