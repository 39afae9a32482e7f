"""A folder becomes a collection, and stays one: only what changed is encoded."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from encoding import WordSums

import retrieval as rt
import retrieval.ingest.sync as syncing
from retrieval.config import Recipe
from retrieval.errors import (
    DuplicateDocument,
    InvalidDocument,
    InvalidInput,
    RecipeMismatch,
)
from retrieval.ingest import Found, Skipped
from retrieval.ingest.sync import sync, sync_entries
from retrieval.opening import prepare


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("rotate the key every month")
    (folder / "deep" / "b.md").write_text("# Locks\n\nA lock needs *one* key.")
    (folder / "c.html").write_text("<title>Doors</title><p>A door has a lock &amp; a handle.")
    return folder


def specs() -> dict[str, object]:
    return {"bm25": "bm25", "words": WordSums()}


def report(collection: rt.Collection, folder: Path, **options: bool) -> str:
    return str(sync(collection, folder, **options))


def test_files_become_documents_named_by_their_path(folder: Path, tmp_path: Path) -> None:
    collection = rt.index(folder, tmp_path / "i.idx", representations=specs())
    assert sorted(collection) == ["a.txt", "c.html", "deep/b.md"]
    assert collection["deep/b.md"].title == "Locks"
    assert collection["c.html"].text == "A door has a lock & a handle."
    assert collection.search("locks", system="bm25")[0].docno == "deep/b.md"


def test_only_what_changed_is_encoded_again(folder: Path, tmp_path: Path) -> None:
    collection = rt.index(folder, tmp_path / "i.idx", representations=specs())
    encoder = collection.representation("words").encoder
    assert isinstance(encoder, WordSums)
    encoder.encoded.clear()
    assert report(collection, folder) == "0 new, 0 changed, 0 deleted, 3 unchanged"
    assert encoder.encoded == []
    (folder / "a.txt").write_text("rotate the key every week")
    (folder / "d.txt").write_text("a window")
    (folder / "c.html").unlink()
    assert report(collection, folder) == "1 new, 1 changed, 1 deleted, 1 unchanged"
    assert sorted(encoder.encoded) == ["a window", "rotate the key every week"]
    assert sorted(collection) == ["a.txt", "d.txt", "deep/b.md"]
    assert collection["a.txt"].text == "rotate the key every week"


def test_a_second_pass_makes_no_new_segment(folder: Path, tmp_path: Path) -> None:
    collection = rt.index(folder, tmp_path / "i.idx", representations=specs())
    before = collection.snapshot.manifest.segments
    report(collection, folder)
    assert collection.snapshot.manifest.segments == before


def test_vanished_files_can_be_kept(folder: Path, tmp_path: Path) -> None:
    collection = rt.index(folder, tmp_path / "i.idx", representations=specs())
    (folder / "a.txt").unlink()
    assert report(collection, folder, keep_missing=True) == (
        "0 new, 0 changed, 0 deleted, 2 unchanged"
    )
    assert "a.txt" in collection
    assert report(collection, folder) == "0 new, 0 changed, 1 deleted, 2 unchanged"


def test_documents_added_by_hand_never_vanish(folder: Path, tmp_path: Path) -> None:
    collection = rt.index(folder, tmp_path / "i.idx", representations=specs())
    with collection:
        collection.add([rt.Document("by-hand", "a note")])
    report(collection, folder)
    assert "by-hand" in collection


def test_two_folders_share_an_index_and_do_not_delete_each_other(
    folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "z.txt").write_text("zebra")
    collection = rt.index(folder, tmp_path / "i.idx", representations=specs())
    assert report(collection, other) == "1 new, 0 changed, 0 deleted, 0 unchanged"
    assert report(collection, folder) == "0 new, 0 changed, 0 deleted, 3 unchanged"
    (other / "a.txt").write_text("the same name")
    with pytest.raises(DuplicateDocument, match=r"'a\.txt'.*already, from .*docs.*rename"):
        report(collection, other)
    assert len(collection) == 4


def test_skipped_files_are_reported_or_an_error(folder: Path, tmp_path: Path) -> None:
    (folder / "empty.txt").write_text("  \n")
    (folder / "binary.txt").write_bytes(b"a\0b")
    collection = rt.create(tmp_path / "i.idx", specs())
    found = sync(collection, folder)
    assert sorted(skipped.place for skipped in found.skipped) == ["binary.txt", "empty.txt"]
    assert str(found).endswith("2 skipped")
    with pytest.raises(InvalidDocument, match=r"(empty|binary)\.txt"):
        sync(collection, folder, strict=True)


def test_a_duplicate_names_both_places_and_changes_nothing(tmp_path: Path) -> None:
    lines = [{"_id": name, "text": f"text {i}"} for i, name in enumerate("abcb")]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, lines)))
    collection = rt.create(tmp_path / "i.idx", ["bm25"])
    with pytest.raises(DuplicateDocument, match=r"'b' is in x\.jsonl:2 and again in x\.jsonl:4"):
        sync(collection, tmp_path / "x.jsonl")
    assert len(collection) == 0


def test_a_duplicate_across_commits_is_found(tmp_path: Path) -> None:
    """More than a chunk apart, and after the first copy has been committed."""
    entries = [Found(rt.Document(f"d{i % 2999}", f"text {i}"), f"line {i}") for i in range(3000)]
    collection = rt.create(tmp_path / "i.idx", ["bm25"])
    with pytest.raises(DuplicateDocument, match=r"'d0' is in line 0 and again in line 2999"):
        sync_entries(collection, "somewhere", lambda: entries)


def test_invalid_json_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"_id": "a", "text": "fine"}\n{"_id": \n')
    with pytest.raises(InvalidDocument, match=r"x\.jsonl:2"):
        rt.index(tmp_path / "x.jsonl", tmp_path / "i.idx", representations=["bm25"])


def test_an_interruption_loses_only_what_was_not_committed(tmp_path: Path) -> None:
    readings: list[int] = []

    def interrupted() -> Iterator[Found]:
        readings.append(0)
        number = len(readings)
        for i in range(2000):
            if i == 1900 and number == 1:
                raise KeyboardInterrupt
            yield Found(rt.Document(f"d{i}", f"text {i}"), f"line {i}")

    collection = rt.create(tmp_path / "i.idx", ["bm25"])
    with pytest.raises(KeyboardInterrupt):
        sync_entries(collection, "somewhere", interrupted)
    kept = len(rt.open(tmp_path / "i.idx"))
    assert kept == 1024  # the first commit comes after four chunks
    whole = [Found(rt.Document(f"d{i}", f"text {i}"), f"line {i}") for i in range(2000)]
    found = sync_entries(collection, "somewhere", lambda: whole)
    assert str(found) == f"{2000 - kept:,} new, 0 changed, 0 deleted, {kept:,} unchanged"


def test_a_bad_line_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    path, rows = tmp_path / "i.idx", tmp_path / "r.jsonl"
    lines = [f'{{"_id": "d{i}", "text": "old {i}"}}\n' for i in range(3000)]
    rows.write_text("".join(lines) + "{bad\n")
    with pytest.raises(InvalidDocument, match=r"r\.jsonl:3001"):
        rt.index(rows, path, representations=["bm25"])
    assert len(rt.open(path)) == 0
    rows.write_text("".join(lines))
    before = rt.index(rows, path).snapshot.manifest
    rows.write_text("".join(lines).replace("old", "new") + "{bad\n")
    with pytest.raises(InvalidDocument, match=r"r\.jsonl:3001"):
        rt.index(rows, path)
    assert rt.open(path).snapshot.manifest == before


def test_strict_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    rows = "".join(f'{{"_id": "d{i}", "text": "old {i}"}}\n' for i in range(3000))
    (folder / "a.jsonl").write_text(rows)
    (folder / "z.txt").write_text("")
    with pytest.raises(InvalidDocument, match=r"z\.txt: it holds no text"):
        rt.index(folder, tmp_path / "i.idx", representations=["bm25"], strict=True)
    assert len(rt.open(tmp_path / "i.idx")) == 0


def test_a_rebuild_reads_with_the_fields_it_records(tmp_path: Path) -> None:
    rows, path = tmp_path / "r.jsonl", tmp_path / "i.idx"
    rows.write_text('{"key": "k1", "body": "the body", "text": "the text"}\n')
    rt.index(rows, path, representations=["bm25"])
    fields = rt.Fields(docno="key", text="body")
    with pytest.raises(RecipeMismatch, match="fields"):
        rt.index(rows, path, fields=fields)
    rebuilt = rt.index(rows, path, fields=fields, rebuild=True)
    assert rebuilt["k1"].text == "the body"


def test_a_first_try_that_failed_does_not_bind_the_second(tmp_path: Path) -> None:
    rows, path = tmp_path / "r.jsonl", tmp_path / "i.idx"
    rows.write_text('{"_id": "a", "text": "x"}\n{bad\n')
    with pytest.raises(InvalidDocument):
        rt.index(rows, path, representations=["bm25"])
    rows.write_text('{"_id": "a", "text": "Schlösser"}\n')
    made = rt.index(rows, path, representations=["bm25:german"], chunking="tokens:9")
    assert [hit.docno for hit in made.search("Schloss")] == ["a#0"]


def test_the_first_sync_of_an_empty_collection_commits_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a first try with another recipe: a rebuild would wait for the end."""
    monkeypatch.setattr(syncing, "_COMMIT_SECONDS", 0.0)
    rows, path = tmp_path / "r.jsonl", tmp_path / "i.idx"
    rows.write_text("".join(f'{{"_id": "d{i}", "text": "t"}}\n' for i in range(3000)))
    rt.create(path, ["bm25"])
    made = rt.index(rows, path, representations=["bm25:german"])
    assert made.generation > 3
    assert made.representation("bm25").recipe["encoder"]["analysis"]["stemmer"] == "german"


