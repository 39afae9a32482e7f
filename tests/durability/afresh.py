"""What a collection should hold and answer: a plain model, and collections made of it in one go."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from faults import FaultFolder
from hypothesis import strategies as st
from kinds import ENCODERS, EXTRA, KINDS
from workload import opened

import retrieval as rt
from encoders import is_lexical
from retrieval.passages import cut
from retrieval.representation import Representation
from retrieval.store import manifest as manifests
from retrieval.store.files import Folder
from retrieval.store.manifest import Manifest

SPECS = {**KINDS, **EXTRA}
WORDS = ("cat", "dog", "sun", "sea", "owl", "fog")
QUERIES = ["cat dog", "owl fog cat sun sea", "unseen", ""]
DOCNOS = [f"d{number}" for number in range(10)]
PLACES = ("/a", "/b")
NAMED = "pair"
"""A system of its own that fuses the first two kinds."""

texts = st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join)
metadata = st.fixed_dictionaries(
    {}, optional={"n": st.integers(0, 5), "tag": st.lists(st.sampled_from("xy"), max_size=2)}
)
documents = st.lists(
    st.builds(rt.Document, st.sampled_from(DOCNOS), texts, st.sampled_from(["", "ü"]), metadata),
    min_size=1,
    max_size=4,
    unique_by=lambda document: document.docno,
)
docnos = st.lists(st.sampled_from(DOCNOS), max_size=4, unique=True)
representations = st.sampled_from(sorted(SPECS))


@dataclass(frozen=True, slots=True)
class Look:
    """How the answers of a collection are looked at."""

    k: int
    filter: str | None
    per: Any
    vectors: bool


looks = st.builds(
    Look,
    st.sampled_from([1, 3, 20]),
    st.sampled_from([None, None, "n >= 2", 'tag == "x" or n == 0', "not n == 1"]),
    st.sampled_from(["passage", "passage", "parent"]),
    st.booleans(),
)


@dataclass(frozen=True)
class State:
    """What a collection holds: documents in the order of their last write, each with its source.

    documents  docno → document, and the place it came from, "" for a call of add
    """

    documents: Mapping[str, tuple[rt.Document, str]]
    representations: tuple[str, ...]
    settings: Mapping[str, Any]
    sources: tuple[str, ...] = ()

    def written(self, some: list[rt.Document], place: str = "") -> "State":
        """Return the state after documents were written."""
        there = dict(self.documents)
        for document in some:
            there.pop(document.docno, None)
            there[document.docno] = (document, place)
        new = (place,) if place and place not in self.sources else ()
        return replace(self, documents=there, sources=(*self.sources, *new))

    def without(self, gone: Callable[[str, str], bool]) -> "State":
        """Return the state without the documents of which (docno, place) is gone."""
        kept = {d: pair for d, pair in self.documents.items() if not gone(d, pair[1])}
        return replace(self, documents=kept)

    def stored(self) -> list[rt.Document]:
        """Return what is stored: documents, or their passages."""
        chunking = self.settings.get("chunking")
        way = rt.Chunking(**chunking) if chunking else None
        return [part for document, _ in self.documents.values() for part in cut(document, way)]

    def built(self) -> rt.Collection:
        """Return a collection made in one go."""
        folder = FaultFolder()
        empty(folder, self)
        collection = opened(folder)
        collection.add(document for document, _ in self.documents.values())
        collection.commit()
        return collection


def empty(folder: Folder, state: State) -> None:
    """Make a collection without documents."""
    recipes = {n: dict(Representation.of(n, SPECS[n]).recipe) for n in state.representations}
    manifests.commit(folder, Manifest(representations=recipes, settings=dict(state.settings)))


def systems(collection: rt.Collection) -> list[str]:
    own = list(collection.representations)
    fused = ["hybrid"] if len(own) > 1 else []
    return [*own, *fused, *collection.settings.get("systems", {})]


def answers(collection: rt.Collection, look: Look) -> dict[str, Any]:
    """Return ids and scores of every system that takes texts, or of those that take vectors."""
    found = {}
    for system in systems(collection):
        queries: Any = QUERIES
        if look.vectors:
            if system not in ENCODERS or is_lexical(ENCODERS[system]):
                continue
            queries = ENCODERS[system].encode_queries(QUERIES)
        found[system] = [listed(hits) for hits in searched(collection, queries, system, look)]
    return found


def searched(collection: rt.Collection, query: Any, system: str, look: Look) -> Any:
    return collection.search(query, look.k, system=system, filter=look.filter, per=look.per)


def listed(hits: list[rt.Hit]) -> list[tuple[str, float]]:
    return [(hit.docno, hit.score) for hit in hits]


def exact(collection: rt.Collection, system: str) -> bool:
    """Say whether a system answers as brute force does."""
    names = collection.system(system).representations
    return all(getattr(collection.representation(n).index_class, "exact", True) for n in names)


def overlap(found: Any, truth: Any) -> int:
    """Count the documents that were found of those that should be, over all queries."""
    pairs = zip(found, truth, strict=True)
    return sum(len(dict(one).keys() & dict(true).keys()) for one, true in pairs)


def true_answers(collection: rt.Collection, name: str, k: int) -> list[list[tuple[str, float]]]:
    """Return the best k documents by the exact score of every one, for the queries."""
    vectors, whole = ENCODERS[name].encode_queries(QUERIES), []
    for segment in collection.snapshot.segments:
        live = segment.live_ordinals()
        index: Any = segment.index(name)
        scores = index.score(vectors, np.tile(live, (len(QUERIES), 1)))
        named = [segment.documents.docno[int(i)].decode() for i in live]
        whole.append([list(zip(named, row.tolist(), strict=True)) for row in scores])
    joined = [list(chain(*parts)) for parts in zip(*whole, strict=True)] or [[] for _ in QUERIES]
    hits = [[pair for pair in row if pair[1] > -np.inf] for row in joined]  # −inf is no hit
    return [sorted(row, key=lambda pair: -pair[1])[:k] for row in hits]
