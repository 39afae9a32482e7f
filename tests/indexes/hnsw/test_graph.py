"""Graphs are sound, whole and the same however many threads build them."""

from typing import Any

import graphs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexes import threads
from indexes.errors import CorruptIndex
from indexes.hnsw import Hnsw, HnswBuild
from indexes.hnsw.graph import Graph, connect, layer_sizes, top_size
from indexes.metric import Metric
from indexes.vectors import DenseVectors

pytestmark = pytest.mark.compiled


def linked(*settings: Any, **more: Any) -> HnswBuild:
    """Return settings of an index that has a graph, however few documents."""
    return HnswBuild(*settings, graph_from=0, **more)


BUILDS = [
    linked(),
    linked(Metric.COSINE, "int8", M=3, ef_construction=8),
    linked(Metric.EUCLIDEAN, "float32", M=8, entry="sampled", insertion="given"),
]


def drawn(n: int, seed: int = 0, dim: int = 8) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    topics = random.standard_normal((20, dim))
    values = topics[random.integers(0, 20, n)] + 0.4 * random.standard_normal((n, dim))
    return values.astype(np.float32)


def check(graph: Graph, n: int, build: HnswBuild) -> None:
    """Fail unless rows hold other documents, each once, and all can be reached."""
    assert graph.links.shape == (n, build.degree)
    assert graph.top.shape == (top_size(n, build),)
    assert len(set(graph.top.tolist())) == len(graph.top)
    for document, row in enumerate(graph.links.tolist()):
        own = [other for other in row if other >= 0]
        assert row == own + [-1] * (len(row) - len(own))
        assert len(set(own)) == len(own)
        assert document not in own
    if n:
        assert graphs.reachable(graph.links, int(graph.top[0])) == set(range(n))
    assert Graph.from_arrays(n, graph._asdict(), build)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("n", [0, 1, 2, 5, 40, 700])
def test_links_lead_to_other_documents_and_everywhere(n: int, build: HnswBuild) -> None:
    check(Hnsw.build(drawn(n), build)._graph, n, build)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(
    "values",
    [
        np.zeros((300, 3)),
        np.repeat(drawn(3, dim=5), 100, axis=0),
        np.repeat([[1.0, 0.0], [-1.0, 0.0]], [250, 1], axis=0),
        drawn(300) * 1e-30,
        drawn(300) * 1e30,
        np.where(np.arange(300)[:, None] % 2, 1e38, 1e-38) * drawn(300, dim=3),
    ],
)
def test_copies_and_extremes_are_linked_too(values: NDArray[np.float64], build: HnswBuild) -> None:
    values = values.astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        check(Hnsw.build(values, build)._graph, len(values), build)


@pytest.mark.parametrize("build", BUILDS)
def test_any_number_of_threads_builds_the_same(
    build: HnswBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    for n_threads in (1, 2, 5):
        monkeypatch.setattr(threads, "_n_threads", lambda n_threads=n_threads: n_threads)
        threads._pool.cache_clear()
        built.append(Hnsw.build(drawn(2500), build).arrays())
    threads._pool.cache_clear()
    for other in built[1:]:
        assert built[0].keys() == other.keys()
        for name, array in built[0].items():
            assert array.tobytes() == other[name].tobytes(), name


def test_the_seed_is_what_differs() -> None:
    one, same, other = (Hnsw.build(drawn(500), linked(seed=s))._graph for s in (1, 1, 2))
    assert one.links.tobytes() == same.links.tobytes() != other.links.tobytes()


def test_layers_are_ever_fewer_and_linked_among_themselves() -> None:
    build = linked(M=4, seed=2)
    graph = Hnsw.build(drawn(1000), build)._graph
    sizes = layer_sizes(1000, build)
    assert sizes == [250, 62, 15, 3]
    assert graph.layers.shape == (sum(sizes), 4)
    assert len(graph.top) == 250
    start = 0
    for size in sizes:
        layer = graph.layers[start : start + size]
        assert layer.max() < size
        assert (layer != np.arange(size)[:, None]).all()
        assert graphs.reachable(layer, 0) == set(range(size))
        start += size


@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 2**32))
def test_whatever_was_linked_all_can_be_reached(n: int, degree: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    links = np.full((n, degree), -1, np.int32)
    for document in range(n):
        others = random.permutation(np.delete(np.arange(n), document))[
            : random.integers(0, degree + 1)
        ]
        links[document, : len(others)] = others
    before = graphs.reachable(links, 0)
    connect(links, 0, np.empty(n, np.int32), np.empty(n, np.int32))
    assert graphs.reachable(links, 0) == set(range(n)) >= before


@pytest.mark.parametrize("name", ["links", "layers"])
@pytest.mark.parametrize("wrong", [-2, 300, 2**30])
def test_links_that_lead_nowhere_are_refused(name: str, wrong: int) -> None:
    index = Hnsw.build(drawn(300), linked(M=4))
    sound = index.arrays()
    for row in (0, -1):
        bad = sound[name].copy()
        bad[row, 0] = wrong
        with pytest.raises(CorruptIndex, match=name):
            Hnsw.from_arrays(index.vectors(), sound | {name: bad}, index.settings)


def test_a_link_after_the_end_is_refused() -> None:
    index = Hnsw.build(drawn(300), linked(M=4))
    links = index.arrays()["links"].copy()
    links[7, 0] = -1
    with pytest.raises(CorruptIndex, match="links"):
        Hnsw.from_arrays(index.vectors(), index.arrays() | {"links": links}, index.settings)


def test_a_place_of_a_higher_layer_is_refused() -> None:
    """In range of the layer below, but not of its own."""
    index = Hnsw.build(drawn(300), linked(M=4))
    layers, sizes = index.arrays()["layers"].copy(), layer_sizes(300, index.settings)
    layers[sizes[0], 0] = sizes[1]
    with pytest.raises(CorruptIndex, match="layers"):
        Hnsw.from_arrays(index.vectors(), index.arrays() | {"layers": layers}, index.settings)


@pytest.mark.parametrize("wrong", [-1, 300])
def test_a_beginning_outside_is_refused(wrong: int) -> None:
    index = Hnsw.build(drawn(300), linked(M=4))
    top = index.arrays()["top"].copy()
    top[3] = wrong
    with pytest.raises(CorruptIndex, match="top"):
        Hnsw.from_arrays(index.vectors(), index.arrays() | {"top": top}, index.settings)


@pytest.mark.parametrize("entry", ["hierarchy", "sampled"])
def test_a_beginning_named_twice_is_refused(entry: str) -> None:
    """A walk has room to visit each document once."""
    index = Hnsw.build(drawn(300), linked(M=4, entry=entry))
    top = index.arrays()["top"].copy()
    top[1] = top[0]
    with pytest.raises(CorruptIndex, match="top"):
        Hnsw.from_arrays(index.vectors(), index.arrays() | {"top": top}, index.settings)


def test_vectors_may_come_in_batches() -> None:
    values = drawn(400)
    whole = Hnsw.build(values)
    parts = Hnsw.build([DenseVectors.of(values[:150]), DenseVectors.of(values[150:])])
    for name, array in whole.arrays().items():
        assert array.tobytes() == parts.arrays()[name].tobytes()
