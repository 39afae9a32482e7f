"""Where sentences end: one rule for all languages, no model.

A sentence ends

* after . ! ? … and what closes behind them (quotes, brackets, the number of a footnote), if white
  space follows and the next letter is not a small one. A single full stop does not end it after an
  initial ("J.", "U.S.", "e.g."), an abbreviation of the list below, or a number of one or two
  digits ("3. Oktober", "2. Results");
* after the stops of other scripts (。 ！ ？ । ۔ ። …), whatever follows;
* at a line break, unless the next line goes on with a small letter without being indented, as
  wrapped prose does; always at an empty line and at a page break;
* at a space between two letters of Thai and its like, which set phrases apart so.

It is a rule for packing passages: a missed end makes a longer sentence, a wrong one a shorter, and
neither loses a character.
"""

import re

import numpy as np
from numpy.typing import NDArray

from retrieval.chunking.words import SYLLABIC

_ABBREVIATIONS = frozenset(
    re.findall(
        r"\S+",
        """
        mr mrs ms dr prof rev hon st sr jr messrs gen col capt cpt lt sgt maj cmdr sen rep gov pres
        vs cf al ca approx viz resp esp incl excl ed eds vol vols no nos pp fig figs eq eqs sec
        sect ch dept univ assn est inc ltd corp co bros ave blvd rd mt ft ph.d m.sc b.sc
        jan feb mar apr jun jul aug sep sept oct nov dec tue tues wed thu thur thurs
        bzw vgl nr str abs bd hrsg aufl geb gest evtl ggf inkl zzgl sog dipl ing jh jhd
        mme mlle sra srta dra ud uds pág núm dott avv
        """,
    )
)
_BEFORE_CHARACTERS = 24
"""As far as is looked back for an abbreviation."""

_CLOSING = "\"'”’»›)\\]}*_`"  # noqa: RUF001
_OPENING = "\"'“‘„‚«‹([{¿¡*_`-–—"  # noqa: RUF001
_CANDIDATE = re.compile(
    rf"""(?P<stop> [.!?…]++ [{_CLOSING}]*+ (?: \[\d{{1,3}}\] )*+ )
    | (?P<other> [。！？｡．।॥۔؟።፧။។៕]++ [{_CLOSING}」』）】》〉〕]*+ )
    | (?P<line> [\n\r\f\v\x85\u2028\u2029] \s*+ )
    | (?P<phrase> (?<=[{SYLLABIC}]) [ \t\u00a0\u200b]++ (?=[{SYLLABIC}]) )""",  # noqa: RUF001
    re.VERBOSE,
)
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]|[0-9]{1,2}")
_WRAPS = ("\n", "\r\n")


def sentence_ends(text: str) -> NDArray[np.int64]:
    """Return rising positions, in characters, before which a sentence ends; the last is left out.

    White space may follow a position. Linear in the length of the text.
    """
    ends = (match.end() for match in _CANDIDATE.finditer(text) if _ends(text, match))
    return np.fromiter(ends, np.int64)


def _ends(text: str, match: re.Match[str]) -> bool:
    end = match.end()
    if match.lastgroup == "line":
        return match.group() not in _WRAPS or not text[end : end + 1].islower()
    if match.lastgroup == "other":
        return not (match.group() == "．" and text[end : end + 1].isdecimal())  # noqa: RUF001
    if match.lastgroup == "phrase":
        return True
    following = text[end : end + 4].lstrip(" ").lstrip(_OPENING)
    if not text[end : end + 1].isspace() or following[:1].islower():
        return False
    return not (match.group() == "." and _abbreviates(text, match.start()))


def _abbreviates(text: str, stop: int) -> bool:
    """Say whether the full stop at `stop` belongs to the word before it."""
    before = text[max(0, stop - _BEFORE_CHARACTERS) : stop].split()
    if not before or text[stop - 1].isspace():
        return False
    word = before[-1].lstrip(_OPENING)
    return word.lower() in _ABBREVIATIONS or _INITIALS.fullmatch(word) is not None
