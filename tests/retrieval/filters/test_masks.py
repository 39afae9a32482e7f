"""A mask is what reading every document and thinking gives.

The twin knows no grammar and no columns: expressions are drawn as tuples, written out for the
parser, and decided on dicts by the sentences of the package's docstring.
"""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.strings import Strings
from retrieval.document import Document
from retrieval.errors import CorruptIndex
from retrieval.filters import Columns, Filter
from retrieval.filters import columns as module

KEYS = ("a", "b", "in", "a.b", "ä", "content type", "`", "")
NUMBERS = (0, 1, -1, 2**53, 2**53 + 1, -(2**63), 2**63, 10**30, 0.0, -0.0, 0.5, 1.0, 2.0**53, 1e30)
STRINGS = ("", "a", "b", "ab", "é", "日本", "😀", "\uffff", "0", "1", "true", '"', "'\\\n")

scalars = (
    st.sampled_from(NUMBERS)
    | st.sampled_from(STRINGS)
    | st.booleans()
    | st.none()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=6,
)
metadata = st.dictionaries(st.sampled_from(KEYS), values, max_size=4)
paths = st.lists(st.sampled_from(KEYS), min_size=1, max_size=2).map(tuple)

ordered = scalars.filter(lambda v: v is not None and not isinstance(v, bool))
comparisons = (
    st.tuples(st.sampled_from(["==", "!="]), paths, scalars)
    | st.tuples(st.sampled_from(["<", "<=", ">", ">="]), paths, ordered)
    | st.tuples(st.sampled_from(["in", "not in"]), paths, st.lists(scalars, max_size=3))
)
expressions = st.recursive(
    comparisons,
    lambda inner: (
        st.tuples(st.just("not"), inner)
        | st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=6,
)


def reached(value: Any, path: tuple[str, ...]) -> list[Any]:
    """All values of a path, lists opened, null left out."""
    if isinstance(value, list):
        return [one for element in value for one in reached(element, path)]
    if not path:
        return [] if value is None else [value]
    return reached(value[path[0]], path[1:]) if isinstance(value, dict) and path[0] in value else []


def kind(value: Any) -> str:
    return {str: "string", bool: "truth", int: "number", float: "number"}.get(type(value), "other")


def holds(operator: str, left: Any, right: Any) -> bool:
    if kind(left) != kind(right) or kind(left) == "other":
        return False
    if operator == "==":
        return bool(left == right)
    return bool(left < right) if operator == "<" else bool(left > right)


def passes(document: dict[str, Any], expression: tuple[Any, ...]) -> bool:
    """The twin."""
    operator, first = expression[:2]
    if operator == "not":
        return not passes(document, first)
    if operator in ("and", "or"):
        return (all if operator == "and" else any)(passes(document, part) for part in first)
    found, value = reached(document, first), expression[2]
    if operator == "==":
        return not found if value is None else any(holds("==", one, value) for one in found)
    if operator == "in":
        return any(passes(document, ("==", first, one)) for one in value)
    if operator in ("!=", "not in"):
        return not passes(document, ("==" if operator == "!=" else "in", first, value))
    either = (operator[0], "==")[: len(operator)]
    return any(holds(one, have, value) for have in found for one in either)


def written(expression: tuple[Any, ...]) -> str:
    """The expression in the language, with every parenthesis."""
    operator, first = expression[:2]
    if operator == "not":
        return f"not ({written(first)})"
    if operator in ("and", "or"):
        return f" {operator} ".join(f"({written(part)})" for part in first)
    name = ".".join("`" + key.replace("`", "``") + "`" for key in first)
    return f"{name} {operator} {json.dumps(expression[2])}"


def stored(documents: list[dict[str, Any]]) -> Strings:
    return Strings.of(Document("d", "", metadata=one).metadata_json() for one in documents)


@given(documents=st.lists(metadata, max_size=8), expression=expressions)
def test_a_mask_is_what_its_twin_decides_for_each_document(documents, expression):
    parsed = Filter.parse(written(expression))
    mask = parsed.mask(Columns.of(stored(documents)))
    assert mask.dtype == bool
    assert mask.tolist() == [passes(document, expression) for document in documents]
    again = Filter.parse(str(parsed))
    assert again == parsed
    assert hash(again) == hash(parsed)
    assert again.tree == parsed.tree


@given(documents=st.lists(metadata, max_size=8), first=expressions, second=expressions)
def test_columns_that_another_filter_read_give_the_same_mask(documents, first, second):
    columns = Columns.of(stored(documents))
    Filter.parse(written(first)).mask(columns)
    mask = Filter.parse(written(second)).mask(columns)
    assert mask.tolist() == [passes(document, second) for document in documents]


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("year >= 2020", "b"),
        ("year != 2020", "acde"),
        ("year == null", "cde"),
        ("year != null", "ab"),
        ("2019 <= year < 2022", "ab"),
        ("not year < 2020", "bcde"),
        ('"x" in tags', "a"),
        ('"x" not in tags', "bcde"),
        ('tags in ["y", "z"]', "ab"),
        ("tags in []", ""),
        ("tags not in []", "abcde"),
        ("tags == null", "cde"),
        ('author.name == "Zoë"', "ad"),
        ("author == null", "bce"),
        ('date < "2021-03-01"', "a"),
        ("open == true", "a"),
        ("open == 1", "b"),
        ("open != true", "bcde"),
        ('year == "2019"', ""),
        ('year == 2019.0 or `content type` == "pdf"', "ac"),
        ("nothing.of.this == 1 or x > 0", ""),
    ],
)
def test_what_the_docstring_promises(text, passed):
    documents = {
        "a": {
            "year": 2019,
            "tags": ["x", "y"],
            "author": {"name": "Zoë"},
            "date": "2021-02-28",
            "open": True,
        },
        "b": {"year": 2020, "tags": "z", "date": "2021-03-01", "open": 1},
        "c": {"year": None, "tags": [], "content type": "pdf"},
        "d": {"tags": [[], [None]], "author": [{"name": "Ann"}, {"name": "Zoë"}]},
        "e": {},
    }
    mask = Filter.parse(text).mask(Columns.of(stored(list(documents.values()))))
    assert "".join(np.array(list(documents))[mask]) == passed


