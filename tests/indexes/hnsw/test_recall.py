"""How much a search finds, with filters and without, and what a recall target gives."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from indexes.bitmap import Bitmap
from indexes.errors import InvalidInput
from indexes.exhaustive import Rows
from indexes.hnsw import Hnsw, HnswBuild, HnswSearch
from indexes.hnsw import index as hnsw_index
from indexes.metric import Metric
from indexes.operating_point import KS
from indexes.vectors import DenseVectors

N, N_QUERIES, DIM = 4_000, 60, 48
EXACT = HnswSearch(recall=1.0)

pytestmark = pytest.mark.compiled


def linked(*settings: Any, **more: Any) -> HnswBuild:
    """Return settings of an index that has a graph, however few documents."""
    return HnswBuild(*settings, graph_from=0, **more)


@cache
def drawn() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return documents of different lengths about 60 topics, and queries about the same."""
    random = np.random.default_rng(7)
    topics = random.standard_normal((60, DIM)) * 0.97 ** np.arange(DIM)

    def about(n: int) -> NDArray[np.float32]:
        values = topics[random.integers(0, 60, n)] + 0.7 * random.standard_normal((n, DIM))
        return (values * random.uniform(0.7, 1.3, (n, 1))).astype(np.float32)

    return about(N), about(N_QUERIES)


@cache
def built(build: HnswBuild) -> Hnsw:
    return Hnsw.build(drawn()[0], build)


def recall(index: Hnsw, settings: HnswSearch, k: int = 10, mask: NDArray[np.bool_] | None = None):
    """Return the share of the exact hits found, after checking that scores are the true ones."""
    queries = drawn()[1]
    allowed = None if mask is None else Bitmap.of_mask(mask)
    truth = index.search(queries, k, EXACT, allowed=allowed)
    found = index.search(queries, k, settings, allowed=allowed)
    assert found.ids.shape == truth.ids.shape
    np.testing.assert_array_equal(found.counts(), truth.counts())
    np.testing.assert_array_equal(index.score(queries, found.ids), found.scores)
    assert mask is None or mask[found.ids[found.ids >= 0]].all()
    both = [
        len(set(a) & set(b)) for a, b in zip(found.ids.tolist(), truth.ids.tolist(), strict=True)
    ]
    return sum(both) / max(int(truth.counts().sum()), 1)


BUILDS = [
    linked(metric, storage, entry=entry)
    for metric in Metric
    for storage, entry in (("int4", "hierarchy"), ("int8", "sampled"), ("float32", "hierarchy"))
]


@pytest.mark.parametrize("build", BUILDS)
def test_nearly_all_of_the_best_are_found(build: HnswBuild) -> None:
    index = built(build)
    few, many = (
        recall(index, HnswSearch(ef_search=16)),
        recall(index, HnswSearch(ef_search=200, rescored=60)),
    )
    assert many > 0.98
    assert 0.6 < few <= many
    assert recall(index, HnswSearch(ef_search=200), k=100) > 0.9


@pytest.mark.parametrize("build", BUILDS)
def test_scoring_all_is_exact(build: HnswBuild) -> None:
    documents, queries = drawn()
    found = built(build).search(queries, 20, EXACT)
    truth = Rows.of(DenseVectors.of(documents), build.metric, "float32").search(queries, 20)
    np.testing.assert_array_equal(found.ids, truth.ids)
    np.testing.assert_array_equal(found.scores, truth.scores)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.2, 0.05, 0.01, 0.002, 0.0])
