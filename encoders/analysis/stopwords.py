"""Words too frequent to tell documents apart, per language."""

_ENGLISH = """
a an and are as at be but by for if in into is it no not of on or such that the their then there
these they this to was will with
s t ll d re ve m
"""
# The articles, prepositions and auxiliaries that Lucene's English analyzer drops, and what the
# apostrophe leaves of contractions: it's, don't, we'll, I'd, they're, we've, I'm.

BY_LANGUAGE = {"english": frozenset(_ENGLISH.split())}
"""Snowball's name of the language to its stop words."""
