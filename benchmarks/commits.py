"""Many small commits: how long each takes, what they leave on disk, how fast it is searched.

    python -m benchmarks.commits [--commits 1000] [--json FILE]

Commits of 1 to 10 generated documents, every one synced, with BM25 and dense vectors of 128 numbers
hashed from the text. Then the same queries are put to the collection as the commits left it, to a
copy of it that was compacted, and to one made in a single commit, interleaved; `ratio` is to the
last. Latencies are of text or vector to ordinals, single queries at k = 10, one thread.

tantivy gets the same texts with its default merge policy, which merges in threads of its own;
`written` is what a process hands to the kernel (Linux only), over the bytes at the end.
"""

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Literal
from zlib import crc32

import numpy as np
import tantivy

import retrieval as rt
from benchmarks.harness import ROUNDS, at, folder_bytes, latencies, write_json
from retrieval.pipeline import QueryBatch

K = 10
DIMENSION = 128
N_QUERIES = 200
LOOKS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
"""After how many commits segments and bytes are counted."""

PACKAGES = ("retrieval-engine", "numpy", "numba", "tantivy")


@dataclass(frozen=True, slots=True)
class Look:
    """What is on disk after some commits."""

    n_commits: int
    n_documents: int
    segments: int
    index_bytes: int


@dataclass(frozen=True, slots=True)
class Commits:
    """How some commits went."""

    system: str
    n_commits: int
    latency_ms_p50: float
    latency_ms_p99: float
    written_bytes: int | None
    amplification: float | None
    looks: list[Look]


@dataclass(frozen=True, slots=True)
class Search:
    """How fast something is searched, as its commits left it."""

    system: str
    setting: str
    segments: int
    latency_us_p50: float
    latency_us_p99: float
    ratio: float


class Hashed:
    """A dense encoder of numbers drawn from a seed that is the text."""

    kind: Literal["dense"] = "dense"
    fingerprint = "hashed"

    def encode_documents(self, texts: Sequence[str]) -> rt.DenseVectors:
        """Return one vector per text."""
        rows = [np.random.default_rng(crc32(one.encode())).standard_normal(DIMENSION, np.float32)
                for one in texts]  # fmt: skip
        return rt.DenseVectors.of(np.array(rows, np.float32).reshape(len(rows), DIMENSION))

    encode_queries = encode_documents


REPRESENTATIONS = {"bm25": rt.Bm25(), "dense": Hashed()}


def texts(n: int) -> list[str]:
    """Return texts of 60 to 160 words whose frequencies fall as in language, always the same."""
    draw = random.Random(7)
    letters = "abcdefghijklmnoprstuvw"
    words = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(20_000)]
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    return [
        " ".join(draw.choices(words, cum_weights=weights, k=draw.randint(60, 160)))
        for _ in range(n)
    ]


def written() -> int | None:
    """Return the bytes that this process has handed to the kernel so far."""
    path = Path("/proc/self/io")
    if not path.exists():
        return None
    return int(dict(line.split(": ") for line in path.read_text().splitlines())["wchar"])


def committed(
    system: str,
    batches: Sequence[Sequence[str]],
    *,
    commit: Callable[[int, Sequence[str]], None],
    look: Callable[[], tuple[int, int]],
) -> Commits:
    """Commit batch after batch; `commit` gets the number of documents before, `look` counts."""
    times, looks, n_documents, before = [], [], 0, written()
    for number, batch in enumerate(batches, 1):
        start = time.perf_counter()
        commit(n_documents, batch)
        times.append((time.perf_counter() - start) * 1e3)
        n_documents += len(batch)
        if number in LOOKS or number == len(batches):
            looks.append(Look(number, n_documents, *look()))
    after = written()
    n_bytes = None if before is None or after is None else after - before
    share = None if n_bytes is None else n_bytes / looks[-1].index_bytes
    times.sort()
    return Commits(system, len(batches), at(times, 0.5), at(times, 0.99), n_bytes, share, looks)


def ours(root: Path, batches: Sequence[Sequence[str]]) -> tuple[Commits, dict[str, rt.Collection]]:
    """Commit to a collection; return it with a compacted copy, and the same in one commit."""
    collection = rt.create(root / "many.idx", REPRESENTATIONS)

    def commit(first: int, batch: Sequence[str]) -> None:
        collection.add(rt.Document(f"d{first + i}", text) for i, text in enumerate(batch))
        collection.commit()

    def look() -> tuple[int, int]:
        return len(collection.snapshot.segments), folder_bytes(collection.path)

    commits = committed("ours", batches, commit=commit, look=look)
    shutil.copytree(collection.path, root / "compacted.idx")
    compacted = rt.open(root / "compacted.idx", encoders={"dense": Hashed()})
    compacted.compact()
    with rt.create(root / "one.idx", REPRESENTATIONS) as fresh:
        fresh.add(compacted[docno] for docno in compacted)
    settings = f"{len(batches):,} commits", "compacted", "one commit"
    return commits, dict(zip(settings, (collection, compacted, fresh), strict=True))


