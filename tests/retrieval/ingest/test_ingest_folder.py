"""Which files of a folder become documents, in which order, and what is said about the others."""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import InvalidDocument, InvalidInput
from retrieval.ingest import Found, Skipped, read
from retrieval.limits import DOCNO_BYTES_MAX, TEXT_BYTES_MAX
from retrieval.lines import create

ENDINGS = (".txt", ".text", ".md", ".markdown", ".html", ".htm", ".xhtml")
LINE = json.dumps({"_id": "d1", "text": "wing"}) + "\n"


def write(root: Path, *names: str, text: str = "wing") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def docnos(source: Path) -> list[str]:
    return [outcome.document.docno for outcome in read(source) if isinstance(outcome, Found)]


def skipped(source: Path) -> dict[str, str]:
    return {o.place: o.reason for o in read(source) if isinstance(o, Skipped)}


parts = st.text("ab-. /", min_size=1, max_size=8)


def is_visible(path: str) -> bool:
    return all(part and not part.startswith(".") for part in path.split("/"))


@given(st.sets(parts.map(lambda stem: stem + ".txt").filter(is_visible), max_size=12))
def test_documents_come_in_the_order_of_their_relative_paths(names: set[str]) -> None:
    with TemporaryDirectory() as folder:
        written = set()
        for name in sorted(names):
            try:
                write(Path(folder), name)
            except OSError:  # another name needs this file to be a folder
                continue
            written.add(name)
        assert docnos(Path(folder)) == sorted(written)


@pytest.mark.parametrize("ending", [*ENDINGS, *(ending.upper() for ending in ENDINGS)])
def test_every_known_ending_is_read(tmp_path: Path, ending: str) -> None:
    write(tmp_path, f"sub/note{ending}", text="wing\n\nflow")
    (outcome,) = read(tmp_path)
    assert isinstance(outcome, Found)
    assert outcome.document.docno == outcome.place == f"sub/note{ending}"
    assert outcome.document.text.split() == ["wing", "flow"]


def test_other_endings_give_nothing(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "b.json", "c", "d.txt~", "e.txt.gz", "f.tar.gz")
    assert list(read(tmp_path)) == []


def test_hidden_files_and_folders_give_nothing(tmp_path: Path) -> None:
    write(tmp_path, ".a.txt", ".git/b.txt", "sub/.c/d.txt", ".txt", "kept.txt")
    assert docnos(tmp_path) == ["kept.txt"]


def test_a_collection_inside_the_folder_gives_nothing(tmp_path: Path) -> None:
    write(tmp_path, "docs.idx/manifest.json", text='{"format": "retrieval-collection", "x": 1}')
    write(tmp_path, "site/manifest.json", text='{"name": "a web page"}')
    write(tmp_path, "docs.idx/a.txt", "site/b.txt")
    assert docnos(tmp_path) == ["site/b.txt"]


def test_a_collection_as_source_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "manifest.json", text='{"format": "retrieval-collection"}')
    with pytest.raises(InvalidInput, match="is a collection: pass the folder it was built from"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["corpus.jsonl", "sub/deeper/corpus.jsonl"])
def test_of_a_beir_folder_only_the_corpus_is_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, text=LINE)
    beside = (tmp_path / name).parent
    write(beside, "queries.jsonl", "README.md", "qrels/test.txt", text="not BEIR")
    (outcome,) = read(tmp_path)
    assert isinstance(outcome, Found)
    assert (outcome.document.docno, outcome.place) == ("d1", f"{name}:1")


