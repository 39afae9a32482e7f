"""What the encoders with a neural model share: settings, identity, and the two encode verbs."""

import json
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, get_args

import numpy as np

from encoders import inference
from encoders.checkpoint import (
    Backend,
    first_line,
    local_folder,
    locate,
    model_classes,
    settings_of,
    weights_digest,
)
from encoders.errors import EncoderUnavailable, unavailable
from encoders.inference import Precision, Side
from indexes.errors import InvalidInput
from indexes.vectors import Kind

_SPECS = {
    "SentenceTransformer": "dense",
    "SparseEncoder": "splade",
    "MultiVectorEncoder": "colbert",
}
"""Class of sentence-transformers → the word before the colon of a spec."""


def check_count(name: str, value: object) -> None:
    """Raise `InvalidInput` unless a setting is a whole number from 1 on, or None."""
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidInput(f"{name} {value!r}: pass 1 or more")


@dataclass(eq=False)
class ModelEncoder(ABC, Generic[Kind]):
    """An encoder whose vectors a sentence-transformers model computes.

    Nothing is loaded before the first text is encoded; `fingerprint` reads the files of the model
    but does not import torch.

    Args:
        model: hub id or local folder.
        prompts: texts put in front of "query" and "document", in place of the model's own.
        max_length: tokens read of each text; None: the model's own.
        precision: of weights and products: "float32", "bfloat16", "float16", or "int8" where the
            model's folder holds a quantised file of an onnx or openvino backend. None: "bfloat16"
            for dense vectors with torch, else "float32". A processor that could only emulate
            bfloat16 computes in float32, with the same weights.
        backend: "torch", "onnx" or "openvino".
        batch_size: most texts of a forward pass.
        device: torch device; None: the fastest there is. Several of them share the documents of a
            call, each in a process of its own, until `close`; queries stay in this process.

    Raises:
        InvalidInput: an unknown or impossible setting.
    """

    model: str
    _: KW_ONLY
    prompts: Mapping[str, str] | None = None
    max_length: int | None = None
    precision: Precision | None = None
    backend: Backend = "torch"
    batch_size: int = 64
    device: str | Sequence[str] | None = None

    cacheable: ClassVar[bool] = True
    """Whether document vectors may be kept by (fingerprint, text)."""

    family: ClassVar[str]
    """The name of this kind of encoder in a recipe."""

    opened_by: ClassVar[str]
    """The class of sentence-transformers that opens such a model."""

    torch_precision: ClassVar[Precision] = "float32"
    """The precision with torch if none is asked for: a lower one where it was measured."""

    def __post_init__(self) -> None:
        if not isinstance(self.prompts, Mapping | None):
            raise InvalidInput(
                f"prompts {self.prompts!r}: pass a mapping of 'query' and 'document'"
            )
        self.prompts = dict(self.prompts or {})
        if self.precision is None:
            self.precision = self.torch_precision if self.backend == "torch" else "float32"
        self._check()
        self._fetches = True
        self._lock = threading.Lock()
        self._pool: Any = None
        self._stop: Any = None

    def _check(self) -> None:
        if not all(isinstance(text, str) for text in (self.prompts or {}).values()):
            raise InvalidInput(f"prompts {self.prompts!r}: each is a text")
        if unknown := set(self.prompts or {}) - {"query", "document"}:
            raise InvalidInput(f"prompts for {sorted(unknown)}: use 'query' and 'document'")
        if self.backend not in get_args(Backend):
            raise InvalidInput(f"backend {self.backend!r}: known are {list(get_args(Backend))}")
        floats = ("float32", "bfloat16", "float16")
        if self.precision not in (floats if self.backend == "torch" else ("float32", "int8")):
            raise InvalidInput(
                f"precision {self.precision!r} with backend {self.backend!r}: use 'float32', "
                "'bfloat16' or 'float16' with torch, 'float32' or 'int8' with onnx and openvino"
            )
        for name in ("max_length", "batch_size"):
            check_count(name, getattr(self, name))

    @abstractmethod
    def _vectors(self, features: Mapping[str, Any], side: Side) -> Kind:
        """Return what a forward pass computed of a batch."""

    @abstractmethod
    def _of_pool(self, outputs: Any) -> Kind:
        """Return what the processes of a pool computed of some documents."""

    @abstractmethod
    def _none(self) -> Kind:
        """Return the vectors of no texts."""

    def _settings(self) -> dict[str, Any]:
        """Return everything that decides the vectors, besides the files of the model."""
        names = ("prompts", "max_length", "precision", "backend")
        return {name: getattr(self, name) for name in names}

    def recipe(self) -> dict[str, Any]:
        """Return everything needed to make this encoder again, as JSON."""
        local = local_folder(self.model)
        model = self.model if local is None else str(local.resolve())
        return {"type": self.family, "model": model, **self._settings()}

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> "ModelEncoder[Kind]":
        """Return the encoder a manifest records; its model is never downloaded.

        Raises:
            InvalidInput: a value that none can have.
            TypeError: a key that none has.
        """
        made = cls(**{name: value for name, value in recipe.items() if name != "type"})
        if not isinstance(made.model, str):
            raise InvalidInput(f"model {made.model!r}: a hub id or a local folder is a text")
        if unknown := set(recipe) - set(made.recipe()):  # as `device`: it is this machine's
            raise TypeError(f"no recipe has {sorted(unknown)}")
        made._fetches = False
        return made

    @cached_property
    def fingerprint(self) -> str:
        """Name what decides the vectors: the model's files, prompts, lengths, precision.

        Poolings, tokenizers and the model's own prompts are among its files.
        """
        settings = self._settings()
        own = settings_of(self._folder).get("prompts") or {}
        settings["prompts"] = {
            side: text for side, text in settings["prompts"].items() if own.get(side) != text
        }
        if self.backend == "torch":
            del settings["backend"]
        named = {name: value for name, value in settings.items() if value not in (None, {})}
        digest = weights_digest(self._folder, self.backend)
        return f"{self._spec}:{digest}:{json.dumps(named, sort_keys=True)}"

    def encode_documents(self, texts: Sequence[str]) -> Kind:
        """Return the vectors of documents, one row each."""
        if len(self._devices) > 1 and len(texts) > self.batch_size:
            return self._shared(texts)
        return self._encode("document", texts)

    def encode_queries(self, texts: Sequence[str]) -> Kind:
        """Return the vectors of queries, one row each."""
        return self._encode("query", texts)

    def close(self) -> None:
        """Stop the processes of several devices, if any run; encoding starts them again."""
        with self._lock:
            self._end_pool()

    def _encode(self, side: Side, texts: Sequence[str]) -> Kind:
        model, parts, order = self._loaded, [], []
        prompt = self._prompt(side)
        with inference.one_thread() if len(texts) == 1 else nullcontext():
            for rows, features in inference.batches(
                model, texts, side, prompt=prompt, batch_size=self.batch_size
            ):
                parts.append(self._vectors(features, side))
                order.append(rows)
        if not parts:
            return self._none()
        if len(texts) == 1:
            return parts[0]
        return type(parts[0]).concatenate(parts).take(np.argsort(np.concatenate(order)))

    def _shared(self, texts: Sequence[str]) -> Kind:
        with self._lock:
            try:
                return self._of_pool(
                    self._loaded.encode_document(
                        list(texts),
                        prompt=self._prompt("document"),
                        batch_size=self.batch_size,
                        show_progress_bar=False,
                        pool=self._started_pool(),
                    )
                )
            except BaseException:
                self._end_pool()  # what it still computes must not answer the next call
                raise

    def _started_pool(self) -> Any:
        if self._pool is None:
            model = self._loaded
            self._pool = model.start_multi_process_pool(self._devices)
            self._stop = weakref.finalize(self, type(model).stop_multi_process_pool, self._pool)
        return self._pool

    def _end_pool(self) -> None:
        if self._stop is not None:
            self._stop()
        self._pool = self._stop = None

    def _prompt(self, side: Side) -> str | None:
        own = self.prompts or {}
        return own[side] if side in own else inference.prompt_of(self._loaded, side)

    @property
    def _devices(self) -> list[str]:
        return [self.device] if isinstance(self.device, str) else list(self.device or ())

    @property
    def _spec(self) -> str:
        return _SPECS[self.opened_by]

    @cached_property
    def _folder(self) -> Path:
        folder = locate(self.model, spec=self._spec, backend=self.backend, fetch=self._fetches)
        try:
            classes = model_classes(folder)
        except ValueError as error:
            raise unavailable(self.model, first_line(error), self._spec) from error
        if self.opened_by not in classes:
            hint = " or ".join(f"{_SPECS[c]}:{self.model}" for c in sorted(classes & {*_SPECS}))
            raise EncoderUnavailable(
                f"model {self.model!r} was made for {' or '.join(sorted(classes))}, not "
                f"{self.opened_by}" + (f": use {hint}" if hint else "")
            )
        return folder

    @cached_property
    def _loaded(self) -> Any:
        several = len(self._devices) > 1  # they are given copies; this process keeps to itself
        device = "cpu" if several else next(iter(self._devices), None)
        try:
            return inference.opened(
                self.opened_by,
                self._folder,
                precision=self.precision or "float32",
                backend=self.backend,
                max_length=self.max_length,
                settings={"device": device, **self._options()},
            )
        except EncoderUnavailable:
            raise
        except Exception as error:  # safetensors and tokenizers have errors of their own root
            reason = first_line(error)
            if isinstance(error, ImportError):
                needed = "" if self.backend == "torch" else f"[{self.backend}]"
                reason += f"; pip install 'sentence-transformers{needed}'"
            raise unavailable(self.model, reason, self._spec) from error

    def _options(self) -> dict[str, Any]:
        """Return what only this family passes to sentence-transformers."""
        return {}
