"""MS MARCO under its official names, passages and documents, and the tracks of TREC."""

from pathlib import Path

import pytest

from eval.datasets import open_dataset
from retrieval.errors import InvalidDocument, InvalidInput, UnknownName
from retrieval.ingest.outcome import Found
from retrieval.lines import ENDINGS, create

PASSAGES = {
    "collection.tsv": 'p1\tThe "first passage\np2\tthe second\n',
    "queries.dev.small.tsv": "2\ttwo ways\n1\tone\n9\tnot judged\n",
    "qrels.dev.small.tsv": "1\t0\tp2\t1\n2\t0\tp1\t1\n1\t0\tp2\t1\n",
    "queries.train.tsv": "3\tthree\n",
    "qrels.train.tsv": "3\t0\tp1\t1\n",
    "queries.eval.tsv": "4\tnobody has judged it\n",
    "msmarco-test2019-queries.tsv": "19335\tanthropological definition\n",
    "2019qrels-pass.txt": "19335 Q0 p1 0\n19335 Q0 p2 3\n",
    "msmarco-test2020-queries.tsv": "1030303\twho is aziz hashim\n",
    "2020qrels-pass.txt": "1030303 0 p1 2\n",
}
DOCUMENTS = {
    "msmarco-docs.tsv": "D1\thttps://example.org/\tA title\tA body.\n",
    "msmarco-docdev-queries.tsv": "1\tone\n",
    "msmarco-docdev-qrels.tsv": "1 0 D1 1\n",
    "msmarco-doctrain-queries.tsv": "2\ttwo\n",
    "msmarco-doctrain-qrels.tsv": "2 0 D1 1\n",
    "msmarco-test2019-queries.tsv": "19335\tanthropological definition\n",
    "2019qrels-docs.txt": "19335 Q0 D1 3\n",
}


