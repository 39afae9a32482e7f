"""A real writer, killed at any moment, leaves all it said it had committed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
import writing
from faults import SCALE, FaultFolder
from workload import Step, expected_documents, opened, start, state

from retrieval.store import manifest as manifests
from retrieval.store.files import DiskFolder

N_KILLS = 10 * SCALE
ROOT = Path(__file__).parents[3]


def afresh(generation: int) -> dict[str, Any]:
    """Return what a collection built in one go from the surviving documents answers."""
    folder = FaultFolder()
    start(folder)
    collection = opened(folder)
    there = expected_documents(map(writing.step, range(1, generation + 1)))
    Step(there).change(collection)
    collection.commit()
    return state(collection)


def test_a_killed_writer_loses_nothing_it_committed(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder, random, said = DiskFolder(tmp_path), Random(5), 0
    start(folder)
    foreign = {"notes.txt": b"mine", "00000001.documents.bak": b"mine too"}
    for name, data in foreign.items():
        (tmp_path / name).write_bytes(data)
    slowest = 0.0
    command = [sys.executable, "-m", "writing", str(tmp_path)]
    pipe, paths = subprocess.PIPE, {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT, env=paths) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for _ in range(N_KILLS):
            nursery.stdin.write(b"next\n")
            nursery.stdin.flush()
            pid = int(nursery.stdout.readline().removeprefix(b"writing "))
            for _ in range(random.randrange(4)):
                said = int(nursery.stdout.readline().removeprefix(b"committed "))
            time.sleep(random.uniform(0, 0.05))  # into the next commit
            os.kill(pid, signal.SIGKILL)
            while (line := nursery.stdout.readline()) != b"gone\n":
                said = int(line.removeprefix(b"committed "))
            began = time.perf_counter()
            collection = opened(folder)
            slowest = max(slowest, time.perf_counter() - began)
            assert collection.generation in (said, said + 1)
            assert state(collection) == afresh(collection.generation)
            assert collection.verify().ok
            said = collection.generation
        nursery.stdin.close()
    collection = opened(folder)  # no lock is left behind
    writing.step(said + 1).change(collection)
    collection.commit()
    assert state(collection) == afresh(said + 1)
    named = {file.name for file in manifests.read(folder).files()}
    assert set(folder.names()) == {manifests.NAME, "lock", *named, *foreign}
    assert {name: (tmp_path / name).read_bytes() for name in foreign} == foreign
    request.node.user_properties += [("kills", N_KILLS), ("generations", said)]
    assert said > N_KILLS
    assert slowest < 1
