"""bm25s, tantivy and PISA, each fed the same tokens.

An engine is made from tokens and queries, in the form it wants them, outside every clock. Then:

Every query has a term that some text has.

build     index and answer one query; seconds
round     microseconds of every query one by one, and seconds of all together where it can
answers   ordinals of every query
size      bytes of postings, lengths, dictionary and bounds; no texts, positions or docnos
"""

import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from benchmarks.passages import Tokens
from indexes.inverted.dictionary import find_terms
from indexes.vectors import SparseVectors

_TRIALS = 3


class Round(NamedTuple):
    """What one round measured.

    us             microseconds of each query
    batch_s        seconds of all queries in one call, where there is such a call
    with_query_us  microseconds of each query, making it from its words included, where that counts
    """

    us: list[float]
    batch_s: float | None = None
    with_query_us: list[float] | None = None


class Engine(Protocol):
    """What is measured."""

    name: str
    setting: str

    def build(self) -> float:
        """Index everything and answer one query; return the seconds."""
        ...

    def round(self, k: int) -> Round:
        """Answer all queries."""
        ...

    def answers(self, k: int) -> list[list[int]]:
        """Return the ordinals found for each query."""
        ...

    def size(self) -> int:
        """Return the bytes of the index."""
        ...


def numbered(tokens: Tokens, queries: SparseVectors) -> list[list[int]]:
    """Return the terms of each query as numbers, repeated as in the query; unseen ones left out."""
    own = find_terms(tokens.vocabulary, queries.vocabulary)[queries.terms].tolist()
    counts = queries.weights.tolist()
    return [
        [own[i] for i in range(start, end) if own[i] >= 0 for _ in range(int(counts[i]))]
        for start, end in pairwise(queries.offsets.tolist())
    ]


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def one_by_one(search: Callable[[Any], Any], queries: Sequence[Any]) -> list[float]:
    """Return the microseconds of each call."""
    found = []
    for query in queries:
        start = time.perf_counter()
        search(query)
        found.append((time.perf_counter() - start) * 1e6)
    return found


class Bm25s:
    """bm25s with its numba backend on one thread, fed token numbers; k1 0.9, b 0.4.

    `size` is what it saves: scores, indices, offsets and its dictionary as JSON.
    """

    name, setting = "bm25s", "1 thread"

    def __init__(self, tokens: Tokens, queries: SparseVectors) -> None:
        self._lists = tokens.lists()
        self._names = {name.decode(): i for i, name in enumerate(tokens.vocabulary)}
        self._queries = numbered(tokens, queries)

    def build(self) -> float:
        """See `Engine`."""
        return timed(self._build)

    def _build(self) -> None:
        import bm25s

        self._engine = bm25s.BM25(
            method="lucene", k1=0.9, b=0.4, backend="numba", csc_backend="scipy"
        )
        self._engine.index((self._lists, dict(self._names)), show_progress=False)
        self._retrieve(self._queries[:1], 10)

    def _retrieve(self, queries: list[list[int]], k: int) -> Any:
        return self._engine.retrieve(queries, k=k, n_threads=1, show_progress=False)

    def round(self, k: int) -> Round:
        """See `Engine`."""
        found = one_by_one(lambda query: self._retrieve([query], k), self._queries)
        return Round(found, timed(lambda: self._retrieve(self._queries, k)))

    def answers(self, k: int) -> list[list[int]]:
        """See `Engine`; documents with score 0 are none."""
        ids, scores = self._retrieve(self._queries, k)
        return [row[score > 0].tolist() for row, score in zip(ids, scores, strict=True)]

    def size(self) -> int:
        """See `Engine`."""
        with tempfile.TemporaryDirectory() as folder:
            self._engine.save(folder)
            return sum(file.stat().st_size for file in Path(folder).iterdir())


