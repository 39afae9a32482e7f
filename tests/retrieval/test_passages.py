"""Documents cut into passages: added, changed, deleted and found as the documents they are."""

from pathlib import Path

import pytest
from encoding import WordSums
from hypothesis import given, settings
from hypothesis import strategies as st

import retrieval as rt
from retrieval.errors import DuplicateDocument, InvalidDocument, UnknownName
from retrieval.ingest.sync import sync

LONG = " ".join(f"w{i}" for i in range(20))


@pytest.fixture
def collection(tmp_path: Path) -> rt.Collection:
    bm25 = rt.Bm25(analysis=rt.Analysis.whitespace())
    return rt.create(tmp_path / "c.idx", {"bm25": bm25}, chunking="tokens:4")


def added(collection: rt.Collection, *documents: rt.Document) -> rt.Collection:
    collection.update(documents)
    collection.commit()
    return collection


def test_passages_are_the_text_between_their_offsets(collection: rt.Collection) -> None:
    added(collection, rt.Document("a", LONG, "Title", {"n": 1}), rt.Document("b", "one two"))
    assert list(collection) == ["a#0", "a#1", "a#2", "a#3", "a#4", "b#0"]
    for passage in collection.passages("a"):
        assert passage.span is not None
        start, end = passage.span
        assert passage.text == LONG[start:end]
        assert (passage.title, passage.metadata, passage.parent) == ("Title", {"n": 1}, "a")
    assert collection["b#0"].span == (0, 7)
    with pytest.raises(UnknownName, match="no document 'c'"):
        collection.passages("c")


def test_a_shorter_version_leaves_no_passage_behind(collection: rt.Collection) -> None:
    added(collection, rt.Document("a", LONG))
    added(collection, rt.Document("a", "w19 new"))
    assert list(collection) == ["a#0"]
    # Twice in one call, and over a buffer that was never written out: the last one counts.
    collection.update([rt.Document("a", LONG), rt.Document("a", "x y z")])
    collection.update([rt.Document("b", LONG)])
    collection.update([rt.Document("b", "p q")])
    collection.commit()
    assert list(collection) == ["a#0", "b#0"]


def test_add_and_delete_speak_of_parents(collection: rt.Collection) -> None:
    collection.add([rt.Document("a", LONG), rt.Document("b", LONG)])
    with pytest.raises(DuplicateDocument, match="'a' is in"):
        collection.add([rt.Document("a", "short")])
    collection.commit()
    with pytest.raises(UnknownName, match="no document 'c'"):
        collection.delete(["a", "c"])
    collection.delete("a")
    collection.commit()
    assert {passage.partition("#")[0] for passage in collection} == {"b"}
    collection.delete(["b", "b"])
    collection.commit()
    assert len(collection) == 0


def test_a_title_alone_is_one_passage(collection: rt.Collection) -> None:
    added(collection, rt.Document("t", " ", "Only a title"))
    (passage,) = collection.passages("t")
    assert (passage.text, passage.span) == ("", (0, 0))


def test_parents_are_ranked_by_their_best_passage(collection: rt.Collection) -> None:
    many = " ".join(["cat dog sun owl"] * 30)
    added(
        collection,
        rt.Document("many", many),
        rt.Document("one", "a cat sat here and more words follow it"),
        rt.Document("two", "no such animal but then one cat appears alone"),
    )
    passages = collection.search("cat", 10)
    assert {hit.parent for hit in passages} == {"many"}  # thirty of them come first
    parents = collection.search("cat", 10, per="parent")
    assert [hit.docno for hit in parents] == ["many", "one", "two"]
    assert [hit.rank for hit in parents] == [1, 2, 3]
    assert parents[0].document.docno == "many#0"
    assert parents[1].to_dict()["passage"] == "one#0"
    assert [h.docno for h in collection.search("cat", 2, per="parent")] == ["many", "one"]
    run = collection.system().run({"q": "cat", "none": "zebra"}, 10, per="parent")
    assert [docno for docno, _ in run["q"]] == ["many", "one", "two"]
    assert run["none"] == []


@settings(max_examples=30)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), max_size=9).map(" ".join), min_size=1, max_size=6),
    st.integers(1, 4),
    st.sampled_from(["a", "b c", "d d a"]),
)
def test_per_parent_is_the_first_of_each_parent_in_the_full_ranking(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], k: int, query: str
) -> None:
    path = tmp_path_factory.mktemp("c") / "c.idx"
    collection = rt.create(path, {"w": WordSums()}, chunking="tokens:2")
    added(collection, *(rt.Document(f"d{i}", text, "t") for i, text in enumerate(texts)))
    every = [(hit.parent, hit.score) for hit in collection.search(query, 1000)]
    first = list({parent: (parent, score) for parent, score in reversed(every)}.values())
    expected = sorted(first, key=every.index)[:k]
    found = collection.search(query, k, per="parent")
    assert [(hit.docno, hit.score) for hit in found] == expected


def test_a_folder_is_cut_and_only_what_changed_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text(LONG)
    (folder / "b.md").write_text("# One\n\nalpha beta\n\n# Two\n\ngamma delta")
    encoder = WordSums()
    collection = rt.index(
        folder, tmp_path / "i.idx", representations={"w": encoder}, chunking="headings:3"
    )
    assert [p for p in collection if p.startswith("b.md")] == ["b.md#0", "b.md#1"]
    assert collection["b.md#1"].text == "Two\ngamma delta"
    encoder.encoded.clear()
    assert str(sync(collection, folder)).startswith("0 new, 0 changed, 0 deleted, 9 unchanged")
    (folder / "b.md").write_text("# One\n\nalpha beta\n\n")
    assert str(sync(collection, folder)).startswith("0 new, 0 changed, 1 deleted, 8 unchanged")
    assert encoder.encoded == []


def test_passages_of_a_shorter_file_go_even_where_missing_files_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text(LONG)
    (folder / "b.txt").write_text(LONG)
    made = rt.index(folder, tmp_path / "i.idx", representations=["bm25"], chunking="tokens:5")
    (folder / "a.txt").write_text("w0 w1")
    (folder / "b.txt").unlink()
    sync(made, folder, keep_missing=True)
    assert sorted(made) == ["a.txt#0", "b.txt#0", "b.txt#1", "b.txt#2", "b.txt#3"]


def test_a_span_must_be_one() -> None:
    for docno, span in (("a", (0, 1)), ("a#0", (3, 1)), ("#0", (0, 1)), ("a#0", (0.0, 1))):
        with pytest.raises(InvalidDocument, match="PARENT#n"):
            rt.Document(docno, "t", span=span)  # type: ignore[arg-type]
    assert rt.Document("a#b#3", "t", span=(0, 1)).parent == "a#b"
    assert rt.Document("a#b#3", "t").parent == "a#b#3"
