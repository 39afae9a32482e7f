"""Whatever happens to the embedding cache, a vector is the right one or is not found."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import damage
import numpy as np
import pytest
from caching import IDENTITY, KINDS, LIMIT, found, keys, put, vectors
from faults import SCALE, Fault, FaultFolder, Killed

from indexes.vectors import DenseVectors
from retrieval.store import container, embeddings
from retrieval.store.embeddings import EmbeddingCache

ROOT = Path(__file__).parents[3]
EVERY = range(20)


@pytest.fixture(autouse=True)
def _frequent_merges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "MERGE_FANOUT", 4)


def filled(kind: Any, n_batches: int = 6) -> FaultFolder:
    """Return a folder with a merged file and some small ones."""
    folder = FaultFolder()
    cache = EmbeddingCache(folder, LIMIT)
    for number in range(n_batches):
        assert put(cache, kind, range(2 * number, 2 * number + 2))
    return folder


# ---------------------------------------------------------------------- damaged files


def damaged(data: bytes, random: Random, n: int) -> Iterator[bytes]:
    """Flip bits at both ends and at random places, and make the file shorter or longer."""
    places = {*range(36), *range(len(data) - 32, len(data))}
    places |= {random.randrange(len(data)) for _ in range(n)}
    for place in sorted(places):
        bit = 1 << random.randrange(8)
        yield data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
    for size in [0, 1, 31, 32, 64, len(data) - 1, *(random.randrange(len(data)) for _ in range(n))]:
        yield data[:size]
        yield data[:size].ljust(len(data), b"\0")
    yield data + b"\0"
    yield data + data


@pytest.mark.parametrize("kind", KINDS)
def test_damage_costs_the_vectors_of_one_file_at_most(
    kind: Any, request: pytest.FixtureRequest
) -> None:
    contents, random, n_lost = filled(kind).contents(), Random(3), 0
    images = [
        (name, changed)
        for name, data in contents.items()
        for changed in damaged(data, random, 25 * SCALE)
    ]
    for name, changed in images:
        folder = FaultFolder({**contents, name: changed})
        there = found(EmbeddingCache(folder, LIMIT), kind, range(12))
        assert len(there) >= 4
        again = EmbeddingCache(folder, LIMIT)
        assert found(again, kind, range(12)) == there
        if len(there) < 12:
            n_lost += 1
            assert name not in folder.live or changed[8:12] != contents[name][8:12]
        assert put(again, kind, range(12))
        assert found(again, kind, range(12)) == set(range(12))
    request.node.user_properties += [("images", len(images)), ("lost", n_lost)]
    assert n_lost > len(images) / 2


def test_damage_is_not_copied_by_a_merge() -> None:
    for number in range(3):
        folder = filled(DenseVectors, 3)
        cache = EmbeddingCache(folder, LIMIT)
        assert found(cache, DenseVectors, [100]) == set()  # it has read the keys of all files
        name, inode = list(folder.live.items())[number]
        there = container.Container(folder, container.entry_of(folder, name), "embeddings")
        place = bytes(inode.data).index(there.array("values").tobytes())
        inode.data[place + 2] ^= 1
        for later in (10, 11):
            assert put(cache, DenseVectors, [later])
        assert len(folder.live) == 2
        assert len(found(cache, DenseVectors, EVERY)) == 4 + 2


def test_a_file_of_another_encoder_is_not_believed() -> None:
    folder = FaultFolder()
    cache = EmbeddingCache(folder, LIMIT)
    put(cache, DenseVectors, [1], "one")
    (one,) = folder.live
    put(cache, DenseVectors, [2], "two")
    (two,) = set(folder.live) - {one}
    swapped = FaultFolder({two: bytes(folder.live[one].data)})
    assert found(EmbeddingCache(swapped, LIMIT), DenseVectors, [1, 2], "two") == set()


def test_a_later_format_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as release:
        release.setattr(container, "VERSION", container.VERSION + 1)
        later = filled(DenseVectors, 1)
    (name,) = later.live
    cache = EmbeddingCache(later, LIMIT)
    assert found(cache, DenseVectors, [0]) == set()
    assert name in later.live
    assert put(cache, DenseVectors, [0])
    assert found(cache, DenseVectors, [0]) == {0}


def test_a_damaged_version_is_no_other_format() -> None:
    ((name, data),) = filled(DenseVectors, 1).contents().items()
    for version in range(256):
        if version != container.VERSION:
            folder = FaultFolder({name: data[:8] + bytes([version]) + data[9:]})
            assert found(EmbeddingCache(folder, LIMIT), DenseVectors, [0]) == set()
            assert name not in folder.live


@pytest.mark.parametrize("kind", KINDS)
def test_lying_arrays_with_the_right_sums_are_not_found(kind: Any) -> None:
    folder = filled(kind, 1)
    (name,) = folder.live
    encoder = name.rpartition(".")[0]
    packed = np.stack([np.frombuffer(key, np.uint8) for key in sorted(keys([0, 1]))])
    arrays = {"keys": packed, **vectors(kind, [0, 1]).arrays()}
    wrong: list[dict[str, Any]] = [{**arrays, "keys": np.zeros((0, 16), np.uint8)}]
    wrong.append({**arrays, "keys": np.concatenate([packed, packed + np.uint8(1)])})
    for array, value in arrays.items():
        for _, changed in damage.of(value, offsets=array == "offsets"):
            wrong.append({**arrays, array: changed})
    n_tried = 0
    for arrays in wrong:
        liar = FaultFolder()
        with suppress(KeyError, AttributeError, ValueError):  # no file can hold it
            kept = {key: value for key, value in arrays.items() if value is not None}
            settings = {"encoder": encoder, "identity": IDENTITY}
            container.write(liar, name, "embeddings", arrays=kept, settings=settings)
            n_tried += 1
        cache = EmbeddingCache(liar, LIMIT)
        with suppress(AssertionError):  # a sound file of other vectors, which no checksum can tell
            found(cache, kind, [0, 1])
        assert put(cache, kind, [0, 1])
    assert n_tried > 10


# ---------------------------------------------------------------------- errors


def survives(folder: FaultFolder, kind: Any, kept: set[int]) -> None:
    """Check a cache that goes on where nothing fails any more."""
    folder.fault = None
    cache = EmbeddingCache(folder, LIMIT)
    assert kept <= found(cache, kind, EVERY)
    assert put(cache, kind, EVERY)
    assert found(cache, kind, EVERY) == set(EVERY)
    assert not [name for name in folder.live if name.endswith(".new")]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EACCES])
@pytest.mark.parametrize("how", [{}, {"late": True}, {"stays": True}])
def test_an_error_at_any_operation_costs_a_batch(code: int, how: dict[str, bool]) -> None:
    n_failed, at = 0, 0
    while True:
        folder, kept = FaultFolder(), set[int]()
        folder.fault = Fault.of(at, code, **how)
        cache = EmbeddingCache(folder, LIMIT)
        for number in range(8):
            if put(cache, DenseVectors, [number, number + 1]):
                kept |= {number, number + 1}
            else:
                n_failed += 1
                assert cache.problem
            assert found(cache, DenseVectors, [number + 1]) <= {number + 1}
        if at >= len(folder.operations):
            break
        survives(folder, DenseVectors, kept)
        at += 1 if SCALE > 1 else 3
    assert at > 100
    assert n_failed > 20


def test_nothing_is_left_of_a_batch_that_did_not_fit() -> None:
    at, ok = 0, False
    while not ok:
        folder = FaultFolder()
        folder.fault = Fault.of(at, errno.ENOSPC, stays=True)
        cache = EmbeddingCache(folder, LIMIT)
        ok = put(cache, DenseVectors, [1])
        if not ok:
            assert "ENOSPC" in cache.problem
            assert folder.live == {}
            survives(folder, DenseVectors, set())
        at += 1
    assert at > 8


# ---------------------------------------------------------------------- ends


def test_a_loss_of_power_never_makes_a_wrong_vector_and_no_merge_loses_one() -> None:
    """What the system has written out by itself stays found, whatever a merge was about to do."""
    folder, random, n_images = filled(DenseVectors, 3), Random(1), 0
    folder = FaultFolder(folder.contents())
    kept, seen = set(range(6)), set[Any]()

    def look(verb: str) -> None:
        nonlocal n_images
        for image in folder.images(random, 10 * SCALE, seen):
            n_images += 1
            assert kept <= found(EmbeddingCache(image, LIMIT), DenseVectors, EVERY)

    folder.after = look
    cache = EmbeddingCache(folder, LIMIT)
    for number in range(6, 18):
        assert put(cache, DenseVectors, [number])
    assert len(folder.live) < 8
    assert n_images > 200


def test_a_kill_at_any_operation_costs_the_batch_it_was_in() -> None:
    at = 0
    while True:
        folder, kept = FaultFolder(), set[int]()
        folder.fault = Fault(at, Killed(), late=at % 2 == 1)
        cache = EmbeddingCache(folder, LIMIT)
        try:
            for number in range(10):
                assert put(cache, DenseVectors, [number])
                kept.add(number)
        except Killed:
            survives(folder.survivor(), DenseVectors, kept)
        else:
            break
        at += 1 if SCALE > 1 else 3
    assert at > 100


def test_what_a_dead_writer_left_is_removed_in_time(tmp_path: Path) -> None:
    cache = EmbeddingCache.open(tmp_path / "cache", bytes_max=LIMIT)
    assert put(cache, DenseVectors, [1])
    (whole,) = (tmp_path / "cache").iterdir()
    left = whole.with_name(f"{whole.stem}.{'0' * 16}.new")
    left.write_bytes(b"half")
    assert put(cache, DenseVectors, [2])
    cache.clear()
    assert left.exists()  # somebody may be writing it
    moment = time.time() - 4000
    os.utime(left, (moment, moment))
    assert put(cache, DenseVectors, [3])
    assert not left.exists()


CHILD = """
import sys
from pathlib import Path
from caching import LIMIT, put
from indexes.vectors import DenseVectors
from retrieval.store import embeddings

