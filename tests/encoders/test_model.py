"""What all model encoders share: settings, identity, batches, processes, refusals."""

import json
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from encoders.dense import Dense
from encoders.errors import EncoderUnavailable
from encoders.late_interaction import LateInteraction
from encoders.learned_sparse import LearnedSparse
from encoders.model import ModelEncoder
from indexes.errors import InvalidInput

pytest.importorskip("sentence_transformers")

FAMILIES = {Dense: "dense", LearnedSparse: "sparse", LateInteraction: "late"}
TEXTS = ["the cat sat on the mat", "", "a dog", "quick brown fox " * 30, "fish! bird?", "a dog"]


@pytest.fixture(params=FAMILIES, ids=FAMILIES.values())
def family(request) -> type[ModelEncoder]:
    return request.param


@pytest.fixture
def folder(family, tiny, tmp_path) -> Path:
    """A copy that a test may change."""
    return Path(copytree(tiny / FAMILIES[family], tmp_path / "m"))


def arrays(vectors) -> dict[str, np.ndarray]:
    return vectors.arrays()


def assert_same(found, expected, atol: float = 1e-5) -> None:
    assert arrays(found).keys() == arrays(expected).keys()
    for name, values in arrays(expected).items():
        np.testing.assert_allclose(
            arrays(found)[name].astype(float), values.astype(float), atol=atol, err_msg=name
        )


def test_a_row_does_not_depend_on_its_neighbours(family, folder):
    encoder = family(str(folder), precision="float32", device="cpu")
    for encode in (encoder.encode_documents, encoder.encode_queries):
        together, small = (
            encode(TEXTS),
            type(encode(TEXTS)).concatenate([encode([text]) for text in TEXTS]),
        )
        assert_same(together, small, atol=2e-3)  # one step of float16
        assert len(encode([])) == 0


def test_many_texts_come_back_in_their_order(family, folder):
    encoder = family(str(folder), precision="float32", device="cpu", batch_size=7)
    texts = [" ".join([("cat", "dog", "fish")[i % 3]] * (i * 7 % 13)) for i in range(300)]
    some = np.arange(0, 300, 23)
    expected = encoder.encode_documents([texts[i] for i in some])
    assert_same(encoder.encode_documents(texts).take(some), expected, atol=2e-3)


def test_the_same_files_have_the_same_fingerprint_under_any_name(family, folder, tmp_path):
    copy = copytree(folder, tmp_path / "another")
    assert family(str(folder)).fingerprint == family(str(copy)).fingerprint
    assert family(str(folder), batch_size=3).fingerprint == family(str(copy)).fingerprint


def test_the_fingerprint_changes_with_what_decides_the_vectors(family, folder):
    prints = [
        family(str(folder)).fingerprint,
        family(str(folder), max_length=9).fingerprint,
        family(str(folder), precision="float16").fingerprint,
        family(str(folder), prompts={"query": "q: "}).fingerprint,
        family(str(folder), prompts={"document": "q: "}).fingerprint,
        family(str(folder), backend="onnx").fingerprint,
    ]
    config = folder / "config_sentence_transformers.json"
    settings = json.loads(config.read_text())
    config.write_text(json.dumps(settings | {"prompts": {"query": "other "}}))
    prints.append(family(str(folder)).fingerprint)
    assert len(set(prints)) == len(prints)
    explicit = family(str(folder), prompts={"query": "other "})
    assert explicit.fingerprint == prints[-1]


