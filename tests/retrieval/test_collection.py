"""What a collection promises beyond equivalence: errors, names, swaps, snapshots, vectors."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from encoding import WordSums

import retrieval as rt
from retrieval.errors import (
    DuplicateDocument,
    EncoderUnavailable,
    FormatUnknown,
    InvalidDocument,
    InvalidInput,
    Locked,
    RecipeMismatch,
    UnknownName,
)
from retrieval.pipeline import QueryBatch
from retrieval.store import manifest as manifests
from retrieval.store.files import DiskFolder

DOCUMENTS = [
    rt.Document("one", "a red door", "Doors", {"colour": "red", "n": 1}),
    rt.Document("two", "a blue door and a blue wall"),
    rt.Document("three", "grüne Türen", metadata={"tags": ["x", "ÿ"]}),
]


@pytest.fixture
def collection(tmp_path: Path) -> rt.Collection:
    made = rt.create(tmp_path / "c.idx", {"bm25": "bm25", "words": WordSums()})
    with made:
        made.add(DOCUMENTS)
    return made


def test_documents_come_back_whole(collection: rt.Collection) -> None:
    assert [collection[docno] for docno in collection] == DOCUMENTS
    assert "one" in collection
    assert "four" not in collection
    with pytest.raises(UnknownName, match="no document 'four'"):
        collection["four"]


def test_changes_are_seen_after_commit(collection: rt.Collection) -> None:
    collection.add([rt.Document("four", "zebra")])
    assert collection.search("zebra", system="bm25") == []
    generation = collection.generation
    assert collection.commit() == generation + 1
    assert [hit.docno for hit in collection.search("zebra", system="bm25")] == ["four"]
    assert collection.commit() == generation + 1  # nothing to commit


def test_rollback_and_a_failed_with_block_change_nothing(collection: rt.Collection) -> None:
    collection.delete("one")
    collection.rollback()
    with pytest.raises(ZeroDivisionError), collection:  # noqa: PT012
        collection.delete("two")
        raise ZeroDivisionError
    collection.commit()
    assert len(collection) == 3


def test_adding_twice_is_an_error_that_adds_nothing(collection: rt.Collection) -> None:
    with pytest.raises(DuplicateDocument, match=r"'one' is in .*: use update"):
        collection.add([rt.Document("new", "x"), rt.Document("one", "y")])
    with pytest.raises(DuplicateDocument, match="'new' is given twice"):
        collection.add([rt.Document("new", "x"), rt.Document("new", "y")])
    collection.commit()
    assert list(collection) == ["one", "two", "three"]


def test_update_moves_a_document_to_the_end(collection: rt.Collection) -> None:
    collection.update([rt.Document("one", "a red door")])
    collection.commit()
    assert list(collection) == ["two", "three", "one"]


def test_deleting_what_is_not_there_deletes_nothing(collection: rt.Collection) -> None:
    with pytest.raises(UnknownName, match=r"'nope'.*nothing deleted"):
        collection.delete(["one", "nope"])
    collection.commit()
    assert len(collection) == 3


@pytest.mark.parametrize(
    ("docno", "text", "metadata"),
    [("", "x", {}), ("d" * 600, "x", {}), ("d", "\ud800", {}), ("d", 3, {})],
)
def test_documents_that_cannot_be_stored_are_refused(
    docno: str, text: str, metadata: dict[str, object]
) -> None:
    with pytest.raises(InvalidDocument):
        rt.Document(docno, text, metadata=metadata)


def test_metadata_that_is_no_json_is_refused() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (float("nan"), {1, 2}, object(), deep):
        with pytest.raises(InvalidDocument, match="metadata of 'bad'"):
            rt.Document("bad", "x", metadata={"v": value})
    with pytest.raises(InvalidDocument, match="pass a mapping"):
        rt.Document("bad", "x", metadata=["v"])  # type: ignore[arg-type]


def test_unknown_names_suggest_the_nearest(collection: rt.Collection) -> None:
    with pytest.raises(UnknownName, match="did you mean 'bm25'"):
        collection.search("x", system="bm24")
    with pytest.raises(UnknownName, match="known: bm25, words"):
        collection.retriever("zzz")


def test_the_default_system_fuses_every_representation(collection: rt.Collection) -> None:
    bm25, words = collection.retriever("bm25"), collection.retriever("words")
    fused = rt.rrf(bm25, words)
    hits = collection.search("blue door")
    assert [(h.docno, h.score) for h in hits] == [
        (h.docno, h.score) for h in fused.search("blue door")
    ]
    ranks = [{h.docno: h.rank for h in s.search("blue door", 100)} for s in (bm25, words)]
    for hit in hits:
        expected = sum(1 / (60 + r[hit.docno]) for r in ranks if hit.docno in r)
        assert hit.score == np.float32(expected)


def test_a_query_vector_is_accepted_where_a_text_is(collection: rt.Collection) -> None:
    vector = WordSums().encode_queries(["blue door"]).values
    text = collection.search("blue door", system="words")
    assert [h.docno for h in collection.search(vector[0])] == [h.docno for h in text]
    assert [h.docno for h in collection.search(vector)[0]] == [h.docno for h in text]
    sparse = rt.SparseVectors.of_rows([{"blue": 1.0}, {}, {"unseen": 2.0}])
    found = collection.search(sparse)
    assert [[h.docno for h in hits] for hits in found] == [["two"], [], []]
    with pytest.raises(InvalidInput, match="name one representation"):
        collection.search(vector, system="hybrid")
    with pytest.raises(InvalidInput, match="name the system the vectors are for"):
        collection.search(sparse, system="words")
    with pytest.raises(InvalidInput, match="dimension"):
        collection.search(np.zeros(7))
    with pytest.raises(InvalidInput, match="NaN"):
        collection.search(np.full(4, np.nan))


def test_lists_of_queries_keep_their_order_and_their_empty_answers(
    collection: rt.Collection,
) -> None:
    found = collection.search(["blue", "", "unseen", "red"], system="bm25")
    assert [[hit.docno for hit in hits] for hits in found] == [["two"], [], [], ["one"]]
    assert collection.search([]) == []


@pytest.mark.parametrize("k", [-1, 1.5, True, None, 10**9])
def test_a_k_that_is_no_count_is_refused(collection: rt.Collection, k: object) -> None:
    with pytest.raises(InvalidInput, match="k is"):
        collection.search("door", k)


def test_k_zero_and_k_beyond_the_collection(collection: rt.Collection) -> None:
    assert collection.search("door", 0) == []
    assert len(collection.search("door", 50, system="words")) == 3


@pytest.mark.parametrize("query", [None, 3, b"bytes", ["fine", None]])
def test_queries_that_are_no_text_are_refused(collection: rt.Collection, query: object) -> None:
    with pytest.raises(InvalidInput):
        collection.search(query)


def test_swapping_an_encoder_leaves_the_others_untouched(collection: rt.Collection) -> None:
    def files() -> dict[str, str]:
        entry = collection.snapshot.manifest.segments[0]
        return {role: file.name for role, file in entry.files.items()}

    before = files()
    collection.drop_representation("words")
    collection.add_representation("words", WordSums(dimension=6))
    collection.commit()
    after = files()
    assert {k: v for k, v in after.items() if "words" not in k} == {
        k: v for k, v in before.items() if "words" not in k
    }
    assert len(collection.search(np.ones(6))) == 3
    with pytest.raises(InvalidInput, match="drop it first"):
        collection.add_representation("words", WordSums())
    collection.rollback()
    collection.drop_representation("words")
    with pytest.raises(InvalidInput, match="only representation"):
        collection.drop_representation("bm25")


def test_without_its_encoder_everything_but_text_queries_works(collection: rt.Collection) -> None:
    opened = rt.open(collection.path)
    assert len(opened.search("door", system="bm25")) == 2
    assert len(opened.search(np.ones(4))) == 3
    with pytest.raises(EncoderUnavailable, match=r"encoder of your own.*open"):
        opened.search("door", system="words")
    with pytest.raises(RecipeMismatch, match="word-sums:4:9"):
        rt.open(collection.path, encoders={"words": WordSums(seed=9)}).search("door")
    with pytest.raises(UnknownName, match="wordz"):
        rt.open(collection.path, encoders={"wordz": WordSums()})


def test_one_writer_at_a_time(collection: rt.Collection) -> None:
    collection.delete("one")
    other = rt.open(collection.path)
    with pytest.raises(Locked, match="being written by process"):
        other.delete("two")
    collection.commit()
    other.delete("two")
    other.commit()
    collection.refresh()
    assert list(collection) == ["three"]


def test_an_open_snapshot_does_not_move(collection: rt.Collection) -> None:
    reader = rt.open(collection.path)
    collection.delete("one")
    collection.compact()
    assert [hit.docno for hit in reader.search("red", system="bm25")] == ["one"]
    reader.refresh()
    assert reader.search("red", system="bm25") == []


def test_bm25_counts_live_documents_only(collection: rt.Collection) -> None:
    collection.delete("two")
    collection.commit()
    statistics = collection.snapshot.statistics("bm25")
    terms = rt.SparseVectors.of_rows([{"blue": 1, "door": 1, "red": 1}]).vocabulary
    assert statistics.n_documents == 2
    assert statistics.document_frequencies(terms).tolist() == [0, 1, 1]
    assert statistics.average_length == pytest.approx((3 + 2) / 2)  # "doors red door", two words


def test_k1_and_b_are_search_settings_too(collection: rt.Collection) -> None:
    plain = collection.retriever("bm25").search("blue", 3)
    flat = collection.retriever("bm25", rt.Bm25Search(k1=0.0)).search("blue", 3)
    assert plain[0].score != flat[0].score
    assert flat[0].score == pytest.approx(np.log1p((3 - 1 + 0.5) / 1.5), rel=1e-6)


def test_searches_from_many_threads_agree(collection: rt.Collection) -> None:
    expected = [(h.docno, h.score) for h in collection.search("blue door")]
    found: list[list[tuple[str, float]]] = []

    def work() -> None:
        for _ in range(50):
            found.append([(h.docno, h.score) for h in collection.search("blue door")])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 200
    assert all(one == expected for one in found)


def test_folders_that_are_no_collection(tmp_path: Path) -> None:
    with pytest.raises(FormatUnknown, match="is no collection"):
        rt.open(tmp_path)
    with pytest.raises(FormatUnknown, match="is no collection"):
        rt.open(tmp_path / "nowhere")
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(InvalidInput, match=r"holds 'mine\.txt'"):
        rt.create(tmp_path, ["bm25"])


def test_runs_hold_every_query(collection: rt.Collection) -> None:
    run = collection.system("bm25").run({"q1": "blue", "q2": "unseen", "q3": " "}, k=5)
    assert run.query_ids == ("q1", "q2", "q3")
    assert [len(run[q]) for q in run] == [1, 0, 0]


def test_precomputed_vectors_are_an_encoder(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.eye(3, dtype=np.float32))
    (tmp_path / "d.ids").write_text("one\ntwo\nthree\n")
    np.save(tmp_path / "q.npy", np.array([[0, 1, 0.5]], np.float32))
    (tmp_path / "q.ids").write_text("q1\n")
    spec = f"precomputed:{tmp_path / 'd.npy'}::{tmp_path / 'q.npy'}"
    collection = rt.create(tmp_path / "c.idx", {"mine": spec})
    with collection:
        collection.add(DOCUMENTS)
    run = rt.open(tmp_path / "c.idx").system().run({"q1": "whatever"}, k=2)
    assert [docno for docno, _ in run["q1"]] == ["two", "three"]
    collection.add([rt.Document("four", "no vector")])
    with pytest.raises(EncoderUnavailable, match="no vector for 'four'"):
        collection.commit()
    assert len(collection) == 3


def test_text_that_is_not_unicode_and_unknown_metrics_are_refused(
    collection: rt.Collection, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="not Unicode"):
        collection.search("\ud800")
    odd = WordSums()
    odd.metric = "CHEBYSHEV"  # type: ignore[attr-defined]
    with pytest.raises(InvalidInput, match="metric 'CHEBYSHEV'"):
        rt.create(tmp_path / "odd.idx", {"odd": odd})


def test_a_text_never_stands_for_the_id_of_a_precomputed_query(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.eye(2, dtype=np.float32))
    (tmp_path / "d.ids").write_text("one\ntwo\n")
    (tmp_path / "d2.npy").write_bytes((tmp_path / "d.npy").read_bytes())
    (tmp_path / "d2.ids").write_text("0\nbanana\n")
    spec = f"precomputed:{tmp_path / 'd.npy'}::{tmp_path / 'd2.npy'}"
    with rt.create(tmp_path / "c.idx", {"mine": spec}) as collection:
        collection.add(DOCUMENTS[:2])
    assert collection.search("banana")[0].docno == "two"
    with pytest.raises(EncoderUnavailable, match="no vector for 'apple'"):
        collection.search("apple")
    with pytest.raises(InvalidInput, match="call run"):
        collection.search({"0": "apple"})


def test_adding_in_one_thread_and_committing_in_another_loses_nothing(tmp_path: Path) -> None:
    collection = rt.create(tmp_path / "c.idx", {"bm25": "bm25"})
    done = threading.Event()

    def commit() -> None:
        while not done.is_set():
            collection.commit()

    thread = threading.Thread(target=commit)
    thread.start()
    for i in range(150):
        collection.add([rt.Document(f"d{i}", "text")])
    done.set()
    thread.join()
    collection.commit()
    assert len(collection) == 150


def test_a_search_keeps_the_encoder_of_its_snapshot(collection: rt.Collection) -> None:
    system, snapshot = collection.retriever("words"), collection.snapshot
    batch = QueryBatch.of(["blue door"])
    before = system.hits(snapshot, batch, 3)
    collection.drop_representation("words")
    collection.add_representation("words", WordSums(seed=5))
    collection.commit()
    after = collection.retriever("words").hits(collection.snapshot, batch, 3)
    assert before.scores.tolist() != after.scores.tolist()
    with pytest.raises(RecipeMismatch):  # the encoder it was made with has been let go
        system.hits(snapshot, batch, 3)


def test_adding_a_representation_encodes_live_documents_only(collection: rt.Collection) -> None:
    collection.delete("two")
    collection.commit()
    encoder = WordSums(seed=3)
    collection.add_representation("more", encoder)
    collection.commit()
    assert len(encoder.encoded) == 2
    assert {hit.docno for hit in collection.search("door", system="more")} == {"one", "three"}
    assert collection.verify().ok


def test_a_collection_made_again_at_the_same_place_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "c.idx"
    with rt.create(path, ["bm25"]) as first:
        first.add([rt.Document("old", "x")])
    shutil.rmtree(path)
    with rt.create(path, ["bm25"]) as second:
        second.add([rt.Document("new", "x")])
    first.refresh()
    assert list(first) == ["new"]


def test_a_recipe_of_a_later_release_is_named(tmp_path: Path) -> None:
    rt.create(tmp_path / "c.idx", ["bm25"])
    folder = DiskFolder(tmp_path / "c.idx")
    manifest = manifests.read(folder)
    encoder = {"type": "dense", "model": "m", "novelty": 1}
    recipe = {**manifest.representations["bm25"], "encoder": encoder}
    manifests.commit(folder, replace(manifest, representations={"bm25": recipe}))
    with pytest.raises(FormatUnknown, match=r"'bm25' is recorded as .*novelty"):
        rt.open(tmp_path / "c.idx")
