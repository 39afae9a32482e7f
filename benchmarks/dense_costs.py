"""What dense indexes cost: memory to answer, and building on one and on two threads.

    python -m benchmarks.dense_costs [--datasets real] [--peers-python PATH] [--cache DIR]
        [--json FILE] …

Memory: in a fresh process an index that was built before is opened, ours memory-mapped, and asked
1,000 queries; resident bytes are the most that there ever were, and those at the end that are the
process's own or are pages of mapped files, which the system can take back.

Building: seconds of wall and CPU, the recall of the graph at the same ef, and a SHA-256 of all
arrays: ours must be the same on any number of threads. Compilation is left out; it is the business
of `benchmarks.dense_start`. Building at equal quality: the seconds that ours takes, on the line
through builds of more or less care, to reach the recall that hnswlib has at the same ef.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.curves import Point, us_at
from benchmarks.dense import PACKAGES, Options, load, parsed
from benchmarks.dense_datasets import Dataset
from benchmarks.dense_rows import recall
from benchmarks.harness import write_json
from benchmarks.peers.dense_engines import OURS, STORAGES, VARIANTS, Known, known
from benchmarks.peers.dense_process import Place, Process, Unable

K, QUERIES, EF = 10, 1000, 64
EFS = (32, 64, 128)
THREADS = (1, 2)
HNSWLIB = known("hnswlib M=16")
MEASURED = (
    *(f"{OURS} {storage}" for storage in STORAGES),
    *("hnswlib M=16", "faiss HNSW16_SQ8", "rabitqlib SymphonyQG", "rabitqlib HNSW", "svs LVQ4x8"),
)


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """One index; `to_hnswlib` is its bytes, float vectors beside it left out, to hnswlib's."""

    dataset: str
    system: str
    kind: str
    index_bytes: int
    vector_bytes: int
    to_hnswlib: float | None
    idle_bytes: int
    peak_bytes: int
    private_bytes: int
    mapped_bytes: int
    recall: float


@dataclass(frozen=True, slots=True)
class BuildRow:
    """One build; recall of the K best at each ef."""

    dataset: str
    system: str
    kind: str
    threads: int
    build_s: float
    cpu_s: float
    peak_bytes: int
    recall: Mapping[int, float]
    sha256: str


@dataclass(frozen=True, slots=True)
class EqualRow:
    """Seconds to build a graph with hnswlib's recall at one ef; None where ours never has it."""

    dataset: str
    threads: int
    ef: int
    recall: float
    hnswlib_s: float
    ours_s: float | None


def memory(data: Dataset, options: Options) -> list[MemoryRow]:
    """Measure every index in a process of its own."""
    place = Place.of(data, options.cache)
    found: list[MemoryRow] = []
    for one in map(known, MEASURED):
        try:
            folder, built = place.build(one, options.pythons[one.system])
            with Process(one, options.pythons[one.system], log=folder.with_suffix(".log")) as fresh:
                idle = fresh.ask("memory")
                place.tell(fresh, folder)
                fresh.ask("round", k=K, setting={"ef": EF}, queries=1, singles=QUERIES)
                used = fresh.ask("memory")
                ids, _ = fresh.answers(K, {"ef": EF}, QUERIES)
        except Unable as reason:
            print(f"{one.name} is left out: {reason}")
            continue
        row = MemoryRow(
            data.name, one.system, one.kind, built.index_bytes, built.vector_bytes, None,
            idle["peak_bytes"], used["peak_bytes"], used["private_bytes"], used["mapped_bytes"],
            recall(ids, data, K),
        )  # fmt: skip
        found.append(row)
    base = next((row.index_bytes for row in found if row.system == HNSWLIB.system), None)
    return [replace(row, to_hnswlib=base and row.index_bytes / base) for row in found]


def building(data: Dataset, options: Options) -> list[BuildRow]:
    """Build with every number of threads, and look at what the graphs are worth."""
    place = Place.of(data, options.cache)
    found: list[BuildRow] = []
    for one in (*VARIANTS, HNSWLIB):
        for threads in THREADS:
            try:
                found.append(_build(data, place, one, options, threads))
            except Unable as reason:
                print(f"{one.name} is left out: {reason}")
    return found


