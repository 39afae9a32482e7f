"""The inverted file with product quantisation (IVF-PQ): dense vectors in few bytes.

Vectors are in lists around centroids (`codebooks.py`, learned by faiss in `training.py`), coded by
4 bits for a group of dimensions (`lists.py`). A search scans the lists of the nearest centroids
(`fastscan.py`) and scores the best candidates by their vectors (`answering.py`). Beside the
vectors, which may stay on disk, a document takes half a byte a group and 8 bytes more.

Not for: a few thousand vectors, which are searched exactly, and the shortest latency (`hnsw`).
"""

from indexes.ivfpq.codebooks import Codebooks
from indexes.ivfpq.index import IvfPq
from indexes.ivfpq.settings import IvfPqBuild, IvfPqSearch

__all__ = ["Codebooks", "IvfPq", "IvfPqBuild", "IvfPqSearch"]