@pytest.mark.parametrize("exact_ns", [hnsw_index.ROW_NS, 10**6])
@pytest.mark.parametrize("build", BUILDS[:2])
def test_filters_leave_what_they_should(
    build: HnswBuild, exact_ns: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the walk is taken that a large collection would take."""
    monkeypatch.setattr(hnsw_index, "ROW_NS", exact_ns)
    mask = np.random.default_rng(3).random(N) < share
    assert recall(built(build), HnswSearch(ef_search=100, rescored=50), mask=mask) > (
        0.75 if share else -1
    )


@pytest.mark.parametrize("two_hops", [0, 100])
def test_what_passes_may_lie_together(two_hops: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far from some queries, so that a walk has to get there; walked over or masked."""
    monkeypatch.setattr(hnsw_index, "ROW_NS", 10**6)
    monkeypatch.setattr(hnsw_index, "TWO_HOPS", two_hops)
    documents = drawn()[0]
    near = documents @ documents[5]
    mask = near >= np.sort(near)[-N // 20]
    assert recall(built(linked()), HnswSearch(ef_search=64), mask=mask) > 0.8


def test_a_target_is_reached_on_documents() -> None:
    index = built(linked())
    points = index.points
    assert points.ladder == index.ladder
    assert (np.diff(points.recalls[:, 0, 0]) > -0.05).all()
    for target in (0.9, 0.95, 0.99):
        chosen = points.choose(target, 10)
        assert chosen is not None
        assert recall(index, HnswSearch(recall=target)) > target - 0.05
    assert index._effort(HnswSearch(recall=1.0), 10, N) is None


@pytest.mark.parametrize("k", [1, 11, 60, 101])
@pytest.mark.parametrize("deleted", [0, 1])
def test_a_target_holds_between_the_depths_that_are_measured(k: int, deleted: int) -> None:
    index, _ = built(linked()).measured(drawn()[1])
    mask = np.arange(N) >= deleted
    effort = index._effort(HnswSearch(recall=0.9), k, N - deleted)
    assert effort is None or effort.ef >= min(most for most in KS if most >= k)
    assert recall(index, HnswSearch(recall=0.9), k=k, mask=mask) > 0.88


def test_one_deleted_document_does_not_change_what_a_target_takes() -> None:
    index, _ = built(linked()).measured(drawn()[1])
    for k in KS:
        assert index.points.rung(0.9, k) == index.points.rung(0.9, k, allowed=1 - 1 / N)


@pytest.mark.parametrize("storage", ["int4", "int8", "float32"])
def test_a_query_at_the_centre_is_answered(storage: str) -> None:
    """Nothing is left of it once it is centred, and only lengths tell documents apart."""
    documents = drawn()[0] - drawn()[0].mean(axis=0)
    index = Hnsw.build(documents, linked(Metric.EUCLIDEAN, storage))
    query = index.arrays().get("centre", np.zeros(DIM, np.float32))
    truth = index.search(query, 10, EXACT)
    found = index.search(query, 10, HnswSearch(ef_search=100, rescored=100))
    assert len(set(found.ids[0].tolist()) & set(truth.ids[0].tolist())) >= 8


def test_a_target_is_measured_on_queries_and_stored() -> None:
    index, report = built(linked()).measured(drawn()[1])
    again = Hnsw.from_arrays(index.vectors(), index.arrays(), index.settings)
    np.testing.assert_array_equal(again.points.recalls, report.queries.recalls)
    assert report.documents.ladder == report.queries.ladder == index.ladder
    assert report.rows()[0].k == KS[0]
    assert recall(again, HnswSearch(recall=0.95)) >= 0.94
    with pytest.raises(InvalidInput, match="queries"):
        index.measured(drawn()[1][:3])


def test_few_documents_have_no_graph_and_exact_answers() -> None:
    documents, queries = drawn()
    few = Hnsw.build(documents, HnswBuild(Metric.COSINE, graph_from=N + 1))
    assert not few.ladder
    assert "links" not in few.arrays()
    with pytest.raises(InvalidInput, match="no graph"):
        few.measured(queries)
    truth = Rows.of(DenseVectors.of(documents), Metric.COSINE, "float32").search(queries, 10)
    for settings in (None, HnswSearch(recall=0.5), HnswSearch(ef_search=5)):
        found = few.search(queries, 10, settings)
        np.testing.assert_array_equal(found.ids, truth.ids)
        np.testing.assert_array_equal(found.scores, truth.scores)


@pytest.mark.parametrize("build", BUILDS[:3])
def test_a_stored_index_answers_the_same(build: HnswBuild) -> None:
    index, queries = built(build), drawn()[1]
    again = Hnsw.from_arrays(index.vectors(), index.arrays(), index.settings)
    for settings in (None, HnswSearch(ef_search=40), HnswSearch(recall=0.95)):
        one, other = (i.search(queries, 10, settings) for i in (index, again))
        np.testing.assert_array_equal(one.ids, other.ids)
        np.testing.assert_array_equal(one.scores, other.scores)


def test_a_prefix_finds_what_all_components_rank() -> None:
    """As Matryoshka embeddings promise: the first components say most."""
    random = np.random.default_rng(1)
    scale = 0.8 ** np.arange(64)
    topics = random.standard_normal((50, 64))
    values = (
        topics[random.integers(0, 50, 3000)] + 0.3 * random.standard_normal((3000, 64))
    ) * scale
    queries = (topics[random.integers(0, 50, 40)] + 0.3 * random.standard_normal((40, 64))) * scale
    index = Hnsw.build(values.astype(np.float32), linked(Metric.COSINE, prefix=16))
    assert index.arrays()["centre"].shape == (16,)
    truth = index.search(queries, 10, EXACT)
    found = index.search(queries, 10, HnswSearch(ef_search=150, rescored=100))
    both = [
        len(set(a) & set(b)) / 10
        for a, b in zip(found.ids.tolist(), truth.ids.tolist(), strict=True)
    ]
    assert np.mean(both) > 0.95


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"storage": "int3"}, "storage is 'int3'"),
        ({"entry": "top"}, "entry is 'top'"),
        ({"insertion": "sorted"}, "insertion is 'sorted'"),
        ({"M": 1}, "M is 1"),
        ({"M": 129}, "M is 129"),
        ({"M": True}, "M is True"),
        ({"ef_construction": 0}, "ef_construction is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"prefix": 0}, "prefix is 0"),
        ({"dimensions": 1.5}, "dimensions is 1.5"),
        ({"storage": "float32", "prefix": 3}, "float32"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        HnswBuild(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ef_search": 0},
        {"ef_search": 1.0},
        {"rescored": 0},
        {"recall": 1.1},
        {"recall": "1"},
        {"recall": 0.9, "ef_search": 9},
    ],
)
def test_searches_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=f"{next(iter(wrong))} is"):
        HnswSearch(**wrong)
