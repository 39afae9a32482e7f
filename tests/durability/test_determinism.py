"""The same documents and settings give the same bytes, and the same answers, in every process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import listing
from kinds import KINDS
from workload import WORKLOAD, documents, opened, start, state

import retrieval as rt
from retrieval.store.files import DiskFolder

PROCESSES = [("0", "1"), ("1", "2"), ("2", "8")]
"""Seed of Python's hashes, number of threads."""

CHILD = """
import sys
import test_determinism
print(test_determinism.histories(*sys.argv[1:]))
"""


def test_bytes_and_answers_are_the_same_in_every_process(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    found = []
    for seed, threads in PROCESSES:
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "RETRIEVAL_THREADS": threads,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)]),
        }
        place = tmp_path / seed
        place.mkdir()
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", CHILD, str(source), str(place)],
            check=True, capture_output=True, text=True, env=environment,
        )  # fmt: skip
        found.append(json.loads(done.stdout))
    assert len(found[0]) == len(WORKLOAD) + 3
    for other in found[1:]:
        for generation, expected in zip(other, found[0], strict=True):
            assert generation["files"] == expected["files"]
            assert generation["answers"] == expected["answers"]
    n_files = sum(len(generation["files"]) for generation in found[0])
    record_property("files written byte for byte again", n_files * (len(PROCESSES) - 1))


def histories(source: str, place: str) -> str:
    """Return every generation of two collections: of documents, and of files in `source`.

    Then an index that is large enough to measure itself.
    """
    return json.dumps([*lived(Path(place)), *indexed(Path(source), Path(place)), measured()])


def lived(place: Path) -> list[dict[str, Any]]:
    """Live through the workload."""
    folder = DiskFolder(place / "lived.idx")
    folder.make()
    start(folder)
    history = []
    for step in WORKLOAD:
        with opened(folder) as collection:
            step.change(collection)
            step.commit(collection)
            history.append(generation(collection))
    return history


def indexed(source: Path, place: Path) -> list[dict[str, Any]]:
    """Index files of several formats, then again with a change."""
    (source / "a.txt").write_text("cat dog sun")
    (source / "b.md").write_text("# Sea\n\nowl *fog*")
    (source / "c.jsonl").write_text('{"id": "x", "text": "ice cat", "n": 1, "tags": ["a", "b"]}\n')
    (source / "d.html").write_text("<title>Fog</title><p>sun sun sea</p>")
    history = []
    for words in ("owl sea", "sea cat"):
        (source / "e.txt").write_text(words)
        with rt.index(source, place / "indexed.idx", representations=KINDS) as collection:
            history.append(generation(collection))
    return history


def measured() -> dict[str, Any]:
    """Return the digest of every array of an index with recalls."""
    arrays = listing.index().arrays()
    assert arrays["recalls"].size
    return {
        "files": {
            name: blake2b(array.tobytes(), digest_size=8).hexdigest()
            for name, array in arrays.items()
        },
        "answers": [],
    }


def generation(collection: rt.Collection) -> dict[str, Any]:
    """Return the digest of every file, and all answers: to batches that threads share, too."""
    batch = [document.text for document in documents(range(60), version=1)]
    return {
        "files": {
            path.name: blake2b(path.read_bytes(), digest_size=8).hexdigest()
            for path in sorted(collection.path.iterdir())
            if path.name != "lock"  # names the process that had it
        },
        "answers": [
            repr(state(collection)),
            *(
                [[(hit.docno, hit.score) for hit in hits] for hits in found]
                for found in (
                    collection.search(batch, 5, system=name) for name in collection.representations
                )
            ),
        ],
    }
