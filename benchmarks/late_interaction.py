"""Late interaction: exhaustive MaxSim over the same token vectors, query by query, k = 10.

    python -m benchmarks.late_interaction [FOLDER …] [--documents N …] [--quick] [--json FILE]

A FOLDER holds real ColBERTv2 vectors as PLAID stores them (`colbertv2_plaid2bit.npz`: centroids
and 2-bit residuals, from which the token vectors are made); N makes that many synthetic documents
of 100 to 200 random unit vectors. All on one thread: ours in float32 and float16, numpy (`@` and
`maximum.reduceat`) and torch (`@` and `segment_reduce`) in float32. Recall is the overlap with
float64 scores of the vectors as float32, so float16 may differ where it rounds.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.harness import ROUNDS, Row, build_times, latencies, overlap, print_rows, write_json
from indexes.multivector import MultiVector
from indexes.vectors import MultiVectors
from indexes.vectors.ragged import offsets_of

K = 10
BUILD_ROUNDS = 3
PACKAGES = ("retrieval-engine", "numpy", "numba", "torch")

Dataset = tuple[str, MultiVectors, NDArray[np.float32]]
"""A name, documents, and queries (n_queries, n_tokens, dimension)."""


def real(folder: Path) -> Dataset:
    """Return the vectors that PLAID would decompress: centroid and residual, normalised."""
    with np.load(folder / "colbertv2_plaid2bit.npz") as stored:
        arrays = dict(stored)
    codes, dimension = arrays["codes"], arrays["centroids"].shape[1]
    bits = np.unpackbits(arrays["residual_idx"], axis=1).reshape(len(codes), dimension, 2)
    weights = arrays["bucket_weights"].astype(np.float32)
    values = arrays["centroids"].astype(np.float32)[codes] + weights[bits @ np.array([2, 1])]
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    documents = MultiVectors.of(values, offsets_of(arrays["doclens"]))
    return folder.name.partition("_")[0], documents, arrays["query_embeddings"]


def synthetic(n_documents: int) -> Dataset:
    """Return random unit vectors."""
    random = np.random.default_rng(1)
    offsets = offsets_of(random.integers(100, 201, n_documents))
    values = random.standard_normal((offsets[-1] + 20 * 32, 128), np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    documents = MultiVectors.of(values[: offsets[-1]], offsets)
    return f"random {n_documents}", documents, values[offsets[-1] :].reshape(20, 32, 128)


def search_ours(index: MultiVector) -> Callable[[Any], list[int]]:
    """Return a function from a query to ordinals."""
    return lambda query: [int(i) for i in index.search(query, K).ids[0]]


def search_numpy(documents: MultiVectors, dtype: Any = np.float32) -> Callable[[Any], list[int]]:
    """Return a function from a query to ordinals."""
    values, starts = documents.values.astype(dtype, copy=False), documents.offsets[:-1]

    def search(query: NDArray[np.float32]) -> list[int]:
        products = values @ query.astype(dtype, copy=False).T
        scores = np.maximum.reduceat(products, starts, axis=0).sum(1)
        return [int(i) for i in np.argsort(-scores, kind="stable")[:K]]

    return search


def search_torch(documents: MultiVectors) -> Callable[[Any], list[int]]:
    """Return a function from a query to ordinals."""
    values = torch.from_numpy(documents.values.copy())
    offsets = torch.from_numpy(documents.offsets.copy())

    def search(query: NDArray[np.float32]) -> list[int]:
        products = values @ torch.from_numpy(query).T
        scores = torch.segment_reduce(products, "max", offsets=offsets, axis=0).sum(1)
        return [int(i) for i in scores.topk(K).indices]

    return search


def compare(dataset: Dataset, rounds: int) -> list[Row]:
    """Return a row per system on one dataset."""
    name, documents, queries = dataset
    half = MultiVectors.of(documents.values.astype(np.float16), documents.offsets)
    builds, built = build_times(
        {
            "ours": lambda: MultiVector.build(documents),
            "ours f16": lambda: MultiVector.build(half),
        },
        min(rounds, BUILD_ROUNDS),
    )
    searchers = {
        "ours": search_ours(built["ours"]),
        "ours f16": search_ours(built["ours f16"]),
        "numpy": search_numpy(documents),
        "torch": search_torch(documents),
    }
    times = latencies(searchers, list(queries), rounds)
    truth = search_numpy(documents, np.float64)
    truths = [truth(query) for query in queries]
    sizes = {
        system: sum(a.nbytes for part in (index.vectors(), index) for a in part.arrays().values())
        for system, index in built.items()
    }
    return [
        Row(
            name, system, "exhaustive, 1 thread", K,
            overlap([searchers[system](query) for query in queries], truths), None,
            p50, p99, 1e6 / p50, builds.get(system, 0.0), sizes.get(system),
        )
        for system, (p50, p99) in times.items()
    ]  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--documents", nargs="*", type=int, default=[])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    datasets = [lambda at=at: real(at) for at in options.folders]
    datasets += [lambda n=n: synthetic(n) for n in options.documents]
    rows = []
    with threadpool_limits(1):
        for make in datasets:
            rows += compare(make(), 2 if options.quick else ROUNDS)
    print_rows(rows)
    if options.json:
        write_json(rows, options.json, PACKAGES)


if __name__ == "__main__":
    main()
