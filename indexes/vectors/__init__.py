"""What encoders hand over, as plain arrays that are checked once.

`dense.py` holds one vector per document, `sparse.py` weighted terms, `multi.py` one vector per
token; `ragged.py` is the arithmetic of rows of different lengths.
"""

from collections.abc import Iterable
from typing import TypeAlias, TypeVar

from indexes.errors import InvalidVectors
from indexes.vectors.dense import DenseVectors
from indexes.vectors.multi import MultiVectors
from indexes.vectors.sparse import SparseVectors

__all__ = ["DenseVectors", "Kind", "MultiVectors", "SparseVectors", "Vectors", "gathered"]

Vectors: TypeAlias = DenseVectors | SparseVectors | MultiVectors
Kind = TypeVar("Kind", DenseVectors, SparseVectors, MultiVectors)


def gathered(batches: Kind | Iterable[Kind], kind: type[Kind]) -> Kind:
    """Return what an index is built from, given whole or in batches, as one.

    Raises:
        InvalidVectors: no batch at all, or one of another kind.
    """
    if isinstance(batches, kind):
        return batches
    parts = list(batches) if isinstance(batches, Iterable) else [batches]
    if not parts:
        raise InvalidVectors("no vectors to index: pass at least one batch, it may be empty")
    for part in parts:
        if not isinstance(part, kind):
            name = kind.__name__
            raise InvalidVectors(
                f"{type(part).__name__} cannot be indexed: pass {name}, such as {name}.of(…)"
            )
    return parts[0] if len(parts) == 1 else kind.concatenate(parts)
