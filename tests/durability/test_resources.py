"""A thousand openings leave nothing behind: no open file, no map, no thread, no memory.

The garbage collector is off meanwhile: what is closed is given back at once.
"""

import gc
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults import SCALE
from kinds import ENCODERS, KINDS
from workload import QUERIES, documents

import retrieval as rt
from retrieval.errors import RetrievalError

CYCLES = 1000 * SCALE
GROWTH = 1.02
"""Resident memory after, relative to before: allocators keep some of what is given back."""

FIRST = 64
"""Where the first array of a container starts; what is before it is seen without `verify`."""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="this system does not tell what a process holds"
)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    path = tmp_path / "c.idx"
    with rt.create(path, KINDS) as made:
        for start in range(0, 9, 3):
            made.add(documents(range(start, start + 3)))
            made.commit()
        made.delete("d1")
    return path


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def held() -> tuple[int, int, int]:
    """Return open files, memory maps of files and threads of this process."""
    maps = Path("/proc/self/maps").read_text().count(".idx/")
    return len(os.listdir("/proc/self/fd")), maps, threading.active_count()


def resident_pages() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1])


def repeated(work: Callable[[int], None]) -> None:
    """Fail if the process holds more after many calls than after a few."""
    for number in range(CYCLES // 10):
        work(number)
    before, pages = held(), resident_pages()
    for number in range(CYCLES):
        work(number)
    assert held() == before
    assert resident_pages() < pages * GROWTH


@pytest.mark.usefixtures("uncollected")
def test_opening_searching_and_closing(
    collection: Path, record_property: Callable[[str, object], None]
) -> None:
    given = {name: ENCODERS[name] for name in KINDS}

    def cycle(_: int) -> None:
        with rt.open(collection, encoders=given) as opened:
            for name in KINDS:
                assert opened.search(QUERIES[0], 3, system=name)

    repeated(cycle)
    record_property("openings that left nothing behind", CYCLES)


@pytest.mark.usefixtures("uncollected")
def test_failing_to_open(
    collection: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    attempts = list(failing(collection, tmp_path))

    def attempt(number: int) -> None:
        path, verify = attempts[number % len(attempts)]
        try:
            rt.open(path, encoders={name: ENCODERS[name] for name in KINDS}, verify=verify)
        except RetrievalError:
            return
        pytest.fail(f"{path} was opened")

    repeated(attempt)
    record_property("failed openings that left nothing behind", CYCLES)


def failing(collection: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield collections that cannot be opened, and how."""
    yield folder / "missing", "lazy"
    for number, name in enumerate(sorted(os.listdir(collection))):
        if name == "lock":
            continue
        content = (collection / name).read_bytes()
        flipped = bytes([content[FIRST] ^ 1])
        for what, verify, damaged in (
            ("gone", "lazy", None),
            ("short", "lazy", content[:-1]),
            ("long", "lazy", content + b"\0"),
            ("flipped", "eager", content[:FIRST] + flipped + content[FIRST + 1 :]),
        ):
            path = folder / f"{number}-{what}.idx"
            shutil.copytree(collection, path)
            (path / name).unlink()
            if damaged is not None:
                (path / name).write_bytes(damaged)
            yield path, verify
