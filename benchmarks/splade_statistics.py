"""How alike generated and real learned-sparse vectors are, in what makes a search hard or easy.

python -m benchmarks.splade_statistics [--seed 0] [--cache DIR]
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array  # type: ignore[import-untyped]

from benchmarks import splade_like, splade_text
from benchmarks.splade_like import Company, bootstrapped, expanded, generate, profiles, real
from indexes.strings import union
from indexes.vectors import SparseVectors

BLOCK = 32
QUERIES_MAX = 300
TINY = 1e-9
CHECKED_MAX = 30_000
"""Documents at most in the larger sets of `compare`."""
CLUSTER_DOCUMENTS = 128
"""Documents per cluster of the order in which blocks are cut."""


def statistics(documents: SparseVectors, queries: SparseVectors) -> dict[str, float]:
    """Return the figures of one pair, medians over queries where there is one per query."""
    found = _of_vectors("doc", documents, 50) | _of_vectors("query", queries, 10)
    df = np.sort(np.bincount(documents.terms, minlength=30522))[::-1] / len(documents.terms)
    found |= {"postings in top 1% terms": df[:305].sum(), "in top 10%": df[:3052].sum()}
    found |= {f"df/n of term {i}": df[i - 1] * found["doc nnz mean"] for i in (1, 10, 100, 1000)}
    columns, asked = _aligned(documents, queries)
    return found | {name: float(np.median(v)) for name, v in _searched(columns, asked).items()}


def twin(near: Company, *, seed: int) -> tuple[SparseVectors, SparseVectors]:
    """Return NFCorpus itself by the generator: the real texts, lengths and profiles, row by row."""
    found = real()
    documents, queries = splade_text.nfcorpus()
    made = []
    for ids, texts, vectors, query in (
        (found.document_ids, documents, found.documents, False),
        (found.query_ids, queries, found.queries, True),
    ):
        tokens = splade_text.tokenise([texts[one]] for one in ids)
        where = np.zeros((len(ids), 3, 2), np.int64)
        where[:, 0] = np.stack([tokens.texts[:-1], tokens.texts[1:]], 1)
        rows = np.arange(len(ids))
        shape = profiles(vectors)
        made.append(
            expanded(tokens, where, near, profiles=shape, seed=seed, query=query, chosen=rows)
        )
    return made[0], made[1]


def recovered(made: SparseVectors, truth: SparseVectors) -> float:
    """Return the mean share of the true terms' mass that the made vectors' terms hold."""
    _, (a, b) = union([made.vocabulary, truth.vocabulary])
    shares = []
    for i in range(len(truth)):
        mine = a[made.terms[made.offsets[i] : made.offsets[i + 1]]]
        span = slice(truth.offsets[i], truth.offsets[i + 1])
        weights = truth.weights[span].astype(np.float64)
        shares.append(weights[np.isin(b[truth.terms[span]], mine)].sum() / weights.sum())
    return float(np.mean(shares))


def compare(n_documents: int, n_queries: int, *, seed: int, cache: Path) -> None:
    """Print the table of all sets, of at most `CHECKED_MAX` documents each."""
    n_documents = min(n_documents, CHECKED_MAX)
    found = real()
    _, _, near = splade_like.materials(cache=cache)
    again = twin(near, seed=seed)
    large, asked = generate(n_documents, n_queries, seed=seed, cache=cache)
    few = large.take(np.arange(min(len(found.documents), n_documents)))
    sets = {
        "real": (found.documents, found.queries),
        "twin": again,
        "bootstrap": bootstrapped(len(found.documents), seed=seed),
        "boot. large": bootstrapped(n_documents, seed=seed),
        "generated": (few, asked),
        "gen. large": (large, asked),
    }
    columns = {name: statistics(*pair) for name, pair in sets.items()}
    print(f"{'':<34}" + "".join(f"{name:>13}" for name in columns))
    print(f"{'documents':<34}" + "".join(f"{len(pair[0]):>13}" for pair in sets.values()))
    for figure in columns["real"]:
        print(f"{figure:<34}" + "".join(f"{c[figure]:>13.4g}" for c in columns.values()))
    mass = recovered(again[0], found.documents)
    print(f"mass of the real documents' terms in their twins: {mass:.3f}")


def _of_vectors(name: str, vectors: SparseVectors, top: int) -> dict[str, float]:
    lengths = np.diff(vectors.offsets)
    found = {f"{name} nnz mean": float(lengths.mean())}
    for quantile in (0.05, 0.5, 0.95):
        found[f"{name} nnz q{quantile:g}"] = float(np.quantile(lengths, quantile))
    rows = range(0, len(vectors), max(1, len(vectors) // 5000))
    shares, highest = [], []
    for i in rows:
        weights = np.sort(vectors.weights[vectors.offsets[i] : vectors.offsets[i + 1]])[::-1]
        shares.append(weights[:top].sum(dtype=np.float64) / weights.sum(dtype=np.float64))
        highest.append(float(weights[0]))
    found[f"{name} mass of top {top}"] = float(np.mean(shares))
    found[f"{name} highest weight"] = float(np.median(highest))
    return found


def _aligned(documents: SparseVectors, queries: SparseVectors) -> tuple[Any, Any]:
    """Return documents by column in a clustered order, and queries, over one vocabulary."""
    names, (a, b) = union([documents.vocabulary, queries.vocabulary])
    shape = (len(documents), len(names))
    rows = csr_array((documents.weights, a[documents.terms], documents.offsets), shape)
    random = np.random.default_rng(0)
    n_clusters = max(2, len(documents) // CLUSTER_DOCUMENTS)
    seeds = csc_array(rows[np.sort(random.choice(len(documents), n_clusters, replace=False))])
    order = np.argsort(
        _nearest(
            (rows.indptr, rows.indices, rows.data),
            (seeds.indptr, seeds.indices, seeds.data),
            n_clusters,
        ),
        kind="stable",
    )
    columns = csc_array(rows[order])
    asked = (queries.offsets, b[queries.terms], queries.weights.astype(np.float64))
    return (columns.indptr, columns.indices, columns.data, len(documents)), asked


@njit(cache=True)
def _nearest(rows: Any, seeds: Any, n_clusters: int) -> NDArray[np.int64]:
    """Return the seed with the highest inner product over its length, for every row."""
    starts, terms, weights = rows
    seed_starts, seed_ids, seed_weights = seeds
    norms = np.zeros(n_clusters)
    for i in range(len(seed_ids)):
        norms[seed_ids[i]] += float(seed_weights[i]) ** 2
    norms = np.sqrt(norms)
    score, out = np.zeros(n_clusters), np.zeros(len(starts) - 1, np.int64)
    for d in range(len(starts) - 1):
        score[:] = 0
        for c in range(starts[d], starts[d + 1]):
            for s in range(seed_starts[terms[c]], seed_starts[terms[c] + 1]):
                score[seed_ids[s]] += float(weights[c]) * float(seed_weights[s])
        out[d] = np.argmax(score / norms)
    return out


@njit(cache=True)
def _one(columns: Any, terms: Any, weights: Any, score: Any, bound: Any) -> int:
    """Add up one query's scores and the bounds of blocks; return the postings touched."""
    starts, ids, values, _ = columns
    score[:], bound[:] = 0, 0
    touched = 0
    for i in range(len(terms)):
        block, best = -1, 0.0
        for c in range(starts[terms[i]], starts[terms[i] + 1]):
            value = weights[i] * float(values[c])
            score[ids[c]] += value
            if ids[c] // BLOCK != block:
                if block >= 0:
                    bound[block] += best
                block, best = ids[c] // BLOCK, 0.0
            best = max(best, value)
        if block >= 0:
            bound[block] += best
        touched += starts[terms[i] + 1] - starts[terms[i]]
    return touched