def _build(data: Dataset, place: Place, one: Known, options: Options, threads: int) -> BuildRow:
    python = options.pythons[one.system]
    folder, built = place.build(one, python, threads=threads)
    with place.open(one, python, folder) as process:
        n = len(data.queries)
        answers = {ef: process.answers(K, {"ef": ef}, n)[0] for ef in EFS}
    return BuildRow(
        data.name, one.system, one.kind, threads, built.build_s, built.cpu_s, built.peak_bytes,
        {ef: recall(ids, data, K) for ef, ids in answers.items()}, digest_of(folder),
    )  # fmt: skip


def digest_of(folder: Path) -> str:
    """Return a digest of all stored arrays and their names."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != "built.json":
            digest.update(file.name.encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def equals(rows: Sequence[BuildRow]) -> list[EqualRow]:
    """Return the seconds at equal recall, for every ef and number of threads."""
    found = []
    for theirs in (row for row in rows if row.system == HNSWLIB.system):
        mine = [row for row in rows if row.system == OURS and row.threads == theirs.threads]
        for ef, reached in theirs.recall.items():
            points = [Point(row.recall[ef], row.build_s, row.kind) for row in mine]
            seconds = us_at(points, reached)
            found.append(
                EqualRow(theirs.dataset, theirs.threads, ef, reached, theirs.build_s, seconds)
            )
    return found


def print_memory(rows: Sequence[MemoryRow]) -> None:
    """Print megabytes."""
    print(
        f"\n{'dataset':<20}{'engine':<24}{'MB':>8}{'vectors':>9}{'ratio':>7}{'idle':>8}"
        f"{'peak':>9}{'own':>9}{'mapped':>9}{f'recall at ef={EF}':>17}"
    )
    for row in rows:
        sizes = (row.idle_bytes, row.peak_bytes, row.private_bytes, row.mapped_bytes)
        ratio = "-" if row.to_hnswlib is None else f"{row.to_hnswlib:.2f}"
        print(
            f"{row.dataset:<20}{f'{row.system} {row.kind}':<24}{row.index_bytes / 1e6:>8.1f}"
            f"{row.vector_bytes / 1e6:>9.1f}{ratio:>7}{sizes[0] / 1e6:>8.0f}"
            + "".join(f"{size / 1e6:>9.0f}" for size in sizes[1:])
            + f"{row.recall:>17.4f}"
        )


def print_building(rows: Sequence[BuildRow], equal: Sequence[EqualRow]) -> None:
    """Print seconds, whether ours is the same on all threads, and what equal recall costs."""
    head = "".join(f"{f'ef={ef}':>9}" for ef in EFS)
    print(f"\n{'dataset':<20}{'engine':<32}{'threads':>8}{'s':>9}{'CPU s':>9}{head}  SHA-256")
    for row in rows:
        cells = "".join(f"{row.recall[ef]:>9.4f}" for ef in EFS)
        print(
            f"{row.dataset:<20}{f'{row.system} {row.kind}':<32}{row.threads:>8}{row.build_s:>9.1f}"
            f"{row.cpu_s:>9.1f}{cells}  {row.sha256[:12]}"
        )
    for kind in dict.fromkeys(row.kind for row in rows if row.system == OURS):
        same = len({row.sha256 for row in rows if (row.system, row.kind) == (OURS, kind)}) == 1
        print(f"{OURS} {kind}: {'the same' if same else 'NOT THE SAME'} on {THREADS} threads")
    print(
        f"\n{'threads':>8}{'ef':>6}{'recall':>9}{'hnswlib s':>11}{'ours s':>9}{'ours/hnswlib':>14}"
    )
    for one in equal:
        mine = "-" if one.ours_s is None else f"{one.ours_s:.1f}"
        ratio = "-" if one.ours_s is None else f"{one.ours_s / one.hnswlib_s:.2f}"
        print(
            f"{one.threads:>8}{one.ef:>6}{one.recall:>9.4f}{one.hnswlib_s:>11.1f}{mine:>9}{ratio:>14}"
        )


def main() -> None:
    """Read the arguments, measure, print and write."""
    options = parsed(__doc__)
    memories: list[MemoryRow] = []
    builds: list[BuildRow] = []
    equal: list[EqualRow] = []
    for data in load(options.datasets, options):
        held, made = memory(data, options), building(data, options)
        print_memory(held)
        print_building(made, equals(made))
        memories, builds, equal = memories + held, builds + made, equal + equals(made)
    if options.json:
        write_json([*memories, *builds, *equal], options.json, PACKAGES)


if __name__ == "__main__":
    main()
