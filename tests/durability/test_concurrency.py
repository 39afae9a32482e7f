"""Readers beside a writer that changes everything all the time: each answers from one generation.

What the generations of the writer hold is known beforehand (see `writing`), so every answer is
compared with the one that the reader's generation has, and no other.
"""

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import writing
from faults import SCALE
from kinds import ENCODERS, EXTRA, KINDS
from nursery import Child, Nursery, say
from workload import QUERIES, opened, start, state
from writing import CYCLE, place, step

import retrieval as rt
from encoders import is_lexical
from retrieval import systems
from retrieval.errors import UnknownName
from retrieval.pipeline import Stage
from retrieval.store.files import DiskFolder

HERE = "durability.test_concurrency"
N_QUERIES = 200_000 * SCALE
N_THREADS, N_PROCESSES = 8, 4
HOW = ("refresh", "reopen", "stay", "refresh")
"""What the readers do: most move on to what is committed, some stay where they are."""

N_SINGLE, N_COPIES = 6, 8
N_ROUND = N_SINGLE + N_COPIES * len(QUERIES)
K = 5
N_REOPENED = 1000

OWN = {name: ENCODERS[name] for name in KINDS}
"""Encoders that a reader opens with: what is added later it searches with vectors."""

Answers = list[list[tuple[str, float]]]


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as opened_one:
        yield opened_one


@cache
def answers(number: int) -> dict[str, Answers]:
    """Return what the systems answer at one place of the cycle, to each of the queries."""
    collection = writing.afresh(number)
    names = (*collection.representations, "hybrid")
    return {name: plain(collection.search(QUERIES, K, system=name)) for name in names}


@cache
def batch(name: str) -> Any:
    """Return many queries at once: vectors, but for an encoder that looks at the collection."""
    texts = QUERIES * N_COPIES
    if name == "hybrid":
        return texts
    encoder = ENCODERS[name]
    return texts if is_lexical(encoder) else encoder.encode_queries(texts)


def plain(lists: list[list[rt.Hit]]) -> Answers:
    return [[(hit.docno, hit.score) for hit in hits] for hits in lists]


def searched(collection: rt.Collection, number: int) -> tuple[int, int]:
    """Search in one system, one query at a time and many; return how many queries and calls."""
    names = collection.representations
    names += ("hybrid",) if OWN.keys() >= set(names) else ()
    name = names[number % len(names)]
    expected = answers(place(collection.generation))[name]
    n_single = 0 if name in EXTRA else N_SINGLE
    for at in range(n_single):
        at %= len(QUERIES)
        assert plain([collection.search(QUERIES[at], K, system=name)]) == [expected[at]]
    found = plain(collection.search(batch(name), K, system=name))
    assert found == expected * N_COPIES, f"{name} at generation {collection.generation}"
    return len(found) + n_single, 1 + n_single


def read(path: str, how: str, n_queries: int) -> tuple[int, int, int]:
    """Search beside the writer; return how many queries, calls and generations that were met."""
    collection = rt.open(path, encoders=OWN)
    first, generations, n, n_calls, number = collection.generation, set[int](), 0, 0, 0
    while n < n_queries:
        queries, calls = searched(collection, number)
        n, n_calls = n + queries, n_calls + calls
        generations.add(collection.generation)
        number += 1
        if how == "refresh" and number % 4 == 0:
            collection.refresh()
        elif how == "reopen" and number % 8 == 0:
            collection = rt.open(path, encoders=OWN)
        assert collection.generation >= first
    if how == "stay":
        there = [collection[docno] for docno in collection]
        assert there == writing.expected(place(first))["documents"]
    return n, n_calls, len(generations)


def read_and_say(path: str, how: str, n_queries: int) -> None:
    """Do so in a process of its own."""
    say(" ".join(map(str, read(path, how, n_queries))))


def heard(child: Child) -> tuple[int, int, int]:
    (said,) = child.rest()
    n, calls, generations = map(int, said.split())
    return n, calls, generations