class Tantivy:
    """tantivy on one thread, its index on disk and mapped, fed lines with a space between terms.

    k1 1.2 and b 0.75, which it does not let one set. `size` is its postings, dictionary and
    lengths. Queries are made outside the clock; a second row has them made within.
    """

    name, setting = "tantivy", "prepared queries"
    _FILES = (".idx", ".term", ".fieldnorm")

    def __init__(self, tokens: Tokens, queries: SparseVectors, folder: Path) -> None:
        import tantivy

        schema = tantivy.SchemaBuilder()
        schema.add_text_field("body", tokenizer_name="whitespace", index_option="freq")
        self._schema, self._folder = schema.build(), folder / "tantivy"
        self._lines = list(tokens.lines())
        names = [name.decode() for name in tokens.vocabulary]
        self._words = [[names[i] for i in found] for found in numbered(tokens, queries)]
        self._queries = [self._query(words) for words in self._words]

    def build(self) -> float:
        """See `Engine`."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        return timed(self._build)

    def _build(self) -> None:
        import tantivy

        index = tantivy.Index(self._schema, path=str(self._folder))
        writer = index.writer(heap_size=1_000_000_000, num_threads=1)
        for line in self._lines:
            writer.add_document(tantivy.Document(body=[line]))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self._searcher = index.searcher()
        self._search(self._queries[0], 10)

    def _query(self, words: list[str]) -> Any:
        import tantivy

        terms = [tantivy.Query.term_query(self._schema, "body", word, "freq") for word in words]
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])

    def _search(self, query: Any, k: int) -> Any:
        return self._searcher.search(query, k, count=False).hits

    def round(self, k: int) -> Round:
        """See `Engine`."""
        return Round(
            one_by_one(lambda query: self._search(query, k), self._queries),
            with_query_us=one_by_one(
                lambda words: self._search(self._query(words), k), self._words
            ),
        )

    def answers(self, k: int) -> list[list[int]]:
        """See `Engine`; numbers in a segment are ordinals, as there is only one segment."""
        if self._searcher.num_segments != 1:
            raise SystemExit(f"tantivy made {self._searcher.num_segments} segments: expected one")
        return [[place.doc for _, place in self._search(query, k)] for query in self._queries]

    def size(self) -> int:
        """See `Engine`."""
        files = self._folder.iterdir()
        return sum(file.stat().st_size for file in files if file.suffix in self._FILES)


class Pisa:
    """PISA through the wheel pyterrier-pisa on one thread, in a process of its own; k1 0.9, b 0.4.

    The fastest of its algorithms is measured, chosen for each k by its best of three rounds. `size`
    is its compressed index, its block maxima with the lengths, and its dictionary. Tokens go in as
    t0, t1 …, because its indexer would cut others again.
    """

    name, setting = "pisa", ""
    _ALGORITHMS = ("block_max_maxscore", "block_max_wand", "maxscore", "wand", "ranked_or")

    def __init__(self, tokens: Tokens, queries: SparseVectors, place: tuple[str, Path]) -> None:
        python, self._folder = place
        self._lines = self._folder / "pisa.lines"
        with self._lines.open("w") as out:
            for i, numbers in enumerate(tokens.lists()):
                out.write(f"{i} {' '.join([f't{number}' for number in numbers])}\n")
        self._queries = [
            {f"t{number}": float(found.count(number)) for number in found}
            for found in numbered(tokens, queries)
        ]
        self._chosen: dict[int, str] = {}
        if shutil.which(python) is None:
            raise SystemExit(f"{python} is no program: pass a Python that has pyterrier-pisa")
        script = Path(__file__).with_name("bm25_pisa.py")
        self._server = subprocess.Popen(
            [python, str(script)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _ask(self, do: str, **order: Any) -> Any:
        pipes = self._server
        assert pipes.stdin is not None
        assert pipes.stdout is not None
        pipes.stdin.write(json.dumps({"do": do} | order) + "\n")
        pipes.stdin.flush()
        answer = pipes.stdout.readline()
        if not answer:
            raise SystemExit(f"PISA ended with code {pipes.wait()}: run {pipes.args!r} to see why")
        return json.loads(answer)

    def build(self) -> float:
        """See `Engine`."""
        folder = self._folder / "pisa"
        shutil.rmtree(folder, ignore_errors=True)
        query = self._queries[0]
        built = self._ask("build", folder=str(folder), lines=str(self._lines), query=query)
        self._size = int(built["bytes"])
        return float(built["seconds"])

    def _times(self, algorithm: str, k: int, queries: list[dict[str, float]]) -> list[float]:
        found: list[float] = self._ask("round", algorithm=algorithm, k=k, queries=queries)["us"]
        return found

    def algorithm(self, k: int) -> str:
        """Return the fastest algorithm for one k."""
        if k not in self._chosen:
            best = {
                name: min(sum(self._times(name, k, self._queries)) for _ in range(_TRIALS))
                for name in self._ALGORITHMS
            }
            self._chosen[k] = min(best, key=lambda name: best[name])
        return self._chosen[k]

    def round(self, k: int) -> Round:
        """See `Engine`; the queries go over in one call, with a clock between them."""
        found = self._times(self.algorithm(k), k, self._queries)
        return Round(found)

    def overhead_us(self) -> float:
        """Return what a query costs that has only unseen terms."""
        unseen = [{f"unseen{i}x{j}": 1.0 for j in range(6)} for i in range(len(self._queries))]
        return statistics.median(self._times("block_max_wand", 10, unseen))

    def answers(self, k: int) -> list[list[int]]:
        """See `Engine`."""
        order = {"algorithm": self.algorithm(k), "k": k, "queries": self._queries}
        found: list[list[int]] = self._ask("answers", **order)["ids"]
        return found

    def size(self) -> int:
        """See `Engine`."""
        return self._size

    def close(self) -> None:
        """End the process."""
        self._server.communicate()
