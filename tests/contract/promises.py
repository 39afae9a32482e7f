"""What every kind of index promises: the docstring of `indexes`, one test a sentence.

`IndexContract` is inherited by one class per kind and setting. Weights and components are small
whole numbers or quarters, so that sums are exact and every comparison is bitwise.
"""

from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import damage
import numpy as np
import pytest
from comparison import first, one, same
from numpy.typing import NDArray

from indexes.bitmap import Bitmap
from indexes.errors import CorruptIndex, InvalidInput, InvalidVectors
from indexes.hits import Hits

N = 41
MASKS = {
    "none": None,
    "all": np.ones(N, bool),
    "few": np.arange(N) % 13 == 4,
    "one": np.arange(N) == N - 1,
    "empty": np.zeros(N, bool),
}


class IndexContract:
    """Inherited, not run."""

    kind: ClassVar[Any]
    other_vectors: ClassVar[Any]
    other_settings: ClassVar[Any]
    settings: ClassVar[Any] = None
    ids: ClassVar[dict[str, int]] = {}
    """Arrays of ordinals or term numbers, and the first number that is too large."""
    offsets: ClassVar[set[str]] = set()

    @abstractmethod
    def documents(self, n: int = N) -> Any: ...

    @abstractmethod
    def queries(self, n: int = 11) -> Any: ...

    @abstractmethod
    def brute_force(self, k: int, mask: Any = None) -> Hits:
        """Answer `queries()` over `documents()`."""

    @abstractmethod
    def search_with(self, index: Any, value: float) -> object:
        """Search with a query that holds `value`."""

    @property
    @abstractmethod
    def build_settings(self) -> Any: ...

    @pytest.fixture
    def index(self) -> Any:
        return self.built(self.documents())

    def built(self, vectors: Any) -> Any:
        return self.kind.build(vectors, self.build_settings)

    def search(self, index: Any, queries: Any, k: Any, **options: Any) -> Hits:
        return index.search(queries, k, self.settings, **options)

    def score(self, index: Any, queries: Any, candidates: Any) -> NDArray[np.float32]:
        return index.score(queries, np.asarray(candidates), self.settings)

    def reopened(self, vectors: dict[str, Any], arrays: dict[str, Any]) -> Any:
        stored = self.kind.Vectors.from_arrays(vectors)
        return self.kind.from_arrays(stored, arrays, self.build_settings)

    def test_hits_are_brute_force(self, index: Any) -> None:
        for k in range(N + 4):
            same(self.search(index, self.queries(), k), self.brute_force(k))

    @pytest.mark.parametrize("name", MASKS)
    def test_allowed_is_applied_before_the_top_k(self, index: Any, name: str) -> None:
        mask = MASKS[name]
        allowed = None if mask is None else Bitmap.of_mask(mask)
        for k in (1, 3, N):
            found = self.search(index, self.queries(), k, allowed=allowed)
            same(found, self.brute_force(k, mask))
            same(found, self.search(index, self.queries(), k, allowed=allowed))
            assert mask is None or mask[found.ids[found.ids >= 0]].all()

    def test_hits_come_best_first_and_ties_by_lower_ordinal(self, index: Any) -> None:
        hits = self.search(index, self.queries(), N + 2)
        ties = 0
        for ids, scores in zip(hits.ids.tolist(), hits.scores.tolist(), strict=True):
            found = [(-score, i) for i, score in zip(ids, scores, strict=True) if i >= 0]
            assert found == sorted(found)
            assert ids[len(found) :] == [-1] * (len(ids) - len(found))
            assert set(scores[len(found) :]) <= {-np.inf}
            ties += len(found) - len({score for score, _ in found})
        assert ties > 0

    def test_copies_of_one_document_are_ranked_by_ordinal(self) -> None:
        copies = self.built(self.documents().take(np.full(20, 3)))
        ids = self.search(copies, self.queries(), 7).ids
        assert {tuple(row) for row in ids.tolist()} <= {tuple(range(7)), (-1,) * 7}
        assert (ids[:, 0] == 0).any()

    def test_fewer_hits_are_a_prefix_of_more(self, index: Any) -> None:
        longest = self.search(index, self.queries(), 100)
        for k in range(N):
            same(self.search(index, self.queries(), k), first(longest, k))

    def test_whole_and_batches_and_generators_build_the_same(self, index: Any) -> None:
        whole = self.documents()
        cuts = [0, 0, 7, 8, 8, N]
        parts = [whole.take(np.arange(a, b)) for a, b in pairwise(cuts)]
        for batches in (parts, (part for part in parts), [whole], tuple(parts)):
            built = self.built(batches)
            assert len(built) == N
            same(self.search(built, self.queries(), N), self.search(index, self.queries(), N))
        with pytest.raises(InvalidVectors, match="at least one batch"):
            self.built([])

    def test_arrays_are_the_index(self, index: Any, tmp_path: Path) -> None:
        expected = self.search(index, self.queries(), N)
        vectors, arrays = index.vectors().arrays(), index.arrays()
        again = self.reopened(vectors, arrays)
        same(self.search(again, self.queries(), N), expected)
        for name, array in (vectors | {f"own.{name}": a for name, a in arrays.items()}).items():
            np.save(tmp_path / f"{name}.npy", array)
        mapped = self.reopened(
            {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in vectors},
            {name: np.load(tmp_path / f"own.{name}.npy", mmap_mode="r") for name in arrays},
        )
        same(self.search(mapped, self.queries(), N), expected)
        assert mapped.settings == index.settings == self.build_settings
        every = np.repeat(np.arange(N)[None], len(self.queries()), 0)
        np.testing.assert_array_equal(
            self.score(mapped, self.queries(), every), self.score(index, self.queries(), every)
        )

    def test_arrays_cannot_be_written(self, index: Any) -> None:
        arrays = {**index.vectors().arrays(), **index.arrays()}
        assert not any(array.flags.writeable for array in arrays.values())

    def test_vectors_come_back(self, index: Any) -> None:
        for vectors in (index.vectors(), index.vectors(np.arange(N))):
            expected = self.documents().arrays()
            for name, array in vectors.arrays().items():
                np.testing.assert_array_equal(array, expected[name])
        some = self.built(index.vectors(np.array([5, 0, 5])))
        expected = self.built(self.documents().take(np.array([5, 0, 5])))
        same(self.search(some, self.queries(), 3), self.search(expected, self.queries(), 3))

    def test_the_empty_index_answers(self) -> None:
        empty = self.built(self.documents(0))
        again = self.reopened(empty.vectors().arrays(), empty.arrays())
        for index in (empty, again):
            assert len(index) == 0
            same(self.search(index, self.queries(), 3), Hits.empty(11, 3))
            nothing = self.search(
                index, self.queries(), 0, allowed=Bitmap.of_mask(np.ones(0, bool))
            )
            same(nothing, Hits.empty(11, 0))
            with pytest.raises(InvalidInput):
                self.score(index, self.queries(1), [[0]])

    def test_no_queries_are_answered(self, index: Any) -> None:
        for k in (0, 1, N + 3):
            same(self.search(index, self.queries(0), k), Hits.empty(0, k))
        assert self.score(index, self.queries(0), np.empty((0, 4), np.int64)).shape == (0, 4)

    def test_one_document_is_found(self) -> None:
        whole = self.built(self.documents())
        for ordinal in range(5):
            single = self.built(self.documents().take(np.array([ordinal])))
            found = self.search(single, self.queries(), 2)
            best = self.score(whole, self.queries(), [[ordinal]] * 11)
            hit = found.ids[:, 0] == 0
            np.testing.assert_array_equal(found.scores[hit, 0], best[hit, 0])
            assert (best[~hit] <= 0).all()
            assert (found.ids[:, 1] == -1).all()

    def test_a_batch_is_its_single_queries(self, index: Any) -> None:
        many = self.queries(150)
        together = self.search(index, many, 9)
        for query in range(len(many)):
            alone = self.search(index, many.take(np.array([query])), 9)
            same(alone, one(together, query))

    @pytest.mark.compiled
    def test_threads_do_not_disturb_each_other(self, index: Any) -> None:
        many = self.queries(60)
        expected = self.search(index, many, 9)

        def work(turn: int) -> None:
            if turn % 4 == 0:
                same(self.search(index, many, 9), expected)
            query = turn % len(many)
            alone = self.search(index, many.take(np.array([query])), 9)
            same(alone, one(expected, query))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(240)))

    def test_score_is_what_search_says(self, index: Any) -> None:
        found = self.search(index, self.queries(), N + 2)
        np.testing.assert_array_equal(self.score(index, self.queries(), found.ids), found.scores)
        for dtype in (np.int32, np.int64):
            none = np.full((11, 2), -1, dtype)
            assert (self.score(index, self.queries(), none) == -np.inf).all()

    @pytest.mark.parametrize("wrong", [N, N + 1, 2**31, 2**40, -2, -(2**31)])
    def test_candidates_out_of_range_are_refused(self, index: Any, wrong: int) -> None:
        with pytest.raises(InvalidInput, match="outside"):
            self.score(index, self.queries(1), [[0, wrong, -1]])

    @pytest.mark.parametrize("wrong", [[0], [[0], [1]], [[0.5]], [["a"]], [[None]], [[np.nan]]])
    def test_candidates_are_one_row_of_ordinals_a_query(self, index: Any, wrong: Any) -> None:
        with pytest.raises(InvalidInput, match="candidates"):
            self.score(index, self.queries(1), wrong)

    def test_explain_refuses_ordinals_out_of_range(self, index: Any) -> None:
        for wrong in (-1, N, True, 1.5):
            with pytest.raises(InvalidInput, match="ordinal is"):
                index.explain(self.queries(1), wrong)

    def test_explain_takes_one_query(self, index: Any) -> None:
        for wrong in (self.queries(0), self.queries(2)):
            with pytest.raises(InvalidInput, match="queries cannot be explained"):
                index.explain(wrong, 0)

    @pytest.mark.parametrize("wrong", [[-1], [0, N], [2**40], [[0]], 0, [0.5], ["a"], [None]])
    def test_vectors_refuse_ordinals_out_of_range(self, index: Any, wrong: Any) -> None:
        with pytest.raises(InvalidInput, match="ordinals"):
            index.vectors(np.asarray(wrong))

    def test_settings_are_of_this_kind(self, index: Any) -> None:
        for wrong in (self.other_settings, self.build_settings, {}, "exact", self.kind.Search):
            for use in (
                lambda given: index.search(self.queries(), 1, given),
                lambda given: index.score(self.queries(1), np.array([[0]]), given),
                lambda given: index.explain(self.queries(1), 0, given),
            ):
                with pytest.raises(InvalidInput, match=self.kind.Search.__name__):
                    use(wrong)
        for wrong in (self.other_settings, self.kind.Search(), {}, "exact"):
            with pytest.raises(InvalidInput, match=self.kind.Build.__name__):
                self.kind.build(self.documents(), wrong)
        given, default = self.kind.Search(), index.search(self.queries(), 5)
        same(index.search(self.queries(), 5, given), default)

    @pytest.mark.parametrize("k", [-1, True, False, 1.5, 1.0, "1", None, np.float32(1)])
    def test_k_is_a_whole_number(self, index: Any, k: Any) -> None:
        with pytest.raises(InvalidInput, match="k is"):
            self.search(index, self.queries(), k)

    @pytest.mark.parametrize("k", [np.int32(3), np.int64(50), np.uint64(50)])
    def test_k_may_be_a_number_of_numpy(self, index: Any, k: Any) -> None:
        same(self.search(index, self.queries(), k), self.search(index, self.queries(), int(k)))

    @pytest.mark.parametrize("n", [0, N - 1, N + 1])
    def test_a_bitmap_of_another_size_is_refused(self, index: Any, n: int) -> None:
        with pytest.raises(InvalidInput, match="allowed covers"):
            self.search(index, self.queries(), 3, allowed=Bitmap.of_mask(np.ones(n, bool)))

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
    def test_nan_and_infinity_are_refused(self, index: Any, value: float) -> None:
        with pytest.raises(InvalidVectors, match="NaN or infinity"):
            self.search_with(index, value)

    def test_vectors_of_another_kind_are_refused(self, index: Any) -> None:
        for wrong in (self.other_vectors, "text", 3, None, [self.documents(), self.other_vectors]):
            with pytest.raises(InvalidVectors):
                self.built(wrong)
        for wrong in (self.other_vectors, "text", ["text"], None, [[None]], [{}]):
            with pytest.raises(InvalidVectors):
                self.search(index, wrong, 1)
            with pytest.raises(InvalidVectors):
                self.score(index, wrong, [[0]])
            with pytest.raises(InvalidVectors):
                index.explain(wrong, 0)

    def test_damaged_arrays_are_corrupt(self, index: Any) -> None:
        sound = {"vectors": index.vectors().arrays(), "arrays": index.arrays()}
        for part, arrays in sound.items():
            for name, array in arrays.items():
                for what, bad in damage.of(
                    array, offsets=name in self.offsets, below=self.ids.get(name)
                ):
                    left = {key: value for key, value in arrays.items() if key != name}
                    damaged = left if bad is None else left | {name: bad}
                    try:
                        self.reopened(**sound | {part: damaged})
                    except CorruptIndex:
                        continue
                    pytest.fail(f"{name} of {part}, {what}, was accepted")
