"""Every limit of the engine, with its reason. Over a limit is a typed error, never a slow death.

Layers below and above cannot look in here and have places of their own: `indexes.validate` and
`encoders.limits` (their names are here as well), and `eval.limits`. What only tunes speed stays
with the code it tunes.
"""

from encoders.limits import (
    BM25_K1_MAX,
    MODEL_SETTINGS_BYTES_MAX,
    SPEC_CHARACTERS_MAX,
    VECTOR_LINE_BYTES_MAX,
    WORD_CHARACTERS_MAX,
)
from indexes.validate import DIMENSION_MAX

__all__ = [
    "BM25_K1_MAX",
    "DIMENSION_MAX",
    "MODEL_SETTINGS_BYTES_MAX",
    "SPEC_CHARACTERS_MAX",
    "VECTOR_LINE_BYTES_MAX",
    "WORD_CHARACTERS_MAX",
]

# ---------------------------------------------------------------------- documents

DOCUMENTS_PER_SEGMENT_MAX = 2**31 - 1
"""Ordinals inside a segment are int32."""

DOCNO_BYTES_MAX = 512
"""External ids are keys, not texts."""

TEXT_BYTES_MAX = 256 * 2**20
"""One document; a longer file is almost always not prose and is skipped with a warning."""

METADATA_BYTES_MAX = 2**20
"""Of one document, as JSON; a filter reads a thousand of them at once."""

JSON_DEPTH_MAX = 64
"""Of metadata: what is stored from a shallow stack must be readable from a deep one."""

PASSAGES_PER_DOCUMENT_MAX = 1_000_000
"""All passages of a document are in memory together."""

# ---------------------------------------------------------------------- files that are read

FIELDS_MAX = 4096
"""Columns of a table, or keys of a row; a row of a hundred thousand is no document."""

MARKDOWN_BYTES_MAX = 2**13
HTML_BYTES_MAX = 2**16
"""Markdown and HTML over these sizes are parsed by the worker.

Up to them the worst known file takes most of a second, over them there is no end: Markdown takes 90
microseconds a byte at worst, HTML time quadratic in the depth of its elements.
"""

TREC_MARKUP_CHARACTERS_MAX = 2**17
"""Of one TREC document; longer ones lose their tags without being parsed, which takes no second."""

PARSER_SECONDS_MAX = 30.0
"""For one file in the worker, and a second more for each megabyte of it."""

PARSER_MEMORY_BYTES_MAX = 4 * 2**30
"""Address space of the worker."""

PARSER_ANSWER_BYTES_MAX = 8 * TEXT_BYTES_MAX
"""What the worker may say of one file: its text as escaped JSON."""

# ---------------------------------------------------------------------- queries, runs, filters

QUERY_CHARACTERS_MAX = 2**20
"""One query."""

QUERY_ID_BYTES_MAX = 512
"""As of docnos, for the same reason."""

QUERIES_MAX = 2**24
"""Of one file; the largest set of real queries has ten million."""

QUERY_LINE_BYTES_MAX = 8 * QUERY_CHARACTERS_MAX
"""A query as escaped JSON, with room for other keys."""

RUN_LINE_BYTES_MAX = 2**16
"""A line of a run has two ids, two numbers and a tag."""

SCORE_MAX = 1e38
"""Scores are written as float32, with room below the least one for breaking ties."""

K_MAX = 1_000_000
"""Hits per query; result arrays are allocated before the search starts."""

FILTER_CHARACTERS_MAX = 2**20
"""One filter; room for a list of some ten thousand ids."""

FILTER_DEPTH_MAX = 50
"""Parentheses and `not` inside each other: a tree is walked by recursion."""

FILTER_COMPARISONS_MAX = 4096
"""Each is a pass over the documents; `in` with a list of values is one."""

FILTER_VALUES_MAX = 2**16
"""In all lists of a filter together, seven microseconds each: a list of ids, not a collection."""

FILTER_FIELDS_MAX = 64
"""All fields of a filter become columns in memory at once."""

SNIPPET_CHARACTERS_MAX = 200_000
"""Of a text that are searched for the best excerpt: a book is cut within a second too."""

# ---------------------------------------------------------------------- recipes

RECIPE_BYTES_MAX = 2**17
"""A TOML file; its parser takes four microseconds a byte for tables inside each other."""

RECIPE_KEY_PARTS_MAX = 32
"""`a.b.c` has three; the parser of Python takes time quadratic in them."""

SYSTEM_PARTS_MAX = 256
"""Systems inside a system, each a search: a line that fuses the one before twice doubles them."""

# ---------------------------------------------------------------------- stored state

MANIFEST_BYTES_MAX = 8 * 2**20
"""Read whole into memory before it is checked; a thousand segments of six kinds take 1.5 MB."""

MANIFEST_VALUES_MAX = 250_000
"""A value of two bytes takes two hundred in memory; a thousand segments have 60,000."""

DIRECTORY_BYTES_MAX = 2**20
"""The table of arrays at the end of one container file."""

ARRAY_AXES_MAX = 3
"""Of one stored array; no index has more."""

LOCK_BYTES_MAX = 32
"""Of a lock file, which holds the number of a process."""

BUFFER_BYTES_DEFAULT = 64 * 2**20
"""Text a writer holds in memory before it flushes a segment."""

BUFFER_DOCUMENTS_DEFAULT = 50_000
"""Documents a writer holds before it flushes, so that short documents are bounded too."""

SEGMENT_BYTES_MAX = 512 * 2**20
"""A commit merges nothing larger, so that memory does not grow with the corpus."""

MERGE_FANOUT = 4
"""As many adjacent segments of one size tier are merged into one of the next."""
