"""Learning codebooks, by faiss: k-means for centroids and codewords, PCA or OPQ for the rotation.

Only numbers are taken over from faiss, never a file or an index of it. The same vectors, settings
and seed give the same numbers whatever the number of threads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.ivfpq.codebooks import CODEWORDS, Codebooks, shape_of
from indexes.ivfpq.settings import NLIST_MAX, IvfPqBuild
from indexes.metric import Metric, norms_of

VECTORS_PER_LIST = 39
"""Vectors that a centroid is learned from, at the least."""

CODEWORD_SAMPLE = 8192
"""Vectors that codewords and rotations are learned from, at the most."""

LENGTHS = 1e-12, 1e12
"""Of the longest vector: float32 holds squares and sums of them, with room to spare."""

_ROUNDS = 10
"""Rounds of k-means: 25 scan 3 % less for the same recall and take more than twice as long."""

_OPQ_ROUNDS = 8, 4, 8
"""Rounds of OPQ, of k-means in each, and in the first."""


def lists_of(n: int, build: IvfPqBuild) -> int:
    """Return how many lists n vectors have."""
    if build.nlist is not None:
        return build.nlist
    wanted = 2 * sqrt(max(n, 1))
    most = max(1, min(n, build.sampled) // VECTORS_PER_LIST)
    power = min(round(np.log2(wanted)), int(np.log2(most)))
    return int(min(1 << power, NLIST_MAX))


def learn(values: NDArray[np.float32], build: IvfPqBuild) -> Codebooks:
    """Learn codebooks from vectors (n, dim), no more of them than `build.sampled`.

    Where there are fewer vectors than codewords or lists, or the longest is outside `LENGTHS`,
    nothing can be learned: the codebooks returned hold no list.
    """
    n, dimension = values.shape
    nlist = lists_of(n, build)
    random = np.random.default_rng(build.seed)
    chosen = np.sort(random.permutation(n)[: build.sampled])
    sample = normalised(values[chosen], build.metric)
    longest = norms_of(sample).max(initial=0)
    if len(sample) < max(nlist, CODEWORDS) or not LENGTHS[0] < longest < LENGTHS[1]:
        return Codebooks.none(dimension, build)
    with _one_thread():
        centroids = _centroids(sample[:, : build.prefix], nlist, build)
        few = sample[np.sort(random.permutation(len(sample))[:CODEWORD_SAMPLE])]
        rotation = _rotation(few, build)
        codewords = _codewords(few @ rotation if len(rotation) else few, dimension, build)
    return Codebooks.of(centroids, rotation, codewords)


def normalised(values: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """Return vectors as they are coded: for the cosine, of length 1 or 0."""
    if metric != Metric.COSINE:
        return values
    return values * factors_of(values, metric)[:, None]


def factors_of(values: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """Return what each vector (n,) is multiplied by before it is coded."""
    if metric != Metric.COSINE:
        return np.ones(len(values), np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", values, values, dtype=np.float64))
    # The inverse of a length below has no place in float32.
    return (1 / np.where(norms > 1e-37, norms, np.inf)).astype(np.float32)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let faiss use one thread, so that sums of a product are always added in one order."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _centroids(sample: NDArray[np.float32], nlist: int, build: IvfPqBuild) -> NDArray[np.float32]:
    """Return centroids (nlist, prefix): of directions, unless the metric is Euclidean."""
    import faiss

    means: Any = faiss.Kmeans(
        sample.shape[1], nlist, niter=_ROUNDS, seed=build.seed + 1, min_points_per_centroid=1,
        max_points_per_centroid=len(sample), spherical=build.metric != Metric.EUCLIDEAN,
    )  # fmt: skip
    means.train(np.ascontiguousarray(sample))
    return np.ascontiguousarray(means.centroids, np.float32)


def _rotation(sample: NDArray[np.float32], build: IvfPqBuild) -> NDArray[np.float32]:
    """Return what vectors are multiplied by (dim, width), no rows where nothing is done."""
    import faiss

    dimension = sample.shape[1]
    groups, per_group = shape_of(dimension, build)
    if build.rotation == "none":
        return np.empty((0, groups * per_group), np.float32)
    coded = min(dimension, groups * per_group)
    rotation = np.zeros((dimension, groups * per_group), np.float32)
    if build.rotation == "pca" or dimension < groups:
        learned: Any = faiss.PCAMatrix(dimension, coded, 0, True)
        learned.train(sample)
        rows = faiss.vector_to_array(learned.A).reshape(coded, dimension)
        rotation[:, :coded] = rows.T
    else:
        part = dimension // groups if coded < groups * per_group else per_group
        learned = faiss.OPQMatrix(dimension, groups, part * groups)
        learned.niter, learned.niter_pq, learned.niter_pq_0 = _OPQ_ROUNDS
        quantiser = faiss.ProductQuantizer(part * groups, groups, 4)
        quantiser.cp.seed, quantiser.cp.min_points_per_centroid = build.seed + 1, 1
        learned.pq = quantiser
        learned.train(sample)
        parts = faiss.vector_to_array(learned.A).reshape(groups, part, dimension)
        rotation[:, : part * groups] = parts.transpose(2, 1, 0).reshape(dimension, -1)
    return rotation


def _codewords(
    turned: NDArray[np.float32], dimension: int, build: IvfPqBuild
) -> NDArray[np.float32]:
    """Return codewords (16, per_group, groups)."""
    import faiss

    groups, per_group = shape_of(dimension, build)
    wide = np.zeros((len(turned), per_group * groups), np.float32)
    wide[:, : turned.shape[1]] = turned
    parts = wide.reshape(-1, per_group, groups).transpose(0, 2, 1).reshape(len(wide), -1)
    quantiser: Any = faiss.ProductQuantizer(groups * per_group, groups, 4)
    quantiser.cp.seed, quantiser.cp.niter = build.seed + 1, _ROUNDS
    quantiser.cp.min_points_per_centroid = 1
    quantiser.train(np.ascontiguousarray(parts))
    words = faiss.vector_to_array(quantiser.centroids).reshape(groups, CODEWORDS, per_group)
    return np.ascontiguousarray(words.transpose(1, 2, 0))
