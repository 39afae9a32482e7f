"""Recall targets: measured with care, chosen with care, reached by a real index."""

from functools import cache

import numpy as np
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from indexes.bitmap import Bitmap
from indexes.errors import CorruptIndex, InvalidInput
from indexes.hits import Hits
from indexes.inverted import Inverted, InvertedBuild, InvertedSearch, Saturation
from indexes.inverted import index as inverted_index
from indexes.inverted.cutting import FEW, HALF, POWER_MAX, as_queries
from indexes.operating_point import KS, QUERIES_MIN, TARGETS, OperatingPoints, evenly
from indexes.strings import Strings
from indexes.vectors import SparseVectors

N_DOCUMENTS, N_TERMS, N_TOPICS = 20_000, 1_500, 60

shares = st.lists(
    st.lists(st.floats(0, 1, width=32), min_size=2 * len(KS), max_size=2 * len(KS)), max_size=5
)
targets = st.floats(0, 1)


def points(values) -> OperatingPoints[int]:
    recalls = np.array(values, np.float32).reshape(len(values), len(KS), 2)
    return OperatingPoints.stored(tuple(range(len(values))), recalls)


@cache
def collection() -> tuple[SparseVectors, SparseVectors]:
    """Return documents and 300 queries about the same topics, with weights of a byte."""
    random = np.random.default_rng(5)
    topics = random.permuted(np.tile(np.arange(N_TERMS), (N_TOPICS, 1)), axis=1)
    share = 1 / np.arange(1, N_TERMS + 1)
    share /= share.sum()

    def drawn(n: int, length: int) -> SparseVectors:
        ranks = random.choice(N_TERMS, (n, length), p=share)
        terms = np.sort(topics[random.integers(0, N_TOPICS, n)[:, None], ranks], axis=1)
        first = np.concatenate([np.ones((n, 1), bool), terms[:, 1:] != terms[:, :-1]], axis=1)
        weights = random.geometric(0.03, terms.shape).clip(1, 255)
        names = Strings.of(f"{term:05}".encode() for term in range(N_TERMS))
        offsets = np.concatenate([[0], np.cumsum(first.sum(axis=1))])
        return SparseVectors.of(offsets, terms[first], weights[first], names)

    return drawn(N_DOCUMENTS, 50), drawn(300, 25)


@cache
def built() -> Inverted:
    return Inverted.build(collection()[0])


# ---------------------------------------------------------------------- choosing


@given(values=shares, one=targets, other=targets, k=st.integers(0, 1100), allowed=targets)
def test_a_higher_target_never_gets_a_cheaper_rung(values, one, other, k, allowed):
    made = points(values)
    low, high = (made.rung(t, k, allowed=allowed) for t in sorted((one, other)))
    rungs = [len(values) if rung is None else rung for rung in (low, high)]
    assert rungs == sorted(rungs)
    if low is not None:
        column = next(j for j, most in enumerate(KS) if most >= k / allowed)
        assert np.float32(values[low][2 * column]) >= np.float32(min(one, other))


@pytest.mark.parametrize(
    ("target", "k", "allowed", "expected"),
    [
        (0.9, 10, 1.0, 0),
        (0.9, 11, 1.0, 1),  # harder at 100
        (0.9, 10, 0.5, 1),  # the 10th of half of them is the 20th of all
        (0.9, 1000, 1.0, None),
        (0.93, 10, 1.0, 1),  # the mean is 0.95, but for its error
        (1.0, 1, 1.0, None),
        (0.1, 1001, 1.0, None),
        (0.1, 10, 0.0, None),
        (0.1, 10, 0.009, None),
    ],
)
def test_the_first_rung_that_surely_reaches_the_target(target, k, allowed, expected):
    cheap, dear = [0.95, 0.03, 0.85, 0.01, 0.5, 0.01], [1.0, 0.002, 0.95, 0.01, 0.8, 0.01]
    assert points([cheap, dear]).choose(target, k, allowed=allowed) == expected


def test_what_was_not_measured_is_exact():
    assert OperatingPoints.none().choose(0.0, 1) is None


