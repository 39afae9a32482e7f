"""Writers that go on until they are killed, and what must be there at every generation.

A life is a cycle of steps that ends as it began, with nothing: what is there depends on the place
in the cycle alone. See `nursery` for the processes.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from faults import FaultFolder
from kinds import ENCODERS, KINDS
from nursery import say
from workload import WORKLOAD, Step, document, expected_documents, opened, start, state

import retrieval as rt
from retrieval.ingest import Found, read
from retrieval.store.files import DiskFolder

CYCLE = (*WORKLOAD, Step(delete=[one.docno for one in expected_documents(WORKLOAD)]))


def step(generation: int) -> Step:
    """Return the changes that lead to a generation, from 1 on."""
    return CYCLE[(generation - 1) % len(CYCLE)]


def place(generation: int) -> int:
    """Return the generation of the first cycle in which the same is there."""
    return (generation - 1) % len(CYCLE) + 1 if generation else 0


@cache
def afresh(number: int) -> rt.Collection:
    """Return a collection of what is there after the first steps of a cycle, built in one go."""
    steps = CYCLE[:number]
    names = {one.add_representation for one in steps} - {one.drop_representation for one in steps}
    collection = _built(expected_documents(steps))
    for name in names - {""}:
        Step(add_representation=name).change(collection)
    collection.commit()
    return collection


@cache
def expected(number: int) -> dict[str, Any]:
    """Return what a collection answers after the first steps of a cycle."""
    return state(afresh(number))


def _built(documents: Sequence[rt.Document]) -> rt.Collection:
    folder = FaultFolder()
    start(folder)
    collection = opened(folder)
    collection.writer()
    Step(documents).change(collection)
    return collection


# ------------------------------------------------------------------ in a process of its own


def write(path: str) -> None:
    """Commit one step after the other."""
    collection = opened(DiskFolder(Path(path)))
    while True:
        following = step(collection.generation + 1)
        say(f"doing {place(collection.generation + 1)}")
        following.change(collection)
        following.commit(collection)
        say(f"committed {collection.generation}")


def create(path: str) -> None:
    """Make collections in new folders: `path` and a number."""
    number = 0
    while True:
        say("doing 0")
        rt.create(f"{path}{number}", KINDS)
        say(f"committed {number}")
        number += 1


def sync(path: str, source: str) -> None:
    """Index a folder of files that are always others."""
    number = -1
    while True:
        if number < 0 and (Path(path) / "manifest.json").exists():
            number = rt.open(path, encoders=ENCODERS_OF_KINDS).generation
        following = max(number, 0) + 1
        put_files(Path(source), following)
        say(f"doing {following % N_FOLDERS}")
        number = rt.index(source, path, representations=KINDS).generation
        say(f"committed {number}")


# ------------------------------------------------------------------ a folder of files

ENCODERS_OF_KINDS = {name: ENCODERS[name] for name in KINDS}
N_FOLDERS = 12
"""Contents that a folder of files has in turn."""


def files(number: int) -> dict[str, str]:
    """Return name → text of the files of one content; all of them differ from those before."""
    number %= N_FOLDERS
    numbers = [n for n in range(9) if (n + number) % 4]
    return {f"d{n}.txt": f"{document(n, number).text} {number}\n" for n in numbers}


def put_files(folder: Path, number: int) -> None:
    folder.mkdir(exist_ok=True)
    texts = files(number)
    for path in folder.iterdir():
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text)


@cache
def expected_of_files(number: int, scratch: Path) -> dict[str, Any]:
    """Return what a collection answers that was synced with one content."""
    put_files(scratch, number)
    found = [one.document for one in read(scratch) if isinstance(one, Found)]
    collection = _built(found)
    collection.commit()
    return state(collection)
