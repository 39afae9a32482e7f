"""The first answer of a process: with an empty cache of kernels, and with a filled one.

    python -m benchmarks.dense_start [--documents 5000] [--rounds 5] [--json FILE]

Every measurement is a process of its own. `open` maps an index that was stored and asks it one
query; `build` indexes vectors and asks one. Cold: the cache folder is empty, so that all kernels
that are needed are compiled, once per machine and version; warm: an earlier process filled it.
`import numba` alone, of which no kernel can be rid, stands beside them, and Python that only
imports numpy. Seconds are from the start of the interpreter to its end, medians of rounds; of the
cold ones, which take long, there are fewer. The pages of the files are in memory throughout.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.harness import ROUNDS, write_json
from benchmarks.peers.dense import Engine, Name
from benchmarks.peers.dense_engines import STORAGES
from benchmarks.peers.dense_ours import OurFlat, OurGraph

ENGINES: Mapping[str, Callable[[], Engine]] = {
    **{storage: partial(OurGraph, storage) for storage in STORAGES},
    "flat": OurFlat,
}
METRIC: Name = "cosine"
DIMENSION, K, SEED = 384, 10, 0
PACKAGES = ("retrieval-engine", "numpy", "numba")
SETTING = {"ef": 64}
COLD_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class StartRow:
    """Median seconds of one kind of process."""

    process: str
    documents: int
    cold_s: float
    warm_s: float


def act(deed: str, engine: str, folder: Path) -> None:
    """Do what a child process is for: open, or build, and ask one query."""
    documents = folder / "documents.npy"
    one = ENGINES[engine]()
    if deed == "open":
        one.open(folder / engine, documents, METRIC)
    else:
        one.build(np.load(documents), METRIC, 1)
    if deed == "save":
        one.save(folder / engine)
    one.searcher(K, SETTING)(np.load(folder / "queries.npy")[:1])


def seconds(command: list[str], cache: Path) -> float:
    """Return how long a process takes with this cache of kernels."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "RETRIEVAL_THREADS": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, env=environment)
    return time.perf_counter() - start


def measured(commands: Mapping[str, list[str]], rounds: int, n_documents: int) -> list[StartRow]:
    """Run each with empty caches, then all in turns with the ones that were filled."""
    with tempfile.TemporaryDirectory() as place:
        colds: dict[str, list[float]] = {name: [] for name in commands}
        for round_ in range(min(COLD_ROUNDS, rounds)):
            for name, command in commands.items():
                colds[name].append(seconds(command, Path(place, f"{name} {round_}")))
        warms: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                warms[name].append(seconds(command, Path(place, f"{name} 0")))
    return [
        StartRow(name, n_documents, statistics.median(colds[name]), statistics.median(warms[name]))
        for name in commands
    ]


def prepared(n_documents: int, folder: Path) -> None:
    """Write vectors, and an index of each kind."""
    random = np.random.default_rng(SEED)
    for name, n in (("documents", n_documents), ("queries", 1)):
        rows = random.standard_normal((n, DIMENSION)).astype(np.float32)
        np.save(folder / f"{name}.npy", rows / np.linalg.norm(rows, axis=1, keepdims=True))
    for engine in ENGINES:
        (folder / engine).mkdir()
        subprocess.run([sys.executable, *_child("save", engine, folder)], check=True)


def _child(deed: str, engine: str, folder: Path) -> list[str]:
    return ["-m", "benchmarks.dense_start", "--act", deed, engine, str(folder)]


def main() -> None:
    """Read the arguments, measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--act", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.act:
        deed, engine, place = options.act
        act(deed, engine, Path(place))
        return
    with tempfile.TemporaryDirectory() as name:
        prepared(options.documents, Path(name))
        commands = {"import numpy": ["-c", "import numpy"], "import numba": ["-c", "import numba"]}
        for engine in ENGINES:
            for deed in ("open", "build"):
                commands[f"{deed} {engine}"] = _child(deed, engine, Path(name))
        rows = measured(commands, options.rounds, options.documents)
    print(f"{options.documents:,} documents\n{'process':<20}{'cold s':>9}{'warm s':>9}")
    for row in rows:
        print(f"{row.process:<20}{row.cold_s:>9.2f}{row.warm_s:>9.2f}")
    if options.json:
        write_json(rows, options.json, PACKAGES)


if __name__ == "__main__":
    main()