@pytest.mark.parametrize(
    "recalls",
    [
        np.ones((2, 3, 2), np.float32),
        np.ones((1, 2, 2), np.float32),
        np.ones((1, 3, 2), np.float64),
        np.full((1, 3, 2), np.nan, np.float32),
        np.full((1, 3, 2), 1.5, np.float32),
        np.full((1, 3, 2), -0.5, np.float32),
    ],
)
def test_stored_points_that_cannot_be(recalls):
    with pytest.raises(CorruptIndex):
        OperatingPoints.stored([InvertedSearch(terms=1)], recalls)


# ---------------------------------------------------------------------- measuring


def finding(found: float, *, n_queries: int = 20, own: int = 0):
    """Return a search whose rung finds a share of the exact hits, from the best on."""

    def search(settings, k):
        ids = np.tile(np.arange(k), (n_queries, 1))
        scores = np.tile(np.float32(5000) - np.arange(k, dtype=np.float32), (n_queries, 1))
        if settings is not None:
            lost = int(own > 0) + round(found * (k - own))
            scores[:, lost:] = 1.0
        return Hits(ids, scores)

    return search


@pytest.mark.parametrize("found", [0.0, 0.5, 0.9, 1.0])
def test_recall_is_the_mean_share_of_the_exact_hits(found):
    made = OperatingPoints.measured(finding(found), ["rung"])
    np.testing.assert_allclose(made.recalls[0, :, 0], found)
    np.testing.assert_allclose(made.recalls[0, :, 1], [1 / (20 * k) for k in KS])


def test_a_document_is_no_hit_of_itself():
    """It comes first in every search; without it, exactly half of the others are found."""
    own = np.zeros(20, np.int64)
    made = OperatingPoints.measured(finding(0.5, own=1), ["rung"], own=own)
    np.testing.assert_allclose(made.recalls[0, :, 0], 0.5)


def test_another_document_of_the_same_score_counts():
    def search(settings, k):
        ids = np.tile(np.arange(k) + (0 if settings is None else 5000), (20, 1))
        return Hits(ids, np.ones((20, k), np.float32))

    assert (OperatingPoints.measured(search, ["rung"]).recalls[0, :, 0] == 1).all()


def test_the_error_of_few_queries_is_larger():
    random = np.random.default_rng(0)
    lost = random.random((400, KS[-1])) < 0.1

    def search(n):
        def of(settings, k):
            scores = np.tile(np.float32(5000) - np.arange(k, dtype=np.float32), (n, 1))
            if settings is not None:
                scores[lost[:n, :k]] = 0
            return Hits(np.zeros((n, k), np.int64), scores)

        return of

    few, many = (OperatingPoints.measured(search(n), ["rung"]).recalls[0] for n in (20, 400))
    assert (few[:, 1] > 2 * many[:, 1]).all()
    np.testing.assert_allclose(many[:, 0], 0.9, atol=0.01)


def test_queries_without_hits_say_nothing():
    def search(settings, k):
        hits = finding(0.5, n_queries=30)(settings, k)
        hits.scores[QUERIES_MIN:] = -np.inf
        return hits

    made = OperatingPoints.measured(search, ["rung"])
    np.testing.assert_allclose(made.recalls[0, :, 0], 0.5)
    with pytest.raises(InvalidInput, match="15 queries with hits say little"):
        OperatingPoints.measured(finding(1.0, n_queries=15), ["rung"])


def test_samples_are_spread_over_all_documents():
    assert evenly(0).tolist() == []
    assert evenly(3).tolist() == [0, 1, 2]
    assert len(evenly(10**6)) == 64
    assert (np.diff(evenly(10**6)) > 15_000).all()


@given(
    rows=strategies.sparse_rows(strategies.real_weights | strategies.whole_weights),
    n=st.integers(1, 4),
)
def test_documents_are_cut_to_their_heaviest_terms(rows, n):
    cut = as_queries(SparseVectors.of_rows(rows), n)
    SparseVectors.from_arrays(cut.arrays())  # it is well formed
    for i, row in enumerate(rows):
        whole = {term: np.float32(weight) for term, weight in row.items()}
        kept = cut.row(i)
        assert len(kept) == min(n, len(whole))
        assert sorted(whole[t] for t in kept) == sorted(whole.values())[len(whole) - len(kept) :]
        if not kept:
            continue
        assert max(kept.values()) == 1
        falling = sorted(kept.values(), reverse=True)
        as_they_are = [w / max(whole.values()) for w in sorted(whole.values())[-len(kept) :]]
        np.testing.assert_allclose(sorted(falling), as_they_are, rtol=1e-6)


