"""However documents were committed, the answers are the same, to the last bit."""

from pathlib import Path

import numpy as np
from encoding import WordSums, WordTokens

import retrieval as rt

QUERIES = ["a", "b c", "a a d", "e", "unseen", "", "f a b c d e"]


def representations() -> dict[str, object]:
    bm25 = rt.Bm25(analysis=rt.Analysis.whitespace())
    return {"bm25": bm25, "dense": WordSums(), "late": WordTokens(seed=1)}


def answers(collection: rt.Collection) -> dict[tuple[str, str, int], list[tuple[str, float]]]:
    return {
        (system, query, k): [(hit.docno, hit.score) for hit in hits]
        for system in (*collection.representations, "hybrid")
        for k in (1, 3, 20)
        for query, hits in zip(QUERIES, collection.search(QUERIES, k, system=system), strict=True)
    }


def test_many_small_commits_keep_few_segments(tmp_path: Path) -> None:
    collection = rt.create(tmp_path / "c.idx", representations())
    for i in range(64):
        collection.add([rt.Document(f"n{i}", f"a {'b ' * (i % 5)}")])
        collection.commit()
    assert collection.info()["segments"] <= 3  # fanout − 1: all of them are of the lowest tier
    fresh = rt.create(tmp_path / "f.idx", representations())
    fresh.add(rt.Document(f"n{i}", f"a {'b ' * (i % 5)}") for i in range(64))
    fresh.commit()
    assert answers(collection) == answers(fresh)


def test_scores_are_bitwise_equal_across_segmentations_of_real_numbers(tmp_path: Path) -> None:
    generator = np.random.default_rng(7)
    words = [f"w{i}" for i in range(50)]
    docs = [
        rt.Document(f"d{i}", " ".join(generator.choice(words, generator.integers(1, 40))))
        for i in range(200)
    ]
    bm25 = {"bm25": rt.Bm25(analysis=rt.Analysis.whitespace())}
    one, many = rt.create(tmp_path / "1.idx", bm25), rt.create(tmp_path / "2.idx", bm25)
    one.add(docs)
    one.commit()
    for start in range(0, 200, 33):
        many.add(docs[start : start + 33])
        many.commit()
    queries = {f"q{i}": " ".join(generator.choice(words, 4)) for i in range(40)}
    assert one.system().run(queries, 50).to_dict() == many.system().run(queries, 50).to_dict()
