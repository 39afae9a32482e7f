"""The inverted index: for every term the documents that contain it.

Useful for sparse vectors, lexical (term frequencies under BM25) or learned (impacts). Not useful
for dense vectors: every list would hold every document.

`postings.py` turns document rows into lists, `exact.py` scores them window by window, `index.py`
is the index that keeps both.
"""

from indexes.inverted.index import Inverted, InvertedBuild, InvertedSearch, Saturation

__all__ = ["Inverted", "InvertedBuild", "InvertedSearch", "Saturation"]
