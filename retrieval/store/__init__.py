"""Where arrays become durable: a folder of immutable files under one manifest.

    manifest.json            which files make the current generation; replaced by every commit
    00000001.documents       a segment: its documents as columns …
    00000001.bm25.vectors    … per representation, their vectors …
    00000001.bm25.index      … and what an index derived from them
    00000002.tombstones      which documents of a segment have been deleted since
    lock                     held by the one writer; empty or a process number

      files.py       the only module that touches the disk; the tests have a double that fails
      container.py   one file: named arrays with checksums
      manifest.py    what a generation is made of, and the commit
      documents.py   ids, texts and metadata of a segment
      segment.py     documents, vectors and indexes, opened lazily and checked before use
      snapshot.py    one generation, opened for reading; it never changes and takes no lock
      merging.py     when adjacent segments are merged
      statistics.py  what BM25 has to know of the live documents
      verification.py  every byte and structure, damage by name of the file
      embeddings.py  beside collections: what any encoder has made of any text, kept for all of them
      shelf.py       the files of that cache for one encoder

Every file is written under a name never used before and synced, then the names are synced, then the
manifest is replaced and the names synced again. So a commit is wholly there or not at all, after
an exception, a kill, a full disk or a loss of power, and once `commit` has returned it stays there.
Names and sizes are checked when a collection is opened, the bytes of an array before it is first
used. Damage is `CorruptIndex`, a later format is `FormatUnknown`, a disk that refuses is
`StorageFailed`; opening a stranger's collection runs nothing, follows no link and writes nothing.

Not for: honest contents in a stranger's files, folders shared over a network, two writers at once.
"""
