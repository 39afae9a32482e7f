"""BEIR datasets from a local folder or zip.

The layout is `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv`; in a folder each of them may
also end in .gz or .xz. Members of a zip are streamed by their exact name and never extracted, and
no line is read beyond a limit, so that a hostile archive costs neither disk nor memory.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from eval.qrels import Qrels, parse_qrels
from retrieval.errors import InvalidInput, UnknownName
from retrieval.ingest.beir import CORPUS_NAMES, read_lines
from retrieval.ingest.outcome import Found, Skipped
from retrieval.lines import ENDINGS, bounded, open_lines
from retrieval.queries import Queries

QUERIES_ARE_DOCUMENTS = frozenset({"arguana", "quora"})
"""Datasets whose queries are documents of the corpus under the same id.

Known by name, not by equal ids: where both are numbered from 1 (Cranfield, many home-made sets)
query 1 and document 1 have nothing to do with each other.
"""

_QUERIES_NAMES = tuple("queries.jsonl" + ending for ending in ENDINGS)
_QRELS = re.compile(r"qrels/(?P<split>[^/]+)\.tsv(?:\.gz|\.xz)?")
# zipfile says NotImplementedError for a compression it lacks and RuntimeError for a password.
_UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Documents, and the queries and judgements of one split.

    queries               those that the qrels judge, in the order of their file
    drop_query_documents  whether a query's own document is to be dropped from its hits
    """

    name: str
    path: Path
    split: str
    queries: Queries
    qrels: Qrels
    drop_query_documents: bool
    _files: "_Files" = field(repr=False, compare=False)

    def documents(self) -> Iterator[Found | Skipped]:
        """Read the corpus from its beginning, one line at a time; every call starts anew.

        A corpus that turns out damaged is an error, never a shorter corpus.
        """
        member = _find(self._files, CORPUS_NAMES)
        return read_lines(_lines(self._files, member), self._files.place(member))


def open_dataset(
    path: str | Path, *, split: str = "test", drop_query_documents: bool | None = None
) -> Dataset:
    """Open a dataset in BEIR layout: a folder, or a zip with or without a folder inside.

    `drop_query_documents` says whether a query's own document is dropped from its hits; by default
    it is for ArguAna and Quora, recognised by the name of the folder (inside the zip).

    Raises:
        InvalidInput: no such layout at `path`, a file that cannot be read, a query without text.
        UnknownName: no such split; the message names those there are.
    """
    files = _open_files(Path(path))
    found = {match["split"]: match[0] for match in map(_QRELS.fullmatch, files.names()) if match}
    if split not in found:
        raise UnknownName(f"{path} has no split {split!r}: it has {', '.join(found) or 'no qrels'}")
    qrels = parse_qrels(_lines(files, found[split]), files.place(found[split]))
    member = _find(files, _QUERIES_NAMES)
    queries = Queries.parse(_lines(files, member), files.place(member)).only(qrels)
    missing = [qid for qid in qrels if qid not in queries]
    if missing:
        raise InvalidInput(
            f"{files.place(member)} lacks {len(missing)} queries that {found[split]} judges, "
            f"like {missing[0]!r}: use the two files of one release"
        )
    if drop_query_documents is None:
        drop_query_documents = files.name.lower() in QUERIES_ARE_DOCUMENTS
    return Dataset(files.name, Path(path), split, queries, qrels, drop_query_documents, files)


class _Files(Protocol):
    """The files of a dataset, named relative to its top folder with forward slashes."""

    @property
    def name(self) -> str: ...
    def names(self) -> list[str]: ...
    def place(self, name: str) -> str: ...
    def lines(self, name: str) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path

    @property
    def name(self) -> str:
        return self.path.resolve().name

    def names(self) -> list[str]:
        found = (*self.path.glob("*.jsonl*"), *self.path.glob("qrels/*.tsv*"))
        return sorted(path.relative_to(self.path).as_posix() for path in found)

    def place(self, name: str) -> str:
        return str(self.path / name)

    def lines(self, name: str) -> Iterator[bytes]:
        return open_lines(self.path / name)


@dataclass(frozen=True, slots=True)
class _Archive:
    path: Path
    top: str  # "nfcorpus/", or "" where the files lie at the top of the zip

    @property
    def name(self) -> str:
        return PurePosixPath(self.top).name or self.path.stem

    def names(self) -> list[str]:
        members = sorted(_members(self.path))
        return [name.removeprefix(self.top) for name in members if name.startswith(self.top)]

    def place(self, name: str) -> str:
        return f"{self.path}/{self.top}{name}"

    def lines(self, name: str) -> Iterator[bytes]:
        with (
            zipfile.ZipFile(self.path) as archive,
            archive.open(self.top + name) as member,
        ):
            yield from bounded(member)


def _open_files(path: Path) -> _Files:
    if path.is_dir():
        files: _Files = _Folder(path)
    elif path.suffix.lower() == ".zip":
        files = _Archive(path, _top(path))
    else:
        raise InvalidInput(
            f"{path} is no dataset: pass a folder or .zip with corpus.jsonl, queries.jsonl, qrels/"
        )
    _find(files, CORPUS_NAMES)
    return files


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except _UNREADABLE as error:
        raise InvalidInput(f"{path} cannot be read as a zip ({error}): fetch it again") from error


def _top(path: Path) -> str:
    corpora = [member.rpartition(CORPUS_NAMES[0]) for member in _members(path)]
    tops = [top for top, name, rest in corpora if name and not rest and top[-1:] in ("", "/")]
    if len(tops) != 1:
        raise InvalidInput(
            f"{path} holds {len(tops)} corpora ({', '.join(tops[:12]) or 'no corpus.jsonl'}): "
            "pass a zip or an unpacked folder with one"
        )
    return tops[0]


def _find(files: _Files, names: tuple[str, ...]) -> str:
    present = set(files.names())
    for name in names:
        if name in present:
            return name
    raise InvalidInput(f"{files.place(names[0])} does not exist: a dataset in BEIR layout has one")


def _lines(files: _Files, name: str) -> Iterator[bytes]:
    try:
        yield from files.lines(name)
    except _UNREADABLE as error:
        raise InvalidInput(
            f"{files.place(name)} cannot be read ({error}): fetch it again"
        ) from error
