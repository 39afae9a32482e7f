"""Exhaustive search: a first pass over codes of int8, one over float32, faiss and numpy.

    python -m benchmarks.flat [--queries 200] [--rounds 5] [--json FILE]

On the real vectors of `benchmarks.dense_datasets` and on random ones of length 1, which are the
hardest to tell apart by bounds. One thread. `one us` is the median over single queries, `batch us`
the time of a query where all are asked at once; `equal` is the share of queries whose ids are those
of numpy, which adds up in float32.
"""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks import dense_datasets
from benchmarks.harness import ROUNDS, latencies, write_json
from indexes.flat import Flat, FlatBuild
from indexes.metric import Metric

PACKAGES = ["faiss-cpu", "numpy", "numba"]
RANDOM = (60_000, 384)
KS = (10, 100)

Floats = NDArray[np.float32]
Search = Callable[[Floats], NDArray[np.integer]]


@dataclass(frozen=True, slots=True)
class Row:
    """One system over one set of vectors."""

    dataset: str
    system: str
    k: int
    equal: float
    latency_us_p50: float
    latency_us_p99: float
    batch_us: float
    index_bytes: int


def random_units(n: int, dim: int, seed: int) -> Floats:
    """Return vectors of length 1 in all directions alike."""
    rows = np.random.default_rng(seed).standard_normal((n, dim), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def systems(documents: Floats) -> Iterator[tuple[str, int, Callable[[int], Search]]]:
    """Yield each system's name, its bytes beside the vectors, and what searches for k."""
    import faiss

    int8 = Flat.build(documents, FlatBuild(Metric.INNER_PRODUCT))
    floats = Flat.build(documents, FlatBuild(Metric.INNER_PRODUCT, "float32"))
    for name, index in (("ours int8", int8), ("ours float32", floats)):
        n_bytes = sum(array.nbytes for array in index.arrays().values())
        yield name, n_bytes, lambda k, index=index: lambda asked: index.search(asked, k).ids
    faiss.omp_set_num_threads(1)
    other = faiss.IndexFlatIP(documents.shape[1])
    other.add(documents)
    yield "faiss", 0, lambda k: lambda asked: other.search(asked, k)[1]
    yield "numpy", 0, lambda k: lambda asked: multiplied(documents, asked, k)


def multiplied(documents: Floats, queries: Floats, k: int) -> NDArray[np.integer]:
    """Return what a matrix product and a partial sort find."""
    scores = queries @ documents.T
    best = np.argpartition(-scores, k, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
    return np.take_along_axis(best, order, 1)


def measured(dataset: str, documents: Floats, queries: Floats, rounds: int) -> list[Row]:
    """Measure all systems on one set, interleaved."""
    rows, known = [], list(systems(documents))
    for k in KS:
        searchers: dict[str, Any] = {name: of(k) for name, _, of in known}
        times = latencies(searchers, [queries[i : i + 1] for i in range(len(queries))], rounds)
        truth = multiplied(documents, queries, k)
        for name, n_bytes, _ in known:
            found, batch_us = timed_batch(searchers[name], queries, rounds)
            equal = float((np.sort(found, axis=1) == np.sort(truth, axis=1)).all(axis=1).mean())
            rows.append(Row(dataset, name, k, equal, *times[name], batch_us, n_bytes))
    return rows


def timed_batch(search: Search, queries: Floats, rounds: int) -> tuple[NDArray[np.integer], float]:
    """Return the answers to all queries at once and the best time of one in microseconds."""
    times, found = [], search(queries)
    for _ in range(rounds):
        start = perf_counter()
        found = search(queries)
        times.append((perf_counter() - start) / len(queries) * 1e6)
    return found, min(times)


def print_rows(rows: Sequence[Row]) -> None:
    """Print a table, with the ratio of every time to that of our int8."""
    ours = {(row.dataset, row.k): row for row in rows if row.system == "ours int8"}
    print(
        f"{'dataset':<16}{'system':<14}{'k':>4}{'equal':>7}{'one us':>9}{'ratio':>7}{'p99':>9}"
        f"{'batch us':>10}{'ratio':>7}{'MB':>7}"
    )
    for row in rows:
        base = ours[row.dataset, row.k]
        print(
            f"{row.dataset:<16}{row.system:<14}{row.k:>4}{row.equal:>7.3f}"
            f"{row.latency_us_p50:>9.0f}{row.latency_us_p50 / base.latency_us_p50:>7.2f}"
            f"{row.latency_us_p99:>9.0f}{row.batch_us:>10.0f}{row.batch_us / base.batch_us:>7.2f}"
            f"{row.index_bytes / 1e6:>7.1f}"
        )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.flat")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ["RETRIEVAL_THREADS"] = "1"
    real = dense_datasets.real()
    drawn = random_units(*RANDOM, seed=0), random_units(arguments.queries, RANDOM[1], seed=1)
    rows = []
    with threadpool_limits(1):
        asked = np.ascontiguousarray(real.queries[: arguments.queries])
        rows += measured(real.name, np.ascontiguousarray(real.documents), asked, arguments.rounds)
        rows += measured(f"random {RANDOM[0]}", *drawn, arguments.rounds)
    print_rows(rows)
    if arguments.json:
        write_json(rows, arguments.json, PACKAGES)


if __name__ == "__main__":
    main()
