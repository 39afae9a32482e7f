"""Every limit of the engine, with its reason. Over a limit is a typed error, never a slow death."""

DOCUMENTS_PER_SEGMENT_MAX = 2**31 - 1
"""Ordinals inside a segment are int32."""

DOCNO_BYTES_MAX = 512
"""External ids are keys, not texts."""

TEXT_BYTES_MAX = 256 * 2**20
"""One document; a longer file is almost always not prose and is skipped with a warning."""

QUERY_CHARACTERS_MAX = 2**20
"""One query."""

K_MAX = 1_000_000
"""Hits per query; result arrays are allocated before the search starts."""

MANIFEST_BYTES_MAX = 64 * 2**20
"""Read whole into memory before it is checked."""

DIRECTORY_BYTES_MAX = 2**20
"""The table of arrays at the end of one container file."""

BUFFER_BYTES_DEFAULT = 64 * 2**20
"""Text a writer holds in memory before it flushes a segment."""

BUFFER_DOCUMENTS_DEFAULT = 50_000
"""Documents a writer holds before it flushes, so that short documents are bounded too."""

SEGMENT_BYTES_MAX = 512 * 2**20
"""A commit merges nothing larger, so that memory does not grow with the corpus."""

MERGE_FANOUT = 4
"""As many adjacent segments of one size tier are merged into one of the next."""
