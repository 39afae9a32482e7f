"""A process that writes to a collection until it is killed: `python -m writing FOLDER`.

For every line it reads it forks a writer, which says "writing PID", then "committed GENERATION"
after every commit; when the writer is gone it says "gone". Imports are paid for once.
"""

import os
import sys
from pathlib import Path

from faults import FaultFolder
from workload import Step, documents, opened, start, state

from retrieval.store.files import DiskFolder


def step(generation: int) -> Step:
    """Return the changes that lead to a generation."""
    return Step(
        documents([generation % 9, (3 * generation + 1) % 9], generation),
        delete=[f"d{(generation - 1) % 9}"] if generation % 5 == 2 else (),
        compact=generation % 7 == 0,
    )


def write(folder: DiskFolder) -> None:
    """Commit until killed."""
    say(f"writing {os.getpid()}")
    collection = opened(folder)
    while True:
        following = step(collection.generation + 1)
        following.change(collection)
        following.commit(collection)
        say(f"committed {collection.generation}")


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def main() -> None:
    """Fork one writer after the other."""
    warm = FaultFolder()
    start(warm)
    collection = opened(warm)
    step(1).change(collection)
    step(1).commit(collection)
    state(collection)
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            write(DiskFolder(Path(sys.argv[1])))
        os.waitpid(child, 0)
        say("gone")


if __name__ == "__main__":
    main()
