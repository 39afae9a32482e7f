"""Damaged files: a typed error that names the file or the unchanged answer, and no dead process."""

import os
from functools import cache
from itertools import product
from pathlib import Path
from random import Random

import numpy as np
import pytest
import supervised
from faults import SCALE, FaultFolder
from kinds import ENCODERS, KINDS
from workload import WORKLOAD, Step, documents, opened, start
from wrecks import (
    BYTES,
    ONE_SEGMENT,
    PLACES,
    TWO_SEGMENTS,
    Wreck,
    blame,
    encoders,
    in_memory,
    remove,
)

import retrieval as rt
from retrieval.errors import CorruptIndex
from retrieval.store import manifest as manifests
from retrieval.store.embeddings import EmbeddingCache, key_of
from retrieval.store.files import DiskFolder
from retrieval.store.verification import verify

PARTS = 3
"""The flips are shared out, so that several processes can work at them."""

BITS = min(8, SCALE)
N_OTHERS = 200 * (1 + SCALE)
EXCHANGES = ("of another file", "exchanged", "of another time")
N_WRITERS = 60 * (3 + SCALE)
TEXTS = [f"cat dog {word}" for word in ("sun", "sea", "owl")]


@cache
def small() -> Wreck:
    return Wreck(ONE_SEGMENT)


@cache
def large() -> Wreck:
    return Wreck(TWO_SEGMENTS)


def count(request: pytest.FixtureRequest, report: supervised.Report) -> int:
    """Record what became of the cases, of which none may be a problem; return how many."""
    assert report.problems == []
    total = sum(report.outcomes.values())
    figures = [(f"damaged files {outcome}", n) for outcome, n in report.outcomes.items()]
    request.node.user_properties += [("damaged files", total), *figures]
    return total


# ---------------------------------------------------------------------- every byte


def flipped(number: int) -> str:
    """Flip one bit of one byte; as many numbers on, another bit of it."""
    sound = small()
    pass_, place = divmod(number, sum(len(sound.files[name]) for name in sound.names))
    for name in sound.names:
        if place < len(sound.files[name]):
            break
        place -= len(sound.files[name])
    damaged = bytearray(sound.files[name])
    damaged[place] ^= 1 << (5 * place + 3 * pass_) % 8
    sound.put(name, bytes(damaged))
    try:
        return sound.check([name])
    finally:
        sound.put(name, sound.files[name])