def searcher(collection: rt.Collection, system: str) -> Callable[[str], object]:
    """Return a function from a text to ordinals; dense vectors of queries are made before."""
    stage, snapshot, known = collection.retriever(system), collection.snapshot, {}

    def search(text: str) -> object:
        if system == "bm25":
            return stage.hits(snapshot, QueryBatch(("q",), (text,)), K).ids
        if text not in known:  # in the round that warms up
            known[text] = Hashed().encode_queries([text])
        return stage.hits(snapshot, QueryBatch(("q",), vectors=known[text]), K).ids

    return search


class Tantivy:
    """An index of tantivy's in a folder, with one thread that writes."""

    def __init__(self, path: Path) -> None:
        schema = tantivy.SchemaBuilder()
        schema.add_text_field("body", tokenizer_name="en_stem", index_option="freq")
        path.mkdir()
        self.path, self._index = path, tantivy.Index(schema.build(), str(path))
        self._writer = self._index.writer(heap_size=64_000_000, num_threads=1)

    def commit(self, first: int, batch: Sequence[str]) -> None:
        """Add texts and commit."""
        for text in batch:
            self._writer.add_document(tantivy.Document(body=[text]))
        self._writer.commit()

    def look(self) -> tuple[int, int]:
        """Return the number of segments and the bytes on disk."""
        self._index.reload()
        return self._index.searcher().num_segments, folder_bytes(self.path)

    def searcher(self) -> Callable[[str], object]:
        """Return a function from a text to addresses, when merging has come to rest."""
        self._writer.wait_merging_threads()
        self._index.reload()
        searching = self._index.searcher()
        return lambda text: searching.search(self._index.parse_query(text, ["body"]), K).hits


def compare(n_commits: int) -> list[Commits | Search]:
    """Measure everything."""
    draw = random.Random(1)
    ends = [0, *accumulate(draw.randint(1, 10) for _ in range(n_commits))]
    every = texts(ends[-1])
    batches = [every[start:stop] for start, stop in pairwise(ends)]
    queries = [" ".join(draw.sample(draw.choice(every).split(), 4)) for _ in range(N_QUERIES)]
    rows: list[Commits | Search] = []
    with tempfile.TemporaryDirectory() as folder:
        commits, collections = ours(Path(folder), batches)
        rows.append(commits)
        for system in REPRESENTATIONS:
            searchers = {name: searcher(one, system) for name, one in collections.items()}
            segments = [len(one.snapshot.segments) for one in collections.values()]
            rows += searches(f"ours {system}", searchers, segments, queries)
        many, one = Tantivy(Path(folder) / "many"), Tantivy(Path(folder) / "one")
        rows.append(committed("tantivy", batches, commit=many.commit, look=many.look))
        one.commit(0, every)
        searchers = {f"{n_commits:,} commits": many.searcher(), "one commit": one.searcher()}
        segments = [index.look()[0] for index in (many, one)]
        rows += searches("tantivy", searchers, segments, queries)
    return rows


def searches(
    system: str,
    searchers: dict[str, Callable[[str], object]],
    segments: Sequence[int],
    queries: Sequence[str],
) -> list[Search]:
    """Measure one system in all its settings, the last of which is the base of the ratios."""
    times = latencies(searchers, queries, ROUNDS)
    base = list(times.values())[-1][0]
    pairs = zip(times.items(), segments, strict=True)
    return [Search(system, name, n, p50, p99, p50 / base) for (name, (p50, p99)), n in pairs]


def main() -> None:
    """Measure, print, and write rows if asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--commits", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = compare(options.commits)
    for row in rows:
        if isinstance(row, Commits):
            share = "-" if row.amplification is None else f"{row.amplification:.1f}"
            print(
                f"{row.system}: {row.n_commits:,} commits, p50 {row.latency_ms_p50:.1f} ms, "
                f"p99 {row.latency_ms_p99:.1f} ms, written {share} times what is left"
            )
            for look in row.looks:
                print(
                    f"  after {look.n_commits:>6,}: {look.n_documents:>7,} documents,"
                    f"{look.segments:>4} segments,{look.index_bytes / 1e6:>8.2f} MB"
                )
        else:
            print(
                f"{row.system:<12}{row.setting:<16}{row.segments:>3} segments"
                f"{row.latency_us_p50:>9.1f} us p50{row.latency_us_p99:>9.1f} us p99"
                f"{row.ratio:>7.2f}"
            )
    if options.json:
        write_json(rows, options.json, PACKAGES)


if __name__ == "__main__":
    main()