def _searched(columns: Any, asked: Any) -> dict[str, list[float]]:
    """Return the figures of each query, at most `QUERIES_MAX` of them."""
    offsets, terms, weights = asked
    n = columns[3]
    score, bound = np.zeros(n), np.zeros((n + BLOCK - 1) // BLOCK)
    names = (
        "share of postings touched",
        "postings touched per doc",
        "share of docs touched",
        "10th / 1st",
        "1000th / 10th",
        "blocks above the 10th",
    )
    found: dict[str, list[float]] = {name: [] for name in names}
    for i in range(0, len(offsets) - 1, max(1, (len(offsets) - 1) // QUERIES_MAX)):
        span = slice(offsets[i], offsets[i + 1])
        touched = _one(columns, terms[span], weights[span], score, bound)
        best = np.sort(score)[::-1]
        figures = (
            touched / len(columns[1]),
            touched / n,
            np.count_nonzero(score) / n,
            best[9] / max(best[0], TINY),
            best[999] / max(best[9], TINY),
            np.count_nonzero(bound > best[9]) / len(bound),
        )
        for name, figure in zip(found, figures, strict=True):
            found[name].append(float(figure))
    return found


def main() -> None:
    """Read the arguments and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=splade_like.CACHE)
    options = parser.parse_args()
    compare(CHECKED_MAX, QUERIES_MAX, seed=options.seed, cache=options.cache)


if __name__ == "__main__":
    main()
