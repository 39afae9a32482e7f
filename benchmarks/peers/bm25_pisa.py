"""PISA behind a pipe, because its wheel needs an environment of its own.

Run by `benchmarks.peers.bm25` with the interpreter of that environment; imports nothing of the
project. Reads one JSON object a line, {"do": name, ...}, and answers with one a line:

build    folder, lines, query       index the file of lines "docno token …", answer one query;
                                   seconds and bytes
round    algorithm, k, queries     microseconds of each query, answered by one call of the wheel
answers  algorithm, k, queries     docnos of each query

A query is a mapping of token to count. The wheel asks its iterator for the next query when it has
answered the one before, and the iterator looks at the clock: between two looks lie one query, from
its parsing to the strings of its docnos. A round with unseen tokens gives what parsing costs.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyterrier_pisa import _pisathon

Query = dict[str, float]

BATCH_DOCS = 100_000
ENCODING = "block_simdbp"
SCORER = {"bm25_k1": 0.9, "bm25_b": 0.4}


class Clocked:
    """Queries that note when each is asked for."""

    def __init__(self, queries: Sequence[Query]) -> None:
        self.queries, self.looks = list(enumerate(queries)), list[float]()

    def __len__(self) -> int:
        return len(self.queries)

    def __iter__(self) -> Iterator[tuple[int, Query]]:
        for query in self.queries:
            self.looks.append(time.perf_counter())
            yield query
        self.looks.append(time.perf_counter())

    def us(self) -> list[float]:
        """Return the microseconds between looks."""
        return [float(gap) for gap in np.diff(self.looks) * 1e6]


class Pisa:
    """One index."""

    def build(self, folder: str, lines: str, query: Query) -> dict[str, float]:
        """Index, compute block maxima, compress, open."""
        start = time.perf_counter()
        Path(folder).mkdir()
        _pisathon.index(lines, folder, "", BATCH_DOCS, 1)
        self.context = _pisathon.RetrievalContext()
        _pisathon.prepare_index(self.context, folder, ENCODING, "bm25", "", **SCORER)
        self._retrieve("block_max_wand", 10, [query])
        seconds = time.perf_counter() - start
        # The compressed index, the block maxima with the lengths, and the dictionary.
        counted = [*Path(folder).glob("bm25.*"), Path(folder, "fwd.termlex")]
        return {"seconds": seconds, "bytes": sum(file.stat().st_size for file in counted)}

    def _retrieve(
        self, algorithm: str, k: int, queries: Sequence[Query]
    ) -> tuple[list[float], NDArray[np.int32], NDArray[Any]]:
        n, clocked = len(queries) * k, Clocked(queries)
        numbers, ranks = np.empty(n, np.int32), np.empty(n, np.int32)
        docnos, scores = np.empty(n, object), np.empty(n, np.float32)
        size = _pisathon.retrieve(
            self.context, algorithm, clocked, k=k, threads=1, query_weighted=1, pretokenised=True,
            result_qidxs=numbers, result_docnos=docnos, result_ranks=ranks, result_scores=scores,
        )  # fmt: skip
        return clocked.us(), numbers[:size], docnos[:size]

    def round(self, algorithm: str, k: int, queries: Sequence[Query]) -> dict[str, list[float]]:
        """Time queries."""
        return {"us": self._retrieve(algorithm, k, queries)[0]}

    def answers(
        self, algorithm: str, k: int, queries: Sequence[Query]
    ) -> dict[str, list[list[int]]]:
        """Return the ordinals each query found."""
        _, numbers, docnos = self._retrieve(algorithm, k, queries)
        found: list[list[int]] = [[] for _ in queries]
        for number, docno in zip(numbers.tolist(), docnos.tolist(), strict=True):
            found[number].append(int(docno))
        return {"ids": found}


def main() -> None:
    """Answer until the pipe closes."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the wheel logs to the standard output
    pisa = Pisa()
    for line in sys.stdin:
        order = json.loads(line)
        out.write(json.dumps(getattr(pisa, order.pop("do"))(**order)) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
