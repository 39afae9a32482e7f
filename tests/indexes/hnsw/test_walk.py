"""Kernels of the graph do what their slow twins do."""

import graphs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.bitmap import Bitmap
from indexes.hnsw.codes import Coder
from indexes.hnsw.graph import Graph
from indexes.hnsw.linking import Growing, Points, Workspace, find_links
from indexes.hnsw.pool import distance_of, insert, key_of, ordinal_of
from indexes.hnsw.projection import directions
from indexes.hnsw.settings import HnswBuild
from indexes.hnsw.traversal import Asked, Space, Walk, walk
from indexes.metric import Metric
from indexes.packed import packed, values_per_line
from indexes.validate import frozen

numbers = st.floats(width=32, allow_nan=False)
NONE = frozen(np.empty(0, np.float32))


@given(st.lists(st.tuples(numbers, st.integers(0, 2**31 - 1)), min_size=1, max_size=40))
def test_keys_sort_as_scores_do_then_ordinals(pairs: list[tuple[float, int]]) -> None:
    keys = [int(key_of(np.float32(score + 0.0), ordinal)) for score, ordinal in pairs]
    assert [int(ordinal_of(np.int64(key))) for key in keys] == [ordinal for _, ordinal in pairs]
    by_key = [pair for _, pair in sorted(zip(keys, pairs, strict=True))]
    assert by_key == sorted(pairs, key=lambda pair: (-pair[0], pair[1]))
    for key, (score, _) in zip(keys, pairs, strict=True):
        assert distance_of(np.int64(key)) == -score


@pytest.mark.parametrize("bits", [0x7FC00000, 0xFFC00000])
def test_a_score_that_says_nothing_comes_last(bits: int) -> None:
    nothing = np.array(bits, np.uint32).view(np.float32)[()]
    assert key_of(nothing, 3) > key_of(np.float32(-3e38), 3)
    assert ordinal_of(key_of(nothing, 3)) == 3


@given(st.lists(st.integers(-(2**40), 2**40), max_size=60, unique=True), st.integers(1, 20))
def test_a_pool_keeps_the_lowest_keys(keys: list[int], most: int) -> None:
    pool, size = np.zeros(most + 2, np.int64), 0
    for key in keys:
        if size < most or key < pool[size - 1]:
            place = insert(pool, size, most, np.int64(key))
            size = min(size + 1, most)
            assert pool[place] == key
    assert pool[:size].tolist() == sorted(keys)[:most]


@given(st.integers(2, 60), st.integers(1, 6), st.integers(0, 2**32), st.booleans())
def test_links_are_the_diverse_ones(n: int, degree: int, seed: int, squared: bool) -> None:
    """With a pool that holds all documents, and a graph through which all can be reached."""
    random = np.random.default_rng(seed)
    vectors = np.zeros((n, 64), np.int64)
    vectors[:, :5] = random.integers(-3, 4, (n, 5))
    terms = (vectors**2).sum(axis=1) if squared else random.integers(-9, 10, n)
    points = Points(
        frozen((vectors + 128).astype(np.uint8).reshape(-1)),
        frozen(terms), frozen(vectors.sum(axis=1)), 64,
    )  # fmt: skip
    ring = np.full((n, degree + 1), -1, np.int32)
    ring[:, 0] = (np.arange(n) + 1) % (n - 1)  # of all but the last
    graph = Growing(ring, np.ones(n, np.int32), degree)
    order = frozen(np.arange(n, dtype=np.int32))
    rows = np.empty((1, degree), np.int32)
    memory = Workspace.of(points, graph, n)
    find_links(points, graph, order, n - 1, n, memory, rows)
    distances = terms[:, None] + terms - 2 * vectors @ vectors.T
    expected = graphs.diverse(n - 1, list(range(n - 1)), distances, degree)
    assert rows[0].tolist() == expected + [-1] * (degree - len(expected))
    assert not memory.seen.any()


