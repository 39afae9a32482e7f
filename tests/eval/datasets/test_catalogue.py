"""Names of the catalogue of ir_datasets, through a stand-in for that package."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from eval.datasets import open_dataset
from retrieval.errors import DownloadFailed, InvalidInput, UnknownName
from retrieval.ingest.outcome import Found, Skipped


class Doc(NamedTuple):
    doc_id: Any
    title: str
    text: str

    def default_text(self) -> str:
        return f"{self.title} {self.text}"


class OldDoc(NamedTuple):
    doc_id: str
    text: str
    year: int
    body: str


class Query(NamedTuple):
    query_id: str
    text: str


class Qrel(NamedTuple):
    query_id: str
    doc_id: str
    relevance: int


DOCS = [Doc("d1", "One", "first"), Doc("d 2", "", "second"), OldDoc("d3", "third", 3, "body")]
QUERIES = [Query("q1", "one"), Query("q2", "two")]
QRELS = [Qrel("q2", "d1", 2), Qrel("q1", "d 2", 0), Qrel("q2", "d1", 2)]


class Stub:
    def __init__(self, docs: Any = DOCS, queries: Any = QUERIES, qrels: Any = QRELS) -> None:
        self.docs, self.queries, self.qrels = docs, queries, qrels

    def has_docs(self) -> bool:
        return self.docs is not None

    def has_queries(self) -> bool:
        return self.queries is not None

    def has_qrels(self) -> bool:
        return self.qrels is not None

    def docs_iter(self) -> Iterator[Any]:
        return iter(self.docs)

    def queries_iter(self) -> Iterator[Any]:
        return iter(self.queries)

    def qrels_iter(self) -> Iterator[Any]:
        return iter(self.qrels)


CATALOGUE = {
    "tiny": Stub(),
    "tiny/dev/small": Stub(),
    "beir/arguana": Stub(),
    "a/whole": Stub(queries=None),
    "unjudged": Stub(qrels=None),
    "other": Stub(queries=(Query("q1", "one"),)),
    "numbered": Stub(docs=[Doc(7, "a", "b")]),
    "graded": Stub(qrels=[*QRELS, Qrel("q2", "d1", 1)]),
}


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("ir_datasets")
    parents = {"tiny/dev/small": "tiny"}
    module.load = CATALOGUE.__getitem__  # type: ignore[attr-defined]
    module.docs_parent_id = lambda name: parents.get(name, name)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ir_datasets", module)


def test_a_name_of_the_catalogue() -> None:
    dataset = open_dataset("ir_datasets:tiny/dev/small")
    assert (dataset.name, dataset.split, dataset.place) == ("tiny", "dev.small", "ir_datasets:tiny")
    assert dataset.qrels == {"q2": {"d1": 2}, "q1": {"d 2": 0}}
    assert list(dataset.queries.items()) == [("q1", "one"), ("q2", "two")]
    for _ in range(2):
        found = [entry for entry in dataset.documents() if isinstance(entry, Found)]
        assert [(one.document.docno, one.document.title) for one in found] == [
            ("d1", "One"), ("d 2", ""), ("d3", "")
        ]  # fmt: skip
    assert [one.document.contents for one in found] == ["One first", "second", "third body"]
    assert found[2].place == "ir_datasets:tiny:3"


def test_splits_of_one_corpus_have_one_place() -> None:
    whole = open_dataset("ir_datasets:tiny")
    assert whole.place == open_dataset("ir_datasets:tiny/dev/small").place
    assert whole.split == "all"


def test_queries_of_arguana_are_documents() -> None:
    dataset = open_dataset("ir_datasets:beir/arguana")
    assert (dataset.name, dataset.drop_query_documents) == ("beir-arguana", True)
    kept = open_dataset("ir_datasets:beir/arguana", drop_query_documents=False)
    assert not kept.drop_query_documents
    assert open_dataset("ir_datasets:tiny", drop_query_documents=True).drop_query_documents


def test_an_empty_document_is_skipped() -> None:
    CATALOGUE["tiny"].docs = [Doc("d1", "", "")]
    try:
        assert [type(entry) for entry in open_dataset("ir_datasets:tiny").documents()] == [Skipped]
    finally:
        CATALOGUE["tiny"].docs = DOCS


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ir_datasets:a/whole", "a/whole has no queries: name a split, as in"),
        ("ir_datasets:unjudged", "has no qrels"),
        ("ir_datasets:other", "lacks 1 queries that its qrels judges, like 'q2'"),
        ("ir_datasets:graded", "the qrels of ir_datasets:graded:4 judges document 'd1'"),
    ],
)
def test_what_cannot_be_evaluated_is_said(name: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        open_dataset(name)


@pytest.mark.parametrize("part", ["docs", "queries", "qrels"])
@pytest.mark.parametrize("error", [ConnectionError("no route"), RuntimeError("no route")])
def test_what_the_package_cannot_download_is_said(part: str, error: Exception) -> None:
    def broken() -> Iterator[Any]:
        yield getattr(CATALOGUE["tiny"], part)[0]
        raise error

    CATALOGUE["broken"] = Stub()
    setattr(CATALOGUE["broken"], f"{part}_iter", broken)
    with pytest.raises(DownloadFailed, match=r"cannot get ir_datasets:broken \(no route\)"):
        list(open_dataset("ir_datasets:broken").documents())


def test_ids_that_are_no_strings_are_refused() -> None:
    with pytest.raises(InvalidInput, match="numbered:1 has the id 7"):
        list(open_dataset("ir_datasets:numbered").documents())


def test_an_unknown_name() -> None:
    with pytest.raises(UnknownName, match="knows no dataset 'nothing'"):
        open_dataset("ir_datasets:nothing")


def test_the_name_says_the_split() -> None:
    with pytest.raises(InvalidInput, match="takes no split 'dev'"):
        open_dataset("ir_datasets:tiny", split="dev")
    with pytest.raises(InvalidInput, match="no topic fields 'desc'"):
        open_dataset("ir_datasets:tiny", topic_fields="desc")


def test_without_the_package_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(InvalidInput, match=r"pip install 'retrieval-engine\[ir-datasets\]'"):
        open_dataset("ir_datasets:tiny")
