"""From raw texts in memory to ranked ordinals: analysis, idf and ranking, docnos and texts not.

bm25s runs its numba backend on one thread with the stop words and stemmer of ours; tantivy its own
English stemmer, one indexing thread, in memory. Ours commits to disk; its `bytes` hold texts, too.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import retrieval as rt
from encoders.analysis.stopwords import BY_LANGUAGE
from retrieval.pipeline import QueryBatch

_STOPS = sorted(BY_LANGUAGE["english"])


def build_ours(texts: Sequence[str], folder: Path) -> rt.Collection:
    """Analyse, index and commit to disk: what bm25s and tantivy do in memory."""
    collection = rt.create(Path(tempfile.mkdtemp(dir=folder)) / "c.idx", ["bm25"])
    with collection:
        collection.add([rt.Document(str(i), text) for i, text in enumerate(texts)])
    return collection


def build_bm25s(texts: Sequence[str]) -> tuple[Any, Any]:
    """Tokenise and index with bm25s, as its documentation does."""
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    tokens = bm25s.tokenize(texts, stopwords=_STOPS, stemmer=stemmer, show_progress=False)
    engine = bm25s.BM25(method="lucene", k1=0.9, b=0.4, backend="numba")
    engine.index(tokens, show_progress=False)
    return engine, stemmer


def build_tantivy(texts: Sequence[str]) -> tuple[Any, Any]:
    """Index with tantivy in memory, one thread."""
    import tantivy

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


def search_ours(collection: rt.Collection, k: int) -> Callable[[str], list[int]]:
    """Return a function from a text to ordinals."""
    system, snapshot = collection.system("bm25"), collection.snapshot

    def search(text: str) -> list[int]:
        found = system.hits(snapshot, QueryBatch(("q",), (text,)), k).ids[0]
        return [int(i) for i in found if i >= 0]

    return search


def search_bm25s(built: tuple[Any, Any], k: int) -> Callable[[str], list[int]]:
    """Return a function from a text to ordinals."""
    import bm25s

    engine, stemmer = built

    def search(text: str) -> list[int]:
        tokens = bm25s.tokenize(text, stopwords=_STOPS, stemmer=stemmer, show_progress=False)
        found, scores = engine.retrieve(tokens, k=k, n_threads=0, show_progress=False)
        return [int(i) for i, score in zip(found[0], scores[0], strict=True) if score > 0]

    return search


def search_tantivy(built: tuple[Any, Any], k: int) -> Callable[[str], list[int]]:
    """Return a function from a text to ordinals."""
    index, searcher = built

    def search(text: str) -> list[int]:
        words = "".join(c if c.isalnum() else " " for c in text)
        query = index.parse_query(words.lower(), ["body"])
        return [address.doc for _, address in searcher.search(query, k).hits]

    return search
