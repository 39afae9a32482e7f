"""After any sequence of operations a collection answers as one built afresh from what is left."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from encoding import WordSums, WordTokens
from hypothesis import given, settings
from hypothesis import strategies as st

import retrieval as rt

QUERIES = ["a", "b c", "a a d", "e", "unseen", "", "f a b c d e"]
DOCNOS = [f"d{i}" for i in range(12)]

texts = st.lists(st.sampled_from("abcdef"), max_size=6).map(" ".join)
documents = st.lists(
    st.builds(rt.Document, st.sampled_from(DOCNOS), texts), min_size=1, max_size=4,
    unique_by=lambda document: document.docno,
)  # fmt: skip
operations = st.lists(
    st.one_of(
        st.tuples(st.just("update"), documents),
        st.tuples(st.just("add"), documents),
        st.tuples(st.just("delete"), st.lists(st.sampled_from(DOCNOS), max_size=4, unique=True)),
        st.tuples(st.sampled_from(["commit", "compact", "reopen", "rollback", "swap"]), st.none()),
    ),
    max_size=14,
)


def representations(*, seed: int = 0) -> dict[str, object]:
    bm25 = rt.Bm25(analysis=rt.Analysis.whitespace())
    return {"bm25": bm25, "dense": WordSums(seed=seed), "late": WordTokens(seed=1)}


def answers(collection: rt.Collection) -> dict[tuple[str, str, int], list[tuple[str, float]]]:
    return {
        (system, query, k): [(hit.docno, hit.score) for hit in hits]
        for system in (*collection.representations, "hybrid")
        for k in (1, 3, 20)
        for query, hits in zip(QUERIES, collection.search(QUERIES, k, system=system), strict=True)
    }


class Model:
    """What the collection should hold: committed and pending documents, in order of last write."""

    def __init__(self) -> None:
        self.committed: dict[str, rt.Document] = {}
        self.pending: dict[str, rt.Document] = {}
        self.seed = 0

    def update(self, some: list[rt.Document]) -> None:
        for document in some:
            self.pending.pop(document.docno, None)
            self.pending[document.docno] = document


def apply(collection: rt.Collection, model: Model, name: str, argument: object) -> rt.Collection:
    match name, argument:
        case "update", list(some):
            collection.update(some)
            model.update(some)
        case "add", list(some):
            fresh = [document for document in some if document.docno not in model.pending]
            collection.add(fresh)
            model.update(fresh)
        case "delete", list(some):
            there = [docno for docno in some if docno in model.pending]
            collection.delete(there)
            for docno in there:
                del model.pending[docno]
        case "commit", _:
            collection.commit()
            model.committed = dict(model.pending)
        case "compact", _:
            collection.compact()
            model.committed = dict(model.pending)
        case "reopen", _:
            encoders = {"dense": WordSums(seed=model.seed), "late": WordTokens(seed=1)}
            collection.close()
            model.pending = dict(model.committed)
            return rt.open(collection.path, encoders=encoders, verify="eager")
        case "rollback", _:
            collection.rollback()
            model.pending = dict(model.committed)
        case "swap", _:
            collection.commit()
            model.committed = dict(model.pending)
            model.seed += 1
            collection.drop_representation("dense")
            collection.add_representation("dense", WordSums(seed=model.seed))
            collection.commit()
    return collection


@settings(max_examples=60)
@given(operations)
def test_any_sequence_equals_a_fresh_build(steps: list[tuple[str, object]]) -> None:
    root = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        collection, model = rt.create(root / "incremental.idx", representations()), Model()
        for name, argument in [*steps, ("commit", None)]:
            collection = apply(collection, model, name, argument)
            assert list(collection) == list(model.committed)
        fresh = rt.create(root / "fresh.idx", representations(seed=model.seed))
        fresh.add(model.committed.values())
        fresh.commit()
        assert answers(collection) == answers(fresh)
        assert len(collection) == len(model.committed)
        assert all(collection[docno] == doc for docno, doc in model.committed.items())
        assert collection.verify().ok
        fresh.close()
        collection.close()
    finally:
        shutil.rmtree(root)


def test_many_small_commits_keep_few_segments(tmp_path: Path) -> None:
    collection = rt.create(tmp_path / "c.idx", representations())
    for i in range(64):
        collection.add([rt.Document(f"n{i}", f"a {'b ' * (i % 5)}")])
        collection.commit()
    assert (
        collection.info()["segments"] <= 3 * 4
    )  # fanout − 1 segments in each of log₄ 64 + 1 tiers
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
