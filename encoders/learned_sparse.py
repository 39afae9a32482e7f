"""Learned sparse vectors from a sentence-transformers model: weighted terms of its vocabulary.

A term is the model's own token string. Where several ids share a string, all but the lowest get
`#id` at its end, so that they stay distinct; dimensions that are no tokens, those of an
autoencoder say, are called by their number.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from encoders.checkpoint import settings_of
from encoders.errors import EncoderUnavailable
from encoders.inference import Side
from encoders.model import ModelEncoder
from indexes.strings import Strings
from indexes.vectors import SparseVectors


@dataclass(eq=False)
class LearnedSparse(ModelEncoder[SparseVectors]):
    """A SPLADE-like encoder; see `ModelEncoder` for its settings.

    Its query side may be a table look-up ("inference-free"): the model's files say so.
    """

    kind: ClassVar[Literal["sparse"]] = "sparse"
    family: ClassVar[str] = "learned_sparse"
    opened_by: ClassVar[str] = "SparseEncoder"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._vocabulary: _Vocabulary | None = None

    def _vectors(self, features: Mapping[str, Any], side: Side) -> SparseVectors:
        values, most = features["sentence_embedding"], self._loaded.max_active_dims
        if most is not None:
            from sentence_transformers.util import select_max_active_dims

            values = select_max_active_dims(values, most)
        rows, ids = values.nonzero(as_tuple=True)
        return self._of_cells(values.shape, (rows, ids), values[rows, ids])

    def _shared(self, texts: Sequence[str]) -> SparseVectors:
        from torch.sparse import check_sparse_tensor_invariants as checks

        checked: Any = checks  # torch gives it no types
        # Matrices that come from other processes are checked; untold, torch warns of not checking.
        with checked():
            return super()._shared(texts)

    def _of_pool(self, outputs: Any) -> SparseVectors:
        whole = outputs.coalesce()
        return self._of_cells(whole.shape, tuple(whole.indices()), whole.values())

    def _none(self) -> SparseVectors:
        return SparseVectors.of_rows([])

    def _of_cells(self, shape: Any, cells: tuple[Any, ...], values: Any) -> SparseVectors:
        """Return the vectors whose weights are `values` at `cells` of a matrix, row by row."""
        if self._vocabulary is None:
            self._vocabulary = _Vocabulary.of(self._loaded, int(shape[1]))
        rows, ids = (positions.cpu().numpy() for positions in cells)
        weights = values.float().cpu().numpy()
        if self._is_cosine:
            norms = np.sqrt(np.bincount(rows, weights.astype(np.float64) ** 2, int(shape[0])))
            weights = (weights / norms[rows]).astype(np.float32)
        used, terms = np.unique(self._vocabulary.ranks[ids], return_inverse=True)
        order = np.lexsort((terms, rows))
        offsets = np.cumsum([0, *np.bincount(rows, minlength=int(shape[0]))])
        names = self._vocabulary.names.take(used.astype(np.int64))
        return SparseVectors.of(offsets, terms[order].astype(np.int32), weights[order], names)

    @property
    def _is_cosine(self) -> bool:
        """Whether rows need unit length, for inner products to be the model's similarity."""
        name = settings_of(self._folder).get("similarity_fn_name") or "dot"
        if name not in ("cosine", "dot"):
            raise EncoderUnavailable(
                f"model {self.model!r} asks for similarity {name!r}: known are ['cosine', 'dot']"
            )
        return bool(name == "cosine")


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """The dimensions of a model as terms.

    names  (n_dimensions) strings in byte order
    ranks  (n_dimensions,) int64   where in `names` a dimension is
    """

    names: Strings
    ranks: NDArray[np.int64]

    @classmethod
    def of(cls, model: Any, n_dimensions: int) -> "_Vocabulary":
        names = distinct(_tokens(model, n_dimensions))
        order = sorted(range(n_dimensions), key=names.__getitem__)
        ranks = np.empty(n_dimensions, np.int64)
        ranks[order] = np.arange(n_dimensions)
        return cls(Strings.of(names[i] for i in order), ranks)


def distinct(tokens: Iterable[str]) -> list[bytes]:
    """Return token strings as UTF-8 names of which no two are the same."""
    names: dict[bytes, None] = {}
    for i, token in enumerate(tokens):
        name = token.encode("utf-8", "backslashreplace")
        while name in names:
            name += b"#%d" % i
        names[name] = None
    return list(names)


def _tokens(model: Any, n_dimensions: int) -> list[str]:
    from sentence_transformers.sparse_encoder.modules import SparseAutoEncoder

    coded = any(isinstance(module, SparseAutoEncoder) for module in model.modules())
    n_named = 0 if coded else min(len(model.tokenizer), n_dimensions)
    named = model.tokenizer.convert_ids_to_tokens(list(range(n_named))) if n_named else []
    return [str(i) if token is None else token for i, token in enumerate(named)] + [
        str(i) for i in range(n_named, n_dimensions)
    ]
