"""Which files make one generation of a collection.

`manifest.json` is replaced atomically by every commit; nothing else decides what exists. A file it
does not name is left over from a writer that died, and is removed by the next one.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import xxhash

from retrieval.errors import CorruptIndex, FormatUnknown
from retrieval.limits import MANIFEST_BYTES_MAX
from retrieval.store.container import FileEntry
from retrieval.store.files import Folder, storing

NAME = "manifest.json"
FORMAT = "retrieval-collection"
VERSION = 1
_FILE_NAME = re.compile(r"\d{8}\.(documents|tombstones|[a-z0-9_-]+\.(vectors|index))")
_NEW = f"{NAME}.new"


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One immutable segment and what has been deleted from it since."""

    n_documents: int
    files: Mapping[str, FileEntry]
    tombstones: FileEntry | None = None
    n_deleted: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation.

    next_file        number in the name of the next file; names are never used twice
    representations  name → recipe: encoder, fingerprint, index
    sources          folders that were indexed; documents refer to them by position
    """

    generation: int = 0
    next_file: int = 1
    representations: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    segments: tuple[SegmentEntry, ...] = ()

    def files(self) -> list[FileEntry]:
        """Return every file of this generation but the manifest itself."""
        tombstones = [s.tombstones for s in self.segments if s.tombstones is not None]
        return [file for s in self.segments for file in s.files.values()] + tombstones

    def to_bytes(self) -> bytes:
        """Return the manifest as it is on disk."""
        body = asdict(self)
        checksum = xxhash.xxh3_64_hexdigest(_canonical(body))
        whole = {"format": FORMAT, "version": VERSION, "checksum": checksum, "body": body}
        return json.dumps(whole).encode()

    @classmethod
    def from_bytes(cls, data: bytes, place: str) -> "Manifest":
        """Read a manifest, or raise `CorruptIndex` or `FormatUnknown`."""
        try:
            whole = json.loads(data)
            found = (whole["format"], whole["version"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CorruptIndex(f"{place} is no manifest ({error}): restore it") from error
        if found != (FORMAT, VERSION):
            raise FormatUnknown(
                f"{place} is of format {found[0]!r} version {found[1]!r}, this release reads "
                f"{FORMAT!r} version {VERSION}: use a newer release, or index again"
            )
        try:
            body = whole["body"]
            if xxhash.xxh3_64_hexdigest(_canonical(body)) != whole["checksum"]:
                raise CorruptIndex(f"{place} is damaged: its checksum differs; restore it")
            return _from_body(body, place)
        except (KeyError, TypeError, AttributeError) as error:
            raise CorruptIndex(f"{place} is incomplete ({error!r}): restore it") from error


def read(folder: Folder) -> Manifest:
    """Return the current manifest.

    Raises:
        FormatUnknown: the folder is no collection.
        CorruptIndex: the manifest is damaged.
    """
    place = str(folder.path / NAME)
    try:
        data = folder.read(NAME, MANIFEST_BYTES_MAX)
    except (FileNotFoundError, NotADirectoryError):
        raise FormatUnknown(
            f"{folder.path} is no collection (no {NAME}): make one with `retrieval index FOLDER "
            f"-o {folder.path}`"
        ) from None
    except OSError as error:
        raise CorruptIndex(f"{place} cannot be read: {error}") from error
    return Manifest.from_bytes(data, place)


def commit(folder: Folder, manifest: Manifest) -> None:
    """Make `manifest` the current one; when this returns it survives a power loss.

    The files it names must be synced. Their names become durable first, then the manifest's.
    """
    with storing(folder, "committing"):
        if _NEW in folder.names():
            folder.remove(_NEW)
        file = folder.create(_NEW)
        try:
            file.write(manifest.to_bytes())
            file.sync()
        finally:
            file.close()
        folder.sync()
        folder.replace(_NEW, NAME)
        folder.sync()


def collect(folder: Folder, manifest: Manifest) -> None:
    """Remove the files that no generation from this one on needs."""
    keep = {file.name for file in manifest.files()}
    for name in folder.names():
        # Only names of our own making: a file that somebody put here is not ours to remove.
        if name == _NEW or (_FILE_NAME.fullmatch(name) and name not in keep):
            folder.remove(name)


def following(manifest: Manifest, names: list[str]) -> Manifest:
    """Return `manifest` with a `next_file` above every number in use, leftovers included."""
    numbers = [int(name[:8]) for name in names if name[:8].isdigit()]
    return replace(manifest, next_file=max([manifest.next_file - 1, *numbers]) + 1)


def _canonical(body: Any) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _from_body(body: dict[str, Any], place: str) -> Manifest:
    return Manifest(
        generation=int(body["generation"]),
        next_file=int(body["next_file"]),
        representations=dict(body["representations"]),
        sources=tuple(map(str, body["sources"])),
        segments=tuple(_segment(segment, place) for segment in body["segments"]),
    )


def _segment(body: dict[str, Any], place: str) -> SegmentEntry:
    files = {role: _file(file, place) for role, file in body["files"].items()}
    tombstones = body["tombstones"] and _file(body["tombstones"], place)
    return SegmentEntry(int(body["n_documents"]), files, tombstones, int(body["n_deleted"]))


def _file(body: dict[str, Any], place: str) -> FileEntry:
    name = str(body["name"])
    if not _FILE_NAME.fullmatch(name):
        raise CorruptIndex(f"{place} names the file {name!r}, which no writer of ours would make")
    return FileEntry(name, int(body["size"]), str(body["checksum"]))
