"""Which files of a folder are read, and in which order.

Files come in the order of their relative paths with "/". Ignored are files with other endings,
hidden files and folders, and collections of ours. Of a folder with a BEIR corpus only the corpus is
read, and so of one with a collection of MS MARCO: queries and qrels are not documents. A table in a
folder that has no text by a known name is skipped, since figures lie beside texts in many; read by
itself it is an error. Of symbolic links, only those to files inside the
source are followed: a linked folder is met under its own name anyway, and links can form loops.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from retrieval.errors import InvalidInput
from retrieval.ingest.fields import DETECTED, Fields, LayoutUnknown
from retrieval.ingest.file import ENDINGS, is_readable, is_whole, read_file
from retrieval.ingest.formats.beir import CORPUS_NAMES
from retrieval.ingest.formats.tables import COLLECTION_NAMES
from retrieval.ingest.outcome import Found, Skipped, printable, reason_of
from retrieval.ingest.worker import Worker

_MANIFEST_NAME = "manifest.json"
_COLLECTION_OPENING = b'{"format": "retrieval-collection"'


def read(
    source: Path, fields: Fields = DETECTED, *, records_only: bool = False
) -> Iterator[Found | Skipped]:
    """Return the documents of a folder or file, lazily and in a fixed order.

    `fields` names the keys or columns that make a document, in all formats that have some.
    `records_only` leaves out files that are one document each: none of them raises an error.

    Raises:
        InvalidInput: `source` does not exist, or is nothing that can be read.
        InvalidDocument: while iterating, a line or row that is not what the file promised; of a
            single file also one without a key or column known to hold text.
    """
    if os.path.isdir(source):
        if _is_collection(source):
            raise InvalidInput(f"{source} is a collection: pass the folder it was built from")
        return _read_folder(source, fields, records_only=records_only)
    if not os.path.exists(source):
        raise InvalidInput(f"{source} does not exist: pass a folder or a file")
    if not os.path.isfile(source):
        raise InvalidInput(f"{source} is neither a folder nor a file: pass one of these")
    if not is_readable(source.name):
        raise InvalidInput(f"{source} cannot be read by its ending: known are {' '.join(ENDINGS)}")
    return iter(()) if records_only and is_whole(source.name) else _read_single(source, fields)


def _read_single(path: Path, fields: Fields) -> Iterator[Found | Skipped]:
    with Worker() as worker:
        yield from read_file(path, path.name, fields=fields, worker=worker)


def _read_folder(root: Path, fields: Fields, *, records_only: bool) -> Iterator[Found | Skipped]:
    """Walk depth first without recursion; a pending path that ends in "/" is a folder."""
    pending = [""]
    with Worker() as worker:
        while pending:
            path = pending.pop()
            if path and not path.endswith("/"):
                if records_only and is_whole(path):
                    continue
                try:
                    yield from read_file(root / path, path, fields=fields, worker=worker)
                except LayoutUnknown as error:
                    yield Skipped(printable(path), _without_place(error, path))
                continue
            try:
                names = _names(root / path, root)
            except OSError as error:
                yield Skipped(printable(path) or ".", reason_of(error), unread=True)
            else:
                pending.extend(path + name for name in reversed(names))


def _without_place(error: LayoutUnknown, path: str) -> str:
    place, message = printable(path), str(error)
    if message.startswith(place + ":"):
        return "its line " + message.removeprefix(place + ":")
    return "it" + message.removeprefix(place)


def _names(folder: Path, root: Path) -> list[str]:
    """Return what to read in a folder, subfolders with a "/" at the end.

    With that "/" the order of names inside each folder adds up to the order of whole paths.
    """
    if _is_collection(folder):
        return []
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    folders = [entry.name + "/" for entry in visible if entry.is_dir(follow_symlinks=False)]
    files = [entry.name for entry in visible if is_readable(entry.name) and _is_file(entry, root)]
    if corpus := next((name for name in CORPUS_NAMES if name in files), None):
        return [corpus]
    return sorted(name for name in files if name in COLLECTION_NAMES) or sorted(folders + files)


def _is_file(entry: os.DirEntry[str], root: Path) -> bool:
    if not entry.is_symlink():
        return entry.is_file(follow_symlinks=False)
    real_root = os.path.realpath(root)
    inside = os.path.commonpath([real_root, os.path.realpath(entry.path)]) == real_root
    return inside and os.path.isfile(entry.path)


def _is_collection(folder: Path) -> bool:
    manifest = folder / _MANIFEST_NAME
    if not os.path.isfile(manifest):  # opening a pipe would wait for its other end
        return False
    try:
        with manifest.open("rb") as stream:
            return stream.read(len(_COLLECTION_OPENING)) == _COLLECTION_OPENING
    except OSError:
        return False
