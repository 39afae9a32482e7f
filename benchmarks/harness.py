"""What every benchmark shares: rounds, rows, tables, the machine they were measured on."""

import json
import mmap
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One system at one operating point on one dataset."""

    dataset: str
    system: str
    setting: str
    k: int
    recall: float | None
    agreement: float | None
    latency_us_p50: float
    latency_us_p99: float
    queries_per_s: float
    build_s: float
    index_bytes: int | None


def build_times(
    builders: Mapping[str, Callable[[], Any]], rounds: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the median build time of every system, interleaved, and what it built last."""
    times: dict[str, list[float]] = {name: [] for name in builders}
    built: dict[str, Any] = {}
    for _ in range(rounds):
        for name, build in builders.items():
            start = time.perf_counter()
            built[name] = build()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}, built


def latencies(
    searchers: Mapping[str, Callable[[Any], Any]], queries: Sequence[Any], rounds: int
) -> dict[str, tuple[float, float]]:
    """Return p50 and p99 over queries in microseconds; a query's time is its median of rounds."""
    times: dict[str, list[list[float]]] = {name: [] for name in searchers}
    for round_ in range(rounds + 1):
        for name, search in searchers.items():
            found = []
            for query in queries:
                start = time.perf_counter()
                search(query)
                found.append((time.perf_counter() - start) * 1e6)
            if round_:  # the first is the warm-up
                times[name].append(found)
    medians = {
        name: sorted(statistics.median(one) for one in zip(*found, strict=True))
        for name, found in times.items()
    }
    return {name: (at(found, 0.5), at(found, 0.99)) for name, found in medians.items()}


def at(ascending: Sequence[float], quantile: float) -> float:
    """Return a quantile of sorted values, the nearest rank."""
    return ascending[min(len(ascending) - 1, int(quantile * len(ascending)))]


def overlap(found: Sequence[Sequence[Any]], truth: Sequence[Sequence[Any]]) -> float:
    """Return the mean share of the true answers that were found."""
    shares = [len(set(a) & set(b)) / len(b) for a, b in zip(found, truth, strict=True) if len(b)]
    return statistics.fmean(shares) if shares else 1.0


def folder_bytes(path: str | Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())


def stored_and_mapped(arrays: Mapping[str, NDArray[Any]], folder: Path) -> dict[str, Any]:
    """Write each array to a file of its own, to the disk, and return them memory-mapped."""
    folder.mkdir(parents=True, exist_ok=True)
    mapped: dict[str, Any] = {}
    for name, array in arrays.items():
        path = folder / f"{name}.npy"
        np.save(path, array)
        with path.open("rb") as file:
            os.fsync(file.fileno())  # only clean pages can be dropped
        mapped[name] = np.load(path, mmap_mode="r") if array.size else array
    return mapped


def forget(mapped: Iterable[Any]) -> None:
    """Drop the pages of mapped files, in this process and in the system's cache."""
    for array in mapped:
        if array.size:
            array._mmap.madvise(mmap.MADV_DONTNEED)  # a page that is mapped is not dropped
            with open(array.filename, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def print_rows(rows: Sequence[Any], ours: str = "ours") -> None:
    """Print a table, with the ratio of every peer's time to ours."""
    mine = {row.dataset: row for row in rows if row.system == ours}
    print(
        f"{'dataset':<12}{'system':<10}{'setting':<26}{'k':>4}{'recall':>8}{'agree':>7}"
        f"{'p50 us':>10}{'p99 us':>10}{'ratio':>8}{'build s':>9}{'ratio':>7}{'MB':>8}"
    )
    for row in rows:
        base = mine[row.dataset]
        print(
            f"{row.dataset:<12}{row.system:<10}{row.setting:<26}{row.k:>4}"
            f"{_number(row.recall):>8}{_number(row.agreement):>7}"
            f"{row.latency_us_p50:>10.1f}{row.latency_us_p99:>10.1f}"
            f"{row.latency_us_p50 / base.latency_us_p50:>8.2f}"
            f"{row.build_s:>9.2f}{row.build_s / base.build_s:>7.2f}"
            f"{_number(row.index_bytes and row.index_bytes / 1e6, '.1f'):>8}"
        )


def write_json(rows: Sequence[Any], path: Path, packages: Sequence[str]) -> None:
    """Write rows with the machine, the versions and the date."""
    machine = {
        "date": date.today().isoformat(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }
    whole = {"machine": machine, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(whole, indent=1) + "\n")


def _number(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None else format(value, form)


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
