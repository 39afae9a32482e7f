"""What encoders accept from outside; `retrieval.limits` has these names too."""

WORD_CHARACTERS_MAX = 255
"""A word longer than this, base64 mostly, counts by its beginning."""

SPEC_CHARACTERS_MAX = 8192
"""The spec of an encoder: a word and one or two paths, which systems end at 4096."""

DIMENSION_MAX = 65_536
"""Of dense vectors; ten times what models have."""

VECTOR_LINE_BYTES_MAX = 16 * 2**20
"""A line of JSON with the vector of one text: some hundred thousand terms."""

MODEL_SETTINGS_BYTES_MAX = 2**20
"""A JSON file of a model that is read before the model is trusted with anything."""
