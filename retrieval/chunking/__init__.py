"""How documents are cut into passages: by sentences, by tokens, or by headings.

    cutting.py    the three ways, and how they are written
    words.py      what tokens are, and where a text may be cut at all
    sentences.py  what a sentence is

A passage is a part of the text, character for character. Passages rise, every character that is no
white space is in one of them, and none has more than `size` tokens, save for a single word of more.
A text that fits is one passage, however it would be cut.

Not for: what passages are called and where they are stored, which is `retrieval.passages`.
"""

from retrieval.chunking.cutting import Chunking

__all__ = ["Chunking"]
