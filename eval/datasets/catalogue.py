"""Datasets by their name in the catalogue of `ir_datasets`, through that package.

The package comes with the extra `ir-datasets`. It downloads what it does not have, and keeps it in
its own folder: naming one of its datasets is asking for that.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from eval.datasets.dataset import QUERIES_ARE_DOCUMENTS, Dataset, only_judged
from eval.qrels import Qrels, parse_qrels
from retrieval.errors import DownloadFailed, InvalidDocument, InvalidInput, UnknownName
from retrieval.ingest.outcome import Content, Found, Skipped, found_or_skipped
from retrieval.queries import Queries

_PREFIX = "ir_datasets:"


def open_named(name: str, *, drop_query_documents: bool | None) -> Dataset:
    """Open a dataset such as "msmarco-passage/dev/small", the name being without the prefix.

    Its documents are what `default_text` makes of them, a title at the beginning being the title.

    Raises:
        InvalidInput: the package is not installed, the dataset lacks documents, queries or qrels,
            or what it holds cannot be used.
        UnknownName: the package knows no such dataset.
        DownloadFailed: the package cannot download it.
    """
    package = _package()
    try:
        found = package.load(name)
    except KeyError as error:
        raise UnknownName(
            f"ir_datasets knows no dataset {name!r}: see https://ir-datasets.com"
        ) from error
    place = _PREFIX + name
    for part in ("docs", "queries", "qrels"):
        if not getattr(found, f"has_{part}")():
            raise InvalidInput(f"{place} has no {part}: name a split, as in {place}/test")
    qrels = _qrels(found, place)
    asked = _fetched(found.queries_iter, place)
    queries = Queries((query.query_id, _text(query)) for query in asked)
    corpus = str(package.docs_parent_id(name))
    if drop_query_documents is None:
        drop_query_documents = corpus.rpartition("/")[2] in QUERIES_ARE_DOCUMENTS
    return Dataset(
        corpus.replace("/", "-"),
        _PREFIX + corpus,
        name.removeprefix(corpus).strip("/").replace("/", ".") or "all",
        only_judged(queries, qrels, place=place, judge="its qrels"),
        qrels,
        drop_query_documents,
        _reader(found.docs_iter, _PREFIX + corpus),
    )


def _package() -> Any:
    try:
        return importlib.import_module("ir_datasets")
    except ImportError as error:
        raise InvalidInput(
            f"the package ir_datasets cannot be imported ({error}): "
            "pip install 'retrieval-engine[ir-datasets]'"
        ) from error


def _qrels(found: Any, place: str) -> Qrels:
    lines = (
        "\t".join((one.query_id, one.doc_id, str(int(one.relevance)))).encode()
        for one in _fetched(found.qrels_iter, place)
    )
    return parse_qrels(lines, f"the qrels of {place}")


def _reader(
    documents: Callable[[], Iterator[Any]], place: str
) -> Callable[[], Iterator[Found | Skipped]]:
    def read() -> Iterator[Found | Skipped]:
        for number, document in enumerate(_fetched(documents, place), 1):
            where = f"{place}:{number}"
            if not isinstance(document.doc_id, str):
                raise InvalidDocument(f"{where} has the id {document.doc_id!r}: it is no string")
            yield found_or_skipped(_content(document), docno=document.doc_id, place=where)

    return read


def _fetched(entries: Callable[[], Iterable[Any]], place: str) -> Iterator[Any]:
    """Yield what the package reads; it says OSError and RuntimeError where it cannot download."""
    try:
        yield from entries()
    except (OSError, RuntimeError) as error:
        raise DownloadFailed(
            f"ir_datasets cannot get {place} ({error}): see to the connection, and to what its "
            "page on https://ir-datasets.com says about getting it"
        ) from error


def _content(document: Any) -> Content:
    text, title = _text(document), getattr(document, "title", None)
    if isinstance(title, str) and title and text.startswith(title):
        return Content(text[len(title) :].lstrip(), title)
    return Content(text)


def _text(record: Any) -> str:
    """Return what the package calls the text, or all strings but the id where it does not say."""
    if hasattr(record, "default_text"):
        return str(record.default_text())
    return " ".join(value for value in record[1:] if isinstance(value, str))