embeddings.MERGE_FANOUT = 4
cache = embeddings.EmbeddingCache.open(Path(sys.argv[1]), bytes_max=LIMIT)
number = int(sys.argv[2])
print("ready", flush=True)
while True:
    assert put(cache, DenseVectors, range(number, number + 3)), cache.problem
    number += 3
    print(number, flush=True)
"""


@contextmanager
def children(path: Path, starts: list[int]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run writers; they are killed at the end."""
    paths = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    commands = [[sys.executable, "-c", CHILD, str(path), str(start)] for start in starts]
    made = [
        subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=paths)
        for command in commands
    ]
    try:
        for child in made:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
        yield made
    finally:
        for child in made:
            child.kill()


def test_killed_processes_lose_nothing_they_had_put(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Two at a time write the same and other vectors, while this process reads."""
    path, random, said = tmp_path / "cache", Random(7), [0, 60]
    cache = EmbeddingCache.open(path, bytes_max=LIMIT)
    n_kills = 6 * SCALE
    for _ in range(n_kills):
        wanted = [*range(said[0]), *range(60, said[1])]
        with children(path, said) as running:
            end = time.perf_counter() + random.uniform(0, 0.15)
            while time.perf_counter() < end:
                assert found(cache, DenseVectors, wanted) == set(wanted)
        for number, child in enumerate(running):
            lines = child.communicate()[0].splitlines()
            said[number] = int(lines[-1]) if lines else said[number]
        wanted = [*range(said[0]), *range(60, said[1])]
        for reader in (cache, EmbeddingCache.open(path, bytes_max=LIMIT)):
            assert found(reader, DenseVectors, wanted) == set(wanted)
    request.node.user_properties += [("kills", 2 * n_kills), ("vectors", said)]
    assert put(cache, DenseVectors, [10**6])  # no lock is left behind
    with cache._folder.lock():
        pass
    assert said[0] > 30
    assert len(list(path.iterdir())) < 60


def test_readers_writers_and_clearing_in_threads(tmp_path: Path) -> None:
    path, wrong = tmp_path / "cache", list[BaseException]()
    shared = EmbeddingCache.open(path, bytes_max=LIMIT)

    def work(seed: int) -> None:
        random = Random(seed)
        own = EmbeddingCache.open(path, bytes_max=LIMIT) if seed % 2 else shared
        try:
            for _ in range(60):
                start = random.randrange(15)
                put(own, DenseVectors, range(start, start + 3))
                found(own, DenseVectors, EVERY)
                if random.random() < 0.02:
                    own.clear()
        except BaseException as error:
            wrong.append(error)

    threads = [Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert put(shared, DenseVectors, EVERY)
    assert found(shared, DenseVectors, EVERY) == set(EVERY)
