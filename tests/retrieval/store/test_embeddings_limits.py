"""The embedding cache keeps to its limit, its folder and its user, and tells what it holds."""

import os
import stat
import time
from pathlib import Path

import numpy as np
import pytest
from caching import IDENTITY, LIMIT, found, keys, put

from indexes.vectors import DenseVectors, MultiVectors, SparseVectors
from retrieval.errors import InvalidInput, StorageFailed
from retrieval.places import cache_folder
from retrieval.store import embeddings
from retrieval.store.embeddings import LIMIT_VARIABLE, EmbeddingCache
from retrieval.store.files import PrivateFolder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "above" / "cache"


@pytest.fixture
def cache(path: Path) -> EmbeddingCache:
    return EmbeddingCache.open(path, bytes_max=LIMIT)


def test_a_limit_of_nothing_switches_it_off(path: Path) -> None:
    cache = EmbeddingCache.open(path, bytes_max=0)
    assert not put(cache, DenseVectors, [1])
    assert found(cache, DenseVectors, [1]) == set()
    assert cache.info().encoders == ()
    assert cache.clear() == 0
    assert not path.parent.exists()


def test_place_and_limit_are_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(LIMIT_VARIABLE, "1234567")
    info = EmbeddingCache.open().info()
    assert info.path == cache_folder("embeddings")
    assert info.bytes_max == 1234567
    assert EmbeddingCache.open(bytes_max=3).info().bytes_max == 3
    monkeypatch.delenv(LIMIT_VARIABLE)
    assert EmbeddingCache.open().info().bytes_max == embeddings.EMBEDDING_CACHE_BYTES_MAX
    monkeypatch.setenv(LIMIT_VARIABLE, "8 GB")
    with pytest.raises(InvalidInput, match=LIMIT_VARIABLE):
        EmbeddingCache.open()


def wide(number: int) -> DenseVectors:
    """Return a vector of about 100 kB."""
    return DenseVectors.of(np.full((1, 25_000), number, np.float32))


def age(path: Path, name: str, hours: float) -> None:
    moment = time.time() - 3600 * hours
    os.utime(path / name, (moment, moment))


def test_what_was_used_least_recently_goes_first(path: Path) -> None:
    cache = EmbeddingCache.open(path, bytes_max=500_000)
    for number in range(4):
        before = set(path.iterdir()) if path.exists() else set()
        assert cache.put(IDENTITY, keys([number]), wide(number))
        (new,) = set(path.iterdir()) - before
        age(path, new.name, hours=9 - number)
    again = EmbeddingCache.open(path, bytes_max=500_000)
    assert again.get(IDENTITY, keys([0]), DenseVectors) is not None
    assert again.put(IDENTITY, keys([4]), wide(4))
    there, _ = again.get(IDENTITY, keys(range(5)), DenseVectors) or pytest.fail("nothing")
    assert there.tolist() == [0, 2, 3, 4]


def test_all_files_together_keep_to_the_limit(path: Path) -> None:
    limit = 700_000
    caches = [EmbeddingCache.open(path, bytes_max=limit) for _ in range(2)]
    for number in range(40):
        assert caches[number % 2].put(f"{number % 3}", keys([number]), wide(number))
        assert sum(file.stat().st_size for file in path.iterdir()) <= limit
    assert caches[0].get("0", keys([39]), DenseVectors) is not None
    assert caches[1].info().bytes > limit / 2


def test_a_batch_that_does_not_fit_removes_nothing(path: Path) -> None:
    cache = EmbeddingCache.open(path, bytes_max=300_000)
    assert put(cache, DenseVectors, [1])
    wide = DenseVectors.of(np.ones((2, 50_000), np.float32))
    assert not cache.put(IDENTITY, keys([2, 3]), wide)
    assert "no room for" in cache.problem
    assert found(cache, DenseVectors, [1]) == {1}