@pytest.mark.parametrize("part", range(PARTS))
def test_every_byte_of_every_file_is_flipped(
    part: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    sound = Wreck(ONE_SEGMENT, tmp_path)
    n_bytes = sum(len(sound.files[name]) for name in sound.names)
    numbers = range(part, n_bytes * BITS, PARTS)
    with in_memory() as room:
        report = supervised.run("durability.test_damage:flipped", numbers, environment=room)
    total = count(request, report)
    assert total == len(numbers) > 7000 * BITS // PARTS
    # The bytes between arrays are nobody's, and all others are looked at.
    assert report.outcomes["unchanged"] < total / 4


# ---------------------------------------------------------------------- everything else


def spoiled(number: int) -> str:
    """Do to some file what is done to files: cut, tear, exchange, replace by what is no file."""
    sound = large()
    try:
        return sound.check(spoil(sound, *pair(number), Random(number)))
    finally:
        sound.restore()


def pair(number: int) -> tuple[str, str]:
    """Return a file and what is done to it: consecutive numbers go through all pairs."""
    names, ways = large().names, (*BYTES, *PLACES, *EXCHANGES)
    at, way = divmod(number, len(ways))
    return names[at % len(names)], ways[way]


def spoil(sound: Wreck, name: str, how: str, random: Random) -> list[str]:
    """Damage a file in a way that has a name; return the files that are not as they were."""
    data = sound.files[name]
    if how in PLACES:
        remove(sound.path / name)
        PLACES[how](sound.path / name, sound.outside / name)
    elif how in BYTES:
        sound.put(name, BYTES[how](data, random))
    elif how == "of another time":
        sound.put(name, random.choice(sound.donors))
    else:
        other = random.choice(sound.names)
        sound.put(name, sound.files[other])
        if how == "exchanged":
            sound.put(other, data)
            return [name, other]
    return [name]


@pytest.mark.parametrize("part", range(PARTS))
def test_files_are_cut_torn_exchanged_and_replaced(
    part: int, request: pytest.FixtureRequest
) -> None:
    numbers = range(part, N_OTHERS * PARTS, PARTS)
    with in_memory() as room:
        report = supervised.run("durability.test_damage:spoiled", numbers, environment=room)
    assert count(request, report) == N_OTHERS


def test_every_file_is_damaged_in_every_way() -> None:
    tried = {pair(number) for number in range(N_OTHERS * PARTS)}
    assert tried == set(product(large().names, (*BYTES, *PLACES, *EXCHANGES)))


# ---------------------------------------------------------------------- writers


def written_to(number: int) -> str:
    """Change a damaged collection: what is damaged stays, and nothing is made of it."""
    sound, random = large(), Random(number)
    name = random.choice(sound.names)
    how = random.choice([*BYTES, "bit", "bit", "bit"])
    damaged = bytearray(sound.files[name])
    damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    sound.put(name, bytes(damaged) if how == "bit" else BYTES[how](sound.files[name], random))
    before = (sound.path / name).read_bytes()
    try:
        step = (Step(compact=True), Step(documents([6, 1], 2)), Step(delete=["d0"]))[number % 3]
        harmless = sound.check([name]) == "unchanged"
        said = write(sound, step, name)
        left = {file.name: file.read_bytes() for file in sound.path.iterdir()}
        if said == "refused":
            assert not harmless
            assert left.items() >= {**sound.files, name: before, "lock": left["lock"]}.items()
        elif not harmless:
            assert left.get(name) == before, "damage was merged away"
        return f"{said} by a writer"
    finally:
        sound.restore()


def write(sound: Wreck, step: Step, damaged: str) -> str:
    """Take a step; say whether it was refused, for the file that is damaged."""
    try:
        collection = sound.opened()
    except CorruptIndex:
        return "refused"
    try:
        step.change(collection)
        step.commit(collection)
    except CorruptIndex as error:
        blame(error, [damaged])
        return "refused"
    finally:
        collection.close()
    return "taken"


def test_writers_stop_at_damage_and_leave_it_there(request: pytest.FixtureRequest) -> None:
    with in_memory() as room:
        report = supervised.run(
            "durability.test_damage:written_to", range(N_WRITERS), environment=room
        )
    assert count(request, report) == N_WRITERS
    assert report.outcomes["refused by a writer"] > N_WRITERS / 2
    assert report.outcomes["taken by a writer"] > 0


# ---------------------------------------------------------------------- the embedding cache


def cached(number: int) -> str:
    """Damage a file of the cache: what is found is right, and what is damaged is not found."""
    names = list(KINDS)
    name, keys = names[number % len(names)], [key_of(text) for text in TEXTS]
    vectors = ENCODERS[name].encode_documents(TEXTS)
    folder = FaultFolder()
    EmbeddingCache(folder, 2**30).put("encoder", keys, vectors)
    ((file, sound),) = folder.contents().items()
    ways, random = list(BYTES), Random(number)
    if number // len(names) < len(sound):
        data = bytearray(sound)
        data[number // len(names)] ^= 1 << number % 8
    else:
        data = bytearray(BYTES[ways[number % len(ways)]](sound, random))
    damaged = FaultFolder({file: bytes(data)})
    cache = EmbeddingCache(damaged, 2**30)
    cache.info()
    found = cache.get("encoder", keys, type(vectors))
    if found is not None:
        assert found[0].tolist() == [0, 1, 2]
        for part, array in found[1].arrays().items():
            np.testing.assert_array_equal(array, vectors.arrays()[part])
    assert found is not None or file not in damaged.live, "what is damaged is removed"
    assert cache.put("encoder", keys, vectors)
    again = cache.get("encoder", keys, type(vectors))
    assert again is not None
    assert len(again[1]) == len(TEXTS)
    return "unchanged" if found is not None else "not found"


def test_the_embedding_cache_finds_nothing_damaged(request: pytest.FixtureRequest) -> None:
    n_cases = len(KINDS) * (700 + 100 * SCALE)
    report = supervised.run("durability.test_damage:cached", range(n_cases))
    assert count(request, report) == n_cases
    assert report.outcomes["not found"] > n_cases / 2


def test_what_is_no_file_is_not_in_the_cache(tmp_path: Path) -> None:
    keys, outside = [key_of(text) for text in TEXTS], tmp_path / "outside"
    vectors = ENCODERS["dense"].encode_documents(TEXTS)
    for number, (how, place) in enumerate(PLACES.items()):
        folder = tmp_path / str(number)
        assert EmbeddingCache.open(folder, bytes_max=2**24).put("encoder", keys, vectors)
        (file,) = (path for path in folder.iterdir() if path.name != "lock")
        file.replace(outside)
        place(file, outside)
        before = outside.read_bytes()
        cache = EmbeddingCache.open(folder, bytes_max=2**24)
        assert cache.get("encoder", keys, type(vectors)) is None, how
        assert cache.info().encoders == ()
        cache.clear()
        assert outside.read_bytes() == before


# ---------------------------------------------------------------------- opening, and maps


def test_eager_opening_finds_what_lazy_opening_leaves_to_first_use(tmp_path: Path) -> None:
    sound = Wreck(room=tmp_path)
    assert len(sound.opened()) == len(sound.expected["documents"])
    for name in sound.names:
        data = sound.files[name]
        if name == manifests.NAME:
            continue
        sound.put(name, data[:64] + bytes([data[64] ^ 1]) + data[65:])
        with pytest.raises(CorruptIndex, match=name):
            rt.open(sound.path, encoders=encoders(), verify="eager")
        sound.opened()
        sound.put(name, data)
    rt.open(sound.path, encoders=encoders(), verify="eager")


def shortened(number: int) -> str:
    """Shorten a file that is open: before its arrays were checked (0), or after (1)."""
    sound = large()
    name = next(name for name in sound.names if name.endswith("dense.vectors"))
    questions = sound.questions()
    if number:
        questions["dense"]()
    os.truncate(sound.path / name, 0)
    try:
        questions["dense"]()
    except CorruptIndex as error:
        blame(error, [f"{name} has become shorter"])
    else:
        raise AssertionError("a file that is gone was searched")
    sound.put(name, sound.files[name])
    assert sound.check([]) == "unchanged"
    return "named"


def test_what_happens_to_a_file_that_is_shortened_while_it_is_open(tmp_path: Path) -> None:
    """Before it is used it is named; while it is in use the reader dies, and nothing else does."""
    environment = {"TMPDIR": str(tmp_path)}
    named = supervised.run("durability.test_damage:shortened", range(1), environment=environment)
    assert (named.outcomes, named.problems) == ({"named": 1}, [])
    killed = supervised.run(
        "durability.test_damage:shortened", range(1, 2), environment=environment
    )
    assert [problem[:14] for problem in killed.problems] == ["case 1: SIGBUS"]
    files = [path for path in tmp_path.glob("*/collection/*") if path.name != "lock"]
    (empty,) = (path for path in files if not path.stat().st_size)
    empty.write_bytes((empty.parent.parent / "outside" / empty.name).read_bytes())
    assert verify(DiskFolder(empty.parent)).ok


def test_no_file_is_ever_written_to_again(tmp_path: Path) -> None:
    """So that no map and no reader of an old generation sees anything change."""
    folder = DiskFolder(tmp_path)
    start(folder)
    collection = opened(folder)
    known: dict[str, tuple[int, ...]] = {}
    for step in WORKLOAD:
        step.change(collection)
        step.commit(collection)
        for path in tmp_path.iterdir():
            if path.name not in (manifests.NAME, "lock"):
                status = path.stat()
                now = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
                assert known.setdefault(path.name, now) == now
    assert len(known) > 40
