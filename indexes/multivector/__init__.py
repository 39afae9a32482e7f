"""The multi-vector index: late interaction, scored by MaxSim (Khattab and Zaharia 2020, eq. 3).

    MaxSim(q, d) = Σ over the tokens of q of the largest inner product with a token of d

Exhaustive and exact: useful for some 100,000 documents, for reranking, and as the truth that
faster indexes are judged by. A document without tokens is no hit, a query without tokens has none,
and a negative score stays negative.

A score is the float32 nearest to a float64 result: inner products summed in the order of the
dimensions, then their maxima in the order of the query's tokens. So it depends on the stored values
alone, and not on the machine, the batch or the block a document is scanned in.

`maxsim.py` holds the kernels, `index.py` is the index.
"""

from indexes.multivector.index import MultiVector, MultiVectorBuild, MultiVectorSearch

__all__ = ["MultiVector", "MultiVectorBuild", "MultiVectorSearch"]
