"""Token vectors are the model's own, without padding and without what it leaves out."""

import numpy as np
import pytest

from encoders.late_interaction import LateInteraction
from indexes.vectors import MultiVectors

sentence_transformers = pytest.importorskip("sentence_transformers")

TEXTS = ["the cat sat on the mat.", "", "a dog", "quick brown fox " * 30, "fish! bird?"]


@pytest.mark.parametrize("name", ["late", "masked"])
@pytest.mark.parametrize("side", ["query", "document"])
def test_token_vectors_are_what_the_model_computes(tiny, name, side):
    encoder = LateInteraction(str(tiny / name), precision="float32", device="cpu")
    found = (encoder.encode_queries if side == "query" else encoder.encode_documents)(TEXTS)
    assert isinstance(found, MultiVectors)
    assert found.values.dtype == (np.float32 if side == "query" else np.float16)
    model = sentence_transformers.MultiVectorEncoder(str(tiny / name), device="cpu")
    expected = getattr(model, f"encode_{side}")(TEXTS, convert_to_numpy=True)
    assert np.diff(found.offsets).tolist() == [len(tokens) for tokens in expected]
    for i, tokens in enumerate(expected):
        np.testing.assert_allclose(found.row(i), tokens, atol=1e-5 if side == "query" else 1e-3)


def test_padding_and_punctuation_are_no_token_vectors(tiny):
    encoder = LateInteraction(str(tiny / "late"), device="cpu")
    lengths = np.diff(encoder.encode_documents(["a cat", "a cat!", "a", ""]).offsets)
    assert lengths.tolist() == [4, 4, 3, 2]
    assert np.diff(encoder.encode_queries(["a cat", "a cat!", "a"]).offsets).tolist() == [4, 5, 3]


def test_expansion_tokens_are_part_of_a_query(tiny):
    encoder = LateInteraction(str(tiny / "masked"), device="cpu")
    assert np.diff(encoder.encode_queries(["a cat", "", "dog"]).offsets).tolist() == [16] * 3
    assert np.diff(encoder.encode_documents(["a cat"]).offsets).tolist() == [4]


def test_no_texts_have_a_dimension(tiny):
    encoder = LateInteraction(str(tiny / "late"), device="cpu")
    assert encoder.encode_documents([]).values.shape == (0, 8)


def test_the_maximum_length_is_of_documents(tiny):
    encoder = LateInteraction(str(tiny / "masked"), max_length=6, device="cpu")
    assert np.diff(encoder.encode_documents(["cat " * 40]).offsets).tolist() == [6]
    assert np.diff(encoder.encode_queries(["cat " * 40]).offsets).tolist() == [16]
