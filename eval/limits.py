"""What measures and judgements accept; they import nothing that could tell them elsewhere."""

GRADE_MAX = 100_000
"""trec_eval allocates and walks one counter per grade and query: 2**31 takes 16 GB and a minute."""

QRELS_LINE_BYTES_MAX = 2**16
"""A judgement has two ids and two numbers."""

QRELS_ID_BYTES_MAX = 512
"""An id is a key, not a text."""

MEASURE_SETTING_MAX = 1_000_000
"""Deepest cut-off and highest relevance level; trec_eval's C code crashes on a cut-off of 0."""

MEASURE_CHARACTERS_MAX = 200
"""The name of a measure with its settings, which Python's parser reads by recursion."""
