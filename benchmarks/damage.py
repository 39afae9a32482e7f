"""What one flipped byte of an index does: to this engine, Faiss, tantivy and bm25s.

    python -m benchmarks.damage [--cases N] [--json FILE]

Every case copies an index of 200 small texts, changes one byte of one file, opens the copy in a
child process as its system does by default, and searches. The answer is refused with an error of
any kind, unchanged, or wrong without a word; or the process dies of it: killed, hung, aborted.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

import retrieval as rt
from benchmarks.harness import write_json

ROOT = Path(__file__).parents[1]
PACKAGES = ["faiss-cpu", "tantivy", "bm25s", "numpy"]
WORDS = [f"word{i}" for i in range(60)]
RANDOM = np.random.default_rng(4)
TEXTS = [" ".join(RANDOM.choice(WORDS, 12)) for _ in range(200)]
VECTORS = RANDOM.standard_normal((200, 16)).astype(np.float32)
QUERIES = [" ".join(RANDOM.choice(WORDS, 3)) for _ in range(20)]
PROBES = RANDOM.standard_normal((20, 16)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Row:
    """What became of the damaged copies of one system."""

    system: str
    cases: int
    refused: int
    unchanged: int
    wrong: int
    died: int


# ------------------------------------------------------------------ the systems: build, then answer


def build_ours(folder: Path) -> None:
    """Index the texts with BM25."""
    collection = rt.create(folder / "idx", {"bm25": "bm25"})
    collection.add(rt.Document(f"d{i}", text) for i, text in enumerate(TEXTS))
    collection.commit()
    collection.close()


def answer_ours(folder: Path) -> Any:
    """Search as a user does, without a check of the whole first."""
    found = rt.open(folder / "idx").search(QUERIES, 10)
    return [[(hit.docno, hit.score, hit.document.text) for hit in hits] for hits in found]


def build_flat(folder: Path) -> None:
    """Write an exhaustive Faiss index."""
    _faiss(folder, "Flat")


def build_hnsw(folder: Path) -> None:
    """Write an HNSW graph of Faiss."""
    _faiss(folder, "HNSW16")


def build_ivf(folder: Path) -> None:
    """Write an inverted file of Faiss with product quantization."""
    _faiss(folder, "IVF4,PQ4x4")


def _faiss(folder: Path, description: str) -> None:
    import faiss

    index = faiss.index_factory(16, description)
    index.train(VECTORS)
    index.add(VECTORS)
    faiss.write_index(index, str(folder / "faiss"))


def answer_faiss(folder: Path) -> Any:
    """Read it back and search."""
    import faiss

    scores, ids = faiss.read_index(str(folder / "faiss")).search(PROBES, 10)
    return scores.tolist(), ids.tolist()


def build_tantivy(folder: Path) -> None:
    """Index the texts with tantivy, stored."""
    import tantivy

    (folder / "tantivy").mkdir()
    writer = tantivy.Index(_schema(), path=str(folder / "tantivy")).writer(num_threads=1)
    for text in TEXTS:
        writer.add_document(tantivy.Document(body=text))
    writer.commit()
    writer.wait_merging_threads()


def _schema() -> Any:
    import tantivy

    return tantivy.SchemaBuilder().add_text_field("body", stored=True).build()


def answer_tantivy(folder: Path) -> Any:
    """Search, and read what was found."""
    import tantivy

    index = tantivy.Index.open(str(folder / "tantivy"))
    searcher = index.searcher()
    lists = [searcher.search(index.parse_query(q, ["body"]), 10).hits for q in QUERIES]
    return [[(score, searcher.doc(place)["body"]) for score, place in hits] for hits in lists]


def build_bm25s(folder: Path) -> None:
    """Index the texts with bm25s."""
    import bm25s

    index = bm25s.BM25()
    index.index(bm25s.tokenize(TEXTS, show_progress=False), show_progress=False)
    index.save(str(folder / "bm25s"), corpus=TEXTS)


def answer_bm25s(folder: Path) -> Any:
    """Search, and read what was found."""
    import bm25s

    index = bm25s.BM25.load(str(folder / "bm25s"), load_corpus=True)
    words = bm25s.tokenize(QUERIES, show_progress=False)
    documents, scores = index.retrieve(words, k=10, show_progress=False)
    return [[str(one) for one in row] for row in documents], scores.tolist()


SYSTEMS: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any]]] = {
    "ours": (build_ours, answer_ours),
    "Faiss Flat": (build_flat, answer_faiss),
    "Faiss HNSW16": (build_hnsw, answer_faiss),
    "Faiss IVF4,PQ4x4": (build_ivf, answer_faiss),
    "tantivy": (build_tantivy, answer_tantivy),
    "bm25s": (build_bm25s, answer_bm25s),
}


# ------------------------------------------------------------------ the cases


@cache
def _sound() -> dict[str, tuple[Path, Any]]:
    """Build every index once, before the first case: memory is limited from then on."""
    made = {}
    for name, (build, answer) in SYSTEMS.items():
        folder = Path(tempfile.mkdtemp())
        build(folder)
        made[name] = (folder, answer(folder))
    return made


def case(number: int) -> str:
    """Damage a copy of one system's index and search it; return what happened."""
    system = list(SYSTEMS)[number % len(SYSTEMS)]
    sound, expected = _sound()[system]
    random = Random(number)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "copy"
        shutil.copytree(sound, folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        sizes = [path.stat().st_size for path in files]
        damaged = random.choices(files, sizes)[0]
        data = bytearray(damaged.read_bytes())
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        damaged.write_bytes(data)
        try:
            found = SYSTEMS[system][1](folder)
        except BaseException:  # a panic of Rust is one
            return f"{system}/refused"
        return f"{system}/{'unchanged' if found == expected else 'wrong'}"


def measure(n_cases: int) -> list[Row]:
    """Work through the cases of every system in children that may die."""
    sys.path.append(str(ROOT / "tests" / "durability"))  # the supervisor is the tests'
    import supervised

    names = list(SYSTEMS)
    report = supervised.run("benchmarks.damage:case", range(n_cases * len(names)))
    died = [int(problem.split()[1].rstrip(":")) % len(names) for problem in report.problems]
    return [
        Row(
            name,
            n_cases,
            *(report.outcomes[f"{name}/{word}"] for word in ("refused", "unchanged", "wrong")),
            died.count(number),
        )
        for number, name in enumerate(names)
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=500, help="damaged copies of each system")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    for name in PACKAGES:
        version(name)  # a peer that is not there would count as one that dies
    rows = measure(asked.cases)
    print(f"{'system':<20}{'cases':>8}{'refused':>9}{'unchanged':>11}{'wrong':>8}{'died':>6}")
    for row in rows:
        print(
            f"{row.system:<20}{row.cases:>8}{row.refused:>9}{row.unchanged:>11}"
            f"{row.wrong:>8}{row.died:>6}"
        )
    if asked.json:
        write_json(rows, asked.json, PACKAGES)


if __name__ == "__main__":
    main()
