"""Where arrays become durable: a folder of immutable files under one manifest.

    manifest.json            which files make the current generation; replaced by every commit
    00000001.documents       a segment: its documents as columns …
    00000001.bm25.vectors    … per representation, their vectors …
    00000001.bm25.index      … and what an index derived from them
    00000002.tombstones      which documents of a segment have been deleted since
    lock                     held by the one writer; empty or a process number

      files.py       the only module that touches the disk; the tests have a double that fails
      lock.py        the one writer of a folder
      container.py   one file: named arrays with checksums
      formats.py     the version of everything on disk, and how others are refused
      manifest.py    what a generation is made of, and the commit
      documents.py   ids, texts and metadata of a segment
      segment.py     documents, vectors and indexes, opened lazily and checked before use
      snapshot.py    one generation, opened for reading; it never changes and takes no lock
      pending.py     a segment between two commits
      merging.py     when adjacent segments are merged
      afresh.py      a collection that cannot be read, to be built again in its place
      statistics.py  what BM25 has to know of the live documents
      verification.py  every byte and structure, damage by name of the file
      embeddings.py  beside collections: what any encoder has made of any text, kept for all of them
      shelf.py       the files of that cache for one encoder

Every file is written under a name never used before and synced, then the names are synced, then the
manifest is replaced and the names synced again. What follows from it, and the file in
`tests/durability/` that proves it, for every kind of representation:

* Atomic: a commit is wholly there or not at all, after an exception (test_faults), a kill
  (test_kills), a loss of power (test_crashes) or a full disk (test_full_disks), in a merge too
  (test_full_disk_merges) and when it is built again in its place (test_rebuilds). Each sync, each
  order and each checksum is needed for that (test_mutants).
* Durable: once `commit` has returned, it stays (test_crashes). A failed sync is never tried again:
  that commit has failed, and the one before it stands (test_faults).
* Snapshots: what has been opened never changes; readers take no lock and wait for nobody, whatever
  is committed or merged meanwhile (test_concurrency).
* One writer: a second one is `Locked`, with the process that holds it; the lock of a process that
  died is free, and the files it left are collected (test_locks).
* Detected: damaged bytes, and files exchanged, cut or missing, are `CorruptIndex` with the name of
  the file, or change no answer (test_damage). Names and sizes are checked when a collection is
  opened, the bytes and the structure of an array before its first use, so that one that lies behind
  a right checksum reaches no kernel (test_lies). The exception: who shortens a file under a process
  that uses it may kill that process (SIGBUS), and harms nothing that is stored (test_damage).
* Safe to open: a stranger's collection runs nothing, follows no link, writes nothing and takes no
  more memory than its files, and some for their lists (test_hostile). What is read from outside has
  limits, `retrieval.limits`, and over one of them is a typed error (test_fuzz).
* Versions: every file and every kind of index has one. Another is refused by name, `FormatTooOld`
  with what to do or `FormatTooNew`, as is a key, setting or array that is not known; both are
  `FormatUnknown`. Until release 1.0 a new version may take the place of an old one; what is read
  now answers as when it was written, to the last bit (test_goldens).
* Equal: after any changes a collection answers as one built afresh (test_state_machine), and the
  same changes make the same bytes (test_determinism, test_goldens).
* Bounded: opening, searching and failing leave no file open and no memory taken (test_resources).

Not for: honest contents in a stranger's files, folders shared over a network, two writers at once.
"""
