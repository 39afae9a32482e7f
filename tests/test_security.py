"""What is opened executes nothing, writes nothing and reaches nothing outside of its folder."""

import ast
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import retrieval as rt
from encoders import make
from encoders.errors import EncoderUnavailable
from eval.datasets import open_dataset
from retrieval.config import Recipe
from retrieval.errors import InvalidInput
from retrieval.store import manifest as manifests
from retrieval.store.files import DiskFolder

ROOT = Path(__file__).parents[1]


class Trap:
    """Pickled, it makes a file called `ran` where it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sentence_transformers")
    import models

    return models.dense(tmp_path_factory.mktemp("model") / "m")


def refused(folder: Path, match: str) -> None:
    with pytest.raises(EncoderUnavailable, match=match):
        make(f"dense:{folder}").encode_documents(["cat"])


def changed(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_model_with_pickled_weights_is_refused_by_name(model: Path, tmp_path: Path) -> None:
    import torch

    folder, ran = shutil.copytree(model, tmp_path / "m"), tmp_path / "ran"
    torch.save(Trap(ran), folder / "pytorch_model.bin")
    make(f"dense:{folder}").encode_documents(["cat"])  # beside safetensors it is not looked at
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    refused(folder, r"pytorch_model\.bin is no \.safetensors file")
    (folder / "other.safetensors").unlink()
    refused(folder, r"holds no \.safetensors file")
    assert not ran.exists()


def test_safetensors_are_asked_for_in_every_family(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sentence_transformers

    from encoders import inference

    asked: list[dict[str, Any]] = []

    def opened(path: str, **settings: Any) -> None:
        asked.append(settings)
        raise OSError("seen")

    for name in ("SentenceTransformer", "SparseEncoder", "MultiVectorEncoder"):
        monkeypatch.setattr(sentence_transformers, name, opened)
        with pytest.raises(OSError, match="seen"):
            inference.opened(
                name, model, precision="float32", backend="torch", max_length=None, settings={}
            )
    assert [one["model_kwargs"]["use_safetensors"] for one in asked] == [True] * 3
    assert all(one["local_files_only"] and "trust_remote_code" not in one for one in asked)


def test_code_that_comes_with_a_model_is_not_run(model: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    code = f"import os\nos.mkdir({str(ran)!r})\nclass Own: pass\n"
    for name, file, values in (
        ("a", "config.json", {"auto_map": {"AutoModel": "own.Own", "AutoConfig": "own.Own"}}),
        ("b", "tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["own.Own", None]}}),
    ):
        folder = shutil.copytree(model, tmp_path / name)
        (folder / "own.py").write_text(code)
        changed(folder / file, **values)
        make(f"dense:{folder}").encode_documents(["cat"])
    folder = shutil.copytree(model, tmp_path / "c")
    (folder / "own.py").write_text(code)
    listing = json.loads((folder / "modules.json").read_text())
    listing[1]["type"] = "own.Own"
    (folder / "modules.json").write_text(json.dumps(listing))
    refused(folder, "not part of Sentence Transformers")
    assert not ran.exists()


@pytest.mark.parametrize("place", ["../elsewhere", "/tmp"])
def test_no_part_of_a_model_lies_outside_of_its_folder(
    model: Path, tmp_path: Path, place: str
) -> None:
    folder = shutil.copytree(model, tmp_path / "m")
    (folder / "1_Pooling").rename(tmp_path / "elsewhere")
    listing = json.loads((folder / "modules.json").read_text())
    listing[1]["path"] = place
    (folder / "modules.json").write_text(json.dumps(listing))
    refused(folder, r"Invalid model path|is not available")


@pytest.mark.parametrize(
    "name", ["config.json", "modules.json", "config_sentence_transformers.json"]
)
@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff", b"[]", b'{"architectures": 1}', b"1"])
def test_damaged_settings_of_a_model_are_named(
    model: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    folder = shutil.copytree(model, tmp_path / "m")
    (folder / name).write_bytes(content)
    with contextlib.suppress(EncoderUnavailable):  # some may be missing, and nothing else is said
        make(f"dense:{folder}").encode_documents(["cat"])


def test_objects_in_an_npy_file_are_not_unpickled(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    np.save(tmp_path / "v.npy", np.array([[Trap(ran)]], object), allow_pickle=True)
    (tmp_path / "v.ids").write_text("a\n")
    with pytest.raises(InvalidInput, match="is no npy file"):
        make(f"precomputed:{tmp_path / 'v.npy'}").encode_documents(["a"])
    assert not ran.exists()


def test_a_huge_npy_header_asks_for_no_memory(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (2**16, 2**16)}
    )
    (tmp_path / "v.npy").write_bytes(header.getvalue())
    (tmp_path / "v.ids").write_text("a\n")
    with pytest.raises(InvalidInput, match="is no npy file"):
        make(f"precomputed:{tmp_path / 'v.npy'}").encode_documents(["a"])


HOSTILE = ("../../outside", "/outside", "..", "a/../../outside", "~/outside", "con\tx", "a\\..\\b")


def test_names_in_files_are_never_paths(tmp_path: Path) -> None:
    home = tmp_path / "here" / "deeper"
    home.mkdir(parents=True)
    rows = [{"_id": name, "title": name, "text": "a wing"} for name in HOSTILE]
    source = home / "corpus.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)))
    collection = rt.index(source, home / "c.idx", representations=["bm25"])
    assert {hit.docno for hit in collection.search("wing")} == set(HOSTILE)
    queries = dict.fromkeys(HOSTILE, "wing")
    run = collection.retriever("bm25").run(queries)
    run.to_trec(home / "out.run")
    assert rt.Run.read(home / "out.run").query_ids == HOSTILE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here"]
    assert sorted(path.name for path in home.iterdir()) == ["c.idx", "corpus.jsonl", "out.run"]
    assert [path.name for path in home.parent.iterdir()] == ["deeper"]


def test_members_of_a_zip_are_never_written(tmp_path: Path) -> None:
    home = tmp_path / "a" / "b"
    home.mkdir(parents=True)
    with zipfile.ZipFile(home / "d.zip", "w") as archive:
        archive.writestr("../../corpus.jsonl", '{"_id": "a", "text": "x"}\n')
        archive.writestr("../../queries.jsonl", '{"_id": "q", "text": "x"}\n')
        archive.writestr("../../qrels/test.tsv", "q\ta\t1\n")
        archive.writestr("/etc/passwd", "x")
    list(open_dataset(home / "d.zip").documents())
    assert [path.name for path in home.rglob("*")] == ["d.zip"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "", "a\nb", "x" * 65, "\x1b[2J"])
def test_the_name_of_a_system_cannot_be_a_path(name: str) -> None:
    with pytest.raises(InvalidInput, match="name"):
        Recipe(representations=["bm25"], systems={name: {"retrieve": "bm25"}})


WATCHED = """
import os, sys
seen = []
def hook(event, given):
    if event == "open":
        path, mode, flags = given
        if isinstance(path, (str, bytes)) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            seen.append(os.fsdecode(path))
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink", "os.truncate"):
        seen.append(event + " " + str(given[0]))
    elif event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.exec"):
        seen.append(event + " " + str(given)[:200])
