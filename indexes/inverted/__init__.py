"""The inverted index: for every term the documents that contain it.

Useful for sparse vectors, lexical (term frequencies under BM25) or learned (impacts). Not useful
for dense vectors: every list would hold every document.

`postings.py` turns document rows into lists, in the order that `order.py` found; `bounds.py` has
the block maxima. `exact.py` chooses between `exhaustive.py` and `blockmax.py`; `approximate.py`
does with less of a query or fewer blocks. `index.py` is the index that keeps all of it.
"""

from indexes.inverted.index import Inverted
from indexes.inverted.settings import InvertedBuild, InvertedSearch, Saturation

__all__ = ["Inverted", "InvertedBuild", "InvertedSearch", "Saturation"]