def test_weights_are_sharpened_until_few_terms_have_half():
    flat = {f"{i:02}": 100.0 - i for i in range(64)}
    steep = {f"{i:02}": 100.0 * 0.5**i for i in range(30)}
    cut = as_queries(SparseVectors.of_rows([flat, steep, {}]), 32)
    for row, source in enumerate((flat, steep)):
        weights = np.array(sorted(cut.row(row).values(), reverse=True))
        few = weights[:FEW].sum() / weights.sum()
        power = np.log(weights[5]) / np.log(source["05"] / 100)
        assert power == pytest.approx(POWER_MAX if source is flat else 1, rel=1e-3)
        assert few >= HALF or power == pytest.approx(POWER_MAX, rel=1e-3)
    assert cut.row(2) == {}


# ---------------------------------------------------------------------- an index


def found(index: Inverted, k: int, target: float, allowed: Bitmap | None = None) -> float:
    """Return the mean share of the exact hits of real queries that a recall target finds."""
    queries = collection()[1]
    truth = index.search(queries, k, allowed=allowed)
    hits = index.search(queries, k, InvertedSearch(recall=target), allowed=allowed)
    wanted = (truth.ids >= 0).sum(axis=1)
    worst = np.take_along_axis(truth.scores, np.maximum(wanted - 1, 0)[:, None], axis=1)
    reached = ((hits.scores >= worst) & (hits.ids >= 0)).sum(axis=1)
    return float((np.minimum(reached, wanted)[wanted > 0] / wanted[wanted > 0]).mean())


@pytest.mark.compiled
def test_a_large_index_measures_its_shortcuts():
    made = built().points
    assert made.ladder == tuple(built().ladder)
    means = made.recalls[:, :, 0]
    assert (means[0] <= means[-1]).all()
    assert means[-1, 0] >= 0.95
    again = Inverted.build(collection()[0]).arrays()["recalls"]
    np.testing.assert_array_equal(again, made.recalls)


@pytest.mark.compiled
@pytest.mark.parametrize("k", [1, 10, 60, 100])
@pytest.mark.parametrize("target", [0.8, *TARGETS])
def test_targets_are_reached_on_queries_that_were_not_measured(target, k):
    assert found(built(), k, target) >= target


@pytest.mark.compiled
def test_targets_measured_on_queries_are_reached_on_others():
    queries = collection()[1]
    index, report = built().measured(queries.take(np.arange(0, 300, 2)))
    for k in (10, 100):
        for target in TARGETS:
            assert found(index, k, target) >= target - 0.01
    rows = report.rows()
    assert {(row.k, row.target) for row in rows} == {(k, t) for k in KS for t in TARGETS}
    for row in rows:
        assert row.on_documents is not None
        assert row.on_queries is not None
        chosen = row.on_documents if row.chosen_on == "documents" else row.on_queries
        assert chosen >= row.target
    lines = str(report).splitlines()
    assert len(lines) == len(rows) + 1
    assert lines[0].split("  ")[0] == "k"
    assert report.points is index.points


@pytest.mark.compiled
@pytest.mark.parametrize("share", [0.5, 0.05, 0.001])
def test_filters_do_not_take_the_recall(share):
    mask = np.random.default_rng(1).random(N_DOCUMENTS) < share
    assert found(built(), 10, 0.9, Bitmap.of_mask(mask)) >= 0.9


@pytest.mark.compiled
def test_no_document_allowed():
    nothing = Bitmap.of_mask(np.zeros(N_DOCUMENTS, bool))
    hits = built().search(collection()[1], 5, InvertedSearch(recall=0.9), allowed=nothing)
    assert (hits.ids == -1).all()


