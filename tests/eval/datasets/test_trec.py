"""TREC collections: which files are documents, topics and qrels, and what makes a split."""

from pathlib import Path

import pytest

from eval.datasets import open_dataset
from retrieval.errors import InvalidInput, UnknownName
from retrieval.ingest.outcome import Found
from retrieval.lines import ENDINGS, create

SGML = "<DOC>\n<DOCNO> {0}-1 </DOCNO>\n<TEXT>\nText of {0}\n</TEXT>\n</DOC>\n"
TOPIC = "<top>\n<num> Number: {0}\n<title> title {0}\n<desc> Description:\ndesc {0}\n</top>\n"
FILES = {
    "disk4/FT/ft911_1": SGML.format("FT911") + SGML.format("FT912"),
    "disk5/la010189": SGML.format("LA"),
    "disk5/readmela": "How this was made.",
    "disk5/.hidden": SGML.format("HIDDEN"),
    "topics.robust04.txt": TOPIC.format(301) + TOPIC.format(302),
    "qrels.robust04.txt": "301 0 FT911-1 1\n302 0 LA-1 0\n",
}


def write(folder: Path, files: dict[str, str], ending: str = "") -> Path:
    for name, content in files.items():
        path = folder / (name + ending)
        path.parent.mkdir(parents=True, exist_ok=True)
        with create(path) as stream:
            stream.write(content.encode())
    return folder


