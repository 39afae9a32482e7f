"""A path or a name becomes a dataset: by the layout it has, and where it lies."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from eval.datasets import beir, msmarco, trec
from eval.datasets.dataset import QUERIES_ARE_DOCUMENTS, Dataset, Layout, chosen, only_judged
from eval.datasets.files import Archive, Files, Folder
from eval.qrels import Qrels, parse_qrels
from retrieval.errors import InvalidInput
from retrieval.lines import read_input
from retrieval.queries import Queries

CATALOGUE = "ir_datasets:"
"""What the name of a dataset of that package begins with."""

_BY_CORPUS = {"BEIR": beir.layout, "MS MARCO": msmarco.layout}
_EXPECTED = (
    f"{beir.CORPUS} (BEIR), nor {msmarco.PASSAGES} or {msmarco.DOCUMENTS} (MS MARCO), nor topics* "
    "and qrels* files beside documents (TREC)"
)


def open_dataset(
    path: str | Path,
    *,
    split: str | None = None,
    topic_fields: str | None = None,
    drop_query_documents: bool | None = None,
) -> Dataset:
    """Open a dataset: a folder, a zip in BEIR layout, or one with a name.

    Names are "beir/NAME", which `retrieval download` has fetched, and "ir_datasets:NAME". Of a zip
    with several corpora a folder is named: "cqadupstack.zip/android", "beir/cqadupstack/android".

    Args:
        path: where it lies, or its name.
        split: which queries and judgements. Default: "test" (BEIR), "dev.small" or "dev"
            (MS MARCO), or the only one.
        topic_fields: what makes the query of a TREC topic: "title", which is the default, "desc",
            "narr", or several, as in "title+desc".
        drop_query_documents: whether a query's own document is dropped from its hits. Default: for
            ArguAna and Quora, recognised by the name of the folder (inside the zip).

    Raises:
        InvalidInput: no dataset there, a file that cannot be read, a judged query without text.
        UnknownName: no such split; the message names those there are.
    """
    name = str(path)
    if name.startswith(CATALOGUE):
        return _of_catalogue(name, split, topic_fields, drop_query_documents)
    files = _files(name)
    layout = _layout(files)
    split = chosen(layout, split, str(files.path))
    source = layout.splits[split]
    judge = files.place(source.qrels)
    qrels = parse_qrels(files.lines(source.qrels), judge)
    asked = _queries(files, source.queries, topic_fields)
    place = " and ".join(map(files.place, source.queries))
    if drop_query_documents is None:
        drop_query_documents = files.name.lower() in QUERIES_ARE_DOCUMENTS
    return Dataset(
        files.name,
        files.whole,
        split,
        only_judged(asked, qrels, place=place, judge=source.qrels),
        qrels,
        drop_query_documents,
        layout.read,
    )


def read_qrels(path: str | Path) -> Qrels:
    """Read judgements from a file, compressed or not; see `parse_qrels` for the formats."""
    return parse_qrels(read_input(Path(path)), str(path))


def _of_catalogue(
    name: str, split: str | None, topic_fields: str | None, drop_query_documents: bool | None
) -> Dataset:
    from eval.datasets.catalogue import open_named

    if split is not None or topic_fields is not None:
        raise InvalidInput(
            f"{name} takes no split {split!r} and no topic fields {topic_fields!r}: the name says "
            "the split, and ir_datasets what a query is"
        )
    return open_named(name.removeprefix(CATALOGUE), drop_query_documents=drop_query_documents)


def _files(name: str) -> Files:
    path = Path(name)
    if path.is_dir():
        return Folder(path)
    if path.suffix.lower() == ".zip":
        return Archive.open(path)
    if path.parent.suffix.lower() == ".zip" and path.parent.is_file():
        return Archive.open(path.parent, path.name)
    if name.startswith("beir/"):
        return _downloaded(name)
    raise InvalidInput(
        f"{name} is no dataset: pass a folder, a zip in BEIR layout, beir/NAME, or {CATALOGUE}NAME"
    )


def _downloaded(name: str) -> Files:
    from eval.datasets.download import archive_path

    dataset, _, part = name.removeprefix("beir/").partition("/")
    archive = archive_path(f"beir/{dataset}")
    if not archive.is_file():
        raise InvalidInput(
            f"beir/{dataset} is not on this machine ({archive} does not exist): run "
            f"`retrieval download beir/{dataset}`"
        )
    return Archive.open(archive, part)


def _layout(files: Files) -> Layout:
    names = files.names()
    there = {kind: one for kind, layout in _BY_CORPUS.items() if (one := layout(files, names))}
    if len(there) > 1:
        raise InvalidInput(
            f"{files.path} holds the corpora of {' and '.join(there)}: put them into folders of "
            "their own"
        )
    found = next(iter(there.values()), None) or trec.layout(files, names)
    if found is None:
        raise InvalidInput(f"{files.path} is no dataset: it has neither {_EXPECTED}")
    return found


def _queries(files: Files, names: Sequence[str], topic_fields: str | None) -> Queries:
    """Read all the files as one; a query may not be in two of them."""
    places: dict[str, str] = {}
    parsed = []
    for name in names:
        queries = Queries.parse(files.lines(name), files.place(name), topic_fields=topic_fields)
        for qid in queries:
            if qid in places:
                raise InvalidInput(
                    f"query {qid!r} is in {places[qid]} and in {name}: give the topics the name of "
                    "the split they belong to, like its qrels"
                )
            places[qid] = name
        parsed.append(queries)
    return Queries(chain.from_iterable(queries.items() for queries in parsed))
