"""Spellings of one word become one: letter case, compatibility forms, marks nobody types.

Folding is Unicode's (NFKC and case folding) plus what holds in every language: the points of Hebrew
and the vocalisation of Arabic, both optional in writing, are dropped with the Arabic tatweel, soft
hyphens, joiners and variation selectors; digits of all scripts become 0 to 9. Accents are left,
because they tell words apart.
"""

import unicodedata
from collections.abc import Callable

from encoders.analysis.scripts import NON_JOINER
from encoders.limits import WORD_CHARACTERS_MAX

_TURKISH = str.maketrans({"I": "\u0131", "İ": "i"})


class _Plain(dict[int, str | int | None]):
    """What `str.translate` makes of a code point: nothing, a digit or the same."""

    def __missing__(self, code: int) -> str | int:
        digit = unicodedata.decimal(chr(code), None)
        plain: str | int = code if digit is None else str(digit)
        self[code] = plain
        return plain


_POINTS = (*range(0x591, 0x5BE), 0x5BF, 0x5C1, 0x5C2, 0x5C4, 0x5C5, 0x5C7)
_VOCALISATION = (*range(0x610, 0x61B), 0x640, *range(0x64B, 0x653), 0x670, *range(0x6D6, 0x6DD))
_INVISIBLE = (0xAD, 0x34F, 0x200C, 0x200D, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
_PLAIN = _Plain(dict.fromkeys((*_POINTS, *_VOCALISATION, *_INVISIBLE)))


def plain(word: str) -> str:
    """Fold a word of any language."""
    word = word[:WORD_CHARACTERS_MAX]
    if word.isascii():
        return word.lower()
    # Twice, because a compatibility character can stand for a capital letter.
    folded = unicodedata.normalize("NFKC", word).casefold()
    return unicodedata.normalize("NFKC", folded.translate(_PLAIN))


def turkish(word: str) -> str:
    """Fold a word whose I is the capital of ı, and İ that of i."""
    return plain(unicodedata.normalize("NFC", word[:WORD_CHARACTERS_MAX]).translate(_TURKISH))


def persian(word: str) -> str:
    """Fold a word but leave the zero-width non-joiner, by which the stemmer knows affixes."""
    return NON_JOINER.join(map(plain, word[:WORD_CHARACTERS_MAX].split(NON_JOINER)))


def unmarked(word: str) -> str:
    """Fold a word and drop every accent and dot, for languages mostly typed without."""
    parts = unicodedata.normalize("NFD", plain(word))
    kept = "".join(c for c in parts if unicodedata.category(c) != "Mn")
    return unicodedata.normalize("NFC", kept)


BY_NAME: dict[str, Callable[[str], str]] = {
    "": plain,
    "turkish": turkish,
    "persian": persian,
    "unmarked": unmarked,
}
