"""One engine behind a pipe.

Run by `benchmarks.peers.dense_process` with the interpreter of the environment that has the
engine. Reads one JSON object a line, {"do": name, ...}, and answers with one a line:

version                               of its package, null where it is not installed
build   documents, metric, threads,   build and save; seconds of wall and of CPU, peak bytes
        folder
open    folder, documents, metric,    read a built index and the queries; milliseconds
        queries
allow   mask                          let later answers be among these only; null: among all
answers k, setting, queries           ids of each of the first queries
round   k, setting, queries, singles  seconds of the first queries in one call, microseconds of the
                                      first ones asked one by one
memory                                bytes that are and were resident

What goes wrong is answered with {"error": text}.
"""

import json
import os
import resource
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.dense import Floats, Name, Search, Setting
from benchmarks.peers.dense_engines import known

WARM_UP, WARM_UP_S = 20, 0.03
"""Queries before those that are timed, again and again for so long: another engine has had the
caches and the processor since."""


class Worker:
    """One engine and what it was last told to use."""

    def __init__(self, name: str) -> None:
        self.known = known(name)
        self.engine: Any = self.known.make()
        self.allowed: NDArray[np.bool_] | None = None

    def version(self) -> dict[str, str | None]:
        """Return the version of the package."""
        try:
            return {"version": version(self.known.package)}
        except PackageNotFoundError:
            return {"version": None}

    def build(self, documents: str, metric: Name, threads: int, folder: str) -> dict[str, Any]:
        """Build on so many threads; what is compiled once per machine is compiled before."""
        rows = np.load(documents)  # in memory, so that no disk is timed
        if hasattr(self.engine, "warm_up"):
            self.engine.warm_up(rows, metric)
        wall, cpu = time.perf_counter(), time.process_time()
        self.engine.build(rows, metric, threads)
        times = {"build_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        peak = resident()["peak_bytes"]
        self.engine.save(Path(folder))
        return {**times, "peak_bytes": peak}

    def open(self, folder: str, documents: str, metric: Name, queries: str) -> dict[str, float]:
        """Open an index that an earlier process built."""
        self.queries = np.load(queries)
        start = time.perf_counter()
        self.engine.open(Path(folder), Path(documents), metric)
        return {"ms": (time.perf_counter() - start) * 1e3}

    def allow(self, mask: str | None) -> dict[str, int]:
        """Filter from now on."""
        self.allowed = None if mask is None else np.load(mask)
        return {}

    def answers(self, k: int, setting: Setting, queries: int) -> dict[str, Any]:
        """Return ids and the seconds that they took."""
        search = self._searcher(k, setting)
        start = time.perf_counter()
        ids = np.asarray(search(self.queries[:queries]))
        elapsed = time.perf_counter() - start
        return {"ids": ids.astype(np.int64).tolist(), "seconds": elapsed}

    def round(self, k: int, setting: Setting, queries: int, singles: int) -> dict[str, Any]:
        """Time both ways to ask."""
        search = self._searcher(k, setting)
        _warm_up(search, self.queries[-WARM_UP:])
        start = time.perf_counter()
        search(self.queries[:queries])
        elapsed = time.perf_counter() - start
        clock, us = time.perf_counter, []
        for number in range(singles):
            query = self.queries[number : number + 1]
            start = clock()
            search(query)
            us.append(round((clock() - start) * 1e6, 2))
        return {"seconds": elapsed, "us": us}

    def memory(self) -> dict[str, int]:
        """Return what the process holds."""
        return resident()

    def _searcher(self, k: int, setting: Setting) -> Search:
        search: Search
        if self.allowed is None:
            search = self.engine.searcher(k, setting)
        else:
            search = self.engine.filtered(k, setting, self.allowed)
        return search


def _warm_up(search: Search, queries: Floats) -> None:
    end = time.perf_counter() + WARM_UP_S
    while time.perf_counter() < end:
        search(queries)


def resident() -> dict[str, int]:
    """Return the most bytes ever resident, and those now: private ones, and of mapped files."""
    status = Path("/proc/self/status")
    if not status.exists():
        return {"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    names = {"peak_bytes": "VmHWM", "private_bytes": "RssAnon", "mapped_bytes": "RssFile"}
    return {name: int(lines[of].split()[0]) * 1024 for name, of in names.items()}


def main() -> None:
    """Answer until the pipe closes."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # several of the libraries print
    worker = Worker(sys.argv[1])
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = getattr(worker, order.pop("do"))(**order)
        except Exception as error:  # whatever a library raises is its answer
            answer = {"error": f"{type(error).__name__}: {error}"}
        out.write(json.dumps(answer) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
