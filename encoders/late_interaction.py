"""Token vectors from a sentence-transformers model: one per token, for late interaction.

Which tokens count is the model's own affair: prefixes, the masks it appends to short queries, the
punctuation it leaves out of documents. Padding is never among them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from encoders.inference import Side
from encoders.model import ModelEncoder
from indexes.vectors import MultiVectors


@dataclass(eq=False)
class LateInteraction(ModelEncoder[MultiVectors]):
    """A ColBERT-like encoder; see `ModelEncoder` for its settings.

    Documents are handed over as float16, which is what indexes of token vectors keep at most;
    queries as float32. `max_length` is of documents where the model has lengths of its own.
    """

    kind: ClassVar[Literal["multi"]] = "multi"
    family: ClassVar[str] = "late_interaction"
    opened_by: ClassVar[str] = "MultiVectorEncoder"

    def _vectors(self, features: Mapping[str, Any], side: Side) -> MultiVectors:
        kept = features["attention_mask"].bool()
        values = features["token_embeddings"][kept].float().cpu().numpy()
        dtype = np.float16 if side == "document" else np.float32
        lengths = kept.sum(1).cpu().numpy()
        return MultiVectors.of(values.astype(dtype), np.cumsum([0, *lengths]))

    def _of_pool(self, outputs: Any) -> MultiVectors:
        rows = [row.float().numpy().astype(np.float16) for row in outputs]
        return MultiVectors.of_rows(rows)

    def _none(self) -> MultiVectors:
        return MultiVectors.of_rows([], dimension=self._loaded.get_embedding_dimension())
