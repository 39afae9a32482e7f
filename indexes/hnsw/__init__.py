"""The graph index (HNSW)."""

from indexes.hnsw.index import Hnsw
from indexes.hnsw.settings import HnswBuild, HnswSearch

__all__ = ["Hnsw", "HnswBuild", "HnswSearch"]