def test_identity_and_recipe_need_no_torch(family, folder):
    code = f"""
import sys
from {family.__module__} import {family.__name__} as Family
encoder = Family({str(folder)!r})
encoder.fingerprint, encoder.recipe()
print(sorted(sys.modules.keys() & {{"torch", "transformers", "sentence_transformers", "numba"}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_recipe_is_json_and_makes_the_same_encoder(family, folder):
    encoder = family(str(folder), prompts={"query": "q "}, max_length=5, precision="float32")
    recipe = json.loads(json.dumps(encoder.recipe()))
    again = family.from_recipe(recipe)
    assert type(again) is family
    assert (again.recipe(), again.fingerprint) == (encoder.recipe(), encoder.fingerprint)
    assert not recipe.keys() & {"device", "batch_size"}


def test_lower_precision_stays_near(family, folder):
    exact = family(str(folder), precision="float32", device="cpu").encode_documents(TEXTS)
    for precision in ("bfloat16", "float16"):
        near = family(str(folder), precision=precision, device="cpu").encode_documents(TEXTS)
        assert len(near) == len(exact)
        if family is not LearnedSparse:  # whose terms may differ where a weight is almost 0
            np.testing.assert_allclose(near.values.astype(float), exact.values, atol=0.05)
            assert not np.array_equal(near.values, exact.values)


def test_two_devices_share_the_documents(tiny):
    folder = str(tiny / "sparse")
    expected = LearnedSparse(folder, precision="float32", device="cpu").encode_documents(TEXTS)
    shared = LearnedSparse(folder, precision="float32", device=("cpu", "cpu"), batch_size=2)
    try:
        assert_same(shared.encode_documents(TEXTS), expected)
        workers = shared._pool["processes"]
        again = shared.encode_documents(TEXTS[::-1])
        assert_same(again.take(np.arange(len(TEXTS))[::-1]), expected)
        assert shared._pool["processes"] == workers
        assert_same(shared.encode_queries(TEXTS), expected)
    finally:
        shared.close()
    assert shared._pool is None
    shared.close()


def test_what_a_pool_hands_back_is_what_one_process_computes(family, folder):
    encoder = family(str(folder), precision="float32", device="cpu")
    outputs = encoder._loaded.encode_document(TEXTS)
    assert_same(encoder._of_pool(outputs), encoder.encode_documents(TEXTS), atol=2e-3)


def test_a_pool_that_fails_is_stopped(tiny, monkeypatch):
    encoder = Dense(str(tiny / "dense"), device=("cpu", "cpu"), batch_size=1)
    stopped: list[object] = []

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(encoder._loaded, "encode_document", interrupted)
    encoder._pool, encoder._stop = "a pool", lambda: stopped.append(encoder._pool)
    with pytest.raises(KeyboardInterrupt):
        encoder.encode_documents(TEXTS)
    assert stopped == ["a pool"]
    assert encoder._pool is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"prompts": {"passage": "x"}}, "passage"),
        ({"backend": "tflite"}, r"'tflite': known are \['torch', 'onnx', 'openvino'\]"),
        ({"precision": "float8"}, "precision 'float8'"),
        ({"precision": "int8"}, "'int8' with backend 'torch'"),
        ({"precision": "bfloat16", "backend": "onnx"}, "with backend 'onnx'"),
        ({"max_length": 0}, "max_length 0"),
        ({"batch_size": 0}, "batch_size 0"),
    ],
)
def test_impossible_settings_are_refused(family, wrong, message):
    with pytest.raises(InvalidInput, match=message):
        family("some/model", **wrong)


def test_a_model_of_another_family_is_refused_with_its_own_spec(family, tiny):
    words = {Dense: "dense", LearnedSparse: "splade", LateInteraction: "colbert"}
    for other, name in FAMILIES.items():
        if other is not family:
            with pytest.raises(EncoderUnavailable, match=f"use {words[other]}:.*{name}"):
                _ = family(str(tiny / name)).fingerprint


def test_a_missing_model_says_how_to_provide_it(family):
    spec = {Dense: "dense", LearnedSparse: "splade", LateInteraction: "colbert"}[family]
    with pytest.raises(EncoderUnavailable, match=rf"'/no/such'.*\({spec}:/path/to/model\)"):
        family("/no/such").encode_queries(["x"])


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_a_missing_backend_says_what_to_install(family, folder, backend):
    pytest.importorskip("sentence_transformers")
    with pytest.raises(
        EncoderUnavailable, match=rf"pip install sentence-transformers\[{backend}\]"
    ):
        family(str(folder), backend=backend).encode_queries(["x"])


def test_no_code_of_a_router_is_run(tiny, tmp_path):
    folder = Path(copytree(tiny / "free", tmp_path / "m"))
    marker = folder / "ran"
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Module: pass\n")
    config = next(folder.rglob("router_config.json"))
    settings = json.loads(config.read_text())
    for kind in ("evil.Module", "subprocess.Popen"):
        types = dict.fromkeys(settings["types"], kind)
        config.write_text(json.dumps(settings | {"types": types}))
        with pytest.raises(EncoderUnavailable, match="is not available"):
            LearnedSparse(str(folder), device="cpu").encode_queries(["x"])
    assert not marker.exists()


@pytest.mark.parametrize("name", ["config_sentence_transformers.json", "config.json"])
def test_damaged_settings_are_unavailable(family, folder, name):
    (folder / name).write_text("{")
    with pytest.raises(EncoderUnavailable, match="is not available"):
        _ = family(str(folder), device="cpu").encode_queries(["x"])
