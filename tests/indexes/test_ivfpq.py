"""IVF-PQ: kernels equal their twins, recall has floors, nothing damaged is trusted."""

from functools import cache
from itertools import product

import ivfpq_reference as reference
import numpy as np
import pytest
from comparison import same
from hypothesis import given, settings
from hypothesis import strategies as st

from indexes.bitmap import Bitmap
from indexes.errors import CorruptIndex, InvalidInput
from indexes.flat import Flat, FlatBuild
from indexes.ivfpq import IvfPq, IvfPqBuild, IvfPqSearch, fastscan, training
from indexes.ivfpq import index as ivfpq_index
from indexes.ivfpq.training import lists_of
from indexes.jit import kernel
from indexes.metric import Metric
from indexes.vectors import DenseVectors

DIMENSION, EXACT = 24, IvfPqSearch(nprobe=None)
LADDER = ivfpq_index.LADDER


@pytest.fixture(autouse=True)
def _lists_are_used(monkeypatch) -> None:
    """Let small collections have lists, and searches use them."""
    monkeypatch.setattr(ivfpq_index, "LEARNED_FROM", 100)
    monkeypatch.setattr(ivfpq_index, "ROW_NS", 10**9)
    monkeypatch.setattr(ivfpq_index, "LADDER", LADDER[:1])


