"""The graph index: nearly all of the nearest, in microseconds (HNSW, Malkov and Yashunin 2018).

Useful from some 20,000 dense vectors on; fewer are all scored, exactly, by the same index. Not
useful where every answer must be exact at any size: that is `indexes.flat`.

A search reads small codes of the documents it passes and scores the best by their vectors, so
scores are exact, and what is missing was never met or looked worse than it is. It never returns
fewer than k documents where k are allowed. What is compared: inner products as they are (a graph of
products, Morozov and Babenko 2018), cosine, or squared distances; a vector of zeros has the score
that `indexes.metric` gives it, and NaN is refused.

`projection.py` finds the directions that vectors are coded along, `codes.py` codes documents,
`coding.py` keeps the codes and makes queries ready; `linking.py` finds the links of a document,
`build.py` lets the graph grow, `graph.py` is what it has become; `pool.py` keeps candidates in
order, `traversal.py` walks, `answering.py` goes from queries to hits. `index.py` is the index.
"""

from indexes.hnsw.index import Hnsw
from indexes.hnsw.settings import HnswBuild, HnswSearch

__all__ = ["Hnsw", "HnswBuild", "HnswSearch"]
