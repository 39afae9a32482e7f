import json
import zipfile
from itertools import islice

import pytest

from eval.datasets import open_dataset, read_qrels
from eval.datasets.download import archive_path
from retrieval.errors import InvalidInput, UnknownName
from retrieval.ingest.outcome import Found, Skipped
from retrieval.lines import ENDINGS, create

CORPUS = [
    {"_id": "d1", "title": "One", "text": "first", "metadata": {"year": 1}},
    {"_id": "d2", "title": "", "text": ""},
    {"_id": "d3", "title": "", "text": "third"},
]
QUERIES = [{"_id": qid, "text": f"text of {qid}"} for qid in ("q3", "unjudged", "q1")]
HEADER = "query-id\tcorpus-id\tscore\n"
FILES = {
    "corpus.jsonl": "".join(json.dumps(row) + "\n" for row in CORPUS),
    "queries.jsonl": "".join(json.dumps(row) + "\n" for row in QUERIES),
    "qrels/test.tsv": f"{HEADER}q1\td1\t2\nq3\td3\t1\nq3\td9\t0\n",
    "qrels/dev.tsv": f"{HEADER}q1\td3\t1\n",
}


def write_folder(path, files=FILES, ending=""):
    for name, content in files.items():
        target = path / (name + ending)
        target.parent.mkdir(parents=True, exist_ok=True)
        with create(target) as stream:
            stream.write(content.encode())
    return path


def write_zip(path, files=FILES, top="tiny/"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"": "", "qrels/": "", **files}.items():
            if top + name:
                archive.writestr(top + name, content)
        archive.writestr("__MACOSX/tiny/._corpus.jsonl", "noise")
    return path


def layouts(tmp_path, files=FILES):
    for ending in ENDINGS:
        yield write_folder(tmp_path / f"folder{ending}" / "tiny", files, ending)
    yield write_zip(tmp_path / "tiny-download.zip", files)
    yield write_zip(tmp_path / "deep.zip", files, "a/tiny/")
    yield write_zip(tmp_path / "tiny.zip", files, "")


def test_all_layouts_give_the_same_dataset(tmp_path):
    for path in layouts(tmp_path):
        dataset = open_dataset(path)
        assert (dataset.name, dataset.split) == ("tiny", "test")
        assert dataset.qrels == {"q1": {"d1": 2}, "q3": {"d3": 1, "d9": 0}}
        assert list(dataset.queries.items()) == [("q3", "text of q3"), ("q1", "text of q1")]
        for _ in range(2):  # every call starts anew
            first, second, third = dataset.documents()
            assert isinstance(first, Found)
            assert (first.document.docno, first.document.contents) == ("d1", "One first")
            assert first.place.endswith(tuple(f"corpus.jsonl{ending}:1" for ending in ENDINGS))
            assert isinstance(second, Skipped)
            assert isinstance(third, Found)
        assert open_dataset(path, split="dev").queries.ids == ("q1",)
        assert not dataset.drop_query_documents


def test_without_test_the_only_split_is_taken(tmp_path):
    files = {name: text for name, text in FILES.items() if name != "qrels/test.tsv"}
    assert open_dataset(write_folder(tmp_path / "one", files)).split == "dev"
    files["qrels/train.tsv"] = files["qrels/dev.tsv"]
    with pytest.raises(UnknownName, match="several splits, name one: dev, train"):
        open_dataset(write_folder(tmp_path / "two", files))
    del files["qrels/train.tsv"], files["qrels/dev.tsv"]
    with pytest.raises(UnknownName, match=r"has no split: judgements lie in qrels/SPLIT.tsv"):
        open_dataset(write_folder(tmp_path / "none", files))


def test_splits_may_have_queries_of_their_own(tmp_path):
    files = {name: text for name, text in FILES.items() if name != "queries.jsonl"}
    files["queries.test.jsonl"] = FILES["queries.jsonl"]
    files["queries.dev.jsonl"] = '{"_id": "q1", "text": "another text"}'
    for path in layouts(tmp_path, files):
        assert dict(open_dataset(path, split="dev").queries) == {"q1": "another text"}
        assert dict(open_dataset(path).queries) == {"q3": "text of q3", "q1": "text of q1"}


