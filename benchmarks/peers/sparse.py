"""What a learned-sparse benchmark asks of every engine, and how a built index is kept.

Every engine answers on one thread. What it builds stays in a folder of the benchmark's cache, with
a note of what the build cost: some of them take minutes.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexes.vectors import SparseVectors

Ids: TypeAlias = NDArray[np.int64]
Plain: TypeAlias = tuple[NDArray[np.int32], NDArray[np.float32]]

STDOUT, STDERR = 1, 2


@dataclass(frozen=True, slots=True)
class Built:
    """What an index cost.

    forward_bytes  document rows: of ours beside `index_bytes`, of a peer already in them
    """

    build_s: float
    index_bytes: int
    forward_bytes: int


class Engine(Protocol):
    """A built index; settings are of the engine's own type."""

    system: str
    build: str
    built: Built

    def batch(self, k: int, setting: Any) -> tuple[Ids, float]:
        """Return ids (n_queries, k), −1 where there are fewer, and microseconds per query."""
        ...

    def one(self, number: int, k: int, setting: Any) -> None:
        """Answer the query of this number; the caller looks at the clock."""
        ...


def told(settings: Any) -> str:
    """Return what a settings object says of itself, else its fields that are not as usual."""
    if "__str__" in vars(type(settings)):
        return str(settings)
    fields = settings.__dataclass_fields__.values()
    values = {field.name: getattr(settings, field.name) for field in fields}
    defaults = {field.name: field.default for field in fields}
    return " ".join(f"{n}={v}" for n, v in values.items() if v != defaults[n]) or "default"


def plain(queries: SparseVectors) -> list[Plain]:
    """Return the terms and the weights of each query."""
    weights = queries.weights.astype(np.float32)
    spans = [slice(start, stop) for start, stop in pairwise(queries.offsets.tolist())]
    return [(queries.terms[span].copy(), weights[span].copy()) for span in spans]


def kept(folder: Path, make: Callable[[], Any], store: Callable[[Any], tuple[int, int]]) -> Built:
    """Build and store unless an earlier run did; return what it cost then.

    Only `make` is timed. `store` takes what was made and returns index and forward bytes.
    """
    note = folder / "built.json"
    if note.exists():
        return Built(**json.loads(note.read_text()))
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    made = make()
    elapsed = time.perf_counter() - start
    built = Built(elapsed, *store(made))
    note.write_text(json.dumps(asdict(built)))
    return built


@contextmanager
def printed(descriptor: int) -> Iterator[Callable[[], str]]:
    """Send what native code prints to a file for a while; give a function that reads it."""
    with tempfile.TemporaryFile() as file:
        sys.stdout.flush()
        sys.stderr.flush()
        saved = os.dup(descriptor)
        os.dup2(file.fileno(), descriptor)

        def read() -> str:
            file.seek(0)
            return file.read().decode(errors="replace")

        try:
            yield read
        finally:
            os.dup2(saved, descriptor)
            os.close(saved)
