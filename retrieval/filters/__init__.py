r"""Conditions on the metadata of documents: `year >= 2020 and lang == "en" and tag in ["a", "b"]`.

    Filter.parse(text)         the expression, checked; `str` gives its canonical text
    Columns.of(metadata)       the metadata of a segment, read field by field when a filter asks
    filter.mask(columns)       one boolean per document
      tokens.py      text to tokens; errors that point at the place
      grammar.py     tokens to a tree, by recursive descent
      tree.py        what a tree is made of, and its canonical text
      columns.py     JSON to columns, comparisons on columns
      expression.py  `Filter`: a tree and its mask

Syntax, case-sensitive; what binds less comes first:

    any or any      any and any      not any      ( any )
    x == v   x != v   x < v   x <= v   x > v   x >= v   x in [v, w]   x not in [v, w]
    v < x   v <= x < w   v in x   v not in x     the field may stand on either side, and in chains
    x    year   author.name   `content type`   meta.`a.b`    fields: names, paths into objects, and
                                                backquotes (doubled inside) around any other key
    v    "text"   'text'   "\u00e9 \n \""   12   -1.5   2e6   true   false   null

`and or not in true false null True False None` are words of the language: a field of such a name is
written in backquotes.

What it means, for a field x of one document, which has no, one or several values:

    the values         a list has its elements' values, also inside lists; a path goes through lists
                       of objects; null is no value
    x == v, x in [..]  some value is equal to v, or to one of several
    x < v  and so on   some value is a number if v is one, a string if v is one, and in that order
    x == null          x has no value: it is missing, null, or a list without values
    x != v, x not in   exactly not (x == v), not (x in ..): true where x is missing
    1 <= x < 5         1 <= x and x < 5, for some value each
    "a" in x           x == "a"

Numbers are compared exactly, whole ones of any size with fractions. Strings are in the order of
their code points, so that ISO dates work; they never equal numbers. true and false equal only
themselves and have no order, as objects, which equal nothing.

Not for: the text of documents, which is what searches are about, or computing anything.
"""

from retrieval.filters.columns import Columns
from retrieval.filters.expression import Filter

__all__ = ["Columns", "Filter"]
