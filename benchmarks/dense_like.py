"""A large synthetic dense test set: no texts, unit vectors whose statistics are all-MiniLM-L6-v2's.

    python -m benchmarks.dense_like [--documents 1000000] [--queries 3000] [--seed 0] [--cache DIR]

Topics form a tree whose branches overlap. A topic is its parent, with a little of a second one,
plus Gaussian noise; a document is a topic of the deepest level plus noise, brought to length 1. How
much noise there is at a level decides how cosines fall from the first neighbour to the thousandth;
the noise has the principal components of the real vectors, steeper at the top of the tree and
flatter at the bottom. Topics differ in how many documents they have and in how wide they are, as do
documents in how far they lie from their topic, which spreads the local intrinsic dimension. A query
lies near a document of its own which is not in the set, further away than documents lie from each
other, in fewer topics than documents are in, and shares a direction with all queries.

The constants below come from 59 784 real passages and 2 000 real questions, with which `benchmarks.
dense_statistics` compares; generating needs no shared data. Least squares on cosines and local
dimensions gave a start; the last values were set by hand, among twenty or so tried, so that hnswlib
has the recall it has on the real vectors. Neighbours of middling rank are a little too far away,
and cells of k-means (IVF) find more than in the real vectors: topics are still too clean.

The set grows denser faster than the real one. From 6 000 documents to 60 000 the mean local
dimension around queries falls from 29 to 26 in the real vectors, from 38 to 25 in these, and to 20
at a million: shorter sets are harder than real ones, a million is probably easier.
"""

import argparse
import os
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xxhash
from numpy.typing import NDArray

Floats = NDArray[np.float32]

CACHE = Path(tempfile.gettempdir()) / "dense_like"

DIMENSION = 384

COMPONENTS = (0, 1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 130, 180, 230, 280, 330, 370, 383)
VARIANCES = (
    *(0.02499, 0.01947, 0.01875, 0.01607, 0.01328, 0.0116, 0.01087, 0.00918, 0.00763, 0.00636),
    *(0.00486, 0.00358, 0.00246, 0.00165, 0.00105, 0.00048, 0.00017, 0.00008, 0.00004),
)
"""The variance along some principal components of the real documents; log-linear between them."""

MEAN_COMPONENTS = 8
"""How many of the first components the mean of the documents lies in."""

BLOCK = 1 << 13
"""Documents made at once, from a stream of their own: a shorter set is the start of a longer."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How noise and documents are spread over the tree, and where queries lie."""

    topics: tuple[int, ...] = (64, 400, 1600, 6000, 25_000, 100_000, 400_000)
    """How many there are at every level."""

    shares: tuple[float, ...] = (0.09, 0.22, 0.26, 0.21, 0.06, 0.05, 0.02)
    """Of the variance, by level; the documents' own noise has the rest."""

    steepness: tuple[float, float] = (0.9, 0.7)
    """The power of the spectrum at the first level and for documents; linear between."""

    popularity: float = 1.0
    """Standard deviation of the logarithm of how often a topic is chosen among all of its level."""

    width: float = 0.25
    """The same of the noise below a topic in proportion to the noise below its parent."""

    second: float = 0.2
    """The largest share of the variance that a topic has from a second parent."""

    own_width: float = 0.3
    """The same of a document's own noise."""

    mean: float = 0.106
    """Length of what all documents share."""

    query_mean: float = 0.21
    """Length of what all queries share and documents do not."""

    query_nearness: tuple[float, float] = (1.25, 0.22)
    """Mean and deviation of the logit of the cosine between a query and its unseen document."""

    query_steepness: float = 1.4
    """The power of the spectrum of what separates a query from its unseen document."""

    query_popularity: float = 1.2
    """As `popularity`, of the queries' topics of the second level."""


FITTED = Shape()


class Tree(NamedTuple):
    """The deepest topics."""

    centres: Floats  # (topics, DIMENSION), in principal components
    widths: Floats  # (topics,) the noise of their documents in proportion to the average
    chosen: NDArray[np.float64]  # (topics,) cumulative probability
    asked: NDArray[np.float64]  # (topics,) the same for queries


def kept(
    n_documents: int,
    n_queries: int,
    *,
    seed: int = 0,
    cache: Path = CACHE,
    shape: Shape = FITTED,
) -> tuple[Floats, Floats]:
    """Return documents (n, 384), memory-mapped, and queries (m, 384), all of length 1.

    They are made where the cache has no set as long, and made alike by the same NumPy and BLAS.
    """
    digest = xxhash.xxh3_64(repr((astuple(shape), VARIANCES, n_queries, seed)).encode())
    folder = cache / f"dense_{digest.hexdigest()}"
    stored = [int(file.stem.split("_")[1]) for file in folder.glob("documents_*.npy")]
    enough = [n for n in stored if n >= n_documents]
    if not enough:
        save(folder, (n_documents, n_queries), shape=shape, seed=seed)
        enough = [n_documents]
    file = folder / f"documents_{min(enough)}.npy"
    return np.load(file, mmap_mode="r")[:n_documents], np.load(folder / "queries.npy")


