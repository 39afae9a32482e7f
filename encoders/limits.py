"""What encoders accept from outside; `retrieval.limits` has these names too."""

WORD_CHARACTERS_MAX = 255
"""A word longer than this, base64 mostly, counts by its beginning."""

SPEC_CHARACTERS_MAX = 8192
"""The spec of an encoder: a word and one or two paths, which systems end at 4096."""

BM25_K1_MAX = 1000
"""Scores of BM25 hardly change from ten on, and what has no end overflows a float32."""

VECTOR_LINE_BYTES_MAX = 16 * 2**20
"""A line of JSON with the vector of one text: some hundred thousand terms."""

MODEL_SETTINGS_BYTES_MAX = 2**20
"""A JSON file of a model that is read before the model is trusted with anything."""
