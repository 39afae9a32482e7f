"""Opening a sentence-transformers model and running texts through it, in batches that fit.

sentence-transformers tokenises and computes; this module decides which texts go through a model
together. A forward pass takes texts of nearly equal length, and only as many as keep what passes
between two layers in the cache of a processor.
"""

import platform
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from encoders.checkpoint import Backend

Precision: TypeAlias = Literal["float32", "bfloat16", "float16", "int8"]
Side: TypeAlias = Literal["query", "document"]
Features: TypeAlias = dict[str, Any]

_TOKENS = 1024
"""Tokens of a forward pass on a processor, padding included; python -m benchmarks.encoding."""

_TEXTS_AT_ONCE = 256
"""Texts tokenised together: enough to find neighbours of equal length, few enough for memory."""

_PROMPTS: dict[Side, tuple[str, ...]] = {
    "query": ("query",),
    "document": ("document", "passage", "corpus"),
}
_QUANTISED: dict[Backend, str] = {"onnx": "*int8*.onnx", "openvino": "*int8*.xml"}


def opened(
    name: str,
    folder: Path,
    *,
    precision: Precision,
    backend: Backend,
    max_length: int | None,
    settings: Mapping[str, Any],
) -> Any:
    """Return a model of the class `name` of sentence-transformers, ready to compute.

    Raises:
        ImportError: sentence-transformers, or what a backend needs, is not installed.
        FileNotFoundError: int8 is asked for, and the folder holds no quantised file.
        Exception: whatever the libraries below raise on a damaged file.
    """
    import sentence_transformers

    with _no_progress_bars():
        model = getattr(sentence_transformers, name)(
            str(folder),
            local_files_only=True,
            backend=backend,
            model_kwargs=_model_settings(folder, precision, backend),
            **settings,
        )
    if max_length is not None:
        _shorten(model, max_length)
    if backend == "torch":
        _set_precision(model, precision)
    return model.eval()


def batches(
    model: Any, texts: Sequence[str], side: Side, *, prompt: str | None, batch_size: int
) -> Iterator[tuple[NDArray[np.int64], Features]]:
    """Run texts through a model; yield the positions of a batch and what its modules computed."""
    import torch

    order = np.argsort([-len(text) for text in texts], kind="stable")
    budget = _TOKENS if model.device.type == "cpu" else None
    most = getattr(model, "max_active_dims", None)
    settings = {"task": side} if most is None else {"task": side, "max_active_dims": most}
    for start in range(0, len(order), _TEXTS_AT_ONCE):
        block = order[start : start + _TEXTS_AT_ONCE]
        some = [texts[i] for i in block]
        for rows, features in _prepared(model, some, side, prompt, (batch_size, budget)):
            moved = {name: _moved(value, model.device) for name, value in features.items()}
            with torch.inference_mode():  # ended before the caller sees, or may drop, a batch
                made = model(moved, **settings)
            yield block[rows], made


def prompt_of(model: Any, side: Side) -> str | None:
    """Return what a model itself puts in front of the texts of one side."""
    prompts: Mapping[str | None, str] = model.prompts
    named = (prompts[name] for name in _PROMPTS[side] if name in prompts)
    return next(named, prompts.get(model.default_prompt_name))


def _prepared(
    model: Any, texts: list[str], side: Side, prompt: str | None, limits: tuple[int, int | None]
) -> Iterator[tuple[NDArray[np.int64], Features]]:
    """Tokenise texts once and cut the result into batches; batch by batch if it cannot be cut."""
    batch_size, budget = limits
    features = model.preprocess(texts, prompt=prompt, task=side)
    seen = features.get("attention_mask")
    if seen is None or seen.ndim != 2 or len(seen) != len(texts):
        for start in range(0, len(texts), batch_size):
            rows = np.arange(start, min(start + batch_size, len(texts)))
            some = [texts[i] for i in rows]
            yield rows, model.preprocess(some, prompt=prompt, task=side)
        return
    if "query_expansion_positions" in features:
        seen = seen | features["query_expansion_positions"]
    lengths = seen.bool().sum(1).numpy()
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        fit = batch_size if budget is None else budget // max(1, int(lengths[order[start]]))
        rows = order[start : start + max(1, min(batch_size, fit))]
        yield rows, _cut(features, rows, seen)
        start += len(rows)