def docnos(path: Path) -> list[str]:
    entries = list(open_dataset(path).documents())
    return [entry.document.docno for entry in entries if isinstance(entry, Found)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_documents_topics_and_qrels(tmp_path: Path, ending: str) -> None:
    dataset = open_dataset(write(tmp_path / "robust", FILES, ending))
    assert (dataset.name, dataset.split) == ("robust", "robust04")
    assert dataset.queries == {"301": "title 301", "302": "title 302"}
    assert dataset.qrels == {"301": {"FT911-1": 1}, "302": {"LA-1": 0}}
    for _ in range(2):
        found = [entry for entry in dataset.documents() if isinstance(entry, Found)]
        assert [one.document.docno for one in found] == ["FT911-1", "FT912-1", "LA-1"]
    assert found[0].document.text.strip() == "Text of FT911"
    assert found[2].place == f"disk5/la010189{ending}:1"


def test_the_fields_of_topics_can_be_chosen(tmp_path: Path) -> None:
    folder = write(tmp_path, FILES)
    both = open_dataset(folder, topic_fields="title+desc").queries
    assert both["301"] == "title 301 desc 301"
    said = r"robust04.txt:1: topic '301' has no narr .it has: num, title, desc"
    with pytest.raises(InvalidInput, match=said):
        open_dataset(folder, topic_fields="narr")
    with pytest.raises(UnknownName, match="no topic field is called 'describe'"):
        open_dataset(folder, topic_fields="title+describe")


def test_any_readable_files_are_documents(tmp_path: Path) -> None:
    documents = {
        "docs/a.txt": "plain text",
        "docs/deep/b.md": "# A title\n\nmarkdown",
        "docs/c.jsonl": '{"_id": "c1", "text": "one"}\n{"_id": "c2", "text": "two"}\n',
        "top.txt": "at the top",
        "docs/noise.bin": "\x00\x01",
        "docs/figures.csv": "width,height\n1,2\n",
    }
    files = {"topics.tsv": "1\tone\n", "qrels.tsv": "1\tdocs/a.txt\t1\n"}
    folder = write(tmp_path, {**documents, **files})
    assert open_dataset(folder).split == "test"
    assert docnos(folder) == ["top.txt", "docs/a.txt", "c1", "c2", "docs/deep/b.md"]


def test_topics_and_qrels_may_lie_in_folders(tmp_path: Path) -> None:
    files = {"topics/a.xml": TOPIC.format(1), "qrels/a.txt": "1 0 LA-1 1\n"}
    folder = write(tmp_path, {"x/la": SGML.format("LA"), **files})
    assert open_dataset(folder).split == "a"
    assert docnos(folder) == ["LA-1"]


def test_splits_are_named_by_their_qrels(tmp_path: Path) -> None:
    files = {
        "docs/la": SGML.format("LA"),
        "topics.one.txt": TOPIC.format(1),
        "topics_two": TOPIC.format(2),
        "qrels.one.txt": "1 0 LA-1 1\n",
        "qrels_two": "2 0 LA-1 1\n",
        "qrels-both.trec.qrels": "1 0 LA-1 1\n2 0 LA-1 1\n",
    }
    folder = write(tmp_path, files)
    for split, ids in (("one", ("1",)), ("two", ("2",)), ("both", ("1", "2"))):
        assert open_dataset(folder, split=split).queries.ids == ids
    with pytest.raises(UnknownName, match="several splits, name one: both, one, two"):
        open_dataset(folder)
    with pytest.raises(UnknownName, match="no split 'three': it has both, one, two"):
        open_dataset(folder, split="three")
    assert docnos_of_split(folder) == ["LA-1"]


def docnos_of_split(folder: Path) -> list[str]:
    entries = open_dataset(folder, split="one").documents()
    return [entry.document.docno for entry in entries if isinstance(entry, Found)]


def test_contradictions_are_refused(tmp_path: Path) -> None:
    twice = {
        "d/la": SGML.format("LA"),
        "topics.a.txt": TOPIC.format(302),
        "topics.more.txt": TOPIC.format(302),
        "qrels": "302 0 LA-1 1\n",
    }
    with pytest.raises(InvalidInput, match=r"query .302. is in topics.a.txt and in topics.more"):
        open_dataset(write(tmp_path / "a", twice))
    said = r"qrels.robust04.trec and qrels.robust04.txt are both of the split 'robust04'"
    with pytest.raises(InvalidInput, match=said):
        open_dataset(write(tmp_path / "b", {**FILES, "qrels.robust04.trec": "301 0 LA-1 1\n"}))
    with pytest.raises(InvalidInput, match=r"lacks 1 queries that qrels.robust04.txt judges"):
        open_dataset(write(tmp_path / "c", {**FILES, "qrels.robust04.txt": "999 0 LA-1 1\n"}))


def test_compressed_copies_of_a_file_are_passed_over(tmp_path: Path) -> None:
    folder = write(tmp_path, FILES)
    for name in ("topics.robust04.txt", "qrels.robust04.txt"):
        write(folder, {name: "damage"}, ".gz")
    assert open_dataset(folder).queries.ids == ("301", "302")
    assert docnos(folder) == ["FT911-1", "FT912-1", "LA-1"]


@pytest.mark.parametrize("absent", ["topics.robust04.txt", "qrels.robust04.txt"])
def test_without_topics_or_qrels_it_is_no_dataset(tmp_path: Path, absent: str) -> None:
    files = {name: content for name, content in FILES.items() if name != absent}
    with pytest.raises(InvalidInput, match=r"is no dataset: .*topics\* and qrels\*"):
        open_dataset(write(tmp_path, files))


def test_without_documents_it_is_an_error(tmp_path: Path) -> None:
    files = {name: content for name, content in FILES.items() if "/" not in name}
    with pytest.raises(InvalidInput, match="holds no documents beside"):
        list(open_dataset(write(tmp_path, files)).documents())


def test_damage_is_an_error_and_never_a_shorter_corpus(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", FILES, ".gz")
    path = folder / "disk5" / "la010189.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InvalidInput, match="la010189"):
        list(open_dataset(folder).documents())
    folder = write(tmp_path / "b", {**FILES, "d/a.jsonl": '{"_id": "1", "text": "a"}\n'}, ".gz")
    path = folder / "d" / "a.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InvalidInput, match=r"a.jsonl.gz"):
        list(open_dataset(folder).documents())


def test_links_are_followed_once(tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "elsewhere", {"la": SGML.format("LA")})
    folder = write(tmp_path / "here", {"topics": TOPIC.format(1), "qrels": "1 0 LA-1 1\n"})
    (folder / "disk").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(elsewhere)
    (folder / "broken").symlink_to(tmp_path / "nowhere")
    assert docnos(folder) == ["LA-1"]
