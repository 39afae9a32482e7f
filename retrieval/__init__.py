"""Dense, learned-sparse and late-interaction retrieval behind one folder and one query call.

    >>> import retrieval as rt
    >>> collection = rt.index("docs/", "docs.idx")              # doctest: +SKIP
    >>> for hit in collection.search("rotate a key", k=5):      # doctest: +SKIP
    ...     print(hit.docno, hit.score, hit.snippet)

This package is the public API and the search layer over `encoders` (text in, vectors out),
`indexes` (arrays in, hits out) and `eval` (runs in, numbers out). Every name is imported when it is
first used: importing `retrieval` loads neither numba nor torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encoders.analysis import Analysis as Analysis
    from encoders.bm25 import Bm25 as Bm25
    from encoders.bm25 import Bm25Search as Bm25Search
    from encoders.dense import Dense as Dense
    from encoders.late_interaction import LateInteraction as LateInteraction
    from encoders.learned_sparse import LearnedSparse as LearnedSparse
    from encoders.precomputed import Precomputed as Precomputed
    from eval.measures import evaluate as evaluate
    from indexes.flat import Flat as Flat
    from indexes.flat import FlatBuild as FlatBuild
    from indexes.flat import FlatSearch as FlatSearch
    from indexes.hnsw import Hnsw as Hnsw
    from indexes.hnsw import HnswBuild as HnswBuild
    from indexes.hnsw import HnswSearch as HnswSearch
    from indexes.inverted import Inverted as Inverted
    from indexes.inverted import InvertedBuild as InvertedBuild
    from indexes.inverted import InvertedSearch as InvertedSearch
    from indexes.metric import Metric as Metric
    from indexes.multivector import MultiVector as MultiVector
    from indexes.multivector import MultiVectorBuild as MultiVectorBuild
    from indexes.multivector import MultiVectorSearch as MultiVectorSearch
    from indexes.vectors import DenseVectors as DenseVectors
    from indexes.vectors import MultiVectors as MultiVectors
    from indexes.vectors import SparseVectors as SparseVectors
    from retrieval.chunking import Chunking as Chunking
    from retrieval.collection import Collection as Collection
    from retrieval.config import Recipe as Recipe
    from retrieval.document import Document as Document
    from retrieval.errors import RetrievalError as RetrievalError
    from retrieval.filters import Filter as Filter
    from retrieval.ingest.fields import Fields as Fields
    from retrieval.ingest.sync import index as index
    from retrieval.ingest.sync import sync as sync
    from retrieval.opening import create as create
    from retrieval.opening import open_collection as open_collection
    from retrieval.pipeline import rrf as rrf
    from retrieval.queries import Queries as Queries
    from retrieval.results import Hit as Hit
    from retrieval.run import Run as Run

    open = open_collection  # noqa: A001  # the public name is rt.open

__version__ = "0.1.0"

_HOMES = {
    "Analysis": "encoders.analysis",
    "Bm25": "encoders.bm25",
    "Bm25Search": "encoders.bm25",
    "Chunking": "retrieval.chunking",
    "Collection": "retrieval.collection",
    "Dense": "encoders.dense",
    "DenseVectors": "indexes.vectors",
    "Document": "retrieval.document",
    "Fields": "retrieval.ingest.fields",
    "Filter": "retrieval.filters",
    "Flat": "indexes.flat",
    "FlatBuild": "indexes.flat",
    "FlatSearch": "indexes.flat",
    "Hit": "retrieval.results",
    "Hnsw": "indexes.hnsw",
    "HnswBuild": "indexes.hnsw",
    "HnswSearch": "indexes.hnsw",
    "Inverted": "indexes.inverted",
    "InvertedBuild": "indexes.inverted",
    "InvertedSearch": "indexes.inverted",
    "LateInteraction": "encoders.late_interaction",
    "LearnedSparse": "encoders.learned_sparse",
    "Metric": "indexes.metric",
    "MultiVector": "indexes.multivector",
    "MultiVectorBuild": "indexes.multivector",
    "MultiVectorSearch": "indexes.multivector",
    "MultiVectors": "indexes.vectors",
    "Precomputed": "encoders.precomputed",
    "Queries": "retrieval.queries",
    "Recipe": "retrieval.config",
    "RetrievalError": "retrieval.errors",
    "Run": "retrieval.run",
    "SparseVectors": "indexes.vectors",
    "create": "retrieval.opening",
    "evaluate": "eval.measures",
    "index": "retrieval.ingest.sync",
    "open": "retrieval.opening",
    "rrf": "retrieval.pipeline",
    "sync": "retrieval.ingest.sync",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'retrieval' has no attribute {name!r}")
    attribute = "open_collection" if name == "open" else name
    value = getattr(import_module(_HOMES[name]), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