sys.addaudithook(hook)
import retrieval as rt
collection = rt.open(sys.argv[1])
assert collection.search("wing", filter="year > 1999", k=3)
assert collection.verify().ok
collection.info(), collection[collection.search("wing")[0].docno]
print([one for one in seen if "retrieval-engine" not in one and one != os.devnull])
"""


def test_opening_and_searching_writes_and_starts_nothing(tmp_path: Path) -> None:
    """The exception is the private folder of compiled kernels."""
    source = tmp_path / "d.jsonl"
    source.write_text('{"id": "a", "text": "a wing", "year": 2000}\n')
    rt.index(source, tmp_path / "c.idx", representations=["bm25"])
    before = _state(tmp_path)
    for path in (tmp_path / "c.idx").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (tmp_path / "c.idx").chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-B", "-c", WATCHED, str(tmp_path / "c.idx")],
        capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    (tmp_path / "c.idx").chmod(0o755)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
    assert _state(tmp_path) == before


LEARNED = {"type": "learned_sparse", "model": "owner/name"}
COUNTED = {"type": "bm25", "k1": 0.9, "b": 0.4, "analysis": {}}


def _vectors(documents: object) -> dict[str, Any]:
    recorded = {"type": "precomputed", "documents": documents, "queries": None}
    return {**recorded, "metric": "INNER_PRODUCT"}


def _forged(folder: Path, encoder: Mapping[str, Any]) -> Path:
    """Make a collection whose manifest says that another encoder made it."""
    made = rt.create(folder, ["bm25"])
    made.add([rt.Document("a", "a wing")])
    made.commit()
    made.close()
    manifest = manifests.read(DiskFolder(folder))
    recipe = {**manifest.representations["bm25"], "encoder": dict(encoder)}
    told = replace(manifest, representations={"bm25": recipe})
    (folder / manifests.NAME).write_bytes(told.to_bytes())
    return folder


RECORDED = """
import sys
def hook(event, given):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system"):
        print("reached out:", event, given)
        raise PermissionError(event)
