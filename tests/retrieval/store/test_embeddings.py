"""The embedding cache gives back what was put into it, and shares it between processes."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from caching import IDENTITY, KINDS, LIMIT, found, keys, put, rows, vectors
from faults import FaultFolder
from hypothesis import given
from hypothesis import strategies as st

from indexes.vectors import DenseVectors, SparseVectors
from retrieval.errors import InvalidInput
from retrieval.store import embeddings, shelf
from retrieval.store.embeddings import EmbeddingCache, due, key_of
from retrieval.store.files import DiskFolder, FileUse, PrivateFolder

N_BATCHES = 40
"""Enough for two merges."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "above" / "cache"


@pytest.fixture
def cache(path: Path) -> EmbeddingCache:
    return EmbeddingCache.open(path, bytes_max=LIMIT)


def filled(folder: Any, kind: Any) -> EmbeddingCache:
    """Put numbers in batches of three, in an order of no pattern."""
    cache = EmbeddingCache(folder, LIMIT)
    order = np.random.default_rng(1).permutation(3 * N_BATCHES).tolist()
    for start in range(0, len(order), 3):
        assert put(cache, kind, order[start : start + 3])
    return cache


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_are_given_back_bit_by_bit(path: Path, kind: Any) -> None:
    cache = filled(PrivateFolder(path), kind)
    again = EmbeddingCache.open(path, bytes_max=LIMIT)
    wanted = [200, *range(3 * N_BATCHES), 200, 0, 0, 7]
    for one in (cache, again, again):
        positions, some = one.get(IDENTITY, keys(wanted), kind) or pytest.fail("nothing")
        assert positions.tolist() == [i for i, n in enumerate(wanted) if n != 200]
        assert rows(some) == rows(vectors(kind, [n for n in wanted if n != 200]))
    assert len(list(path.iterdir())) < N_BATCHES / 2
    assert again.problem == ""


def test_what_is_found_is_a_copy(cache: EmbeddingCache) -> None:
    put(cache, DenseVectors, [1])
    _, some = cache.get(IDENTITY, keys([1]), DenseVectors) or pytest.fail("nothing")
    cache.clear()
    assert rows(some) == rows(vectors(DenseVectors, [1]))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "put", "put", "reopen", "clear"]),
            st.sampled_from(["a", "b"]),
            st.lists(st.integers(0, 12), max_size=5),
        ),
        max_size=30,
    ),
    st.sampled_from(KINDS),
)
def test_it_answers_like_a_dictionary(steps: list[tuple[str, str, list[int]]], kind: Any) -> None:
    folder, known = FaultFolder(), {"a": set[int](), "b": set[int]()}
    caches = [EmbeddingCache(folder, LIMIT), EmbeddingCache(folder, LIMIT)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embeddings, "MERGE_FANOUT", 3)
        for number, (what, identity, numbers) in enumerate(steps):
            cache = caches[number % 2]
            if what == "put":
                put(cache, kind, numbers, identity)
                known[identity] |= set(numbers)
            elif what == "clear":
                cache.clear(identity)
                known[identity].clear()
            else:
                caches[number % 2] = EmbeddingCache(folder, LIMIT)
            for one in caches:
                for name, there in known.items():
                    assert found(one, kind, [*range(14), 3], name) == there
    for name in known:
        assert len([use for use in folder.live if use.startswith(name)]) < 9


def test_nothing_is_found_of_nothing_of_another_encoder_or_of_another_kind(
    cache: EmbeddingCache,
) -> None:
    assert cache.get(IDENTITY, keys([1]), DenseVectors) is None
    assert put(cache, DenseVectors, [1, 2])
    assert cache.get(IDENTITY, [], DenseVectors) is None
    assert not put(cache, DenseVectors, [])
    assert found(cache, DenseVectors, [3]) == set()
    assert found(cache, DenseVectors, [1], identity="another") == set()
    assert found(cache, SparseVectors, [1]) == set()
    assert put(cache, SparseVectors, [1, 3])
    assert found(cache, DenseVectors, [1, 2, 3]) == {1, 2}
    assert found(cache, SparseVectors, [1, 2, 3]) == {1, 3}


def test_keys_are_of_the_whole_text() -> None:
    texts = ["", "a", "A", "a ", "\u00e9", "e\u0301", "\ud800", "\ud801", "a" * 10_000]
    assert len({key_of(text) for text in texts}) == len(texts)
    assert {len(key_of(text)) for text in texts} == {16}


def test_keys_that_share_a_half_are_never_taken_for_each_other(cache: EmbeddingCache) -> None:
    one, two, three = (half + bytes(7) + bytes([n]) for n, half in enumerate([b"x" * 8] * 3))
    for key, number in ((one, 1), (two, 2)):
        assert cache.put(IDENTITY, [key], vectors(DenseVectors, [number]))
    assert cache.get(IDENTITY, [three], DenseVectors) is None
    got = cache.get(IDENTITY, [two, one, three], DenseVectors) or pytest.fail("nothing")
    assert set(got[0].tolist()) <= {0, 1}
    assert rows(got[1]) == rows(vectors(DenseVectors, [[2, 1][i] for i in got[0]]))


def test_wrong_arguments_are_refused(cache: EmbeddingCache) -> None:
    with pytest.raises(InvalidInput, match="2 keys for 1 vectors"):
        cache.put(IDENTITY, keys([1, 2]), vectors(DenseVectors, [1]))
    with pytest.raises(InvalidInput, match="16 bytes"):
        cache.get(IDENTITY, [b"short"], DenseVectors)
    with pytest.raises(InvalidInput, match="-1 bytes"):
        EmbeddingCache.open(bytes_max=-1)


