import gzip
import json
import lzma
import zipfile
from itertools import islice

import pytest

from eval.datasets import open_dataset
from retrieval.errors import InvalidInput, UnknownName
from retrieval.ingest.outcome import Found, Skipped

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
    compress = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}[ending]
    for name, content in files.items():
        target = path / (name + ending)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(compress(content.encode()))
    return path


def write_zip(path, files=FILES, top="tiny/"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"": "", "qrels/": "", **files}.items():
            if top + name:
                archive.writestr(top + name, content)
        archive.writestr("__MACOSX/tiny/._corpus.jsonl", "noise")
    return path


def layouts(tmp_path, files=FILES):
    for ending in ("", ".gz", ".xz"):
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
            assert first.place.endswith(
                ("corpus.jsonl:1", "corpus.jsonl.gz:1", "corpus.jsonl.xz:1")
            )
            assert isinstance(second, Skipped)
            assert isinstance(third, Found)
        assert open_dataset(path, split="dev").queries.ids == ("q1",)
        assert not dataset.drop_query_documents


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
        (".", "corpus.jsonl does not exist"),
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
