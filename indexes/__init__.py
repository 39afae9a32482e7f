"""Arrays in, hits out: no text, no files, no network.

An index is nothing but named arrays: the vectors an encoder handed over, kept once, and what is
derived from them. `build` makes the derived arrays, `arrays` hands them to a store, `from_arrays`
checks what a store hands back. All kinds share one contract (`tests/contract/promises.py`):

* hits come best first, ties by lower ordinal; a place without a hit is −1 with score −inf;
* `allowed` is applied before the top k, so a shorter list never holds a document outside it;
* k = 0, k beyond the collection, no queries, empty queries and an empty index are answered;
* NaN, infinity and a wrong dimension are `InvalidVectors`, damaged arrays are `CorruptIndex`;
* settings of another kind, and ordinals out of range, are `InvalidInput`.

Not for: finding the right encoder, names of documents, or anything durable.
"""
