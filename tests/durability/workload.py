"""A small life of a collection, for tests of durability: what happens, and what must be there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from faults import FaultFolder
from kinds import ENCODERS, EXTRA, KINDS

import retrieval as rt
from retrieval.representation import Representation
from retrieval.store import manifest as manifests
from retrieval.store.files import Folder
from retrieval.store.manifest import Manifest

QUERIES = ["cat dog", "sun", "owl fog cat sun sea"]


def document(number: int, version: int = 0) -> rt.Document:
    """Return a document; a higher version has another text."""
    words = ["cat", "dog", "sun", "sea", "owl", "fog", "ice"]
    text = " ".join(words[(number * (i + 1) + version * i) % 7] for i in range(2 + number % 3))
    title = "ü" * (number % 2)
    return rt.Document(f"d{number}", text, title, {"n": number} if number % 3 else {})


def documents(numbers: Iterable[int], version: int = 0) -> list[rt.Document]:
    return [document(number, version) for number in numbers]


@dataclass(frozen=True, slots=True)
class Step:
    """Changes that are committed together; without `add` they may be made twice."""

    update: Sequence[rt.Document] = ()
    delete: Sequence[str] = ()
    add_representation: str = ""
    drop_representation: str = ""
    compact: bool = False
    add: Sequence[rt.Document] = ()

    def change(self, collection: rt.Collection) -> None:
        """Do all but the commit."""
        if self.add:
            collection.add(self.add)
        if self.update:
            collection.update(self.update)
        if self.delete:
            collection.delete(self.delete)
        if self.add_representation:
            name = self.add_representation
            collection.add_representation(name, {**KINDS, **EXTRA}[name])
        if self.drop_representation:
            collection.drop_representation(self.drop_representation)

    def commit(self, collection: rt.Collection) -> None:
        if self.compact:
            collection.compact()
        else:
            collection.writer()  # a commit without changes makes a generation too
            collection.commit()


WORKLOAD = (
    Step(add=documents(range(4))),
    Step(add=documents([4, 5])),
    Step(documents([1, 4], 1), delete=["d2"]),
    Step(documents([6]), add_representation="extra"),
    Step(documents([7])),
    Step(documents([8])),  # the fourth small segment: merged
    Step(delete=["d0", "d3", "d4", "d1"]),  # more deleted than live: rewritten
    Step(documents([9], 1), drop_representation="extra"),
    Step(compact=True),
    Step(delete=["d5", "d6", "d7", "d8", "d9"]),
    Step(documents([2, 0])),
)


@cache
def life() -> tuple[list[dict[str, bytes]], list[dict[str, Any]]]:
    """Return the files and the state of each generation of the workload, that of nothing first."""
    folder = FaultFolder()
    start(folder)
    files, states = [folder.contents()], [state(opened(folder))]
    for number, step in enumerate(WORKLOAD, 1):
        collection = opened(folder)
        step.change(collection)
        step.commit(collection)
        files.append(folder.contents())
        states.append(state(opened(folder)))
        assert collection.generation == number
        assert states[-1]["documents"] == expected_documents(WORKLOAD[:number])
    return files, states


def start(folder: Folder) -> None:
    """Make an empty collection with a representation of every kind."""
    recipes = {name: dict(Representation.of(name, spec).recipe) for name, spec in KINDS.items()}
    manifests.commit(folder, Manifest(representations=recipes))


def opened(folder: Folder) -> rt.Collection:
    """Open a collection with the encoders of the representations it has now."""
    names = manifests.read(folder).representations
    return rt.Collection(folder, {name: ENCODERS[name] for name in names})


def state(collection: rt.Collection) -> dict[str, Any]:
    """Return all that a collection answers: documents in order, and searches."""
    answers = {
        name: [
            [(hit.docno, hit.score) for hit in hits]
            for hits in collection.search(QUERIES, 5, system=name)
        ]
        for name in collection.representations
    }
    return {"documents": [collection[docno] for docno in collection], "answers": answers}


def expected_documents(steps: Iterable[Step]) -> list[rt.Document]:
    """Return what is in a collection after some steps, in the order of the last write."""
    there: dict[str, rt.Document] = {}
    for step in steps:
        for one in (*step.add, *step.update):
            there.pop(one.docno, None)
            there[one.docno] = one
        for docno in step.delete:
            del there[docno]
    return list(there.values())
