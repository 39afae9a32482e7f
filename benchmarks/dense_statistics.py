"""How alike generated and real dense vectors are, in what makes a search hard or easy.

    python -m benchmarks.dense_statistics [--documents N ...] [--cache DIR]

The columns are the real vectors, generated ones of the same number, and generated ones of the
numbers given. Neighbours of a document are other documents. The last rows are the recall of
hnswlib (M 16, efConstruction 200) at three values of ef, where it is installed.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import dense_datasets
from benchmarks.dense_datasets import TRUE_HITS, Dataset, exact
from benchmarks.harness import overlap

SAMPLE = 2000
"""Documents whose neighbours are looked up, and documents that stand for random ones."""

SPECTRUM_SAMPLE = 60_000
HUBS_MAX = 100_000
"""Documents at most of which all neighbours are looked up."""

DISTANCE_MIN = 1e-3
"""What float32 cosines tell from 0: equal vectors count as this far apart."""

RANKS = (1, 10, 100)
QUARTILES = (0.25, 0.5, 0.75)
EFS = (40, 80, 160)
SEED = 1


def statistics(found: Dataset) -> dict[str, float]:
    """Return the figures of one set."""
    random = np.random.default_rng(SEED)
    n = len(found.documents)
    own = np.sort(random.choice(n, min(SAMPLE, n), replace=False))
    sample = found.documents[own]
    ids, cosines = exact(found.documents, sample, metric="cosine", k=TRUE_HITS + 1)
    others = np.argsort(ids == own[:, None], axis=1, kind="stable")[:, :TRUE_HITS]
    figures = dict(_spectrum(found))
    for name, rows, near in (
        ("document", sample[::-1], np.take_along_axis(cosines, others, 1)),
        ("query", found.queries, found.truth_scores),
    ):
        away = rows @ sample[: len(sample) // 2].T  # the second half is compared with the first
        figures |= _neighbours(name, near, away[: len(away) // 2])
    if n <= HUBS_MAX:
        hubs, _ = exact(found.documents, found.documents, metric="cosine", k=11)
        hubs = hubs[hubs != np.arange(n)[:, None]]
        figures |= _occurrences("document", np.bincount(hubs, minlength=n))
    figures |= _occurrences("query", np.bincount(found.truth[:, :10].ravel(), minlength=n))
    return figures


def intrinsic_dimensions(cosines: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the maximum-likelihood estimate (m,) of cosines of k neighbours (m, k), best first.

    Levina and Bickel 2004, Amsaleg et al. 2015: -1 / mean of log(r_i / r_k), of distances r.
    """
    away = np.sqrt(np.maximum(2 - 2 * cosines.astype(np.float64), DISTANCE_MIN**2))
    found: NDArray[np.float64] = -1 / np.log(away[:, :-1] / away[:, -1:]).mean(1)
    return found


def _spectrum(found: Dataset) -> Iterator[tuple[str, float]]:
    rows = found.documents[:SPECTRUM_SAMPLE]
    yield "length of the mean document", float(np.linalg.norm(rows.mean(0)))
    yield "length of the mean query", float(np.linalg.norm(found.queries.mean(0)))
    variances = np.linalg.eigvalsh(np.cov(rows, rowvar=False))[::-1]
    for n in (1, 10, 50, 100, 200):
        yield f"variance in {n} components", variances[:n].sum() / variances.sum()
    yield "participation ratio", variances.sum() ** 2 / (variances**2).sum()
    yield "the same of queries", _participation(found.queries)


def _participation(rows: NDArray[np.float32]) -> float:
    variances = np.linalg.eigvalsh(np.cov(rows, rowvar=False))
    return float(variances.sum() ** 2 / (variances**2).sum())


def _neighbours(
    name: str, near: NDArray[np.float32], away: NDArray[np.float32]
) -> Iterator[tuple[str, float]]:
    """Yield the figures of cosines of neighbours (m, TRUE_HITS) and of random documents."""
    for rank in RANKS:
        for at in QUARTILES:
            yield f"{name}: cosine {rank}, q{at}", float(np.quantile(near[:, rank - 1], at))
    yield f"{name}: cosine of random, mean", float(away.mean())
    yield f"{name}: cosine of random, dev.", float(away.std())
    local = intrinsic_dimensions(near)
    yield f"{name}: local dimension, mean", float(local.mean())
    for at in QUARTILES:
        yield f"{name}: local dimension, q{at}", float(np.quantile(local, at))
    for rank in (1, 10):
        distance = np.sqrt(np.maximum(2 - 2 * near[:, rank - 1], 0)).mean()
        contrast = np.sqrt(2 - 2 * away).mean() / distance
        yield f"{name}: relative contrast, {rank}", float(contrast)


def _occurrences(name: str, times: NDArray[np.int64]) -> Iterator[tuple[str, float]]:
    centred = times - times.mean()
    yield f"{name}: N_10 skewness", float((centred**3).mean() / (centred**2).mean() ** 1.5)
    yield f"{name}: N_10 largest", float(times.max())
    yield f"{name}: N_10 zero", float((times == 0).mean())


def graph_recalls(found: Dataset) -> dict[str, float]:
    """Return the recall@10 of hnswlib, nothing where it is not installed."""
    try:
        import hnswlib  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        return {}
    index: Any = hnswlib.Index("ip", found.documents.shape[1])
    index.init_index(len(found.documents), M=16, ef_construction=200, random_seed=SEED)
    index.add_items(found.documents)
    figures = {}
    for ef in EFS:
        index.set_ef(ef)
        ids, _ = index.knn_query(found.queries, 10)
        figures[f"hnswlib recall@10, ef {ef}"] = overlap(ids.tolist(), found.truth[:, :10].tolist())
    return figures


def main() -> None:
    """Read the arguments and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, nargs="*", default=[], help="larger sets")
    parser.add_argument("--cache", type=Path, default=dense_datasets.CACHE)
    options = parser.parse_args()
    real = dense_datasets.real(options.cache)
    numbers = (len(real.documents), *options.documents)
    sets = [real, *(dense_datasets.generated(n, options.cache) for n in numbers)]
    columns = [statistics(one) | graph_recalls(one) for one in sets]
    print(f"{'':<34}" + "".join(f"{one.name:>19}" for one in sets))
    for figure in columns[0]:
        cells = (f"{c[figure]:.4g}" if figure in c else "-" for c in columns)
        print(f"{figure:<34}" + "".join(f"{cell:>19}" for cell in cells))


if __name__ == "__main__":
    main()
