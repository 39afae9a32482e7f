"""Goldens: a tiny collection of each kind, as the first release of its formats wrote it.

    goldens/KIND/         the collection
    goldens/KIND.json     the versions of its files, and what it answers, scores as hex floats
    goldens/refused/NAME  a collection of a version that is not read any more

    PYTHONPATH=.:tests:tests/durability python -m golden

from the root writes those that are missing or of another version. One of the same versions is never
replaced: the format has changed, so a version must.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from faults import FaultFolder
from kinds import KINDS
from workload import opened

import retrieval as rt
from retrieval.passages import cut
from retrieval.representation import Representation
from retrieval.store import container, formats
from retrieval.store import manifest as manifests
from retrieval.store.files import Folder
from retrieval.store.manifest import Manifest
from retrieval.store.segment import INDEXES

GOLDENS = Path(__file__).parent / "goldens"
REFUSED = GOLDENS / "refused"
QUERIES = ["cat dog", "sun", "owl fog cat sun sea", "nothing"]
FILTERS = [None, 'n >= 2 and tag != "b"']
AGAIN = (
    "a format has changed and its version has not: raise it, in retrieval/store/formats.py or as "
    "`format_version` of the index, then run `PYTHONPATH=.:tests:tests/durability python -m golden`"
)


def document(number: int, text: str) -> rt.Document:
    metadata = {"n": number, "tag": ["a", "ü"] if number % 2 else "b"} if number else {}
    return rt.Document(f"d{number}", text, "Täglich" * (number % 2), metadata)


FIRST = [
    document(0, "cat dog sun sea owl"),
    document(1, "sun fog"),
    document(2, "ice cat owl cat"),
    document(3, "sea sea dog fog cat ice"),
]
SECOND = [document(1, "owl fog cat"), document(4, ""), document(5, "dog sun ☀ cat sea")]
LIVE = [FIRST[0], FIRST[3], *SECOND]
"""What is left, in the order of the last write: d2 is deleted."""


def empty(kind: str) -> FaultFolder:
    """Return a new collection with a representation of one kind, whose documents are cut."""
    settings = {
        "chunking": asdict(rt.Chunking("tokens", 3, 1)),
        "fields": {"text": "body"},
        "systems": {"other": {"retrieve": kind}},
        "search": {"system": "other", "per": "parent"},
    }
    recipe = dict(Representation.of(kind, KINDS[kind]).recipe)
    folder = FaultFolder()
    manifests.commit(folder, Manifest(representations={kind: recipe}, settings=settings))
    return folder


def written(kind: str) -> dict[str, bytes]:
    """Return the files of a golden as they are written today: two segments and tombstones."""
    folder = empty(kind)
    with opened(folder) as collection:
        source = collection.writer().source("/docs")
        for one in FIRST:
            collection.writer().put(list(cut(one, collection.chunking)), source=source)
    with opened(folder) as collection:
        collection.update(SECOND)
        collection.delete("d2")
    return {name: data for name, data in folder.contents().items() if name != "lock"}


def answers(folder: Folder) -> dict[str, Any]:
    """Return all that a golden answers, as JSON."""
    collection = opened(folder)
    info = {name: value for name, value in collection.info().items() if name != "path"}
    return {
        "info": info | {"settings": dict(collection.settings)},
        "documents": [_json(collection[docno]) for docno in collection],
        "hits": hits(collection),
    }


def hits(collection: rt.Collection) -> dict[str, list[str]]:
    """Return the hits of each query, by how it is searched."""
    return {
        f"{system}, {per}, {filter}": [
            ", ".join(f"{hit.docno} {float(hit.score).hex()}" for hit in found)
            for found in collection.search(QUERIES, 5, system=system, filter=filter, per=per)
        ]
        for system in (*collection.representations, "other")
        for per in ("passage", "parent")
        for filter in FILTERS
    }


def _json(document: rt.Document) -> dict[str, Any]:
    return {
        name: getattr(document, name) for name in ("docno", "title", "text", "metadata", "span")
    }


def versions(kind: str) -> dict[str, int]:
    """Return the version of every format that a golden is made of."""
    index = INDEXES[Representation.of(kind, KINDS[kind]).recipe["index"]["kind"]]
    contents = ("documents", "tombstones", index.Vectors.__name__)
    return {
        "manifest": manifests.VERSION,
        "container": container.VERSION,
        **{name: formats.CONTENTS[name] for name in contents},
        index.kind: index.format_version,
    }


def files(path: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in sorted(path.iterdir())}


def recorded(kind: str) -> dict[str, Any]:
    """Return what a golden was found to answer when it was made."""
    found: dict[str, Any] = json.loads((GOLDENS / f"{kind}.json").read_text(encoding="utf-8"))
    return found


def as_json(value: Any) -> Any:
    """Return a value as it is when it has been written and read."""
    return json.loads(json.dumps(value))


def make(kinds: Iterable[str]) -> list[str]:
    """Write the goldens that are missing or of another version; return those that differ."""
    differing = []
    for kind in kinds:
        data = written(kind)
        found = as_json({"versions": versions(kind), **answers(FaultFolder(data))})
        there = (GOLDENS / f"{kind}.json").exists()
        if there and recorded(kind)["versions"] == found["versions"]:
            if recorded(kind) != found or files(GOLDENS / kind) != data:
                differing.append(kind)
        else:
            _replace(kind, data, found)
    return differing


def _replace(kind: str, data: Mapping[str, bytes], found: Any) -> None:
    folder = GOLDENS / kind
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in data.items():
        (folder / name).write_bytes(content)
    text = json.dumps(found, indent=1, ensure_ascii=False)
    (GOLDENS / f"{kind}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    if refused := make(KINDS):
        sys.exit(f"not replaced: {', '.join(refused)}: {AGAIN}")