@pytest.mark.compiled
def test_points_survive_storing():
    queries = collection()[1]
    index, _ = built().measured(queries)
    for one in (built(), index):
        back = Inverted.from_arrays(one.vectors(), one.arrays(), one.settings)
        assert back.points.ladder == one.points.ladder
        np.testing.assert_array_equal(back.points.recalls, one.points.recalls)
        settings = InvertedSearch(recall=0.95)
        left, right = (i.search(queries, 10, settings) for i in (one, back))
        np.testing.assert_array_equal(left.ids, right.ids)
    arrays = dict(built().arrays())
    for damaged in (arrays["recalls"][:-1], arrays["recalls"] + np.float32(2)):
        with pytest.raises(CorruptIndex, match="recalls"):
            Inverted.from_arrays(built().vectors(), arrays | {"recalls": damaged}, built().settings)
    del arrays["recalls"]
    with pytest.raises(CorruptIndex, match="recalls"):
        Inverted.from_arrays(built().vectors(), arrays, built().settings)


@pytest.mark.compiled
def test_a_small_index_is_searched_exactly_until_it_is_measured():
    documents, queries = collection()
    small = Inverted.build(documents.take(np.arange(1000)))
    assert small.arrays()["recalls"].shape == (0, len(KS), 2)
    assert found(small, 10, 0.1) == 1
    index, report = small.measured(queries)
    assert index.points.ladder
    assert {row.chosen_on for row in report.rows()} == {"queries"}
    assert all(row.on_documents in (None, 1.0) for row in report.rows())


def test_documents_that_share_nothing_are_no_sample(monkeypatch):
    monkeypatch.setattr(inverted_index, "MEASURED_FROM", 100)
    alone = Inverted.build(SparseVectors.of_rows([{f"t{i}": 1.0} for i in range(200)]))
    assert alone.points.ladder == ()


def test_bm25_is_exact_at_any_target(monkeypatch):
    monkeypatch.setattr(inverted_index, "MEASURED_FROM", 100)
    documents, queries = collection()
    index = Inverted.build(documents.take(np.arange(500)), InvertedBuild.bm25())
    assert index.points.ladder == ()
    with pytest.raises(InvalidInput, match="k1"):
        index.measured(queries)
    saturation = Saturation(0.9, 0.4, 50.0)
    hits = index.search(queries, 10, InvertedSearch(saturation, recall=0.5))
    exact = index.search(queries, 10, InvertedSearch(saturation))
    np.testing.assert_array_equal(hits.ids, exact.ids)
    np.testing.assert_array_equal(hits.scores, exact.scores)


@pytest.mark.compiled
def test_frequencies_do_not_go_by_what_was_measured_of_impacts():
    queries = collection()[1]
    saturation = Saturation(0.9, 0.4, 50.0)
    hits = built().search(queries, 10, InvertedSearch(saturation, recall=0.5))
    np.testing.assert_array_equal(
        hits.ids, built().search(queries, 10, InvertedSearch(saturation)).ids
    )


@pytest.mark.parametrize(
    "others", [{"blocks": 3}, {"alpha": 0.5}, {"terms": 2}, {"mass": 0.5}, {"rescored": 9}]
)
def test_recall_decides_alone(others):
    with pytest.raises(InvalidInput, match=f"recall is 0.9 and {next(iter(others))} is"):
        InvertedSearch(recall=0.9, **others)


@pytest.mark.compiled
def test_which_settings_are_exact():
    saturation = Saturation(0.9, 0.4, 50.0)
    assert InvertedSearch(recall=1.0).exact
    assert InvertedSearch(saturation, recall=1).exact
    assert not InvertedSearch(recall=0.99).exact
    assert not InvertedSearch(terms=3).exact
    np.testing.assert_array_equal(
        built().search(collection()[1], 10, InvertedSearch(recall=1.0)).ids,
        built().search(collection()[1], 10).ids,
    )


@pytest.mark.parametrize("query_terms", [0, -1, 1.5, None, True])
def test_bad_build_settings(query_terms):
    with pytest.raises(InvalidInput, match="query_terms"):
        InvertedBuild(query_terms=query_terms)