def _cut(features: Features, rows: NDArray[np.int64], seen: Any) -> Features:
    """Return some rows of what was tokenised, without the columns that only pad others."""
    used = seen[rows].bool().any(0).nonzero().flatten().tolist() or [0]
    columns = slice(used[0], used[-1] + 1)
    return {
        name: value[rows][:, columns] if getattr(value, "shape", None) == seen.shape else value
        for name, value in features.items()
    }


def _moved(value: Any, device: Any) -> Any:
    if not hasattr(value, "to"):
        return value
    # Tokenisers make floats of a batch of texts without any token.
    return value.to(device).long() if value.numel() == 0 else value.to(device)


def _model_settings(folder: Path, precision: Precision, backend: Backend) -> dict[str, Any]:
    if backend == "torch":
        import torch

        return {"use_safetensors": True, "dtype": getattr(torch, precision)}
    if precision != "int8":
        return {}
    files = sorted(folder.rglob(_QUANTISED[backend]))
    if not files:
        raise FileNotFoundError(f"precision 'int8' needs a file {_QUANTISED[backend]} in {folder}")
    # Files for processors with integer dot products come first where there are several.
    best = min(files, key=lambda path: ("vnni" not in path.name, path.name))
    return {"file_name": best.relative_to(folder).as_posix()}


def _shorten(model: Any, max_length: int) -> None:
    """Read fewer tokens of each text; late interaction keeps its own length for queries."""
    model.max_seq_length = max_length
    for module in model.modules():
        tokenizer: Any = getattr(module, "tokenizer", None)
        if hasattr(tokenizer, "model_max_length"):
            tokenizer.model_max_length = max_length
        if getattr(module, "document_length", None) is not None:
            module.document_length = max_length


def _set_precision(model: Any, precision: Precision) -> None:
    """Keep what follows a transformer in float32, and all of it where bfloat16 is emulated."""
    from sentence_transformers.base.modules import Transformer

    if precision == "float32":
        return
    if precision == "bfloat16" and model.device.type == "cpu" and not _has_bfloat16():
        model.float()
        return
    inner = [module for module in model.modules() if isinstance(module, Transformer)]
    narrow = {id(value) for module in inner for value in _values(module)}
    for value in _values(model):
        if id(value) not in narrow and value.is_floating_point():
            value.data = value.data.float()
    for module in inner:
        module.register_forward_hook(_widened)


def _values(module: Any) -> Iterator[Any]:
    return chain(module.parameters(), module.buffers())


def _widened(module: Any, _: Any, features: Features) -> Features:
    """Hand float32 to pooling and normalisation: their sums would lose what float16 drops."""
    name = module.module_output_name
    return {**features, name: features[name].float()}


def _has_bfloat16() -> bool:
    """Say whether this processor multiplies bfloat16; torch emulates it slowly where it cannot."""
    import torch

    if platform.machine() in ("arm64", "aarch64"):
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in names)


class _Narrowed:
    """How many queries run on one thread each, and how many threads there were before."""

    def __init__(self) -> None:
        self.lock, self.n_inside, self.n_threads = threading.Lock(), 0, 1


_NARROWED = _Narrowed()


@contextmanager
def one_thread() -> Iterator[None]:
    """Run a single text on this thread: others gain it nothing, and wait for busy processors."""
    import torch

    with _NARROWED.lock:
        if _NARROWED.n_inside == 0:  # or else another query has set it to 1
            _NARROWED.n_threads = torch.get_num_threads()
        _NARROWED.n_inside += 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(_NARROWED.n_threads)
        with _NARROWED.lock:
            _NARROWED.n_inside -= 1


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """Keep transformers from drawing a bar for the half second that loading takes."""
    from transformers.utils import logging as quiet

    logging: Any = quiet

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
