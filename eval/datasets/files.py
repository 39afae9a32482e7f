"""The files of a dataset: a folder, or what a zip has under one of its folders."""

import re
import zipfile
import zlib
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from retrieval.errors import InvalidInput
from retrieval.ingest.formats.beir import CORPUS_NAMES
from retrieval.lines import ENDINGS, bounded, open_lines

# zipfile says NotImplementedError for a compression it lacks and RuntimeError for a password.
_UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)
_SUBFOLDERS = ("qrels", "topics")

COMPRESSED = f"(?:{'|'.join(map(re.escape, ENDINGS))})"
"""A pattern for the ending of a file of lines, which may be none."""


class Files(Protocol):
    """The files of a dataset, named relative to its top folder with forward slashes."""

    @property
    def path(self) -> Path:
        """The folder or zip."""
        ...

    @property
    def name(self) -> str:
        """What the dataset is called."""
        ...

    @property
    def whole(self) -> str:
        """The path of all of it, the same from every working folder."""
        ...

    def names(self) -> list[str]:
        """Return the files at the top and in its folders qrels/ and topics/, sorted."""
        ...

    def place(self, name: str) -> str:
        """Return what messages call a file."""
        ...

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file; one that cannot be read is `InvalidInput`."""
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder."""

    path: Path

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path.resolve().name

    @property
    def whole(self) -> str:
        """Its path."""
        return str(self.path.resolve())

    def names(self) -> list[str]:
        """Return the files at the top and in qrels/ and topics/, sorted."""
        try:
            top = list(self.path.iterdir())
            folders = [path for path in top if path.name in _SUBFOLDERS and path.is_dir()]
            inside = [path for folder in folders for path in folder.iterdir()]
            files = [path for path in (*top, *inside) if path.is_file()]
        except OSError as error:
            raise InvalidInput(f"{self.path} cannot be read: {error.strerror or error}") from error
        return sorted(path.relative_to(self.path).as_posix() for path in files)

    def place(self, name: str) -> str:
        """Return the path of a file."""
        return str(self.path / name)

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file, decompressed."""
        yield from _readable(open_lines(self.path / name), self.place(name))


@dataclass(frozen=True, slots=True)
class Archive:
    """One folder of a zip; its members are streamed by their exact name and never extracted."""

    path: Path
    top: str  # "nfcorpus/", or "" where the files lie at the top of the zip
    part: str = ""  # the name of that folder, where the zip has several

    @classmethod
    def open(cls, path: Path, part: str = "") -> "Archive":
        """Open a zip with one corpus, or the one of several that lies in a folder called `part`."""
        corpora = [member.rpartition(CORPUS_NAMES[0]) for member in _members(path)]
        tops = [top for top, name, rest in corpora if name and not rest and top[-1:] in ("", "/")]
        chosen = [top for top in tops if not part or PurePosixPath(top).name == part]
        if len(chosen) != 1:
            example = path / PurePosixPath(tops[0] if tops else "NAME").name
            raise InvalidInput(
                f"{path} holds {len(tops)} corpora ({', '.join(tops[:12]) or 'no corpus.jsonl'})"
                f"{f', none or several in {part!r}' if part else ''}: name the folder of one, as "
                f"in {example}"
            )
        return cls(path, chosen[0], part)

    @property
    def name(self) -> str:
        """The name of its folder in the zip, or of the zip."""
        return PurePosixPath(self.top).name or self.path.stem

    @property
    def whole(self) -> str:
        """The path of the zip, and the folder in it if there are several."""
        return str(self.path.resolve() / self.part)

    def names(self) -> list[str]:
        """Return the members below the top, sorted; those compressed twice are not read."""
        members = [name for name in _members(self.path) if not name.endswith(ENDINGS[1:])]
        return sorted(name.removeprefix(self.top) for name in members if name.startswith(self.top))

    def place(self, name: str) -> str:
        """Return the path of the zip and of the member in it."""
        return f"{self.path}/{self.top}{name}"

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a member."""
        yield from _readable(self._stream(name), self.place(name))

    def _stream(self, name: str) -> Iterator[bytes]:
        with zipfile.ZipFile(self.path) as archive, archive.open(self.top + name) as member:
            yield from bounded(member)


def compressions(name: str) -> tuple[str, ...]:
    """Return the names a file of lines may have, the plain one first."""
    return tuple(name + ending for ending in ENDINGS)


def first_of(there: Container[str], *names: str) -> str | None:
    """Return the first of the files that is there, compressed or not."""
    return next((each for name in names for each in compressions(name) if each in there), None)


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except _UNREADABLE as error:
        raise InvalidInput(f"{path} cannot be read as a zip ({error}): fetch it again") from error


def _readable(lines: Iterator[bytes], place: str) -> Iterator[bytes]:
    try:
        yield from lines
    except _UNREADABLE as error:
        raise InvalidInput(f"{place} cannot be read ({error}): fetch it again") from error
