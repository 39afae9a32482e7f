"""Dense vectors from a sentence-transformers model: a thin adapter.

Prompts, pooling and normalisation are the model's own; queries and documents go through its
`encode_query` and `encode_document`, which know the difference.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from encoders.checkpoint import MINILM, first_line, locate, unavailable, weights_digest
from encoders.errors import EncoderUnavailable
from indexes.errors import InvalidInput
from indexes.vectors import DenseVectors

_METRICS = {"cosine": "COSINE", "dot": "INNER_PRODUCT", "euclidean": "EUCLIDEAN"}


class Dense:
    """A dual encoder: one vector per text.

    Nothing is loaded before the first text is encoded; `fingerprint` reads the files of the model
    but does not import torch.

    Args:
        model: hub id or local folder.
        prompts: texts put in front of "query" and "document", in place of the model's own.
        max_length: tokens read of each text; None: the model's own.
        batch_size: texts per forward pass, sorted by length.
        device: torch device; None: the fastest there is.
    """

    kind: Literal["dense"] = "dense"

    def __init__(
        self,
        model: str = MINILM,
        *,
        prompts: dict[str, str] | None = None,
        max_length: int | None = None,
        batch_size: int = 32,
        device: str | None = None,
    ) -> None:
        if prompts and (unknown := set(prompts) - {"query", "document"}):
            raise InvalidInput(f"prompts for {sorted(unknown)}: use 'query' and 'document'")
        self.model, self.prompts, self.max_length = model, prompts or {}, max_length
        self._batch_size, self._device = batch_size, device

    def recipe(self) -> dict[str, Any]:
        """Return everything needed to make this encoder again, as JSON."""
        recipe = {"type": "dense", "model": self.model, "prompts": self.prompts}
        return recipe | {"max_length": self.max_length}

    @classmethod
    def from_recipe(cls, recipe: dict[str, Any]) -> "Dense":
        """Return the encoder a manifest records."""
        return cls(recipe["model"], prompts=recipe["prompts"], max_length=recipe["max_length"])

    @cached_property
    def fingerprint(self) -> str:
        """Name what decides the vectors: weights, tokenizer, pooling, prompts, maximum length."""
        settings = {"prompts": self.prompts, "max_length": self.max_length}
        return f"dense:{weights_digest(self._folder)}:{json.dumps(settings, sort_keys=True)}"

    @property
    def metric(self) -> str:
        """The similarity the model was trained for, a name of `indexes.metric.Metric`."""
        path = self._folder / "config_sentence_transformers.json"
        settings = json.loads(path.read_text()) if path.is_file() else {}
        name = settings.get("similarity_fn_name") or "cosine"
        if name not in _METRICS:
            raise EncoderUnavailable(
                f"model {self.model!r} asks for similarity {name!r}: known are {sorted(_METRICS)}"
            )
        return _METRICS[name]

    def encode_documents(self, texts: Sequence[str]) -> DenseVectors:
        """Return one vector per document."""
        return self._encode("document", texts)

    def encode_queries(self, texts: Sequence[str]) -> DenseVectors:
        """Return one vector per query."""
        return self._encode("query", texts)

    def _encode(self, side: str, texts: Sequence[str]) -> DenseVectors:
        encode = getattr(self._loaded, f"encode_{side}")
        prompt = {"prompt": self.prompts[side]} if side in self.prompts else {}
        with _one_thread() if len(texts) == 1 else nullcontext():
            values = encode(
                list(texts),
                batch_size=self._batch_size,
                show_progress_bar=False,
                convert_to_numpy=True,
                **prompt,
            )
        empty = (0, self._loaded.get_embedding_dimension())
        return DenseVectors.of(np.asarray(values, np.float32) if len(texts) else np.empty(empty))

    @cached_property
    def _folder(self) -> Path:
        return locate(self.model)

    @cached_property
    def _loaded(self) -> Any:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise unavailable(self.model, "sentence-transformers is not installed") from error
        folder = str(self._folder)
        try:
            with _no_progress_bars():
                model = SentenceTransformer(
                    folder,
                    device=self._device,
                    local_files_only=True,
                    model_kwargs={"use_safetensors": True},
                )
        except Exception as error:  # safetensors and tokenizers have errors of their own root
            raise unavailable(self.model, first_line(error)) from error
        if self.max_length is not None:
            model.max_seq_length = self.max_length
        return model


class _Narrowed:
    """How many queries run on one thread each, and how many threads there were before."""

    def __init__(self) -> None:
        self.lock, self.n_inside, self.n_threads = threading.Lock(), 0, 1


_NARROWED = _Narrowed()


@contextmanager
def _one_thread() -> Iterator[None]:
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