def test_no_commit_in_the_middle_tears_a_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "_COMMIT_SECONDS", 0.0)
    collection = rt.create(tmp_path / "i.idx", ["bm25"], chunking="tokens:1")
    old = [Found(rt.Document(f"d{i}", " ".join(["old"] * 50)), f"d{i}") for i in range(60)]
    sync_entries(collection, "s", lambda: old)
    readings: list[int] = []

    def shrunk() -> Iterator[Found]:
        readings.append(0)
        number = len(readings)
        for i in range(60):
            if i == 55 and number == 1:
                raise KeyboardInterrupt
            yield Found(rt.Document(f"d{i}", " ".join(["new"] * 30)), f"d{i}")

    with pytest.raises(KeyboardInterrupt):
        sync_entries(collection, "s", shrunk)
    reopened = rt.open(tmp_path / "i.idx")
    texts = [[p.text for p in reopened.passages(f"d{i}")] for i in range(60)]
    assert ["new"] * 30 in texts
    assert all(found in (["old"] * 50, ["new"] * 30) for found in texts)


def test_one_docno_in_two_sources_names_both(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.jsonl").write_text('{"_id": "p1", "text": "x"}\n')
    collection = rt.create(tmp_path / "i.idx", ["bm25"])
    with pytest.raises(DuplicateDocument, match=rf"'p1' of rows.jsonl:1 .* from {tmp_path / 'a'}"):
        sync(collection, [tmp_path / "a", tmp_path / "b"])
    assert len(collection) == 0


def test_a_docno_that_leaves_no_room_for_a_number_is_skipped(tmp_path: Path) -> None:
    rows = tmp_path / "r.jsonl"
    rows.write_text(f'{{"_id": "{"x" * 511}", "text": "a"}}\n{{"_id": "b", "text": "a"}}\n')
    collection = rt.create(tmp_path / "i.idx", ["bm25"], chunking="tokens:5")
    report = sync(collection, rows)
    assert list(collection) == ["b#0"]
    assert [skipped.place for skipped in report.skipped] == ["r.jsonl:1"]


def test_another_recipe_is_an_error_that_names_the_difference(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "i.idx"
    rt.index(folder, path, representations={"bm25": "bm25"})
    stems = rt.Bm25(analysis=rt.Analysis(stemmer="porter"))
    with pytest.raises(RecipeMismatch, match=r"stemmer: 'english' → 'porter'.*--rebuild"):
        rt.index(folder, path, representations={"bm25": stems})
    with pytest.raises(RecipeMismatch, match="words is not in it"):
        rt.index(folder, path, representations=specs())
    collection = rt.index(folder, path, representations={"bm25": stems}, rebuild=True)
    assert collection.representation("bm25").recipe["encoder"]["analysis"]["stemmer"] == "porter"
    assert len(collection) == 3
    assert len(rt.index(folder, path)) == 3  # leaving them out keeps what is there


def test_a_failed_rebuild_leaves_the_old_index(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "i.idx"
    rt.index(folder, path, representations={"bm25": "bm25"})
    (folder / "x.jsonl").write_text("{")
    with pytest.raises(InvalidDocument):
        rt.index(folder, path, representations={"bm25": "bm25"}, rebuild=True)
    assert len(rt.open(path)) == 3


def test_an_index_inside_its_folder_is_not_indexed(folder: Path) -> None:
    rt.index(folder, folder / "own.idx", representations=["bm25"])
    assert len(rt.index(folder, folder / "own.idx")) == 3


def test_nothing_is_made_for_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no folder or file"):
        rt.index(tmp_path / "nowhere", tmp_path / "i.idx", representations=["bm25"])
    assert not (tmp_path / "i.idx").exists()


def test_an_empty_folder_is_an_empty_collection(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    collection = rt.index(tmp_path / "docs", tmp_path / "i.idx", representations=specs())
    assert len(collection) == 0
    assert collection.search("anything") == []


def test_what_could_not_be_read_is_not_taken_for_vanished(tmp_path: Path) -> None:
    document = rt.Document("a", "text")
    collection = rt.create(tmp_path / "i.idx", ["bm25"])
    sync_entries(collection, "s", lambda: [Found(document, "x")])
    unread = Skipped("x", "it cannot be read: Input/output error", unread=True)
    report = sync_entries(collection, "s", lambda: [unread])
    assert str(report).endswith("1 skipped; nothing deleted, as not all could be read")
    assert "a" in collection
    assert sync_entries(collection, "s", lambda: [Skipped("y", "it is binary")]).deleted == 1


def test_a_file_that_could_not_be_read_keeps_only_its_own_document(tmp_path: Path) -> None:
    collection = rt.create(tmp_path / "i.idx", ["bm25"], chunking="tokens:1")
    long, gone = rt.Document("bad.pdf", "three words here"), rt.Document("gone.txt", "text")
    sync_entries(collection, "s", lambda: [Found(long, "bad.pdf"), Found(gone, "gone.txt")])
    unread = Skipped("bad.pdf", "its parser crashed", unread=True, docno="bad.pdf")
    report = sync_entries(collection, "s", lambda: [unread])
    assert list(collection) == ["bad.pdf#0", "bad.pdf#1", "bad.pdf#2"]
    assert (report.deleted, report.incomplete) == (1, False)


def test_an_encoder_of_ones_own_is_given_each_time(folder: Path, tmp_path: Path) -> None:
    for rebuild in (False, False, True):
        collection = rt.index(
            folder, tmp_path / "i.idx", representations={"words": WordSums()}, rebuild=rebuild
        )
        (folder / "a.txt").write_text(f"rotate the key {rebuild}")
        assert collection.search("lock")


def test_a_rebuild_that_fails_late_leaves_the_old_index(tmp_path: Path) -> None:
    def entries() -> Iterator[Found]:
        yield from (Found(rt.Document(f"d{i}", "text"), "x") for i in range(3000))
        raise InvalidDocument("x:3001")

    path = tmp_path / "i.idx"
    collection = rt.create(path, ["bm25"])
    sync_entries(collection, "s", lambda: [Found(rt.Document("old", "text"), "x")])
    with pytest.raises(InvalidDocument):
        sync_entries(prepare(path, Recipe(representations=["bm25"]), rebuild=True), "s", entries)
    assert list(rt.open(path)) == ["old"]