@cache
def clustered(n: int, seed: int, dimension: int = DIMENSION) -> np.ndarray:
    """Vectors around as many centres as one in thirty, in directions of falling variance."""
    random = np.random.default_rng(seed)
    spread = 1 / np.sqrt(1 + np.arange(dimension))
    centres = np.random.default_rng(9).standard_normal((max(1, n // 30), dimension)) * spread
    chosen = centres[random.integers(0, len(centres), n)]
    values = chosen + 0.6 * spread * random.standard_normal((n, dimension))
    return values.astype(np.float32)


@cache
def built(metric: Metric, rotation: str, n: int = 400, groups: int = 8, **more: int) -> IvfPq:
    values = clustered(n, 1).copy()
    values[::97] = 0
    return IvfPq.build(values, IvfPqBuild(metric, rotation=rotation, groups=groups, **more))


# ---------------------------------------------------------------------- kernels


@kernel
def _scanned(codes, place, table, n_bytes, least, sums):
    return fastscan.scan(codes, place, table, n_bytes, least, sums)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 1500), st.integers(0, 3))
def test_a_block_is_scanned_as_said(seed: int, turns: int, least: int, before: int) -> None:
    random, groups = np.random.default_rng(seed), turns * fastscan.GROUPS
    codes = random.integers(0, 256, (before + groups, 16)).astype(np.uint8)
    table = random.integers(0, fastscan.NUMBER_MAX + 1, (groups, 16)).astype(np.uint8)
    expected = reference.scan(codes[before:], table)
    for scan in (_scanned, fastscan._plain_scan):
        sums = np.full(32, -1, np.int32)
        found = scan(codes.reshape(-1), before * 16, table.reshape(-1), groups * 16, least, sums)
        assert sums.tolist() == expected
        assert found == sum(1 << i for i, total in enumerate(expected) if total >= least)


def test_the_largest_sums_are_whole() -> None:
    for groups in (256, 512, 4096):
        most = min(fastscan.NUMBER_MAX, fastscan.SUM_MAX // groups)
        table = np.full(groups * 16, most, np.uint8)
        codes, sums = np.full(groups * 16, 255, np.uint8), np.empty(32, np.int32)
        assert _scanned(codes, 0, table, groups * 16, groups * most, sums) == 2**32 - 1
        assert _scanned(codes, 0, table, groups * 16, groups * most + 1, sums) == 0
        assert set(sums.tolist()) == {groups * most}


@pytest.mark.parametrize(("metric", "rotation"), list(product(Metric, ("none", "pca", "opq"))))
def test_lists_and_codes_are_what_the_codebooks_say(metric: Metric, rotation: str) -> None:
    index = built(metric, rotation)
    arrays, values = index.arrays(), index.vectors().values
    for number in range(0, len(arrays["offsets"]) - 1, 3):
        ordinals = arrays["ordinals"][slice(*arrays["offsets"][number : number + 2])]
        codes = reference.stored_codes(arrays, number)
        for ordinal, own in zip(ordinals[:20], codes, strict=False):
            near = reference.nearness(index.codebooks, values[ordinal], DIMENSION, metric)
            assert int(np.argmax(near)) == number
            vector = values[ordinal]
            if metric == Metric.COSINE and vector.any():
                norm = np.float32(np.sqrt((vector.astype(np.float64) ** 2).sum()))
                vector = vector * (np.float32(1) / norm)
            assert own.tolist() == reference.codes(index.codebooks, vector)


@settings(max_examples=40)
@given(
    st.sampled_from(list(Metric)), st.sampled_from(["none", "pca", "opq"]), st.integers(1, 40),
    st.integers(1, 60), st.integers(1, 50), st.integers(0, 99), st.sampled_from([0, 1, 3, 40]),
)  # fmt: skip
def test_a_search_is_its_twin(metric, rotation, nprobe, rescored, k, seed, filtered) -> None:
    index, rescored = built(metric, rotation), max(rescored, k)
    query = clustered(100, 2)[seed] if seed else np.zeros(DIMENSION, np.float32)
    mask = np.arange(len(index)) % filtered == 0 if filtered else None
    allowed = None if mask is None else Bitmap.of_mask(mask)
    found = index.search(query, k, IvfPqSearch(nprobe=nprobe, rescored=rescored), allowed=allowed)
    expected = reference.search(index, query, k, nprobe, rescored, mask)
    hits = list(zip(found.ids[0].tolist(), found.scores[0], strict=True))
    assert [hit for hit in hits if hit[0] >= 0] == expected


# ---------------------------------------------------------------------- what is found


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("metric", "rotation", "more"),
    [
        *((metric, rotation, {}) for metric, rotation in product(Metric, ("none", "pca", "opq"))),
        (Metric.COSINE, "none", {"prefix": 12}),
        (Metric.COSINE, "none", {"nlist": 24, "seed": 3}),
    ],
)
def test_most_of_the_best_are_found(metric: Metric, rotation: str, more: dict) -> None:
    index = built(metric, rotation, n=6000, groups=16, **more)
    queries, nlist = clustered(200, 3), len(index.codebooks.scales)
    truth = Flat.build(index.vectors(), FlatBuild(metric)).search(queries, 10)
    same(truth, index.search(queries, 10, EXACT))
    for share, floor in ((1, 0.99), (0.5, 0.97), (0.2, 0.9)):
        asked = IvfPqSearch(nprobe=max(1, int(share * nlist)), rescored=200)
        hits = index.search(queries, 10, asked)
        np.testing.assert_array_equal(hits.scores, index.score(queries, hits.ids))
        assert (hits.scores >= truth.scores[:, -1:]).mean() > floor


@pytest.mark.compiled
@pytest.mark.parametrize("rotation", ["none", "pca"])
def test_as_many_as_match_are_found(rotation: str) -> None:
    index = built(Metric.COSINE, rotation)
    queries = clustered(20, 4)
    for step, k in product((1, 7, 50, 199), (1, 10, 40, 450)):
        mask = np.arange(len(index)) % step == 0
        hits = index.search(queries, k, IvfPqSearch(nprobe=1), allowed=Bitmap.of_mask(mask))
        assert (hits.counts() == min(k, mask.sum())).all()
        assert mask[hits.ids[hits.ids >= 0]].all()


@pytest.mark.compiled
def test_few_that_match_are_scored_exactly(monkeypatch) -> None:
    monkeypatch.setattr(ivfpq_index, "ROW_NS", 80)
    index = built(Metric.EUCLIDEAN, "none")
    allowed = Bitmap.of_mask(np.arange(len(index)) % 20 == 0)
    given = index.search(clustered(20, 4), 5, IvfPqSearch(nprobe=1), allowed=allowed)
    same(given, index.search(clustered(20, 4), 5, EXACT, allowed=allowed))


@pytest.mark.compiled
def test_recall_targets_are_reached(monkeypatch) -> None:
    monkeypatch.setattr(ivfpq_index, "LADDER", LADDER)
    index = IvfPq.build(clustered(6000, 1), IvfPqBuild(Metric.COSINE))
    queries = clustered(200, 3)
    truth = index.search(queries, 10, EXACT)
    assert index.points.ladder == tuple(index.ladder)
    for target in (0.8, 0.9, 0.95):
        hits = index.search(queries, 10, IvfPqSearch(recall=target))
        assert (hits.scores >= truth.scores[:, -1:]).mean() > target - 0.03
    same(index.search(queries, 10, IvfPqSearch(recall=1.0)), truth)
    better, report = index.measured(queries)
    assert better.points.ladder == tuple(index.ladder)
    for row in report.rows():
        assert (
            row.settings is None
            or (row.on_queries or 0) >= row.target
            or row.chosen_on != "queries"
        )
    same(
        better.search(queries, 10, IvfPqSearch(nprobe=3)), index.search(queries, 10, IvfPqSearch(3))
    )


@pytest.mark.compiled
def test_codebooks_are_shared() -> None:
    build = IvfPqBuild(Metric.COSINE, groups=8, nlist=12)
    books = IvfPq.learned(clustered(1500, 1), build)
    parts = [DenseVectors.of(clustered(700, seed)) for seed in (5, 6)]
    indexes = [IvfPq.build(part, build, codebooks=books) for part in parts]
    for index, part in zip(indexes, parts, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(index.codebooks, books, strict=True))
        truth = index.search(clustered(50, 3), 10, EXACT)
        hits = index.search(clustered(50, 3), 10, IvfPqSearch(nprobe=6))
        assert (hits.scores >= truth.scores[:, -1:]).mean() > 0.9
        same(truth, Flat.build(part, FlatBuild(Metric.COSINE)).search(clustered(50, 3), 10))
    for wrong in (
        IvfPqBuild(groups=16),
        IvfPqBuild(groups=8, rotation="pca"),
        IvfPqBuild(prefix=2),
    ):
        if wrong.prefix is None:
            with pytest.raises(InvalidInput, match="codebooks do not fit"):
                IvfPq.build(parts[0], wrong, codebooks=books)
    with pytest.raises(InvalidInput, match="codebooks do not fit"):
        IvfPq.build(clustered(700, 5, 80), build, codebooks=books)


def test_vectors_from_all_over_are_learned_from(monkeypatch) -> None:
    monkeypatch.setattr(training, "CODEWORD_SAMPLE", 200)
    values = clustered(400, 1).copy()
    values[200:] += 10  # nothing like the first ones
    build = IvfPqBuild(Metric.EUCLIDEAN, sampled=300)
    words = IvfPq.learned(values, build).codewords.reshape(-1)
    assert 0.3 < (words > 5).sum() / (DIMENSION * 16) < 0.7


@pytest.mark.compiled
def test_the_same_vectors_give_the_same_index() -> None:
    for rotation in ("none", "opq"):
        first, again = (
            IvfPq.build(clustered(1500, 1), IvfPqBuild(rotation=rotation, seed=4)).arrays()
            for _ in range(2)
        )
        assert all(np.array_equal(first[name], again[name]) for name in first)
    other = IvfPq.build(clustered(1500, 1), IvfPqBuild(seed=5)).arrays()
    assert not np.array_equal(other["centroids"], first["centroids"])


def test_few_vectors_are_searched_exactly(monkeypatch) -> None:
    monkeypatch.setattr(ivfpq_index, "LEARNED_FROM", 2000)
    index = IvfPq.build(clustered(1500, 1))
    assert len(index.codebooks.scales) == len(index.points.ladder) == 0
    queries = clustered(20, 4)
    for asked in (IvfPqSearch(nprobe=1, rescored=1), IvfPqSearch(recall=0.5), EXACT):
        same(index.search(queries, 7, asked), Flat.build(index.vectors()).search(queries, 7))


@pytest.mark.compiled
@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("size", [1e-30, 1e-20, 1e20, 3e38])
def test_numbers_at_the_edge_of_float32_are_answered(metric: Metric, size: float) -> None:
    values = clustered(1500, 1) / np.abs(clustered(1500, 1)).max() * np.float32(size)
    index = IvfPq.build(values, IvfPqBuild(metric))
    hits = index.search(values[:20], 3, IvfPqSearch(nprobe=4))
    assert (hits.ids >= 0).all()
    scores = index.score(values[:20], hits.ids)
    np.testing.assert_array_equal(hits.scores, scores)


@pytest.mark.compiled
def test_equal_vectors_are_answered() -> None:
    index = IvfPq.build(np.ones((500, 5), np.float32), IvfPqBuild(Metric.COSINE))
    hits = index.search(np.ones(5), 6, IvfPqSearch(nprobe=2))
    assert (hits.scores == 1).all()
    assert len(set(hits.ids[0].tolist())) == 6


# ---------------------------------------------------------------------- settings and storage


def test_lists_have_enough_to_learn_from() -> None:
    assert [lists_of(n, IvfPqBuild()) for n in (1, 5_000, 60_000, 10**6, 10**9)] == [
        1, 128, 512, 2048, 2048
    ]  # fmt: skip
    assert lists_of(10**6, IvfPqBuild(sampled=50_000)) == 1024
    assert lists_of(100, IvfPqBuild(nlist=50)) == 50


@pytest.mark.parametrize(
    "wrong",
    [
        {"nlist": 0}, {"nlist": 1.5}, {"groups": 0}, {"groups": 10**5}, {"prefix": True},
        {"sampled": 0}, {"seed": -1}, {"rotation": "svd"},
    ],
)  # fmt: skip
def test_build_settings_are_checked(wrong: dict) -> None:
    with pytest.raises(InvalidInput, match=f"{next(iter(wrong))} is"):
        IvfPqBuild(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"nprobe": 0}, {"nprobe": "4"}, {"rescored": 0}, {"recall": 1.1}, {"recall": True}],
)
def test_search_settings_are_checked(wrong: dict) -> None:
    with pytest.raises(InvalidInput, match=f"{next(iter(wrong))} is"):
        IvfPqSearch(**wrong)