def test_of_a_plain_file_and_its_copies_the_plain_one_is_read(tmp_path):
    path = write_folder(tmp_path / "tiny")
    for ending in ENDINGS[1:]:
        write_folder(path, dict.fromkeys(FILES, "damage"), ending)
    assert open_dataset(path).qrels == {"q1": {"d1": 2}, "q3": {"d3": 1, "d9": 0}}
    assert len(list(open_dataset(path).documents())) == 3


def test_a_missing_split_lists_those_there_are(tmp_path):
    for path in layouts(tmp_path):
        with pytest.raises(UnknownName, match="no split 'train': it has dev, test"):
            open_dataset(path, split="train")


@pytest.mark.parametrize(
    ("name", "dropped"), [("ArguAna", True), ("quora", True), ("scifact", False)]
)
def test_own_documents_are_dropped_where_queries_are_documents(tmp_path, name, dropped):
    folder, archive = write_folder(tmp_path / name), write_zip(tmp_path / "any.zip", top=f"{name}/")
    for path in (folder, archive):
        assert open_dataset(path).drop_query_documents is dropped
        for asked in (True, False):
            assert open_dataset(path, drop_query_documents=asked).drop_query_documents is asked


def test_equal_numbers_do_not_make_queries_documents(tmp_path):
    files = {
        "corpus.jsonl": '{"_id": "1", "text": "a"}\n{"_id": "2", "text": "b"}\n',
        "queries.jsonl": '{"_id": "1", "text": "q"}\n',
        "qrels/test.tsv": f"{HEADER}1\t2\t1\n",
    }
    assert not open_dataset(write_folder(tmp_path / "numbers", files)).drop_query_documents


@pytest.mark.parametrize("absent", ["corpus.jsonl", "queries.jsonl"])
def test_a_missing_file_is_named(tmp_path, absent):
    files = {name: content for name, content in FILES.items() if name != absent}
    for path in layouts(tmp_path, files):
        with pytest.raises(InvalidInput, match=f"{absent}"):
            open_dataset(path)


def test_no_dataset_at_all(tmp_path):
    (tmp_path / "file.txt").write_text("hello")
    (tmp_path / "text.zip").write_text("hello")
    for name, said in (
        ("absent", "is no dataset"),
        ("file.txt", "is no dataset"),
        ("text.zip", "cannot be read as a zip"),
        ("absent.zip", "cannot be read as a zip"),
        (".", r"neither corpus.jsonl \(BEIR\), nor collection.tsv .*, nor topics\* and qrels\*"),
    ):
        with pytest.raises(InvalidInput, match=said):
            open_dataset(tmp_path / name)


def test_a_judged_query_without_text_is_an_error(tmp_path):
    files = {**FILES, "qrels/test.tsv": f"{HEADER}q1\td1\t2\nq7\td3\t1\n"}
    for path in layouts(tmp_path, files):
        with pytest.raises(InvalidInput, match=r"lacks 1 queries that qrels/test.tsv.* like 'q7'"):
            open_dataset(path)


def test_two_corpora_in_one_zip_are_told_apart(tmp_path):
    files = {f"{part}/{name}": text for part in ("android", "gis") for name, text in FILES.items()}
    with pytest.raises(InvalidInput, match=r"2 corpora \(cqa/android/, cqa/gis/\)"):
        open_dataset(write_zip(tmp_path / "cqa.zip", files, "cqa/"))


