"""All families of encoders in one collection, with their models there and gone."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import retrieval as rt
from retrieval.errors import EncoderUnavailable

pytest.importorskip("sentence_transformers")
import models

TEXTS = {
    "a": "a cat sat on the mat",
    "b": "the dog and the cat",
    "c": "a key for the old door",
    "d": "two doors and one key",
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    makers = {"dense": models.dense, "splade": models.sparse, "colbert": models.late}
    return {name: make(root / name) for name, make in makers.items()}


@pytest.fixture
def collection(folders: dict[str, Path], tmp_path: Path) -> rt.Collection:
    specs = {name: f"{name}:{shutil.copytree(f, tmp_path / name)}" for name, f in folders.items()}
    made = rt.create(tmp_path / "c.idx", {"bm25": "bm25", **specs})
    made.add(
        rt.Document(docno, text, "", {"n": n}) for n, (docno, text) in enumerate(TEXTS.items())
    )
    made.commit()
    return made


def test_every_family_answers_and_the_hybrid_fuses_them(collection: rt.Collection) -> None:
    for name in ("bm25", "dense", "splade", "colbert", "hybrid"):
        hits = collection.search("the cat", 3, system=name)
        assert 0 < len(hits) <= 3, name
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        only = collection.search("the cat", 3, system=name, filter="n == 1")
        assert [hit.docno for hit in only] == ["b"], name
    assert collection.verify().ok


def test_scores_are_those_of_the_models(collection: rt.Collection) -> None:
    encoder = collection.representation("colbert").encoder
    assert isinstance(encoder, rt.LateInteraction)
    (query,) = [encoder.encode_queries(["the cat"]).row(0).astype(np.float64)]
    documents = encoder.encode_documents(list(TEXTS.values()))
    expected = {
        docno: (query @ documents.row(i).astype(np.float64).T).max(1).sum()
        for i, docno in enumerate(TEXTS)
    }
    hits = {hit.docno: hit.score for hit in collection.search("the cat", system="colbert")}
    assert hits == pytest.approx(expected, abs=1e-3)


def test_a_missing_model_stops_its_text_queries_and_nothing_else(
    collection: rt.Collection, tmp_path: Path
) -> None:
    queries = {
        name: collection.representation(name).checked_encoder.encode_queries(["the cat"])
        for name in ("dense", "splade", "colbert")
    }
    expected = {name: collection.search(v, 3, system=name) for name, v in queries.items()}
    for name in queries:
        shutil.rmtree(tmp_path / name)
    reopened = rt.open(collection.path, verify="eager")
    assert [hit.docno for hit in reopened.search("key", system="bm25", filter="n >= 3")] == ["d"]
    for name, vectors in queries.items():
        spec = rf"model '.*{name}'.*{name}:/path"
        with pytest.raises(EncoderUnavailable, match=spec):
            reopened.search("the cat", system=name)
        (hits,) = reopened.search(vectors, 3, system=name)
        assert [hit.docno for hit in hits] == [hit.docno for hit in expected[name][0]]
    reopened.delete("a")
    reopened.commit()
    reopened.compact()
    reopened.add([rt.Document("e", "one more")])
    with pytest.raises(EncoderUnavailable):
        reopened.commit()
    assert sorted(rt.open(collection.path)) == ["b", "c", "d"]


def test_another_models_vectors_are_refused(
    collection: rt.Collection, folders: dict[str, Path]
) -> None:
    other = rt.Dense(str(folders["dense"]), max_length=3)
    reopened = rt.open(collection.path, encoders={"dense": other})
    with pytest.raises(rt.RetrievalError, match="pass the same encoder, or rebuild"):
        reopened.search("the cat", system="dense")


def test_the_same_files_elsewhere_are_the_same_encoder(
    collection: rt.Collection, folders: dict[str, Path]
) -> None:
    moved = rt.Dense(str(folders["dense"]))
    reopened = rt.open(collection.path, encoders={"dense": moved})
    assert reopened.search("the cat", system="dense")