def test_batches_meet(monkeypatch):
    documents = [{"i": i} if i % 3 else {} for i in range(20)]
    monkeypatch.setattr(module, "_BATCH", 7)
    mask = Filter.parse("i >= 7").mask(Columns.of(stored(documents)))
    assert np.flatnonzero(mask).tolist() == [7, 8, 10, 11, 13, 14, 16, 17, 19]


def test_only_new_fields_are_read_and_few_are_kept(monkeypatch):
    monkeypatch.setattr(module, "COLUMNS_MAX", 2)
    columns = Columns.of(stored([{"a": 1, "b": 2, "c": 3}]))
    kept = columns.read([("a",), ("b",)])
    assert columns.read([("b",), ("a",)]) == {path: kept[path] for path in kept}
    assert columns.read([("a",)])[("a",)] is kept[("a",)]
    assert len(columns.read([("a",), ("b",), ("c",)])) == 3
    assert columns.read([("a",)])[("a",)] is not kept[("a",)]


@pytest.mark.parametrize(
    "damaged", [b"{", b"1", b"[]", b"null", b"{},{}", b'{"a":1},', b'{"a":"\xff"}', b"[" * 100_000]
)
def test_damaged_metadata_is_a_corrupt_index(damaged):
    columns = Columns.of(Strings.of([b"", b'{"a":1}', damaged]))
    with pytest.raises(CorruptIndex, match="documents 0 to 2"):
        Filter.parse("a == 1").mask(columns)
