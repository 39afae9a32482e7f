"""Weights are the model's own, under the names of its tokens."""

import json
from pathlib import Path
from shutil import copytree

import models
import numpy as np
import pytest

from encoders.errors import EncoderUnavailable
from encoders.learned_sparse import LearnedSparse, distinct
from indexes.inverted import Inverted
from indexes.vectors import SparseVectors

sentence_transformers = pytest.importorskip("sentence_transformers")

TEXTS = ["the cat sat on the mat.", "", "a dog", "quick brown fox " * 30, "fish! bird?"]


def expected(folder: Path, side: str, texts: list[str]) -> list[dict[str, float]]:
    """Return token → weight as sentence-transformers itself computes them."""
    model = sentence_transformers.SparseEncoder(str(folder), device="cpu")
    rows = getattr(model, f"encode_{side}")(texts).to_dense().numpy()
    return [{models.VOCABULARY[i]: row[i] for i in np.flatnonzero(row)} for row in rows]


@pytest.mark.parametrize("name", ["sparse", "free"])
@pytest.mark.parametrize("side", ["query", "document"])
def test_weights_are_what_the_model_computes(tiny, name, side):
    encoder = LearnedSparse(str(tiny / name), precision="float32", device="cpu")
    encode = encoder.encode_queries if side == "query" else encoder.encode_documents
    found = encode(TEXTS)
    assert isinstance(found, SparseVectors)
    for i, row in enumerate(expected(tiny / name, side, TEXTS)):
        assert found.row(i) == pytest.approx(row, abs=1e-5)
    assert found.weights.dtype == np.float32
    assert (found.weights > 0).all()


def test_the_query_side_of_an_inference_free_model_is_a_table(tiny):
    encoder = LearnedSparse(str(tiny / "free"), device="cpu")
    found = encoder.encode_queries(["cat dog cat", ""])
    table = np.linspace(0.25, 4, len(models.VOCABULARY), dtype=np.float32)
    words = {word: table[models.VOCABULARY.index(word)] for word in ("cat", "dog")}
    assert found.row(0) == pytest.approx(words)
    assert found.row(1) == {}
    assert encoder.encode_queries([""]).row(0) == {}


def test_vectors_can_be_indexed_and_found(tiny):
    encoder = LearnedSparse(str(tiny / "free"), device="cpu")
    documents = encoder.encode_documents(TEXTS)
    hits = Inverted.build(documents).search(encoder.encode_queries(["cat"]), 5)
    scores = [row.get("cat", 0.0) for row in map(documents.row, range(5))]
    assert hits.ids[0, 0] == np.argmax(scores)


def test_the_models_own_limit_of_terms_is_kept(tiny, tmp_path):
    folder = Path(copytree(tiny / "sparse", tmp_path / "m"))
    config = folder / "config_sentence_transformers.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"max_active_dims": 3}))
    found = LearnedSparse(str(folder), precision="float32", device="cpu").encode_documents(TEXTS)
    assert np.diff(found.offsets).tolist() == [3] * 5
    assert found.row(0) == pytest.approx(expected(folder, "document", TEXTS[:1])[0], abs=1e-5)


def test_a_cosine_model_gives_rows_of_unit_length(tiny, tmp_path):
    folder = Path(copytree(tiny / "free", tmp_path / "m"))
    config = folder / "config_sentence_transformers.json"
    settings = json.loads(config.read_text())
    config.write_text(json.dumps(settings | {"similarity_fn_name": "cosine"}))
    found = LearnedSparse(str(folder), device="cpu").encode_queries(["cat dog", "", "fish"])
    squares = [sum(w * w for w in found.row(i).values()) for i in range(3)]
    assert squares == pytest.approx([1, 0, 1])
    config.write_text(json.dumps(settings | {"similarity_fn_name": "euclidean"}))
    with pytest.raises(EncoderUnavailable, match="'euclidean'"):
        LearnedSparse(str(folder), device="cpu").encode_queries(["cat"])


def test_ids_that_share_a_string_stay_distinct():
    assert distinct(["a", "b", "a", "a#2", "a"]) == [b"a", b"b", b"a#2", b"a#2#3", b"a#4"]
    assert distinct(["\ud800", "é"]) == [b"\\ud800", "é".encode()]


def test_texts_are_cut_at_the_maximum_length_on_both_sides(tiny):
    short = LearnedSparse(str(tiny / "free"), max_length=4, precision="float32", device="cpu")
    query = short.encode_queries(["cat dog bird fish rug"]).row(0)
    assert sorted(query) == ["bird", "cat", "dog", "fish"]
    found = short.encode_documents(["cat dog bird fish", "cat dog"])
    assert found.row(0) == pytest.approx(found.row(1), abs=1e-5)