def test_every_answer_is_of_one_generation(
    nursery: Nursery, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    start(DiskFolder(tmp_path))
    path, each = str(tmp_path), -(-N_QUERIES // (N_THREADS + N_PROCESSES))
    writer = nursery.fork("writing:write", path)
    while writer.hear() != "committed 5":
        pass
    hows = [HOW[number % len(HOW)] for number in range(N_THREADS + N_PROCESSES)]
    children = [nursery.fork(f"{HERE}:read_and_say", path, how, each) for how in hows[:N_PROCESSES]]
    with ThreadPoolExecutor(N_THREADS + N_PROCESSES) as pool:
        futures = [pool.submit(heard, child) for child in children]
        futures += [pool.submit(read, path, how, each) for how in hows[N_PROCESSES:]]
        while not all(future.done() for future in futures):
            last = writer.hear()
            assert last.startswith(("doing ", "committed ")), last
    writer.kill()
    found = [future.result() for future in futures]
    n_queries, n_calls = (sum(counts) for counts in list(zip(*found, strict=True))[:2])
    commits = opened(DiskFolder(tmp_path)).generation
    figures = {
        "queries answered beside a writer": n_queries,
        "calls of search beside a writer": n_calls,
        "commits beside readers": commits,
    }
    request.node.user_properties += figures.items()
    assert n_queries >= N_QUERIES
    assert commits > 2 * len(CYCLE)
    for how, (_, _, n_generations) in zip(hows, found, strict=True):
        assert n_generations == 1 if how == "stay" else n_generations > 1


# ------------------------------------------------------------------ one collection, many threads


@pytest.fixture
def often() -> Iterator[None]:
    """Let threads take turns fifty times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 50)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("often")
def test_threads_share_a_collection_that_changes(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    start(DiskFolder(tmp_path))
    collection, over = opened(DiskFolder(tmp_path)), Event()
    with ThreadPoolExecutor(N_THREADS) as pool:
        futures = [pool.submit(search_shared, collection, over, n) for n in range(N_THREADS)]
        for generation in range(1, 2 * SCALE * len(CYCLE) + 1):
            step(generation).change(collection)
            step(generation).commit(collection)
            collection.refresh()
            if any(future.done() for future in futures):
                break
        over.set()
    searches = sum(future.result() for future in futures)
    figures = {"searches beside a writer of the same collection": searches}
    request.node.user_properties += figures.items()
    assert searches > 1000 * SCALE
    assert state(collection) == writing.expected(place(collection.generation))


def search_shared(collection: rt.Collection, over: Event, number: int) -> int:
    """Search until it is over; every answer is of a generation there was meanwhile."""
    names, n = (*KINDS, "hybrid", None), 0
    while not over.is_set():
        name, at = names[(n + number) % len(names)], n % len(QUERIES)
        before = collection.generation
        found = collection.search(QUERIES[at], K, system=name)
        for hit in found[:1]:
            assert hit.document.docno == hit.docno
        after = collection.generation
        met = {place(generation) for generation in range(before, after + 1)}
        known = [answers(one)[name or "hybrid"][at] for one in met]
        assert plain([found])[0] in known, f"{name} between generations {before} and {after}"
        docno = f"d{n % 10}"
        with suppress(UnknownName):  # it may be deleted just now
            assert collection[docno].docno == docno
        n += 1
    return n


def test_a_search_ends_in_the_generation_it_began_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread moves the collection on after the system was chosen, before it searches."""
    start(DiskFolder(tmp_path))
    collection = opened(DiskFolder(tmp_path))
    build, known = systems.build, [answers(number) for number in range(len(CYCLE) + 1)]

    def built_and_overtaken(over: Any, name: str) -> Stage:
        system = build(over, name)
        step(collection.generation + 1).change(collection)
        step(collection.generation + 1).commit(collection)
        return system

    monkeypatch.setattr(systems, "build", built_and_overtaken)
    for generation in range(2 * len(CYCLE)):
        assert collection.generation == generation
        found = collection.search(QUERIES, K)
        assert plain(found) == known[place(generation)]["hybrid"]


# ------------------------------------------------------------------ nobody waits


class Stopping(DiskFolder):
    """A folder whose process stops before and after everything it does to it."""

    def _stop(self, what: str) -> None:
        say(what)
        os.kill(os.getpid(), signal.SIGSTOP)

    def create(self, name: str) -> Any:
        self._stop(f"before create {name}")
        return super().create(name)

    def replace(self, source: str, target: str) -> None:
        self._stop(f"before replace {target}")
        super().replace(source, target)
        self._stop(f"after replace {target}")

    def remove(self, name: str) -> None:
        self._stop(f"before remove {name}")
        super().remove(name)

    def sync(self) -> None:
        self._stop("before sync")
        super().sync()


def write_and_stop(path: str) -> None:
    """Go through the cycle once, stopping all the time."""
    collection = opened(Stopping(Path(path)))
    for one in CYCLE:
        one.change(collection)
        one.commit(collection)


def has_stopped(child: Child) -> bool:
    status = Path(f"/proc/{child.pid}/stat").read_text()
    return status.rpartition(")")[2].split()[0] == "T"


def test_no_reader_waits_for_a_stopped_writer(
    nursery: Nursery, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    start(DiskFolder(tmp_path))
    writer, stops = nursery.fork(f"{HERE}:write_and_stop", str(tmp_path)), set[str]()
    met, n_stops = set[int](), 0
    reader = rt.open(tmp_path, encoders=OWN)
    while line := writer.hear():
        assert line.startswith(("before ", "after ")), line
        while not has_stopped(writer):
            os.sched_yield()
        reader.refresh()
        for collection in (reader, rt.open(tmp_path, encoders=OWN)):
            searched(collection, n_stops)
        met.add(reader.generation)
        stops.add(" ".join(line.split()[:2]))
        n_stops += 1
        writer.signal(signal.SIGCONT)
    writer.close()
    assert met == set(range(len(CYCLE) + 1))
    assert {"before create", "before replace", "after replace", "before remove"} < stops
    request.node.user_properties.append(("stops of a writer beside a reader", n_stops))


# ------------------------------------------------------------------ what a reader keeps


def maps_and_descriptors(path: Path) -> tuple[int, int]:
    maps = Path("/proc/self/maps").read_text().count(f"{path}/")
    return maps, len(os.listdir("/proc/self/fd"))


def test_a_snapshot_outlives_its_files(tmp_path: Path) -> None:
    """Hundreds of commits and compactions later it answers as it did; then it lets go of them."""
    path = tmp_path / "collection"
    DiskFolder(path).make()
    before = maps_and_descriptors(path)
    start(DiskFolder(path))
    writer = opened(DiskFolder(path))
    snapshots = []
    for generation in range(1, 200):
        step(generation).change(writer)
        step(generation).commit(writer)
        if 5 <= generation <= 9:
            snapshots.append(rt.open(path, encoders=OWN))
    for collection in snapshots:
        gone = set(collection.snapshot.manifest.files()) - set(writer.snapshot.manifest.files())
        assert gone
        assert not any((path / file.name).exists() for file in gone)
        for number in range(len(collection.representations)):
            searched(collection, number)
    del snapshots, collection, writer
    assert maps_and_descriptors(path) == before


def test_a_collection_that_is_dropped_lets_go_of_its_files(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """At once: a process that waits for the garbage collector runs out of descriptors."""
    path = tmp_path / "collection"
    DiskFolder(path).make()
    start(DiskFolder(path))
    writer = opened(DiskFolder(path))
    for generation in range(1, 8):  # segments, tombstones, everything
        step(generation).change(writer)
        step(generation).commit(writer)
    del writer
    before = maps_and_descriptors(path)
    for number in range(N_REOPENED):
        with rt.open(path, encoders=OWN) as collection:
            name = list(OWN)[number % len(OWN)]
            collection.search(QUERIES[0], system=name)
            collection.writer()
            collection.rollback()
        del collection
        if number in (0, 1, N_REOPENED - 1):
            assert maps_and_descriptors(path) == before
    request.node.user_properties.append(("collections opened, searched and closed", N_REOPENED))
