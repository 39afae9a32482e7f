"""TREC collections: documents, with files of topics and qrels beside them.

Files whose names begin with "topics" are queries (TREC topics, or any other format of queries),
those that begin with "qrels" judgements; they lie at the top, or in folders of these names. All
else that can be read, in any subfolder, is a document. What follows "qrels" in its name is the name
of a split: qrels.robust04.txt is "robust04". Its queries are the topics of that name, or all of
them where none has it.
"""

import os
import re
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from eval.datasets.dataset import Layout, Split
from eval.datasets.files import COMPRESSED, Files, Folder, compressions
from retrieval.errors import InvalidInput
from retrieval.ingest import Fields
from retrieval.ingest.fields import LayoutUnknown
from retrieval.ingest.file import is_readable, read_file
from retrieval.ingest.formats import trec
from retrieval.ingest.outcome import Found, Skipped, printable
from retrieval.ingest.worker import Worker
from retrieval.lines import ENDINGS

_UNNAMED = "test"
_FILE = re.compile(
    r"(?P<kind>topics|qrels)(?:[-_./]?(?P<split>[^-_./].*?))??"
    r"(?:\.(?:txt|tsv|xml|jsonl|trec|qrels?|topics))*" + COMPRESSED,
    re.I | re.S,
)


def layout(files: Files, names: Iterable[str]) -> Layout | None:
    """Return where a TREC collection keeps what, None if it lacks topics or qrels.

    Raises:
        InvalidInput: two files of topics, or of qrels, for one split.
    """
    found: dict[str, dict[str, str]] = {"topics": {}, "qrels": {}}
    # The plain file comes first, so that it is the one that counts beside its compressed copies.
    matches = list(filter(None, map(_FILE.fullmatch, sorted(names))))
    for match in matches:
        there, split = found[match["kind"].lower()], match["split"] or _UNNAMED
        first = there.setdefault(split, match[0])
        if first != match[0] and match[0] not in compressions(first):
            raise InvalidInput(
                f"{files.place(first)} and {match[0]} are both of the split {split!r}: rename one"
            )
    topics, qrels = found["topics"], found["qrels"]
    if not topics or not qrels or not isinstance(files, Folder):
        return None
    every, taken = list(topics.values()), frozenset(match[0] for match in matches)
    return Layout(
        lambda: _documents(files, taken),
        {
            split: Split([topics[split]] if split in topics else every, qrels[split])
            for split in qrels
        },
        defaults=(_UNNAMED,),
        expected="one is topics* with qrels*",
    )


def _documents(folder: Folder, taken: Container[str]) -> Iterator[Found | Skipped]:
    """Read every file that is none of those `taken`; one that cannot be read is an error."""
    empty = True
    with Worker() as worker:
        for name in _names(folder.path):
            for entry in () if name in taken else _read(folder, name, worker):
                if isinstance(entry, Skipped) and entry.unread:
                    raise InvalidInput(f"{folder.place(entry.place)}: {entry.reason}")
                empty = False
                yield entry
    if empty:
        raise InvalidInput(f"{folder.path} holds no documents beside its topics and qrels")


def _read(folder: Folder, name: str, worker: Worker) -> Iterator[Found | Skipped]:
    if is_readable(name):
        try:
            yield from read_file(folder.path / name, name, fields=Fields(), worker=worker)
        except LayoutUnknown as error:  # a table of figures, or the like
            yield Skipped(printable(name), str(error))
    elif _holds_documents(folder, name):
        yield from trec.read_lines(folder.lines(name), printable(name))


def _names(root: Path) -> Iterator[str]:
    """Yield all files in a fixed order; links are followed, since corpora are linked to."""
    seen = set()
    for top, folders, files in os.walk(root, onerror=_raise, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if (real := os.path.realpath(top)) in seen:
            folders.clear()
            continue
        seen.add(real)
        for name in sorted(files):
            if not name.startswith("."):
                yield (Path(top) / name).relative_to(root).as_posix()


def _raise(error: OSError) -> NoReturn:
    raise InvalidInput(f"{error.filename} cannot be read: {error.strerror or error}") from error


def _holds_documents(folder: Folder, name: str) -> bool:
    """Say whether a file of a name that tells nothing begins with <DOC>, as those of TREC do."""
    if name.lower().endswith(ENDINGS[1:]):
        return next(folder.lines(name), b"").lstrip()[:5].lower() == b"<doc>"
    path = folder.path / name
    if not path.is_file():  # opening a pipe would wait for its other end
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(64).lstrip()[:5].lower() == b"<doc>"
    except OSError as error:
        _raise(error)