@pytest.mark.parametrize("name", ["collection.tsv", "sub/msmarco-docs.tsv"])
def test_of_a_folder_of_ms_marco_only_the_collection_is_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, text="7\twing\n")
    beside = (tmp_path / name).parent
    write(beside, "queries.dev.tsv", "qrels.dev.tsv", "notes.txt", text="1\tno document\n")
    (outcome,) = read(tmp_path)
    assert isinstance(outcome, Found)
    assert (outcome.document.docno, outcome.place) == ("7", f"{name}:1")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.csv", "x,y\n1,2\n", "it has no key or column of a known name that holds text"),
        ("a.jsonl", '{"level": 3}\n', "its line 1 has no key or column of a known name"),
        ("a.tsv", "query-id\tcorpus-id\tscore\nq\td\t1\n", "it has 3 columns, and neither"),
        ("a.sgml", "<!DOCTYPE book>\n<book/>\n", "it holds no <DOC>"),
    ],
)
def test_a_table_without_text_is_an_error_alone_and_skipped_in_a_folder(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    write(tmp_path, name, text=text)
    write(tmp_path, "b.txt")
    skipped, found = read(tmp_path)
    assert isinstance(skipped, Skipped)
    assert reason in skipped.reason
    assert isinstance(found, Found)
    with pytest.raises(InvalidDocument, match="^" + name):
        list(read(tmp_path / name))


@pytest.mark.parametrize(
    "name",
    [
        stem + ending
        for stem in ("a.jsonl", "a.ndjson", "a.csv", "a.tsv", "a.trec")
        for ending in ("", ".gz", ".xz", ".zst")
    ],
)
@pytest.mark.parametrize("text", ["", "\n \r\n"])
def test_a_file_without_records_is_skipped(tmp_path: Path, name: str, text: str) -> None:
    with create(tmp_path / name) as stream:
        stream.write(text.encode())
    reason = "it holds no <DOC>: it is no TREC collection"
    assert skipped(tmp_path) == {
        name: reason if text and ".trec" in name else "it holds no documents"
    }


def test_a_folder_called_like_a_corpus_is_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "corpus.jsonl/a.txt", "b.txt")
    assert docnos(tmp_path) == ["b.txt", "corpus.jsonl/a.txt"]


def test_jsonl_beside_other_files_is_read_as_beir(tmp_path: Path) -> None:
    write(tmp_path, "b/pages.jsonl", text=LINE)
    write(tmp_path, "a.txt")
    assert docnos(tmp_path) == ["a.txt", "d1"]


def test_an_invalid_line_names_its_file_and_number(tmp_path: Path) -> None:
    write(tmp_path, "b/pages.jsonl", text=LINE + "\n{\n")
    with pytest.raises(InvalidDocument, match=r"^b/pages\.jsonl:3 is not JSON"):
        list(read(tmp_path))


def test_links_to_files_inside_are_read_and_all_others_are_not(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(tmp_path, "outside.txt", "outside/a.txt", "root/.data/b.txt", "root/sub/c.txt")
    (root / "inside.txt").symlink_to(root / ".data" / "b.txt")
    (root / "outside.txt").symlink_to(tmp_path / "outside.txt")
    (root / "outside").symlink_to(tmp_path / "outside")
    (root / "dangling.txt").symlink_to("nowhere.txt")
    (root / "again").symlink_to("sub")
    assert docnos(root) == ["inside.txt", "sub/c.txt"]


def test_loops_of_links_end(tmp_path: Path) -> None:
    write(tmp_path, "sub/a.txt")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "x.txt").symlink_to("y.txt")
    (tmp_path / "y.txt").symlink_to("x.txt")
    assert docnos(tmp_path) == ["sub/a.txt"]


def test_a_linked_source_is_followed(tmp_path: Path) -> None:
    write(tmp_path, "real/a.txt")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "link.txt").symlink_to("real/a.txt")
    assert docnos(tmp_path / "link") == ["a.txt"]
    assert docnos(tmp_path / "link.txt") == ["link.txt"]


def test_pipes_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    os.mkfifo(tmp_path / "manifest.json")
    assert list(read(tmp_path)) == []


