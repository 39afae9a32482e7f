"""From ordinals to documents: text is fetched only for the hits that are looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoders.analysis import Analyzer
from indexes.hits import Hits
from retrieval import snippets
from retrieval.document import Document
from retrieval.snippets import Snippet
from retrieval.store.segment import Segment
from retrieval.store.snapshot import Snapshot


@dataclass(frozen=True)
class Hit:
    """A document found for a query; all but docno, score and rank is read on demand."""

    docno: str
    score: float
    rank: int
    _segment: Segment = field(repr=False, compare=False)
    _ordinal: int = field(repr=False, compare=False)
    _query: str = field(repr=False, compare=False)
    _analyzer: Analyzer = field(repr=False, compare=False)

    @cached_property
    def document(self) -> Document:
        """The whole document."""
        return self._segment.documents.document(self._ordinal)

    @property
    def title(self) -> str:
        """Its title."""
        return self.document.title

    @property
    def text(self) -> str:
        """Its text."""
        return self.document.text

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Its metadata."""
        return self.document.metadata

    @cached_property
    def snippet(self) -> Snippet:
        """The part of the text that answers the query, matching words highlighted."""
        return snippets.cut(self.text or self.title, self._query, self._analyzer)

    def to_dict(self) -> dict[str, Any]:
        """Return the hit as JSON."""
        own = {"rank": self.rank, "docno": self.docno, "score": self.score, "title": self.title}
        return own | {"snippet": self.snippet.text, "metadata": dict(self.metadata)}


class Results:
    """The hits of a batch of queries on one snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        hits: Hits,
        texts: Sequence[str] | None,
        analyzer: Analyzer | None,
    ) -> None:
        self._snapshot, self._hits, self._texts = snapshot, hits, texts
        self._analyzer = analyzer or Analyzer()

    def of(self, query: int) -> list[Hit]:
        """Return the hits of one query, best first."""
        ordinals, scores = self._found(query)
        text = self._texts[query] if self._texts else ""
        hits = []
        for i, (ordinal, score) in enumerate(zip(ordinals.tolist(), scores.tolist(), strict=True)):
            segment, inside = self._snapshot.locate(ordinal)
            docno = segment.documents.docno[inside].decode()
            hits.append(Hit(docno, score, i + 1, segment, inside, text, self._analyzer))
        return hits

    def docnos(self, query: int) -> tuple[list[str], NDArray[np.float32]]:
        """Return the docnos and scores of one query, best first."""
        ordinals, scores = self._found(query)
        places = map(self._snapshot.locate, ordinals.tolist())
        return [segment.documents.docno[inside].decode() for segment, inside in places], scores

    def _found(self, query: int) -> tuple[NDArray[Any], NDArray[np.float32]]:
        ids = self._hits.ids[query]
        n_hits = int(np.count_nonzero(ids >= 0))
        return ids[:n_hits], self._hits.scores[query, :n_hits]
