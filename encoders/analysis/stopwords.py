"""Words too frequent to tell documents apart, per language."""

ENGLISH = frozenset(
    # The articles, prepositions and auxiliaries that Lucene's English analyzer drops …
    "a an and are as at be but by for if in into is it no not of on or such that the their then "
    "there these they this to was will with "
    # … and what the apostrophe leaves of contractions: it's, don't, we'll, I'd, they're, we've, I'm.
    "s t ll d re ve m".split()
)

BY_LANGUAGE = {"english": ENGLISH}