@given(
    st.integers(1, 50), st.integers(1, 5), st.integers(1, 60), st.integers(0, 2**32),
    st.sampled_from([0, 4, 8]), st.sampled_from([None, 0.1, 0.5, 1.0]), st.booleans(),
)  # fmt: skip
def test_a_walk_is_that_of_its_twin(
    n: int, degree: int, ef: int, seed: int, bits: int, share: float | None, biased: bool
) -> None:
    random = np.random.default_rng(seed)
    links = np.full((n, degree), -1, np.int32)
    for document in range(n):
        others = random.permutation(np.delete(np.arange(n), document))[
            : random.integers(0, degree + 1)
        ]
        links[document, : len(others)] = others
    width = values_per_line(bits) if bits else 5
    query = random.integers(-2, 3, width)
    levels = random.integers(0, 4, (n, width))
    factors = np.array([0.5, 1, 2], np.float32)[random.integers(0, 3, n)] if not bits else NONE
    biases = random.integers(0, 9, n).astype(np.float32) if biased else NONE
    codes = packed(levels.astype(np.uint8), bits) if bits else np.zeros((n, 64), np.uint8)
    values = levels.astype(np.float32)
    begin = random.permutation(n)[: random.integers(1, 3)].astype(np.int32)
    graph = Graph(frozen(links), frozen(begin), frozen(np.empty((0, 2), np.int32)))
    space = Space(
        frozen(codes.reshape(-1)), frozen(values.reshape(-1)), frozen(factors), frozen(biases),
        codes.shape[1], bits, graph,
    )  # fmt: skip
    asked = Asked(query.astype(np.int8), frozen(query.astype(np.float32)))
    mask = None if share is None else random.random(n) < share
    passing = frozen(np.empty(0, np.uint8)) if mask is None else Bitmap.of_mask(mask).bits
    memory = Walk.of(graph, ef)
    memory.fresh[: len(begin)] = begin
    size = walk(space, len(begin), asked, np.float32(0.5), ef, passing, memory)
    scores = (levels @ query).astype(np.float32)
    scores = scores * factors if not bits else scores
    scores = scores - biases * np.float32(0.5) if biased else scores
    found = [int(ordinal_of(key)) for key in memory.pool[:size]]
    assert found == graphs.walk(links, begin.tolist(), scores, ef, mask)
    assert not memory.seen.any()


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("dim", "asked", "width"), [(3, None, 64), (100, 64, 64), (200, 130, 192), (200, 200, 256)]
)
def test_directions_keep_lengths_as_far_as_they_can(dim: int, asked: int, width: int) -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((500, dim)).astype(np.float32)
    columns = directions(rows, 64, asked, 0)
    assert columns.shape == (dim, width)
    if width >= dim:
        np.testing.assert_allclose(columns @ columns.T, np.eye(dim), atol=1e-5)
    else:
        np.testing.assert_allclose(columns.T @ columns, np.eye(width), atol=1e-5)


@pytest.mark.compiled
def test_directions_are_those_of_the_largest_variance() -> None:
    """As the eigenvectors of the covariance say; then turned, so that all vary alike."""
    random = np.random.default_rng(1)
    scales = 0.93 ** np.arange(192)
    turn = np.linalg.qr(random.standard_normal((192, 192)))[0]
    rows = (random.standard_normal((4000, 192)) * scales @ turn).astype(np.float32)
    columns = directions(rows, 64, None, 0)
    assert columns.shape == (192, 64)  # 95 % of the variance is in the first 42
    values = np.linalg.eigvalsh(np.cov(rows.T))
    held = np.var(rows @ columns, axis=0).sum() / np.var(rows, axis=0).sum()
    best = values[-64:].sum() / values.sum()
    assert held > 0.999 * best
    spread = np.var(rows @ columns, axis=0)
    assert spread.max() < 4 * spread.mean()


@pytest.mark.compiled
def test_few_vectors_have_directions_too() -> None:
    for n in (1, 2, 5):
        rows = np.random.default_rng(2).standard_normal((n, 300)).astype(np.float32)
        columns = directions(rows - rows.mean(axis=0), 64, None, 0)
        assert np.isfinite(columns).all()
        assert columns.shape[1] % 64 == 0


@pytest.mark.compiled
@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("bits", [8, 4])
def test_codes_rank_nearly_as_vectors_do(metric: Metric, bits: int) -> None:
    random = np.random.default_rng(3)
    values = random.standard_normal((400, 64)).astype(np.float32)
    build = HnswBuild(metric, "int8" if bits == 8 else "int4")
    coder = Coder.of(values, build)
    codes = coder.codes(values, metric, bits)
    parts = [(codes >> (bits * part)) & (2**bits - 1) for part in range(8 // bits)]
    levels = np.stack([part.reshape(400, -1, 64) for part in parts], axis=2).reshape(400, -1)
    back = (levels - (2**bits - 1) / 2) * coder.step(bits) @ coder.columns.T
    true = values - coder.centre
    if metric == Metric.COSINE:
        true = values / np.linalg.norm(values, axis=1, keepdims=True) - coder.centre
    error = np.linalg.norm(back - true) / np.linalg.norm(true)
    assert error < (0.02 if bits == 8 else 0.15)
