"""BM25: tokenising, indexing and searching the same texts as bm25s and tantivy.

    python -m benchmarks.bm25 DATASET [DATASET …] [--quick] [--json FILE]

A DATASET is a BEIR folder or zip. Every system starts from raw texts in memory and answers raw
query texts one by one at k = 10: analysis, idf and ranking included, docnos and texts not. bm25s
runs its numba backend on one thread with the same stop words and stemmer; tantivy its own English
stemmer, one indexing thread, in memory. Engines score with formulas of their own, so recall against
its own formula is 1 for each of them by definition; `agreement` is the overlap of their top 10
with ours.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bm25s
import Stemmer
import tantivy

import retrieval as rt
from benchmarks.harness import (
    ROUNDS,
    Row,
    build_times,
    folder_bytes,
    latencies,
    overlap,
    print_rows,
    write_json,
)
from encoders.analysis.stopwords import BY_LANGUAGE
from eval.datasets import open_dataset
from retrieval.pipeline import QueryBatch

K = 10
BUILD_ROUNDS = 3
PACKAGES = ("retrieval-engine", "numpy", "numba", "bm25s", "tantivy")


def build_ours(documents: Sequence[rt.Document], folder: Path) -> rt.Collection:
    """Analyse, index and commit to disk: what bm25s and tantivy do in memory."""
    collection = rt.create(Path(tempfile.mkdtemp(dir=folder)) / "c.idx", ["bm25"])
    with collection:
        collection.add(documents)
    return collection


def build_bm25s(texts: Sequence[str]) -> tuple[Any, Any]:
    """Tokenise and index with bm25s, as its documentation does."""
    stemmer, stops = Stemmer.Stemmer("english"), sorted(BY_LANGUAGE["english"])
    tokens = bm25s.tokenize(texts, stopwords=stops, stemmer=stemmer, show_progress=False)
    engine = bm25s.BM25(method="lucene", k1=0.9, b=0.4, backend="numba")
    engine.index(tokens, show_progress=False)
    return engine, stemmer


def build_tantivy(texts: Sequence[str]) -> tuple[Any, Any]:
    """Index with tantivy in memory, one thread."""
    schema = tantivy.SchemaBuilder()
    schema.add_text_field("body", tokenizer_name="en_stem", index_option="freq")
    index = tantivy.Index(schema.build())
    writer = index.writer(heap_size=512_000_000, num_threads=1)
    for text in texts:
        writer.add_document(tantivy.Document(body=[text]))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index, index.searcher()


def search_ours(collection: rt.Collection) -> Callable[[str], list[int]]:
    """Return a function from a text to ordinals."""
    system, snapshot = collection.system("bm25"), collection.snapshot

    def search(text: str) -> list[int]:
        found = system.hits(snapshot, QueryBatch(("q",), (text,)), K).ids[0]
        return [int(i) for i in found if i >= 0]

    return search


def search_bm25s(built: tuple[Any, Any]) -> Callable[[str], list[int]]:
    """Return a function from a text to ordinals."""
    engine, stemmer = built
    stops = sorted(BY_LANGUAGE["english"])

    def search(text: str) -> list[int]:
        tokens = bm25s.tokenize(text, stopwords=stops, stemmer=stemmer, show_progress=False)
        found, scores = engine.retrieve(tokens, k=K, n_threads=0, show_progress=False)
        return [int(i) for i, score in zip(found[0], scores[0], strict=True) if score > 0]

    return search


def search_tantivy(built: tuple[Any, Any]) -> Callable[[str], list[int]]:
    """Return a function from a text to ordinals."""
    index, searcher = built

    def search(text: str) -> list[int]:
        words = "".join(c if c.isalnum() else " " for c in text)
        query = index.parse_query(words.lower(), ["body"])
        return [address.doc for _, address in searcher.search(query, K).hits]

    return search


def compare(path: str, rounds: int) -> list[Row]:
    """Return a row per system on one dataset."""
    dataset = open_dataset(path)
    documents = [found.document for found in dataset.documents() if hasattr(found, "document")]
    texts, queries = [document.contents for document in documents], list(dataset.queries.texts)
    with tempfile.TemporaryDirectory() as folder:
        builds, built = build_times(
            {
                "ours": lambda: build_ours(documents, Path(folder)),
                "bm25s": lambda: build_bm25s(texts),
                "tantivy": lambda: build_tantivy(texts),
            },
            min(rounds, BUILD_ROUNDS),
        )
        searchers = {
            "ours": search_ours(built["ours"]),
            "bm25s": search_bm25s(built["bm25s"]),
            "tantivy": search_tantivy(built["tantivy"]),
        }
        times = latencies(searchers, queries, rounds)
        answers = {name: [search(text) for text in queries] for name, search in searchers.items()}
        size = folder_bytes(built["ours"].path)
    return [
        Row(
            dataset.name, name, "text to ordinals, 1 thread", K, 1.0,
            overlap(answers[name], answers["ours"]), p50, p99, 1e6 / p50, builds[name],
            size if name == "ours" else None,
        )
        for name, (p50, p99) in times.items()
    ]  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [
        row for path in options.datasets for row in compare(path, 2 if options.quick else ROUNDS)
    ]
    print_rows(rows)
    if options.json:
        write_json(rows, options.json, PACKAGES)


if __name__ == "__main__":
    main()
