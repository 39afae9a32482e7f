"""The process of an engine, from outside; and indexes that are built once."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from benchmarks.dense_datasets import Dataset
from benchmarks.harness import folder_bytes
from benchmarks.peers.dense import Floats, Setting
from benchmarks.peers.dense_engines import OURS, Known

ROOT = Path(__file__).parents[2]
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA")
LOG_LINES = 3

FREE_MIN = 0.1
"""Memory to be free, as a share of the indexes that are open, before a warning is due."""

_PLAIN = str.maketrans(" ,=", "___")


class Unable(Exception):
    """An engine is not installed, or did not do what it was asked; the reason."""


@dataclass(frozen=True)
class Pythons:
    """Which interpreter has which system; ours is in this one."""

    peers: str = sys.executable
    of: Mapping[str, str] | None = None

    def __getitem__(self, system: str) -> str:
        return sys.executable if system == OURS else (self.of or {}).get(system, self.peers)


@dataclass(frozen=True)
class Built:
    """What an index cost.

    cpu_s         of all threads together
    index_bytes   all that is stored for it
    vector_bytes  the float vectors beside them, where the index does not hold its own
    peak_bytes    resident at most while it was built, the given vectors among them
    """

    version: str
    threads: int
    build_s: float
    cpu_s: float
    index_bytes: int
    vector_bytes: int
    peak_bytes: int


class Process:
    """An engine in an interpreter of its own; it uses no thread beyond those it is given."""

    def __init__(self, known: Known, python: str, *, log: Path, threads: int = 1) -> None:
        self.known, self._log = known, log
        counts = {f"{library}_NUM_THREADS": str(threads) for library in THREADS}
        self._running = subprocess.Popen(
            [python, "-m", "benchmarks.peers.dense_worker", known.name],
            cwd=ROOT,
            env={**os.environ, **counts, "RETRIEVAL_THREADS": str(threads)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
        )

    def ask(self, do: str, **order: Any) -> dict[str, Any]:
        """Send an order, wait for its answer; raises `Unable`."""
        pipe, answers = self._running.stdin, self._running.stdout
        assert pipe is not None
        assert answers is not None
        try:
            pipe.write(json.dumps({"do": do, **order}) + "\n")
            pipe.flush()
        except BrokenPipeError as error:
            raise Unable(self._last_words()) from error
        line = answers.readline()
        if not line:
            raise Unable(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Unable(answer["error"].partition("\n")[0])
        return answer

    def answers(self, k: int, setting: Setting, queries: int) -> tuple[NDArray[np.int64], float]:
        """Return ids (queries, k) and the seconds of the call."""
        answer = self.ask("answers", k=k, setting=setting, queries=queries)
        return np.array(answer["ids"], np.int64), answer["seconds"]

    def close(self) -> None:
        """Let it end."""
        self._running.communicate()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _last_words(self) -> str:
        status = self._running.wait()
        said = self._log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return f"its process ended with {status}: {' / '.join(said)}"


@dataclass(frozen=True)
class Place:
    """Where engines find the vectors of one dataset, and keep what they build of them."""

    folder: Path
    metric: str
    documents: Floats

    @classmethod
    def of(cls, data: Dataset, within: Path) -> "Place":
        """Write the vectors once; the name of the folder tells what is in it."""
        digest = xxhash.xxh3_64(np.ascontiguousarray(data.documents).data)
        digest.update(np.ascontiguousarray(data.queries).data)
        folder = within / "dense" / f"{data.name.replace(' ', '_')}_{digest.hexdigest()}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in (("documents", data.documents), ("queries", data.queries)):
            if not (folder / f"{name}.npy").exists():
                np.save(folder / "part.npy", rows)
                (folder / "part.npy").rename(folder / f"{name}.npy")
        return cls(folder, data.metric, data.documents)

    def files(self, *names: str) -> dict[str, str]:
        """Return the paths of these."""
        return {name: str(self.folder / f"{name}.npy") for name in names}

    def build(self, known: Known, python: str, *, threads: int = 1) -> tuple[Path, Built]:
        """Return the folder and the cost of an index, which is built if it was not."""
        code = f" {digest_of_code()}" if known.system == OURS else ""
        name = f"{known.name} threads={threads}{code}".translate(_PLAIN)
        folder, log = self.folder / name, self.folder / f"{name}.log"
        note = folder / "built.json"
        if not note.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            with Process(known, python, log=log, threads=threads) as process:
                built = self._built(process, folder, threads)
            note.write_text(json.dumps(asdict(built)))
        return folder, Built(**json.loads(note.read_text()))

    def _built(self, process: Process, folder: Path, threads: int) -> Built:
        version = process.ask("version")["version"]
        if version is None:
            raise Unable("not installed")
        cost = process.ask(
            "build", metric=self.metric, threads=threads, folder=str(folder),
            **self.files("documents"),
        )  # fmt: skip
        vectors = self.documents.nbytes if process.known.system == OURS else 0
        return Built(
            version, threads, cost["build_s"], cost["cpu_s"],
            folder_bytes(folder), vectors, cost["peak_bytes"],
        )  # fmt: skip

    def open(self, known: Known, python: str, folder: Path) -> Process:
        """Return a process with the index open."""
        process = Process(known, python, log=folder.with_suffix(".log"))
        self.tell(process, folder)
        return process

    def tell(self, process: Process, folder: Path) -> None:
        """Let a process open the index."""
        files = self.files("documents", "queries")
        process.ask("open", folder=str(folder), metric=self.metric, **files)


@cache
def digest_of_code() -> str:
    """Return a digest of `indexes`, so that no index of ours is older than the code."""
    digest = xxhash.xxh3_64()
    for file in sorted((ROOT / "indexes").rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Opened:
    """An index with its process."""

    known: Known
    built: Built
    process: Process


def opened(place: Place, engines: Sequence[Known], pythons: Pythons) -> list[Opened]:
    """Build what is missing, then open all; what cannot be had is left out with a line."""
    found: list[Opened] = []
    for known in engines:
        try:
            folder, built = place.build(known, pythons[known.system])
            process = place.open(known, pythons[known.system], folder)
        except Unable as reason:
            print(f"{known.name} is left out: {reason}")
        else:
            found.append(Opened(known, built, process))
            _warn(sum(one.built.index_bytes for one in found))
    return found


def _warn(index_bytes: int) -> None:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if free < FREE_MIN * index_bytes:
        print(
            f"{free / 1e9:.1f} GB of memory are left beside indexes of {index_bytes / 1e9:.1f}: "
            "choose fewer engines with --only, or times will be those of the disk"
        )
