from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tokenizers", reason="the benchmarks' requirements are not installed")

from benchmarks import dense_like
from benchmarks.dense_datasets import exact
from benchmarks.dense_statistics import intrinsic_dimensions
from indexes.flat import Flat, FlatBuild
from indexes.metric import Metric

SMALL = dense_like.Shape(topics=(4, 40), shares=(0.3, 0.3))


def test_a_shorter_generated_set_is_the_start_of_a_longer(tmp_path: Path) -> None:
    n = dense_like.BLOCK + 10
    short, asked = dense_like.kept(100, 7, cache=tmp_path / "short", shape=SMALL)
    long, again = dense_like.kept(n, 7, cache=tmp_path / "long", shape=SMALL)
    first, _ = dense_like.kept(100, 7, cache=tmp_path / "long", shape=SMALL)
    assert long.shape == (n, dense_like.DIMENSION)
    assert asked.shape == (7, dense_like.DIMENSION)
    assert long.dtype == asked.dtype == np.float32
    np.testing.assert_array_equal(short, long[:100])
    np.testing.assert_array_equal(short, first)
    np.testing.assert_array_equal(asked, again)
    assert len(np.unique(long, axis=0)) == n


def test_generated_vectors_have_length_1_and_another_seed_gives_others(tmp_path: Path) -> None:
    one, asked = dense_like.kept(50, 5, seed=0, cache=tmp_path, shape=SMALL)
    other, _ = dense_like.kept(50, 5, seed=1, cache=tmp_path, shape=SMALL)
    for rows in (one, asked, other):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    assert np.abs(one - other).max() > 0.01


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_exact_answers_are_those_of_the_flat_index(metric: str) -> None:
    random = np.random.default_rng(0)
    rows = random.integers(-3, 4, (3000, 6)).astype(np.float32)  # many are equal
    rows = rows[rows.any(1)]
    if metric == "cosine":
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    asked = random.standard_normal((20, 6), np.float32)
    ids, scores = exact(rows, asked, metric=metric, k=10)  # type: ignore[arg-type]
    kind = Metric.COSINE if metric == "cosine" else Metric.EUCLIDEAN
    hits = Flat.build(rows, FlatBuild(kind)).search(asked, 10)
    np.testing.assert_allclose(scores, hits.scores, rtol=1e-6)
    assert (ids == hits.ids).mean() > 0.9  # the order of sums may part equal scores


def test_exact_answers_of_fewer_documents_than_asked_for() -> None:
    rows = np.eye(3, 4, dtype=np.float32)
    ids, scores = exact(rows, rows[1:2], metric="cosine", k=5)
    assert ids.tolist() == [[1, 0, 2, -1, -1]]
    assert scores[0, :3].tolist() == [1, 0, 0]
    assert np.isneginf(scores[0, 3:]).all()


@pytest.mark.parametrize("dimension", [2, 8, 20])
def test_the_local_dimension_of_a_ball_is_its_dimension(dimension: int) -> None:
    radii = np.sort(np.random.default_rng(0).random((2000, 100)) ** (1 / dimension), axis=1)
    cosines = (1 - (radii / 2) ** 2 / 2).astype(np.float32)
    assert intrinsic_dimensions(cosines).mean() == pytest.approx(dimension, rel=0.05)
