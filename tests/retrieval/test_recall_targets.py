"""Recall targets of a collection: measured over all segments, kept by commits, lost with the index.

Documents and queries are numbers in words: the encoder returns vectors that were made before.
"""

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

import retrieval as rt
from indexes.inverted import Saturation
from indexes.inverted import index as inverted_index
from indexes.operating_point import KS, TARGETS
from indexes.vectors import SparseVectors
from retrieval.errors import CorruptIndex, FormatTooNew, InvalidInput, UnknownName
from retrieval.measuring import KEY
from retrieval.store import manifest as manifests

N, N_QUERIES, N_TERMS = 3_000, 60, 400

TEXTS = [f"d{i}" for i in range(N)]
QUERIES = {f"q{i}": f"q{i}" for i in range(N_QUERIES)}


@cache
def rows() -> SparseVectors:
    """Return vectors of N documents, then of the queries, each about one of 20 topics."""
    random = np.random.default_rng(7)
    topics = random.permuted(np.tile(np.arange(N_TERMS), (20, 1)), axis=1)
    share = 1 / np.arange(1, N_TERMS + 1)
    ranks = random.choice(N_TERMS, (N + N_QUERIES, 30), p=share / share.sum())
    chosen = topics[random.integers(0, 20, len(ranks))[:, None], ranks]
    weights = random.geometric(0.03, chosen.shape).clip(1, 255)
    return SparseVectors.of_rows(
        dict(zip((f"{t:03}" for t in terms), w, strict=True))
        for terms, w in zip(chosen.tolist(), weights.tolist(), strict=True)
    )


class Made:
    """A learned-sparse encoder."""

    kind: Literal["sparse"] = "sparse"
    fingerprint = "made"

    def encode_documents(self, texts: Sequence[str]) -> SparseVectors:
        numbers = [int(text[1:]) + (N if text[0] == "q" else 0) for text in texts]
        return rows().take(np.array(numbers, np.int64))

    encode_queries = encode_documents


class Rare(Made):
    """Documents that share no term: they cannot stand in for queries."""

    def encode_documents(self, texts: Sequence[str]) -> SparseVectors:
        return SparseVectors.of_rows([{text: 1.0} for text in texts])

    encode_queries = encode_documents