def write(folder: Path, files: dict[str, str], ending: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        with create(folder / (name + ending)) as stream:
            stream.write(content.encode())
    return folder


def without(files: dict[str, str], *names: str) -> dict[str, str]:
    return {name: content for name, content in files.items() if name not in names}


@pytest.mark.parametrize("ending", ENDINGS)
def test_passages(tmp_path: Path, ending: str) -> None:
    folder = write(tmp_path / "marco", PASSAGES, ending)
    dataset = open_dataset(folder)
    assert (dataset.name, dataset.split, dataset.place) == ("marco", "dev.small", str(folder))
    assert dataset.qrels == {"1": {"p2": 1}, "2": {"p1": 1}}
    assert list(dataset.queries.items()) == [("2", "two ways"), ("1", "one")]
    assert not dataset.drop_query_documents
    for _ in range(2):
        first, second = dataset.documents()
        assert isinstance(first, Found)
        assert (first.document.docno, first.document.contents) == ("p1", 'The "first passage')
        assert first.document.metadata == {}
        assert first.place == str(folder / f"collection.tsv{ending}:1")
        assert isinstance(second, Found)
    assert open_dataset(folder, split="train").queries.ids == ("3",)
    assert open_dataset(folder, split="dl19").qrels == {"19335": {"p1": 0, "p2": 3}}
    assert open_dataset(folder, split="dl20").queries == {"1030303": "who is aziz hashim"}


@pytest.mark.parametrize("ending", ENDINGS)
def test_documents(tmp_path: Path, ending: str) -> None:
    folder = write(tmp_path / "docs", DOCUMENTS, ending)
    dataset = open_dataset(folder)
    assert (dataset.split, dataset.queries) == ("dev", {"1": "one"})
    (found,) = dataset.documents()
    assert isinstance(found, Found)
    assert (found.document.docno, found.document.contents) == ("D1", "A title A body.")
    assert found.document.metadata["url"] == "https://example.org/"
    assert open_dataset(folder, split="dl19").qrels == {"19335": {"D1": 3}}
    assert open_dataset(folder, split="train").queries == {"2": "two"}


def test_the_whole_dev_split_is_the_default_without_the_small_one(tmp_path: Path) -> None:
    small = ("queries.dev.small.tsv", "qrels.dev.small.tsv")
    files = without(PASSAGES, *small) | {
        "queries.dev.tsv": PASSAGES[small[0]],
        "qrels.dev.tsv": PASSAGES[small[1]],
    }
    assert open_dataset(write(tmp_path / "a", files)).split == "dev"
    assert open_dataset(write(tmp_path / "b", {**PASSAGES, **files})).split == "dev.small"
    with pytest.raises(UnknownName, match="several splits, name one: dl19, dl20, train"):
        open_dataset(write(tmp_path / "c", without(PASSAGES, *small)))


def test_a_split_needs_both_of_its_files(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"no split 'eval': it has dev.small, dl19, dl20, train"):
        open_dataset(write(tmp_path / "a", PASSAGES), split="eval")
    files = without(PASSAGES, "queries.train.tsv", "msmarco-test2020-queries.tsv")
    for split in ("train", "dl20"):
        with pytest.raises(UnknownName, match=f"no split '{split}': it has dev.small, dl19"):
            open_dataset(write(tmp_path / "b", files), split=split)
    for kind, name in ((PASSAGES, "collection.tsv"), (DOCUMENTS, "msmarco-docs.tsv")):
        with pytest.raises(UnknownName, match=r"has no split: one is .*queries.* with"):
            open_dataset(write(tmp_path / name, {name: kind[name]}))


def test_two_corpora_in_one_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"collection.tsv and msmarco-docs.tsv: put passages"):
        open_dataset(write(tmp_path / "a", {**PASSAGES, **DOCUMENTS}))
    beir = {"corpus.jsonl": "", "queries.jsonl": ""}
    with pytest.raises(InvalidInput, match="holds the corpora of BEIR and MS MARCO"):
        open_dataset(write(tmp_path / "b", {**PASSAGES, **beir}))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("queries.dev.small.tsv", "", "queries.dev.small.tsv holds no query"),
        ("queries.dev.small.tsv", "1\tone\n2 two\n", "queries.dev.small.tsv:2 is no query"),
        ("queries.dev.small.tsv", "1\tone\n1\ttwo\n", "on lines 1 and 2"),
        ("queries.dev.small.tsv", "1\tone\n", "lacks 1 queries .* like '2'"),
        ("qrels.dev.small.tsv", "", "qrels.dev.small.tsv holds no judgement"),
        ("qrels.dev.small.tsv", "1\t0\tp2\t1\n1\tp2\n", "qrels.dev.small.tsv:2 is no judgement"),
        ("qrels.dev.small.tsv", "1\t0\tp2\t1\n1\t0\tp2\t0\n", "an earlier line as 1"),
        ("queries.dev.small.tsv", "1\t\xff\n", "queries.dev.small.tsv:1 is no query"),
    ],
)
def test_damage_in_queries_and_qrels_is_named(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    folder = write(tmp_path, PASSAGES)
    (folder / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(InvalidInput, match=said):
        open_dataset(folder)


@pytest.mark.parametrize(
    "content", ["p1\tone\nno tab\n", "p1\tone\np2\ttwo\tthree\n", "p1\t\xff\n"]
)
def test_damage_in_the_corpus_is_named(tmp_path: Path, content: str) -> None:
    folder = write(tmp_path, PASSAGES)
    (folder / "collection.tsv").write_bytes(content.encode("latin-1"))
    with pytest.raises(InvalidDocument, match=r"collection.tsv:\d"):
        list(open_dataset(folder).documents())


@pytest.mark.parametrize("ending", ENDINGS[1:])
def test_a_corpus_that_is_cut_short_is_an_error(tmp_path: Path, ending: str) -> None:
    rows = "".join(f"p{n}\ttext {n * 7919}\n" for n in range(20_000))
    folder = write(tmp_path, {**PASSAGES, "collection.tsv": rows}, ending)
    path = folder / f"collection.tsv{ending}"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InvalidInput, match=r"collection.tsv.* cannot be read"):
        list(open_dataset(folder).documents())
