"""A batch of queries, as systems take them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.vectors import DenseVectors, MultiVectors, SparseVectors, Vectors
from retrieval.errors import InvalidInput
from retrieval.filters import Filter
from retrieval.limits import QUERY_CHARACTERS_MAX


@dataclass(frozen=True, slots=True)
class QueryBatch:
    """Queries as a system takes them: texts or vectors, with the ids they have in a run."""

    ids: tuple[str, ...]
    texts: tuple[str, ...] | None = None
    vectors: Vectors | None = None
    named: bool = False  # whether the ids are the user's, and not just numbers
    filter: Filter | None = None  # which documents may be found, decided before the top k

    @classmethod
    def of(cls, queries: Any) -> "QueryBatch":
        """Accept texts, a matrix, or vectors of any kind.

        Raises:
            InvalidInput: anything else, or a text that is too long.
        """
        if isinstance(queries, DenseVectors | SparseVectors | MultiVectors):
            return cls(_numbered(len(queries)), vectors=queries)
        if isinstance(queries, np.ndarray):
            vectors = DenseVectors.of(np.atleast_2d(queries))
            return cls(_numbered(len(vectors)), vectors=vectors)
        if not isinstance(queries, Iterable):
            raise InvalidInput(f"query {queries!r} is no text: pass a string or a vector")
        if isinstance(queries, Mapping):
            raise InvalidInput("queries with ids are a batch: call run(queries) of a system")
        texts = tuple(queries)
        for text in texts:
            if not isinstance(text, str):
                raise InvalidInput(f"query {text!r} is no text: pass a string or a vector")
            if len(text) > QUERY_CHARACTERS_MAX:
                raise InvalidInput(f"a query has {len(text):,} characters: shorten it")
            if not text.isascii():
                _check_unicode(text)
        return cls(_numbered(len(texts)), texts)

    @classmethod
    def by_id(cls, queries: Mapping[str, str]) -> "QueryBatch":
        """Accept texts with ids, or raise `InvalidInput`."""
        return replace(cls.of(queries.values()), ids=tuple(queries), named=True)

    def __len__(self) -> int:
        return len(self.ids)

    def blank(self) -> NDArray[np.bool_]:
        """Return which queries say nothing; they have no hits in any system."""
        return np.array([not text.strip() for text in self.texts or ()], bool)


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"query {text!r} is not Unicode: {error}") from error


def _numbered(n_queries: int) -> tuple[str, ...]:
    return tuple(map(str, range(n_queries)))
