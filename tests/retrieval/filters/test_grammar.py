"""The language of filters: what is one, what it is called, and where it is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import InvalidInput
from retrieval.filters import Filter
from retrieval.limits import FILTER_CHARACTERS_MAX, FILTER_COMPARISONS_MAX, FILTER_DEPTH_MAX

PIECES = (
    *("year", "a.b", "`x y`", "``", "in", "not", "and", "or", "true", "None", "(", ")", "[", "]"),
    *(",", "==", "!=", "<", "<=", "1", "-2.5e3", '"s"', "'t'", "=", ".", "`", '"', "\\", "é", "😀"),
)


@given(st.text() | st.lists(st.sampled_from(PIECES)).map(" ".join) | st.text("`\"'\\.-1e[]()<a "))
def test_any_text_is_a_filter_or_invalid_input(text):
    try:
        parsed = Filter.parse(text)
    except InvalidInput as error:
        lines = str(error).split("\n")
        assert len(lines) == 3
        assert lines[2].strip() == "^"
        assert len(lines[2]) <= len(lines[1]) + 1
    else:
        assert Filter.parse(parsed.text) == parsed


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("  a==1 ", "a == 1"),
        ("1<a", "a > 1"),
        ("1 <= a <= 2.0", "a >= 1 and a <= 2.0"),
        ("1 == a", "a == 1"),
        ("1 < a and b == 2 or not c != 3", "a > 1 and b == 2 or not c != 3"),
        ("a==1 and (b==2 or c==3)", "a == 1 and (b == 2 or c == 3)"),
        ("(a==1 and b==2) and c==3", "a == 1 and b == 2 and c == 3"),
        ("((a==1) or (b==2 or c==3))", "a == 1 or b == 2 or c == 3"),
        ("not 1 < a < 2", "not (a > 1 and a < 2)"),
        ("not not a == True", "a == true"),
        ("not a == None", "not a == null"),
        ("a in ['x',1,]", 'a in ["x", 1]'),
        ("'x' in a", 'a == "x"'),
        ("'x' not in a.b", 'a.b != "x"'),
        ("`a`.`b c`.`in` == 1", "a.`b c`.in == 1"),
        ("`a.b` == 1", "`a.b` == 1"),
        ("`in` == 1 and `true` == 2", "`in` == 1 and `true` == 2"),
        ("`` == 1 and ```` == 2", "`` == 1 and ```` == 2"),
        ("a.in.not == 1", "a.in.not == 1"),
        ("été>='\\u00e9\\ud83d\\ude00\\'\"\\n'", 'été >= "é😀\'\\"\\n"'),
        ("a == -0 and b == 1e3 and c == 1E-2", "a == 0 and b == 1000.0 and c == 0.01"),
        ("a == 123456789012345678901234567890", "a == 123456789012345678901234567890"),
        ("a == 'x\ny'", 'a == "x\\ny"'),
    ],
)
def test_canonical_text(text, canonical):
    assert str(Filter.parse(text)) == canonical
    assert Filter.parse(canonical) == Filter.parse(text)


def test_values_of_another_kind_are_another_filter():
    different = [Filter.parse(f"a == {value}") for value in ("1", "1.0", "true", '"1"')]
    assert len(set(different)) == 4


def test_fields_are_named_once_each_in_order():
    parsed = Filter.parse("b.c == 1 and (a > 2 or not b.c < 3) and `x.y` in ['z']")
    assert parsed.fields == ("b.c", "a", "`x.y`")


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("", 1, "expected a field or a value, found the end"),
        ("year >= and b == 1", 9, "expected a field or a value, found and"),
        ("year = 2020", 6, "write == to compare"),
        ("year == 2020 && b == 1", 14, "write `and`"),
        ("!a", 1, "write `not` or !="),
        ("a == 1 AND b == 2", 8, "expected `and`, `or` or the end, found a field AND"),
        ('a == "x', 6, "this text has no end"),
        ("`a == 1", 1, "this name has no end"),
        ("a", 2, "expected a comparison"),
        ("not a", 6, "expected a comparison"),
        ("(a == 1", 8, r"expected `and`, `or` or \), found the end"),
        ("a == 1)", 7, r"expected `and`, `or` or the end, found \)"),
        ("a == b", 3, "one side must be a field, the other a value"),
        ("1 == 2", 3, "one side must be a field, the other a value"),
        ("a < true", 5, "only numbers and strings have an order"),
        ("null <= a", 1, "only numbers and strings have an order"),
        ("a == [1]", 6, "a list stands after `in` only"),
        ("a in 1", 3, r"write FIELD in \[VALUES\], or VALUE in FIELD"),
        ("a in b", 3, r"write FIELD in \[VALUES\], or VALUE in FIELD"),
        ("[1] in a", 5, r"write FIELD in \[VALUES\], or VALUE in FIELD"),
        ("a not 1", 7, "expected `in`"),
        ("a in [1 2]", 9, r"expected a comma or \], found a value 2"),
        ("a in [[1]]", 7, r"expected a value or \]"),
        ("a in [b]", 7, r"expected a value or \], found a field b"),
        ("a == 007", 6, "begins with 0"),
        ("a == 1.", 6, "this is no number"),
        ("a == 2020-01-01", 6, "this is no number; text stands in quotes"),
        ("a == 10k", 6, "this is no number; text stands in quotes"),
        ("a == 1e999", 6, "too large"),
        ("a == " + "9" * 5000, 6, "too long"),
        (r"a == 'x\q'", 8, r"\\q is no escape"),
        (r"a == '\ud800'", 6, "not Unicode"),
        ("a == '\ud800'", 7, "not Unicode"),
        ("a ; b", 3, "';' means nothing here"),
        ("1 < a in [1]", 7, "expected `and`, `or` or the end"),
    ],
)
def test_errors_say_where_and_what(text, place, problem):
    with pytest.raises(InvalidInput, match=f"at character {place}: .*{problem}") as caught:
        Filter.parse(text)
    lines = str(caught.value).split("\n")
    assert lines[2].index("^") - 2 == place - 1


def test_a_long_filter_is_shown_around_the_place():
    text = f"a in [{', '.join(map(str, range(1000)))}] and b = 1"
    with pytest.raises(InvalidInput, match="write ==") as caught:
        Filter.parse(text)
    _, shown, caret = str(caught.value).split("\n")
    assert len(shown) < 90
    assert shown[caret.index("^")] == "="


def test_depth_and_length_have_limits():
    levels = FILTER_DEPTH_MAX - 2  # `not` below, and a chain in it, count as one each
    for opening, inner, closing in (
        ("(", "a == 1", ")"),
        ("not ", "a == 1", ""),
        ("not (", "0 < a < 1 or b == 2", ")"),
        ("b == 1 and (a == 1 or ", "not 0 < a < 1", ")"),
    ):
        times = levels // (opening.count("(") + opening.count("not"))
        fine = Filter.parse(opening * times + inner + closing * times)
        assert Filter.parse(fine.text) == fine
        with pytest.raises(InvalidInput, match="levels inside each other"):
            Filter.parse(opening * 10_000 + inner + closing * 10_000)
    with pytest.raises(InvalidInput, match="characters, over"):
        Filter.parse("a == 1" + " " * FILTER_CHARACTERS_MAX)
    assert Filter.parse(" or ".join(["a == 1"] * FILTER_COMPARISONS_MAX))


def test_only_text_is_parsed():
    with pytest.raises(InvalidInput, match="pass a text"):
        Filter.parse(None)