def test_an_encoder_that_changes_its_dimension_is_no_error(cache: EmbeddingCache) -> None:
    wide = DenseVectors.of(np.ones((1, 9), np.float32))
    assert put(cache, DenseVectors, [1])
    assert cache.put(IDENTITY, keys([2]), wide)
    assert found(cache, DenseVectors, [1]) == {1}
    assert cache.get(IDENTITY, keys([1, 2]), DenseVectors) is None
    for number in range(2 * embeddings.MERGE_FANOUT):
        some = wide if number % 2 else vectors(DenseVectors, [number])
        assert cache.put(IDENTITY, keys([number]), some)


# ---------------------------------------------------------------------- sharing


def test_two_instances_see_what_the_other_writes_and_merges(path: Path) -> None:
    one, two = (EmbeddingCache.open(path, bytes_max=LIMIT) for _ in range(2))
    for number in range(2 * N_BATCHES):
        assert put((one, two)[number % 2], DenseVectors, [number])
        assert found((two, one)[number % 2], DenseVectors, range(number + 1)) == {
            *range(number + 1)
        }


def test_a_reader_finds_what_was_merged_while_it_looked(path: Path) -> None:
    """Between its listing and its opening of a file, all files are replaced by another one."""

    class Slow(PrivateFolder):
        others = 0

        def map(self, name: str) -> Any:
            if self.others == 0:
                self.others = 1
                while len(list(path.iterdir())) > 3:
                    put(writer, DenseVectors, [100 + self.others])
                    self.others += 1
            return super().map(name)

    writer = EmbeddingCache.open(path, bytes_max=LIMIT)
    for number in range(embeddings.MERGE_FANOUT - 1):
        assert put(writer, DenseVectors, [number])
    reader = EmbeddingCache(Slow(path), LIMIT)
    assert found(reader, DenseVectors, range(15)) == set(range(15))


@pytest.mark.parametrize("number", range(4))
def test_a_merge_while_a_folder_is_listed_is_not_missed(number: int) -> None:
    """A listing may see neither what was merged, removed by then, nor what was made of it."""

    class Torn(FaultFolder):
        n_listings = 0

        def uses(self) -> dict[str, FileUse]:
            self.n_listings += 1
            if self.n_listings != number + 1:
                return super().uses()
            while len(self.live) > 2:
                put(writer, DenseVectors, [100])
            return {}

    folder = Torn()
    folder.n_listings = -100
    writer, reader = EmbeddingCache(folder, LIMIT), EmbeddingCache(folder, LIMIT)
    assert put(writer, DenseVectors, [0])
    assert found(reader, DenseVectors, [0]) == {0}
    for one in range(1, embeddings.MERGE_FANOUT - 1):
        assert put(writer, DenseVectors, [one])
    folder.n_listings = 0
    assert found(reader, DenseVectors, range(15)) == set(range(15))


def test_nobody_waits_for_a_merge(path: Path, cache: EmbeddingCache) -> None:
    assert put(cache, DenseVectors, [0])
    with DiskFolder(path).lock():
        for number in range(1, N_BATCHES):
            assert put(cache, DenseVectors, [number])
        assert found(cache, DenseVectors, range(N_BATCHES)) == set(range(N_BATCHES))
        assert len(list(path.iterdir())) == N_BATCHES + 1
    assert put(cache, DenseVectors, [N_BATCHES])
    assert len(list(path.iterdir())) == 3


def test_few_files_are_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "MERGE_FANOUT", 1000)
    monkeypatch.setattr(shelf, "OPEN_FILES_MAX", 5)
    cache = filled(PrivateFolder(path), DenseVectors)
    before = len(os.listdir("/dev/fd"))
    for _ in range(2):
        assert len(found(cache, DenseVectors, range(3 * N_BATCHES))) == 3 * N_BATCHES
        assert len(os.listdir("/dev/fd")) <= before + 5


@given(st.lists(st.integers(1, 3000), max_size=300), st.integers(2**14, 2**22))
def test_the_number_of_files_grows_with_the_logarithm(batches: list[int], largest: int) -> None:
    sizes: dict[str, int] = {}
    for number, kilobytes in enumerate(batches):
        sizes[f"{number}"] = 1000 * kilobytes
        while len(names := due(sizes, largest)) > 1:
            merged = sum(sizes.pop(name) for name in names)
            assert merged <= largest
            sizes[f"{number} {len(sizes)}"] = merged
    small = [size for size in sizes.values() if 2 * size <= largest]
    assert len(small) <= 3 * embeddings.MERGE_FANOUT


class Dying:
    """An encoder that is stopped in the middle of its work."""

    def __init__(self, batches: int) -> None:
        self.batches, self.encoded = batches, 0

    def encode(self, numbers: Sequence[int]) -> DenseVectors:
        if self.batches == 0:
            raise KeyboardInterrupt
        self.batches -= 1
        self.encoded += len(numbers)
        made: DenseVectors = vectors(DenseVectors, numbers)
        return made


def test_work_that_was_stopped_goes_on_where_it_was(path: Path) -> None:
    total = 0
    for attempt in range(1, 9):
        cache, encoder = EmbeddingCache.open(path, bytes_max=LIMIT), Dying(attempt)
        there = found(cache, DenseVectors, range(100))
        missing = [n for n in range(100) if n not in there]
        try:
            for start in range(0, len(missing), 5):
                some = missing[start : start + 5]
                cache.put(IDENTITY, keys(some), encoder.encode(some))
        except KeyboardInterrupt:
            pass
        total += encoder.encoded
    assert total == 100
    assert len(found(cache, DenseVectors, range(100))) == 100