def test_some_of_the_disk_is_left_to_others(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = EmbeddingCache.open(path, bytes_max=LIMIT)
    assert cache.put(IDENTITY, keys([1]), wide(1))
    monkeypatch.setattr(PrivateFolder, "free", lambda folder: embeddings.FREE_BYTES_MIN + 1000)
    assert cache.put(IDENTITY, keys([2]), DenseVectors.of(np.ones((1, 3), np.float32)))
    assert cache.get(IDENTITY, keys([1]), DenseVectors) is None
    assert not cache.put(IDENTITY, keys([3]), wide(3))
    assert cache.get(IDENTITY, keys([2]), DenseVectors) is not None


# ---------------------------------------------------------------------- looking and clearing


def test_it_tells_what_it_holds(path: Path, cache: EmbeddingCache) -> None:
    assert cache.info().bytes == 0
    before = time.time() - 2
    for number in range(20):
        assert put(cache, DenseVectors, [number, number + 1], "old")
    for file in path.iterdir():
        age(path, file.name, hours=1)
    assert put(cache, MultiVectors, [1, 2], IDENTITY)
    info = cache.info()
    assert info.path == path
    assert [one.identity for one in info.encoders] == [IDENTITY, "old"]
    new, old = info.encoders
    assert new.entries == 2
    assert 20 <= old.entries <= 40
    assert old.used < before <= new.used
    assert new.bytes + old.bytes == info.bytes
    lock = (path / "lock").stat().st_size
    assert info.bytes == sum(file.stat().st_size for file in path.iterdir()) - lock


def test_encoders_with_a_long_identity_stay_apart(cache: EmbeddingCache) -> None:
    for end in "ab":
        assert put(cache, DenseVectors, [1], 30_000 * "ü" + end)
    assert [one.entries for one in cache.info().encoders] == [1, 1]
    assert cache.clear(30_000 * "ü" + "a") > 0
    assert found(cache, DenseVectors, [1], 30_000 * "ü" + "b") == {1}


def test_clearing_removes_what_is_ours_and_frees_what_it_says(
    path: Path, cache: EmbeddingCache
) -> None:
    assert put(cache, DenseVectors, [1], "one")
    assert put(cache, SparseVectors, [1], "one")
    assert put(cache, DenseVectors, [1], "two")
    (path / "notes.txt").write_text("mine")
    before = cache.info().bytes
    freed = cache.clear("one")
    assert cache.info().bytes == before - freed
    assert (
        found(cache, DenseVectors, [1], "one") == found(cache, SparseVectors, [1], "one") == set()
    )
    assert found(cache, DenseVectors, [1], "two") == {1}
    assert cache.clear("three") == 0
    assert cache.clear() == before - freed
    assert [file.name for file in path.iterdir()] == ["notes.txt"]


def test_clearing_under_a_user_costs_it_the_vectors_and_nothing_else(path: Path) -> None:
    one, two = (EmbeddingCache.open(path, bytes_max=LIMIT) for _ in range(2))
    for _ in range(3):
        for number in range(30):
            assert put(one, DenseVectors, [number])
        assert found(one, DenseVectors, range(30)) == set(range(30))
        assert two.clear() > 0
        assert found(one, DenseVectors, range(30)) == set()


def test_the_folder_may_vanish_at_any_time(path: Path, cache: EmbeddingCache) -> None:
    for _ in range(2):
        assert put(cache, DenseVectors, [1])
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
        assert found(cache, DenseVectors, [1]) == set()


# ---------------------------------------------------------------------- whose it is


def test_only_its_user_can_read_it(path: Path) -> None:
    cache = EmbeddingCache.open(path, bytes_max=LIMIT)
    for number in range(20):
        assert put(cache, DenseVectors, [number])
    modes = {stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)}
    assert modes == {0o700}
    files = [file for file in path.iterdir() if file.name != "lock"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize("how", ["writable", "a link", "another user's", "a file"])
def test_a_folder_that_others_may_write_is_not_used(
    path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = path.parent / "theirs"
    assert put(EmbeddingCache.open(theirs, bytes_max=LIMIT), DenseVectors, [1])
    if how == "writable":
        theirs.rename(path)
        path.chmod(0o770)
    elif how == "a link":
        path.symlink_to(theirs)
    elif how == "a file":
        path.write_bytes(b"")
    else:
        theirs.rename(path)
        user = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    cache = EmbeddingCache.open(path, bytes_max=LIMIT)
    assert found(cache, DenseVectors, [1]) == set()
    assert str(path) in cache.problem
    cache.problem = ""
    assert not put(cache, DenseVectors, [2])
    assert str(path) in cache.problem
    with pytest.raises(StorageFailed, match="cache"):
        cache.clear()
    with pytest.raises(StorageFailed, match="cache"):
        cache.info()