def save(folder: Path, numbers: tuple[int, int], *, shape: Shape, seed: int) -> None:
    """Write so many documents and queries: `documents_N.npy`, each whole or not, and `queries.npy`.

    Queries are written first: where there are documents, there are queries.
    """
    n_documents, n_queries = numbers
    folder.mkdir(parents=True, exist_ok=True)
    tree, turn = grown(shape, seed), rotation(seed)
    part = folder / f"{os.getpid()}.part"
    with part.open("wb") as file:
        np.save(file, queries(shape, tree, n_queries, seed=seed) @ turn)
    part.replace(folder / "queries.npy")
    rows = np.lib.format.open_memmap(part, "w+", np.float32, (n_documents, DIMENSION))
    for start in range(0, n_documents, BLOCK):
        made = documents(shape, tree, start // BLOCK, seed=seed) @ turn
        rows[start : start + BLOCK] = made[: n_documents - start]
    rows.flush()
    part.replace(folder / f"documents_{n_documents}.npy")


def rotation(seed: int) -> Floats:
    """Return a random rotation (384, 384): the real vectors vary as much along every axis."""
    random = np.random.default_rng([seed, 1])
    turned, _ = np.linalg.qr(random.standard_normal((DIMENSION, DIMENSION)))
    return turned.astype(np.float32)


def deviations(power: float) -> Floats:
    """Return standard deviations (384,) of the spectrum to a power; their squares add up to 1."""
    variances = np.exp(np.interp(np.arange(DIMENSION), COMPONENTS, np.log(VARIANCES))) ** power
    return np.asarray(np.sqrt(variances / variances.sum()), np.float32)


def grown(shape: Shape, seed: int) -> Tree:
    """Return the tree of topics."""
    random = np.random.default_rng([seed, 2])
    centres = np.zeros((1, DIMENSION), np.float32)
    widths = np.ones(1, np.float32)
    chosen = asked = np.ones(1)
    for level, (n, share) in enumerate(zip(shape.topics, shape.shares, strict=True)):
        parents, others = _drawn(np.cumsum(chosen), (2, n), random)
        second = shape.second * random.random((n, 1), np.float32)
        noise = random.standard_normal((n, DIMENSION), np.float32) * _level(shape, level)
        noise *= np.sqrt(share) * widths[parents, None]
        noise += np.sqrt(1 - second) * centres[parents]
        centres = noise + np.sqrt(second) * centres[others]
        steps = shape.width * random.standard_normal(n, np.float32)
        widths = widths[parents] * np.exp(steps)
        popular = np.exp(shape.popularity * random.standard_normal(n))
        less = asked[parents] / chosen[parents] if level else 1.0
        if level == 1:
            less = np.exp(shape.query_popularity * random.standard_normal(n))
        chosen, asked = popular, popular * less
    centres -= (chosen / chosen.sum()).astype(np.float32) @ centres  # large topics would be a mean
    return Tree(centres, widths, np.cumsum(chosen), np.cumsum(asked))


def documents(shape: Shape, tree: Tree, block: int, *, seed: int) -> Floats:
    """Return one block of documents (BLOCK, 384), in principal components."""
    random = np.random.default_rng([seed, 3, block])
    return _near_topics(shape, tree, tree.chosen, BLOCK, random)


def queries(shape: Shape, tree: Tree, n: int, *, seed: int) -> Floats:
    """Return queries (n, 384), in principal components."""
    random = np.random.default_rng([seed, 4])
    unseen = _near_topics(shape, tree, tree.asked, n, random)
    middle, deviation = shape.query_nearness
    logits = middle + deviation * random.standard_normal((n, 1), np.float32)
    near = 1 / (1 + np.exp(-logits))
    noise = random.standard_normal((n, DIMENSION), np.float32) * deviations(shape.query_steepness)
    common = random.standard_normal(DIMENSION, np.float32) * deviations(0.5)
    common *= shape.query_mean / np.linalg.norm(common)
    return _units(near * unseen + np.sqrt(1 - near**2) * noise + common)


def _near_topics(
    shape: Shape, tree: Tree, chosen: NDArray[np.float64], n: int, random: np.random.Generator
) -> Floats:
    topics = _drawn(chosen, n, random)
    rows = random.standard_normal((n, DIMENSION), np.float32) * _level(shape, len(shape.topics))
    widths = np.exp(shape.own_width * random.standard_normal(n, np.float32)) * tree.widths[topics]
    rows *= np.sqrt(1 - sum(shape.shares)) * widths[:, None]
    rows += tree.centres[topics]
    rows[:, :MEAN_COMPONENTS] += shape.mean / np.sqrt(MEAN_COMPONENTS)
    return _units(rows)


def _level(shape: Shape, level: int) -> Floats:
    first, last = shape.steepness
    return deviations(first + (last - first) * level / len(shape.topics))


def _drawn(
    cumulative: NDArray[np.float64], size: int | tuple[int, ...], random: np.random.Generator
) -> NDArray[np.int64]:
    found = np.searchsorted(cumulative, random.random(size) * cumulative[-1], side="right")
    return np.asarray(found, np.int64)


def _units(rows: Floats) -> Floats:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    start = time.perf_counter()
    kept(options.documents, options.queries, seed=options.seed, cache=options.cache)
    print(f"{options.cache}: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