def documents(texts: Sequence[str]) -> list[rt.Document]:
    return [rt.Document(text, text, "", {"odd": int(text[1:]) % 2}) for text in texts]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a collection of two segments, with deleted documents in both."""
    place = tmp_path_factory.mktemp("recall") / "c.idx"
    with rt.create(place, {"made": Made(), "bm25": "bm25"}) as collection:
        collection.add(documents(TEXTS[:2500]))
    with rt.open(place, encoders={"made": Made()}) as collection:
        collection.add(documents(TEXTS[2500:]))
    with rt.open(place, encoders={"made": Made()}) as collection:
        collection.delete(TEXTS[100:200] + TEXTS[2600:2650])
    assert len(collection.snapshot.segments) == 2
    return place


@pytest.fixture
def collection(template: Path, tmp_path: Path) -> rt.Collection:
    return opened(Path(shutil.copytree(template, tmp_path / "c.idx")))


def opened(place: Path) -> rt.Collection:
    return rt.open(place, encoders={"made": Made()})


def found(collection: rt.Collection, target: float, k: int = 10, **how: str) -> float:
    """Return the share of the exact hits found, over all queries."""
    exact = collection.retriever("made").run(QUERIES, k, **how)
    run = collection.retriever("made", rt.InvertedSearch(recall=target)).run(QUERIES, k, **how)
    shares = [sum(score >= exact[q][-1][1] for _, score in run[q]) / len(exact[q]) for q in QUERIES]
    return float(np.mean(np.minimum(shares, 1)))


def recorded(collection: rt.Collection) -> list[str]:
    return sorted(collection.settings.get("measured", {}))


def test_what_is_measured_on_queries_is_used_after_the_commit(collection: rt.Collection) -> None:
    report = collection.measure("made", QUERIES)
    assert recorded(collection) == []
    collection.commit()
    again = opened(collection.path)
    assert recorded(again) == ["made"]
    first = report.rows()[0]
    assert [(row.k, row.target) for row in report.rows()][::2] == [
        (k, target) for k in KS for target in TARGETS
    ]
    assert first.on_documents is not None
    assert first.on_queries is not None
    for row in report.rows():
        if row.chosen_on == "queries" and row.k < 1000:
            reached = found(again, row.target, row.k)
            assert reached >= row.target
            assert reached == pytest.approx(row.on_queries, abs=1e-6)
    assert "on queries" in str(report)
    assert again.verify().ok


def test_texts_and_vectors_are_queries_too(collection: rt.Collection) -> None:
    by_id = collection.measure("made", QUERIES)
    texts = collection.measure("made", list(QUERIES))
    vectors = collection.measure("made", Made().encode_queries(list(QUERIES)))
    for other in (texts, vectors):
        np.testing.assert_array_equal(by_id.queries.recalls, other.queries.recalls)
    collection.rollback()
    assert recorded(collection) == []


def test_documents_stand_in_for_queries(collection: rt.Collection) -> None:
    report = collection.measure("made")
    assert {row.chosen_on for row in report.rows()} == {"documents"}
    assert {row.on_queries for row in report.rows()} <= {None, 1.0}
    collection.commit()
    assert recorded(collection) == ["made"]
    for target in (0.8, 0.95):
        assert found(collection, target) >= target


def test_filters_and_parents_reach_the_target_too(collection: rt.Collection) -> None:
    collection.measure("made", QUERIES)
    collection.commit()
    assert found(collection, 0.95, filter="odd == 1") >= 0.95
    assert found(collection, 0.95, per="parent") >= 0.95


def test_without_a_measure_every_index_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inverted_index, "MEASURED_FROM", 500)
    with rt.create(tmp_path / "c.idx", {"made": Made()}) as collection:
        collection.add(documents(TEXTS[:2500]))
    collection.add(documents(TEXTS[2500:2600]))  # too few to be measured: searched exactly
    collection.commit()
    again = opened(collection.path)
    rungs = [len(s.index("made").arrays()["recalls"]) for s in again.snapshot.segments]
    assert rungs == [len(again.snapshot.segments[0].index("made").ladder), 0]  # type: ignore[union-attr]
    assert again.verify().ok
    assert found(again, 0.9) >= 0.9
    assert found(again, 1.0) == 1


def test_changes_keep_what_was_measured_and_rebuilding_loses_it(
    collection: rt.Collection, tmp_path: Path
) -> None:
    collection.measure("made")
    collection.commit()
    collection.add(documents(["d100"]))
    collection.commit()
    assert recorded(collection) == ["made"]
    collection.compact()
    assert recorded(collection) == ["made"]
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "d5.txt").write_text("d5")
    recipe = rt.Recipe(sources=[str(tmp_path / "source")], representations={"made": Made()})
    rebuilt = rt.index(recipe, collection.path, rebuild=True)
    assert recorded(rebuilt) == []


def test_dropping_a_representation_loses_what_was_measured(collection: rt.Collection) -> None:
    collection.measure("made")
    collection.commit()
    collection.drop_representation("made")
    collection.commit()
    collection.add_representation("made", Made())
    collection.commit()
    assert recorded(collection) == []
    assert found(collection, 0.5) == 1


def test_systems_with_a_target_have_names(tmp_path: Path) -> None:
    recipe = {
        "fast": {"retrieve": "made", "settings": {"recall": 0.9}},
        "short": {"retrieve": "bm25", "settings": {"terms": 1}},
        "plain": {"retrieve": "bm25", "settings": {"k1": 1.2}},
    }
    place = tmp_path / "source"
    place.mkdir()
    for text in TEXTS[:40]:
        (place / f"{text}.txt").write_text(text)
    made = rt.index(
        rt.Recipe(sources=[str(place)], representations={"made": Made(), "bm25": "bm25"},
                  systems=recipe),
        tmp_path / "c.idx",
    )  # fmt: skip
    made.measure("made", [*QUERIES])
    made.commit()
    assert made.search("q1", system="fast") == made.search("q1", system="made")
    assert [hit.docno for hit in made.search("d7 d8", 1, system="short")] == ["d7.txt"]
    assert len(made.search("d7 d8", system="plain")) == 2
    with pytest.raises(InvalidInput, match="InvertedSearch has no setting 'k1'"):
        rt.Recipe(
            representations=["bm25"],
            systems={"x": {"retrieve": "bm25", "settings": {"k1": 1, "terms": 2}}},
        )


def test_bm25_is_saturated_whatever_else_is_asked_for(collection: rt.Collection) -> None:
    exact = collection.search("d7 d8", system="bm25")
    assert len(exact) == 2
    for settings in (
        rt.InvertedSearch(),
        rt.InvertedSearch(recall=0.5),
        rt.InvertedSearch(mass=1.0, rescored=10),
    ):
        hits = collection.retriever("bm25", settings).search("d7 d8")
        assert [(hit.docno, hit.score) for hit in hits] == [(h.docno, h.score) for h in exact]
    own = rt.InvertedSearch(Saturation(0.0, 0.0, 1.0))
    assert collection.retriever("bm25", own).search("d7 d8")[0].score > exact[0].score


@pytest.mark.parametrize(
    ("name", "queries", "error", "said"),
    [
        ("bm25", QUERIES, InvalidInput, "its searches are exact"),
        ("nothing", QUERIES, UnknownName, "nothing"),
        ("made", "q1", InvalidInput, "1 queries with hits"),
        ("made", ["q1"] * 15, InvalidInput, "15 queries with hits"),
        ("made", {}, InvalidInput, "0 queries with hits"),
        ("made", 5, InvalidInput, "no text"),
        ("made", np.ones((20, 4), np.float32), InvalidInput, "SparseVectors"),
    ],
)
def test_what_cannot_be_measured(
    collection: rt.Collection, name: str, queries: object, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        collection.measure(name, queries)
    collection.commit()
    assert recorded(collection) == []


def test_documents_that_share_nothing_cannot_stand_in(tmp_path: Path) -> None:
    collection = rt.create(tmp_path / "c.idx", {"rare": Rare()})
    with pytest.raises(InvalidInput, match="no documents"):
        collection.measure("rare")
    collection.add(documents(TEXTS[:100]))
    collection.commit()
    with pytest.raises(InvalidInput, match="0 queries with hits"):
        collection.measure("rare")
    report = collection.measure("rare", TEXTS[:20])
    assert {row.on_documents for row in report.rows()} <= {None, 1.0}
    assert collection.representations == ("rare",)


@pytest.mark.parametrize(
    "said",
    [
        5,
        {},
        {"ladder": [], "recalls": [], "more": 1},
        {"ladder": [{"terms": 0}], "recalls": [[[1, 0]] * 3]},
        {"ladder": [{"nothing": 1}], "recalls": [[[1, 0]] * 3]},
        {"ladder": [5], "recalls": [[[1, 0]] * 3]},
        {"ladder": [{"terms": 3}], "recalls": [[[1, 0]] * 2]},
        {"ladder": [{"terms": 3}], "recalls": [[[1, 0]] * 3] * 2},
        {"ladder": [{"terms": 3}], "recalls": [[[2, 0]] * 3]},
        {"ladder": [{"terms": 3}], "recalls": [[[1], [1, 2], []]]},
        {"ladder": [{"terms": 3}], "recalls": "all"},
    ],
)
def test_a_manifest_that_lies(collection: rt.Collection, said: object) -> None:
    with collection:
        settings = {**collection.settings, KEY: {"made": said}}
        collection.writer().configure(settings)
    again = opened(collection.path)
    with pytest.raises(CorruptIndex, match="measured"):
        again.retriever("made", rt.InvertedSearch(recall=0.9)).search("q1")
    assert again.search("q1", system="made")
    again.measure("made")
    again.commit()
    assert again.retriever("made", rt.InvertedSearch(recall=0.9)).search("q1")


def test_a_release_that_does_not_know_it_says_so(
    collection: rt.Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.measure("made")
    collection.commit()
    monkeypatch.setattr(
        manifests, "SETTINGS", {k: v for k, v in manifests.SETTINGS.items() if k != "measured"}
    )
    with pytest.raises(FormatTooNew, match="measured"):
        opened(collection.path)
