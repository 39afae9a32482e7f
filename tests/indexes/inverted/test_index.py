"""What the index does around its kernels."""

import numpy as np
import pytest
from comparison import same

from indexes.errors import InvalidInput
from indexes.inverted import Inverted, InvertedBuild, InvertedSearch, Saturation, exact
from indexes.strings import Strings
from indexes.validate import frozen
from indexes.vectors import SparseVectors

ROWS = [{"a": 1.0, "c": 2.0}, {"b": 3.0}, {"a": 2.5, "b": 1.0}]


def test_names_that_no_query_has_change_nothing() -> None:
    index, query = Inverted.build(SparseVectors.of_rows(ROWS)), SparseVectors.of_rows([{"b": 2.0}])
    names = Strings.of([*sorted(b"%03d" % i for i in range(300)), b"b"])
    wide = SparseVectors(query.offsets, frozen(query.terms + np.int32(300)), query.weights, names)
    same(index.search(wide, 3), index.search(query, 3))


def test_a_stored_zero_beside_the_largest_weight_hides_no_hit() -> None:
    """Coded, 0 times an infinite worth would be no bound."""
    vectors = SparseVectors.of([0, 1, 3], [0, 0, 1], [3e38, 0.0, 1.25], Strings.of([b"a", b"b"]))
    query = SparseVectors.of_rows([{"a": 3e5, "b": 3.0}])
    plain, coded = (
        Inverted.build(vectors, InvertedBuild(impacts=impacts)) for impacts in ("stored", "uint8")
    )
    expected = plain.search(query, 2)
    assert expected.ids.tolist() == [[0, 1]]
    same(coded.search(query, 2), expected)


def test_a_failed_search_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    index, query = Inverted.build(SparseVectors.of_rows(ROWS)), SparseVectors.of_rows([{"a": 1.0}])
    expected, search = index.search(query, 3), exact.search

    def fail(*given: object) -> None:
        given[3].scores[:3] = 7.0  # type: ignore[attr-defined]
        raise MemoryError

    monkeypatch.setattr(exact, "search", fail)
    with pytest.raises(MemoryError):
        index.search(query, 3)
    monkeypatch.setattr(exact, "search", search)
    same(index.search(query, 3), expected)


def test_saturations_in_turn_answer_as_alone() -> None:
    vectors = SparseVectors.of_rows([{"a": 1.0, "c": 2.0}, {"b": 3.0}, {"a": 2.0, "b": 1.0}])
    query = SparseVectors.of_rows([{"a": 1.0, "b": 0.5}])
    asked = [InvertedSearch(Saturation(0.1 * i, 0.5, 3.0)) for i in range(7)]
    alone = [Inverted.build(vectors).search(query, 3, one) for one in asked]
    index = Inverted.build(vectors)
    for _ in range(2):
        for one, expected in zip(asked, alone, strict=True):
            same(index.search(query, 3, one), expected)


@pytest.mark.parametrize("name", ["terms", "blocks", "rescored"])
def test_counts_fit_a_kernel(name: str) -> None:
    for wrong in (0, -1, 2**31, 10**30, 1.5, True):
        with pytest.raises(InvalidInput, match=name):
            InvertedSearch(**{name: wrong})  # type: ignore[arg-type]
