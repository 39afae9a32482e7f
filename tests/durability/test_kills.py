"""A real writer, killed at any moment, leaves all it said it had committed."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import writing
from faults import SCALE
from kinds import ENCODERS, KINDS
from nursery import Child, Nursery
from workload import QUERIES, opened, start, state

import retrieval as rt
from retrieval.store import manifest as manifests
from retrieval.store.files import DiskFolder

N_KILLS = 50 * SCALE
FOREIGN = {"notes.txt": b"mine", "00000001.documents.bak": b"mine too"}


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as opened_one:
        yield opened_one


class Killing:
    """Kills children in the middle of what they do, and knows how long that takes."""

    def __init__(self, random: Random) -> None:
        writing.expected(5)  # compiles what a first search needs
        self._random = random
        self._seconds: dict[str, float] = {}
        self.kills: Counter[str] = Counter()
        self.slowest_reopen = 0.0

    def kill(self, child: Child, after: int) -> int:
        """Kill a child in the step after some; return the last generation it committed, or −1."""
        committed, heard, doing, began = -1, 0, "", 0.0
        while heard <= after:
            line = child.hear()
            verb, _, what = line.partition(" ")
            if verb == "doing":
                doing, began, heard = what, time.perf_counter(), heard + 1
            else:
                assert verb == "committed", line
                committed = int(what)
                self._seconds[doing] = time.perf_counter() - began
        time.sleep(self._random.uniform(0, self._seconds.get(doing, 0.03)))
        for line in child.kill():
            if line.startswith("committed "):
                committed = int(line.removeprefix("committed "))
            else:
                assert line.startswith("doing "), line
                doing = line.removeprefix("doing ")
        self.kills[doing] += 1
        return committed

    def reopened(self, path: Path) -> rt.Collection:
        """Open what a killed writer left, and search it."""
        began = time.perf_counter()
        collection = opened(DiskFolder(path))
        for name in collection.representations:
            collection.search(QUERIES[0], system=name)
        self.slowest_reopen = max(self.slowest_reopen, time.perf_counter() - began)
        return collection


def check_files(path: Path, *, beside: set[str]) -> None:
    """Assert that the next writer collects what dead ones left, and nothing else."""
    folder = DiskFolder(path)
    collection = opened(folder)
    collection.writer()
    collection.close()
    named = {file.name for file in manifests.read(folder).files()}
    assert set(folder.names()) == {manifests.NAME, "lock", *named, *beside}
    for name in beside:
        assert (path / name).read_bytes() == FOREIGN[name]


def check(collection: rt.Collection, said: int, expected: dict[str, Any]) -> int:
    """Assert that a collection is at the generation that was said to be committed, or the next."""
    assert collection.generation in (said, said + 1)
    assert state(collection) == expected
    assert collection.verify().ok
    return collection.generation


def test_a_killed_writer_loses_nothing_it_committed(
    nursery: Nursery, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    killing, said = Killing(Random(5)), 0
    start(DiskFolder(tmp_path))
    for name, data in FOREIGN.items():
        (tmp_path / name).write_bytes(data)
    for number in range(N_KILLS * 3 // 5):
        child = nursery.fork("writing:write", str(tmp_path))
        # Every step gets its turn, whatever came of the last one: 5 and 12 have no common factor.
        n_before = (5 * number - said) % len(writing.CYCLE)
        said = max(said, killing.kill(child, n_before))
        collection = killing.reopened(tmp_path)
        said = check(collection, said, writing.expected(writing.place(collection.generation)))
        if number % 10 == 0:
            check_files(tmp_path, beside=set(FOREIGN))
    check_files(tmp_path, beside=set(FOREIGN))
    report(request, killing)
    figures = {"generations": said, "ms, slowest reopen": round(1000 * killing.slowest_reopen)}
    request.node.user_properties += figures.items()
    assert len(killing.kills) >= len(writing.CYCLE) - 2


def test_a_killed_sync_loses_nothing_it_committed(
    nursery: Nursery, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    random, said = Random(6), -1
    killing = Killing(random)
    index, source, scratch = (tmp_path / name for name in ("index", "source", "scratch"))
    for _ in range(N_KILLS // 5):
        child = nursery.fork("writing:sync", str(index), str(source))
        said = max(said, killing.kill(child, random.randrange(3)))
        if manifests.NAME not in DiskFolder(index).names():
            assert said == -1
            continue
        collection = killing.reopened(index)
        number = collection.generation
        content = number % writing.N_FOLDERS
        there = writing.expected_of_files(content, scratch) if number else writing.expected(0)
        said = check(collection, max(said, 0), there)
    check_files(index, beside=set())
    report(request, killing)


def test_a_killed_creation_leaves_a_collection_or_none(
    nursery: Nursery, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    random, n_whole = Random(7), 0
    killing = Killing(random)
    for number in range(N_KILLS // 5):
        room = tmp_path / str(number)
        child = nursery.fork("writing:create", f"{room}.")
        made = killing.kill(child, random.randrange(3)) + 1
        last = Path(f"{room}.{made}")
        if (last / manifests.NAME).exists():
            n_whole += 1
            killing.reopened(last)
        else:
            rt.create(last, KINDS)
        for one in range(made + 1):
            collection = rt.open(f"{room}.{one}", encoders={n: ENCODERS[n] for n in KINDS})
            check(collection, 0, writing.expected(0))
            check_files(collection.path, beside=set())
    report(request, killing)
    assert n_whole < N_KILLS // 5


def report(request: pytest.FixtureRequest, killing: Killing) -> None:
    request.node.user_properties.append(("kills", killing.kills.total()))
    assert killing.slowest_reopen < 1
