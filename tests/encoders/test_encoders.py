"""A spec names an encoder, a recipe makes it again."""

import pytest

from encoders import Encoder, LexicalEncoder, from_recipe, make
from encoders.bm25 import Bm25
from encoders.dense import Dense
from encoders.precomputed import Precomputed
from indexes.errors import InvalidInput


def test_specs_name_encoders():
    assert isinstance(make("bm25"), Bm25)
    assert make("dense").recipe()["model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert make("dense:some/model").recipe()["model"] == "some/model"
    documents = make("precomputed:a.jsonl")
    assert documents.recipe()["documents"].endswith("a.jsonl")
    assert documents.recipe()["queries"] is None
    both = make("precomputed:C:/a.npy::b.npy")
    assert both.recipe()["documents"].endswith("C:/a.npy")
    assert both.recipe()["queries"].endswith("b.npy")


@pytest.mark.parametrize("spec", ["", "bm26", "bm25:x", "precomputed", "precomputed:", "Dense"])
def test_an_unknown_spec_is_refused_with_the_known_ones(spec):
    with pytest.raises(InvalidInput, match=r"use bm25|no analysis for the language"):
        make(spec)


@pytest.mark.parametrize(
    "encoder",
    [
        Bm25(k1=1.0),
        Dense("some/model", prompts={"query": "q: "}, max_length=7),
        Precomputed("a.npy", "b.npy", metric="COSINE"),
    ],
)
def test_a_recipe_makes_the_same_encoder(encoder):
    again = from_recipe(encoder.recipe())
    assert type(again) is type(encoder)
    assert again.recipe() == encoder.recipe()
    assert again.kind == encoder.kind


def test_an_encoder_of_the_users_own_has_no_recipe_to_follow():
    assert from_recipe({"type": "custom"}) is None


def test_encoders_follow_the_protocol(tmp_path):
    (tmp_path / "a.jsonl").write_text("")
    assert isinstance(Bm25(), LexicalEncoder)
    assert isinstance(Precomputed(tmp_path / "a.jsonl"), Encoder)
    assert not isinstance(Precomputed(tmp_path / "a.jsonl"), LexicalEncoder)