def test_a_file_that_vanished_since_it_was_listed_is_skipped(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "b.txt", "c/d.txt", "e.jsonl", "f.txt")
    outcomes = read(tmp_path)
    assert isinstance(next(outcomes), Found)
    (tmp_path / "b.txt").unlink()
    (tmp_path / "e.jsonl").unlink()
    (tmp_path / "c" / "d.txt").unlink()
    (tmp_path / "c").rmdir()
    reason = "it cannot be read: No such file or directory"
    *lost, last = outcomes
    assert lost == [Skipped(place, reason) for place in ("b.txt", "c/", "e.jsonl")]
    assert isinstance(last, Found)


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="no file that fails on reading")
@pytest.mark.parametrize("name", ["broken.txt", "broken.jsonl", "broken.jsonl.gz"])
def test_an_input_output_error_is_skipped(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/proc/self/mem")
    (outcome,) = read(tmp_path / name)
    assert outcome == Skipped(name, "it cannot be read: Input/output error")


def test_a_file_without_permission_is_skipped(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "b/c.txt")
    (tmp_path / "a.txt").chmod(0)
    (tmp_path / "b").chmod(0)
    if os.access(tmp_path / "a.txt", os.R_OK):
        pytest.skip("root may read everything")
    reason = "it cannot be read: Permission denied"
    assert skipped(tmp_path) == {"a.txt": reason, "b/": reason}
    (tmp_path / "b").chmod(0o700)


def test_a_file_over_the_limit_is_skipped_unread(tmp_path: Path) -> None:
    with (tmp_path / "a.txt").open("wb") as stream:
        stream.truncate(TEXT_BYTES_MAX + 1)
    assert skipped(tmp_path) == {
        "a.txt": f"it has {TEXT_BYTES_MAX + 1:,} bytes, more than {TEXT_BYTES_MAX:,}: split it"
    }


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("text", ["", " \r\n\t\n", "\ufeff"])
def test_a_file_without_text_is_skipped(tmp_path: Path, ending: str, text: str) -> None:
    write(tmp_path, "a" + ending, text=text)
    assert skipped(tmp_path) == {"a" + ending: "it holds no text"}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_binary_file_is_skipped(tmp_path: Path, ending: str) -> None:
    (tmp_path / ("a" + ending)).write_bytes(b"\x7fELF\x00wing")
    assert skipped(tmp_path) == {"a" + ending: "it is binary: it holds NUL characters"}


@given(st.binary(max_size=200), st.sampled_from(ENDINGS))
def test_any_bytes_give_one_outcome(data: bytes, ending: str) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / ("a" + ending)).write_bytes(data)
        (outcome,) = read(Path(folder))
        assert outcome.place == "a" + ending
        assert isinstance(outcome, Skipped) or len(outcome.document.digest()) == 16


def test_a_name_that_is_not_unicode_is_skipped_and_its_place_can_be_printed(tmp_path: Path) -> None:
    write(tmp_path, os.fsdecode(b"caf\xe9.txt"), "sub/a.txt")
    (bad, good) = read(tmp_path)
    assert isinstance(bad, Skipped)
    assert "is not Unicode" in bad.reason
    assert bad.place.encode() == b"caf\\udce9.txt"
    assert isinstance(good, Found)


def test_a_path_too_long_for_a_docno_is_skipped(tmp_path: Path) -> None:
    name = "/".join(["d" * 200] * 3) + "/a.txt"
    write(tmp_path, name)
    (reason,) = skipped(tmp_path).values()
    assert f"an id has 1 to {DOCNO_BYTES_MAX}" in reason


def test_folders_nested_deeper_than_the_stack_are_walked(tmp_path: Path) -> None:
    depth = 1200
    write(tmp_path, "z.txt")
    for level in range(1, depth + 1):  # makedirs recurses, and so would the clean-up by pytest
        os.mkdir(tmp_path / ("d/" * level))
    write(tmp_path, "d/" * depth + "a.txt")
    try:
        assert [outcome.place for outcome in read(tmp_path)] == ["d/" * depth + "a.txt", "z.txt"]
    finally:
        os.remove(tmp_path / ("d/" * depth + "a.txt"))
        os.removedirs(tmp_path / ("d/" * depth))


def test_a_single_file_is_named_by_itself(tmp_path: Path) -> None:
    write(tmp_path, "sub/.a.md", text="# Wing\n")
    write(tmp_path, "sub/b.jsonl", text=LINE)
    (markdown,), (line,) = read(tmp_path / "sub" / ".a.md"), read(tmp_path / "sub" / "b.jsonl")
    assert isinstance(markdown, Found)
    assert isinstance(line, Found)
    assert (markdown.document.docno, markdown.place) == (".a.md", ".a.md")
    assert (line.document.docno, line.place) == ("d1", "b.jsonl:1")


def test_a_source_that_cannot_be_read_is_refused_at_once(tmp_path: Path) -> None:
    write(tmp_path, "a.docx")
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(InvalidInput, match=r"missing does not exist: pass a folder or a file"):
        read(tmp_path / "missing")
    with pytest.raises(InvalidInput, match=r"a\.docx cannot .*: known are \.txt .* \.sgml\.zst$"):
        read(tmp_path / "a.docx")
    with pytest.raises(InvalidInput, match=r"pipe\.txt is neither a folder nor a file"):
        read(tmp_path / "pipe.txt")


def test_importing_the_package_imports_no_parser() -> None:
    code = "import sys, retrieval.ingest; print({m.partition('.')[0] for m in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert not [
        name for name in ("selectolax", "markdown_it", "pyarrow", "pypdfium2") if name in loaded
    ]
