"""The embedding cache: batches put, found again in a new process, and not found.

    python -m benchmarks.embedding_cache [--entries N] [--kind KIND] [--encoding 500] [--json FILE]

`--encoding` is how many texts an encoder makes vectors of in a second: what a hit is compared with.
"Open" is what a new process needs before its first batch is found, "first" includes checking every
byte of the files it touches, "again" is a second pass in the same process.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import write_json
from indexes.strings import Strings
from indexes.vectors import DenseVectors, MultiVectors, SparseVectors
from retrieval.store.embeddings import EmbeddingCache, key_of

IDENTITY = "benchmark"
BATCH = 128
DIMENSION = 384
VOCABULARY = 30_522
TERMS = 120
TOKENS = 60


def dense(random: np.random.Generator, n: int) -> DenseVectors:
    """Make vectors as a sentence encoder does."""
    return DenseVectors.of(random.standard_normal((n, DIMENSION), np.float32))


def sparse(random: np.random.Generator, n: int) -> SparseVectors:
    """Make vectors over the word pieces of BERT, as SPLADE does."""
    names = sorted(f"piece{i}".encode() for i in range(VOCABULARY))
    terms = np.sort(random.random((n, VOCABULARY)).argpartition(TERMS)[:, :TERMS])
    offsets = np.arange(n + 1) * TERMS
    weights = random.random(n * TERMS, np.float32)
    whole = SparseVectors.of(offsets, terms.ravel(), weights, Strings.of(names))
    return whole.take(np.arange(n))


def multi(random: np.random.Generator, n: int) -> MultiVectors:
    """Make token vectors as ColBERT does, in half precision."""
    values = random.standard_normal((n * TOKENS, 128), np.float32).astype(np.float16)
    return MultiVectors.of(values, np.arange(n + 1) * TOKENS)


KINDS: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "dense": dense,
    "sparse": sparse,
    "multi": multi,
}


@dataclass(frozen=True)
class Row:
    """How long so many vectors took."""

    kind: str
    entries: int
    action: str
    n_vectors: int
    ms: float
    vectors_per_s: float


def measure(path: Path, kind: str, n: int, encoding: float) -> list[Row]:
    """Fill a cache, read it in two ways, print a table and return its rows."""
    random = np.random.default_rng(1)
    batch = KINDS[kind](random, BATCH)
    keys = [key_of(f"text {i}") for i in range(n)]
    starts = range(0, n - BATCH + 1, BATCH)
    n = len(starts) * BATCH

    cache = EmbeddingCache.open(path)
    times = [seconds(lambda s=s: cache.put(IDENTITY, keys[s : s + BATCH], batch)) for s in starts]
    rows = [("put, batches of 128", n, sum(times)), ("slowest put", BATCH, max(times))]

    def got(cache: EmbeddingCache, wanted: list[bytes]) -> int:
        found = cache.get(IDENTITY, wanted, type(batch))
        return 0 if found is None else len(found[0])

    cache = EmbeddingCache.open(path)
    one = [key_of("another text")]
    rows.append(("open, and one miss", 1, seconds(lambda: got(cache, one))))
    shuffled = [keys[i] for i in random.permutation(n)]
    some = shuffled[: min(n, 20_000)]
    for name in ("first", "again"):
        took = seconds(lambda: got(cache, some))
        rows.append((f"get, one call, shuffled, {name}", len(some), took))
    pieces = [shuffled[s : s + BATCH] for s in starts[:200]]
    rows.append(("get, 128 a call, shuffled", BATCH * len(pieces), total(cache, got, pieces)))
    pieces = [keys[s : s + BATCH] for s in starts[:200]]
    rows.append(("get, 128 a call, as put", BATCH * len(pieces), total(cache, got, pieces)))
    absent = [[key_of(f"no {s} {i}") for i in range(BATCH)] for s in range(200)]
    rows.append(("miss, 128 a call", BATCH * len(absent), total(cache, got, absent)))

    info = cache.info()
    print(
        f"{kind}, {info.encoders[0].entries:,} entries, {info.bytes / 1e6:,.0f} MB, "
        f"{len(os.listdir(path)) - 1} files; an encoder makes {encoding:,.0f}/s"
    )
    print(f"{'':<34}{'n':>9}{'ms':>10}{'vectors/s':>12}{'x encoding':>12}")
    for name, count, took in rows:
        rate = count / took
        print(f"{name:<34}{count:>9,}{took * 1e3:>10.1f}{rate:>12,.0f}{rate / encoding:>12,.1f}")
    return [Row(kind, n, name, count, took * 1e3, count / took) for name, count, took in rows]


def total(cache: EmbeddingCache, got: Callable[..., int], pieces: list[list[bytes]]) -> float:
    """Return the seconds that all calls take together."""
    return seconds(lambda: [got(cache, piece) for piece in pieces])


def seconds(action: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--kind", choices=KINDS, default="dense")
    parser.add_argument("--encoding", type=float, default=500, help="texts per second")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o700)
        rows = measure(Path(folder) / "cache", options.kind, options.entries, options.encoding)
    if options.json is not None:
        write_json(rows, options.json, ["retrieval-engine", "numpy"])


if __name__ == "__main__":
    main()
