"""What a dense benchmark asks of every engine.

An engine lives in a process of its own (`dense_process`), so that its threads, its memory and its
faults are its own; its module imports the library only where it is asked to build or to open, so
that the table of engines (`dense_engines`) can be read without any of them. All are fed the same
float32 vectors; where the metric is the cosine these have length 1, and an engine may use whatever
ranks them the same.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Name: TypeAlias = Literal["cosine", "euclidean"]
Setting: TypeAlias = Mapping[str, float]
Search: TypeAlias = Callable[[Floats], NDArray[np.integer[Any]]]
"""From queries (m, dim), m = 1 where they are asked one by one, to ids (m, k), -1 for none."""


class Engine(Protocol):
    """One way to build one library's index."""

    def build(self, documents: Floats, metric: Name, threads: int) -> None:
        """Build: all of this is timed."""
        ...

    def save(self, folder: Path) -> None:
        """Write everything that `open` needs, the vectors apart if it maps those of the set."""
        ...

    def open(self, folder: Path, documents: Path, metric: Name) -> None:
        """Read what `save` wrote; `documents` is the `.npy` file that it was built from."""
        ...

    def searcher(self, k: int, setting: Setting) -> Search:
        """Return a search on one thread, its settings set."""
        ...


class Filtering(Engine, Protocol):
    """An engine that can be told which documents it may return."""

    def filtered(self, k: int, setting: Setting, allowed: NDArray[np.bool_]) -> Search:
        """Return a search among the allowed documents (n,)."""
        ...


def rows_one_by_one(search: Callable[[Any], Any], k: int) -> Search:
    """Return a search for many out of one that takes a single query (dim,) and returns ids."""

    def found(queries: Floats) -> NDArray[np.integer[Any]]:
        out = np.full((len(queries), k), -1, np.int64)
        for row, query in zip(out, queries, strict=True):
            ids = search(query)
            row[: len(ids)] = ids
        return out

    return found


def folder_of_native_code(folder: Path) -> str:
    """Return an absolute path: some libraries resolve it twice."""
    return os.fspath(folder.resolve())