def test_a_folder_of_a_zip_with_several_is_named(tmp_path, monkeypatch):
    files = {f"{part}/{name}": text for part in ("android", "gis") for name, text in FILES.items()}
    files["gis/queries.jsonl"] = files["gis/queries.jsonl"].replace("text of", "gis")
    archive = write_zip(tmp_path / "cqadupstack.zip", files, "cqadupstack/")
    dataset = open_dataset(archive / "gis")
    assert (dataset.name, dataset.queries["q1"]) == ("gis", "gis q1")
    assert dataset.place == str(archive / "gis") != open_dataset(archive / "android").place
    with pytest.raises(InvalidInput, match=r"none or several in 'law'.*as in .*zip/android"):
        open_dataset(archive / "law")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(InvalidInput, match="run `retrieval download beir/cqadupstack`"):
        open_dataset("beir/cqadupstack/gis")
    place = archive_path("beir/cqadupstack")
    place.parent.mkdir(parents=True)
    archive.rename(place)
    assert open_dataset("beir/cqadupstack/gis").queries == dataset.queries


def test_a_downloaded_dataset_has_a_name(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(InvalidInput, match="run `retrieval download beir/scifact`"):
        open_dataset("beir/scifact")
    with pytest.raises(UnknownName, match="did you mean 'beir/scifact'"):
        open_dataset("beir/scifakt")
    place = archive_path("beir/scifact")
    place.parent.mkdir(parents=True)
    write_zip(place, top="scifact/")
    assert open_dataset("beir/scifact", split="dev").qrels == {"q1": {"d3": 1}}
    # A folder of that name is what was meant, as for any other path.
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "beir" / "scifact", {**FILES, "corpus.jsonl": ""})
    assert list(open_dataset("beir/scifact").documents()) == []


def test_judgements_alone_are_read_from_any_file(tmp_path):
    for ending in ENDINGS:
        path = write_folder(tmp_path, ending=ending) / f"qrels/dev.tsv{ending}"
        assert read_qrels(path) == {"q1": {"d3": 1}}
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InvalidInput, match="damaged"):
        read_qrels(path)
    with pytest.raises(InvalidInput, match="absent cannot be read: No such file"):
        read_qrels(tmp_path / "absent")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("queries.jsonl", b"", "queries.jsonl holds no query"),
        ("queries.jsonl", b'{"_id": "q1", "text": "\xff"}', "queries.jsonl:1 is no query"),
        ("queries.jsonl", b'{"_id": "q1"}', "queries.jsonl:1 is no query"),
        ("qrels/test.tsv", b"", "test.tsv holds no judgement"),
        ("qrels/test.tsv", b"q1\td1\xff\t1", "test.tsv:1 cannot be read"),
        ("qrels/test.tsv", b"q1\td1\t1\nq1\td1\t0\n", "test.tsv:2 judges"),
    ],
)
def test_what_is_damaged_is_named(tmp_path, name, content, said):
    path = write_folder(tmp_path / "a")
    (path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=said):
        open_dataset(path)


def test_topics_have_fields_json_has_none(tmp_path):
    with pytest.raises(InvalidInput, match="no TREC topics"):
        open_dataset(write_folder(tmp_path), topic_fields="title")


def test_damage_is_an_error_and_never_a_shorter_corpus(tmp_path):
    rows = [json.dumps({"_id": f"d{n}", "text": f"text {n * 7919}"}) for n in range(20_000)]
    path = write_zip(tmp_path / "a.zip", {**FILES, "corpus.jsonl": "\n".join(rows)})
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("tiny/corpus.jsonl").header_offset
    content = bytearray(path.read_bytes())
    content[start + 20_000] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"a.zip/tiny/corpus.jsonl"):
        list(open_dataset(path).documents())
    folder = write_folder(tmp_path / "b", {**FILES, "corpus.jsonl": "\n".join(rows)}, ".gz")
    corpus = folder / "corpus.jsonl.gz"
    corpus.write_bytes(corpus.read_bytes()[:-50])
    with pytest.raises(InvalidInput, match=r"corpus.jsonl.gz cannot be read"):
        list(open_dataset(folder).documents())


def test_members_are_streamed_and_nothing_is_extracted(tmp_path):
    path = write_zip(tmp_path / "a.zip", {**FILES, "../../escape.txt": "x"})
    before = sorted(tmp_path.rglob("*"))
    assert len(list(islice(open_dataset(path).documents(), 1))) == 1
    assert sorted(tmp_path.rglob("*")) == before
