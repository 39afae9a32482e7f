"""Which files of a folder are read, and in which order.

Files come in the order of their relative paths with "/". Ignored are files with other endings,
hidden files and folders, and collections of ours. Of a folder with a BEIR corpus only the corpus is
read: its queries and qrels are not documents. Of symbolic links, only those to files inside the
source are followed: a linked folder is met under its own name anyway, and links can form loops.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from retrieval.errors import InvalidInput
from retrieval.ingest.beir import CORPUS_NAMES
from retrieval.ingest.file import ENDINGS, is_readable, read_file
from retrieval.ingest.outcome import Found, Skipped, printable, reason_of

_MANIFEST_NAME = "manifest.json"
_COLLECTION_OPENING = b'{"format": "retrieval-collection"'


def read(source: Path) -> Iterator[Found | Skipped]:
    """Return the documents of a folder or file, lazily and in a fixed order.

    Raises:
        InvalidInput: `source` does not exist, or is nothing that can be read.
        InvalidDocument: while iterating, a line of a .jsonl file that is not BEIR.
    """
    if os.path.isdir(source):
        if _is_collection(source):
            raise InvalidInput(f"{source} is a collection: pass the folder it was built from")
        return _read_folder(source)
    if not os.path.exists(source):
        raise InvalidInput(f"{source} does not exist: pass a folder or a file")
    if not os.path.isfile(source):
        raise InvalidInput(f"{source} is neither a folder nor a file: pass one of these")
    if not is_readable(source.name):
        raise InvalidInput(f"{source} cannot be read by its ending: known are {' '.join(ENDINGS)}")
    return read_file(source, source.name)


def _read_folder(root: Path) -> Iterator[Found | Skipped]:
    """Walk depth first without recursion; a pending path that ends in "/" is a folder."""
    pending = [""]
    while pending:
        path = pending.pop()
        if path and not path.endswith("/"):
            yield from read_file(root / path, path)
            continue
        try:
            names = _names(root / path, root)
        except OSError as error:
            yield Skipped(printable(path) or ".", reason_of(error), unread=True)
        else:
            pending.extend(path + name for name in reversed(names))


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
    corpus = next((name for name in CORPUS_NAMES if name in files), None)
    return sorted(folders + files) if corpus is None else [corpus]


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
