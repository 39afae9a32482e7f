"""What BM25 needs to know of a collection, counted over its live documents alone."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexes.inverted import Inverted, InvertedBuild
from indexes.strings import Strings
from retrieval.errors import InvalidInput
from retrieval.store.segment import Segment


class LiveStatistics:
    """Counts for one lexical representation of one snapshot.

    Lists still hold deleted documents, so what these contribute is counted by a second, small
    index over the deleted rows alone, and taken off.
    """

    def __init__(self, segments: Sequence[Segment], name: str) -> None:
        self.n_documents = sum(segment.n_live for segment in segments)
        self._indexes = [_inverted(segment, name) for segment in segments]
        self._deleted = [
            Inverted.build(index.vectors(segment.dead_ordinals), InvertedBuild.bm25())
            for index, segment in zip(self._indexes, segments, strict=True)
            if len(segment.dead_ordinals)
        ]
        total = sum(float(index.lengths.sum(dtype=np.float64)) for index in self._indexes)
        total -= sum(float(index.lengths.sum(dtype=np.float64)) for index in self._deleted)
        self.average_length = total / max(self.n_documents, 1) or 1.0

    def document_frequencies(self, terms: Strings) -> NDArray[np.int64]:
        """Return in how many live documents each term occurs."""
        counts = np.zeros(len(terms), np.int64)
        for index in self._indexes:
            counts += index.document_frequencies(terms)
        for index in self._deleted:
            counts -= index.document_frequencies(terms)
        return counts


def _inverted(segment: Segment, name: str) -> Inverted:
    index = segment.index(name)
    if not isinstance(index, Inverted):
        raise InvalidInput(f"representation {name!r} is lexical but its index is {index.kind!r}")
    return index