sys.addaudithook(hook)
import retrieval as rt
for path in sys.argv[1:]:
    try:
        print("answered", len(rt.open(path).search("wing")))
    except rt.RetrievalError as error:
        print(type(error).__name__, str(error).replace(chr(10), " "))
"""


def test_a_stranger_does_not_decide_what_is_downloaded_or_read(tmp_path: Path) -> None:
    """A search would wait for a pipe, and read `/dev/zero`, for ever."""
    pytest.importorskip("sentence_transformers")
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    recorded = {
        "EncoderUnavailable": [
            LEARNED,
            *({**LEARNED, "model": name} for name in ("../name", "~\0/x", "~\ud800/x", "a\0")),
            *map(_vectors, ("/dev/zero", str(pipe), f"{tmp_path}/link", str(tmp_path), "a\0", "")),
        ],
        "FormatTooNew": [
            *({**LEARNED, "device": ["cpu"] * 1000}, {**LEARNED, "batch_size": 1}),
            *({**LEARNED, "model": model} for model in (5, None, [])),
            *map(_vectors, (5, None, [])),
            *({**COUNTED, **more} for more in ({"k1": 1e300}, {"k1": 10**400}, {"b": -1e300})),
        ],
    }
    expected = [error for error, encoders in recorded.items() for _ in encoders]
    encoders = [encoder for encoders in recorded.values() for encoder in encoders]
    paths = [_forged(tmp_path / f"{n}.idx", encoder) for n, encoder in enumerate(encoders)]
    online = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RECORDED, *map(str, paths)],
        capture_output=True, text=True, cwd=ROOT, timeout=120,
        env={**online, "PYTHONPATH": str(ROOT), "HF_HOME": str(tmp_path / "hub")},
    )  # fmt: skip
    said = done.stdout.splitlines()
    assert [line.partition(" ")[0] for line in said] == expected, done.stdout + done.stderr
    assert "hf download owner/name" in said[0]
    for line, path in zip(said[5:7], ("/dev/zero", str(pipe)), strict=True):
        assert f"no file of vectors at {path}" in line


def test_a_recorded_model_is_fetched_for_the_user_who_names_it(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    offline, cached = [], False

    def snapshot(name: str, *, allow_patterns: list[str], local_files_only: bool) -> str:
        offline.append(local_files_only)
        if local_files_only and not cached:
            raise LocalEntryNotFoundError(name)
        return str(model)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    made = rt.create(tmp_path / "c.idx", {"mine": "dense:owner/name"})
    made.add([rt.Document("a", "cat")])
    made.commit()
    assert offline[-1] is False
    offline.clear()
    with pytest.raises(EncoderUnavailable, match=r"hf download owner/name;") as refused:
        rt.open(tmp_path / "c.idx").search("cat")
    assert offline
    assert all(offline)
    remedy = r"open\(path, encoders=\{'(\w+)': encoders\.make\('([^']+)', (\{.*\})\)\}\)$"
    told = re.search(remedy, str(refused.value))
    assert told is not None
    own = {told[1]: make(told[2], ast.literal_eval(told[3]))}
    assert rt.open(tmp_path / "c.idx", encoders=own).search("cat")
    cached = True
    offline.clear()
    assert rt.open(tmp_path / "c.idx").search("cat")
    assert all(offline)


def _state(folder: Path) -> list[tuple[str, int, int]]:
    found = [(path, path.stat()) for path in sorted(folder.rglob("*"))]
    return [(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in found]