def reopened(index: IvfPq, **changed) -> IvfPq:
    return IvfPq.from_arrays(index.vectors(), index.arrays() | changed, index.settings)


@pytest.mark.parametrize("rotation", ["none", "pca", "opq"])
def test_what_is_opened_answers_the_same(rotation: str) -> None:
    index = built(Metric.EUCLIDEAN, rotation)
    again, queries = reopened(index), clustered(20, 4)
    for asked in (IvfPqSearch(), IvfPqSearch(nprobe=2), IvfPqSearch(recall=0.9), EXACT):
        same(again.search(queries, 9, asked), index.search(queries, 9, asked))


def test_lies_about_lists_are_refused() -> None:
    index = built(Metric.COSINE, "none")
    arrays = index.arrays()
    offsets, ordinals = arrays["offsets"], arrays["ordinals"]
    twice, moved, longer = ordinals.copy(), ordinals.copy(), offsets.copy()
    twice[0] = twice[-1]
    moved[:2] = moved[1::-1]
    longer[1:-1] += 1
    longer[1:-1] = np.minimum(longer[1:-1], len(index))
    books = arrays["codewords"]
    lies = {
        "a document twice": {"ordinals": twice},
        "documents that do not rise": {"ordinals": moved},
        "another block layout": {"offsets": np.linspace(0, len(index), len(offsets)).astype(int)},
        "fewer lists": {"offsets": offsets[[0, -1]]},
        "no list": {name: arrays[name][:0] for name in ("centroids", "scales")},
        "fewer groups": {"codewords": books[:, :, :-1]},
        "wider groups": {"codewords": np.concatenate([books, books], axis=1)},
        "a rotation": {"rotation": np.eye(DIMENSION, dtype=np.float32)},
        "a negative scale": {"scales": -arrays["scales"]},
        "an infinite scale": {"scales": arrays["scales"] * np.float32(np.inf)},
        "NaN": {"codewords": books * np.float32(np.nan)},
        "codes cut": {"codes": arrays["codes"][:-16]},
        "recalls of another ladder": {"recalls": arrays["recalls"][:-1]},
    }
    believed = []
    for what, changed in lies.items():
        try:
            reopened(index, **changed)
            believed.append(what)
        except CorruptIndex:
            continue
    assert believed == []
