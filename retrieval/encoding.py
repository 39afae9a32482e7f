"""Texts to vectors: in which order they are encoded, and which of them are known already."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from encoders import Encoder, is_lexical
from indexes.vectors import Vectors
from retrieval.errors import CorruptIndex, InvalidInput, InvalidVectors
from retrieval.places import cache_folder
from retrieval.store.embeddings import LIMIT_VARIABLE, EmbeddingCache, key_of

Progress: TypeAlias = Callable[[str, int], None]
"""Called with the name of what is being done and how many documents have just been dealt with."""

_SLICE = 128
"""Texts handed to a model at once, so that progress is seen and memory stays small."""


def encode_texts(
    encoder: Encoder,
    texts: Sequence[str],
    kind: type[Any],
    *,
    name: str,
    progress: Progress | None = None,
) -> Vectors:
    """Return the vectors of the texts of documents, one each, in their order.

    A model is given texts of similar length together, longest first, some at a time. What an
    encoder is worth keeping of goes into the embedding cache slice by slice, and is taken from it.

    Args:
        encoder: what makes the vectors.
        texts: as the encoder is given them, or docnos if that is what it reads.
        kind: of vectors that it must return.
        name: what errors and progress call it.
        progress: called after each slice.

    Raises:
        EncoderUnavailable: the model is not there.
        InvalidInput: the encoder returned something else than one vector of its kind per text.
        InvalidVectors: one of them holds NaN or infinity, or its arrays do not fit together.
    """
    done = _Done(name, kind, progress)
    cache = _cache() if getattr(encoder, "cacheable", False) else None
    rest = np.arange(len(texts))
    if cache is not None:
        digests = [key_of(text) for text in texts]
        known = cache.get(encoder.fingerprint, digests, kind)
        if known is not None:
            done.take(*known)
            rest = np.setdiff1d(rest, known[0], assume_unique=True)
    for rows in _slices(texts, rest, whole=is_lexical(encoder)):
        vectors = encoder.encode_documents([texts[i] for i in rows])
        done.take(rows, vectors)
        if not is_lexical(encoder):
            _check(vectors, name)
        if cache is not None:
            _keep(cache, encoder.fingerprint, [digests[i] for i in rows], vectors)
    return done.in_order()


def _check(vectors: Vectors, name: str) -> None:
    """Raise `InvalidVectors` for what could be stored and never be read again, such as NaN.

    `of` has checked vectors that were made with it; an encoder may have made them without.
    """
    try:
        type(vectors).from_arrays(vectors.arrays())
    except CorruptIndex as error:
        raise InvalidVectors(
            f"the encoder of {name!r} returned vectors of no use: {error}"
        ) from error


class _Done:
    """The vectors that are there so far, in the order they came."""

    def __init__(self, name: str, kind: type[Any], progress: Progress | None) -> None:
        self._name, self._kind, self._progress = name, kind, progress
        self._rows: list[NDArray[np.int64]] = []
        self._parts: list[Vectors] = []

    def take(self, rows: NDArray[np.int64], vectors: Vectors) -> None:
        """Add vectors of the documents at `rows`."""
        if not isinstance(vectors, self._kind) or len(vectors) != len(rows):
            raise InvalidInput(
                f"the encoder of {self._name!r} returned {type(vectors).__name__} of length "
                f"{len(vectors)} for {len(rows)} documents: return {self._kind.__name__}, one each"
            )
        self._rows.append(rows)
        self._parts.append(vectors)
        if self._progress is not None:
            self._progress(self._name, len(rows))

    def in_order(self) -> Vectors:
        """Return all vectors, in the order of the documents."""
        if len(self._parts) == 1:  # of all documents, in their order
            return self._parts[0]
        return concatenate(self._parts).take(np.argsort(np.concatenate(self._rows)))


def _slices(
    texts: Sequence[str], rest: NDArray[np.int64], *, whole: bool
) -> Iterator[NDArray[np.int64]]:
    """Yield the rows still to be encoded, some at a time; none at all are one empty slice."""
    if whole or len(texts) <= _SLICE:
        if len(rest) or not len(texts):
            yield rest
        return
    order = rest[np.argsort([-len(texts[i]) for i in rest], kind="stable")]
    for start in range(0, len(order), _SLICE):
        yield order[start : start + _SLICE]


def _cache() -> EmbeddingCache:
    return _cache_of(cache_folder("embeddings"), os.environ.get(LIMIT_VARIABLE))


@lru_cache(maxsize=4)
def _cache_of(path: Path, limit: str | None) -> EmbeddingCache:
    """Return the cache of this process, which knows what it has found before."""
    del limit  # read again by `open`; it is only here so that another one is noticed
    return EmbeddingCache.open(path)


def _keep(cache: EmbeddingCache, identity: str, keys: Sequence[bytes], vectors: Any) -> None:
    if not cache.put(identity, keys, vectors) and cache.problem:
        warnings.warn(f"vectors are not kept in the cache: {cache.problem}", stacklevel=2)


def concatenate(parts: Sequence[Vectors]) -> Vectors:
    """Return vectors of one kind, one after the other."""
    kind: Any = type(parts[0])
    whole: Vectors = kind.concatenate(parts)
    return whole
