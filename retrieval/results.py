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
    """A document found for a query; all but docno, score and rank is read on demand.

    docno is what was ranked: where the best passage of each parent was asked for, the parent's.
    """

    docno: str
    score: float
    rank: int
    _segment: Segment = field(repr=False, compare=False)
    _ordinal: int = field(repr=False, compare=False)
    _query: str = field(repr=False, compare=False)
    _analyzer: Analyzer = field(repr=False, compare=False)

    @cached_property
    def document(self) -> Document:
        """The document as it is stored: of a passage, the passage."""
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

    @property
    def parent(self) -> str:
        """The docno of the document it is a passage of; its own if it is none."""
        return self.document.parent

    @property
    def span(self) -> tuple[int, int] | None:
        """The characters of its parent's text that a passage is; None if it is no passage."""
        return self.document.span

    @cached_property
    def snippet(self) -> Snippet:
        """The part of the text that answers the query, matching words highlighted."""
        return snippets.cut(self.text or self.title, self._query, self._analyzer)

    def to_dict(self) -> dict[str, Any]:
        """Return the hit as JSON."""
        own = {"rank": self.rank, "docno": self.docno, "score": self.score, "title": self.title}
        place = {"passage": self.document.docno, "span": self.span} if self.span else {}
        return own | {"snippet": self.snippet.text, "metadata": dict(self.metadata)} | place


class Results:
    """The hits of a batch of queries on one snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        hits: Hits,
        texts: Sequence[str] | None,
        analyzer: Analyzer,
        *,
        per: str,
    ) -> None:
        self._snapshot, self._hits, self._texts = snapshot, hits, texts
        self._analyzer, self._per = analyzer, per

    def of(self, query: int) -> list[Hit]:
        """Return the hits of one query, best first."""
        ordinals, scores = self._found(query)
        text = self._texts[query] if self._texts else ""
        hits = []
        for i, (ordinal, score) in enumerate(zip(ordinals.tolist(), scores.tolist(), strict=True)):
            segment, inside = self._snapshot.locate(ordinal)
            docno = self._docno(segment, inside)
            hits.append(Hit(docno, score, i + 1, segment, inside, text, self._analyzer))
        return hits

    def docnos(self, query: int) -> tuple[list[str], NDArray[np.float32]]:
        """Return the docnos and scores of one query, best first."""
        ordinals, scores = self._found(query)
        places = map(self._snapshot.locate, ordinals.tolist())
        return [self._docno(segment, inside) for segment, inside in places], scores

    def _docno(self, segment: Segment, inside: int) -> str:
        table = segment.documents
        return table.parent(inside) if self._per == "parent" else table.docno[inside].decode()

    def _found(self, query: int) -> tuple[NDArray[Any], NDArray[np.float32]]:
        ids = self._hits.ids[query]
        n_hits = int(np.count_nonzero(ids >= 0))
        return ids[:n_hits], self._hits.scores[query, :n_hits]


def best_passages(snapshot: Snapshot, hits: Hits, k: int) -> Hits:
    """Return the first hit of each parent document, at most k a query, in the order they have."""
    best = Hits(np.full((len(hits), k), -1, np.int64), Hits.empty(len(hits), k).scores)
    for query, ids in enumerate(hits.ids.tolist()):
        parents: set[str] = set()
        for place, ordinal in enumerate(ids):
            if ordinal < 0 or len(parents) == k:
                break
            segment, inside = snapshot.locate(ordinal)
            parent = segment.documents.parent(inside)
            if parent not in parents:
                best.ids[query, len(parents)] = ordinal
                best.scores[query, len(parents)] = hits.scores[query, place]
                parents.add(parent)
    return best
