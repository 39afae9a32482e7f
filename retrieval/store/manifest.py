"""Which files make one generation of a collection.

`manifest.json` is replaced atomically by every commit; nothing else decides what exists. A file it
does not name is left over from a writer that died, and is removed by the next one.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import xxhash

from retrieval.errors import CorruptIndex, FormatUnknown, StorageFailed
from retrieval.limits import DOCUMENTS_PER_SEGMENT_MAX, MANIFEST_BYTES_MAX
from retrieval.store.container import FileEntry
from retrieval.store.files import Folder, storing

NAME = "manifest.json"
FORMAT = "retrieval-collection"
VERSION = 2
_FILE_NAME = re.compile(r"([0-9]{8,18})\.(documents|tombstones|[a-z0-9_-]+\.(vectors|index))")
_REPRESENTATION = re.compile(r"[a-z0-9][a-z0-9_-]*")
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
    sources          folders that were indexed; documents refer to them by position; "": forgotten
    settings         how sources are read and cut, and the systems that have names; JSON
    """

    generation: int = 0
    next_file: int = 1
    representations: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
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
                f"{FORMAT!r} version {VERSION}: use the release that made it, "
                "or remove it and index again"
            )
        try:
            body = whole["body"]
            if xxhash.xxh3_64_hexdigest(_canonical(body)) != whole["checksum"]:
                raise CorruptIndex(f"{place} is damaged: its checksum differs; restore it")
            return _from_body(body)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise CorruptIndex(f"{place} is no manifest of ours ({error}): restore it") from error


def read(folder: Folder) -> Manifest:
    """Return the current manifest.

    Raises:
        FormatUnknown: the folder is no collection, or a newer one.
        CorruptIndex: the manifest is damaged.
        StorageFailed: it cannot be read.
    """
    try:
        with storing(folder, "reading the manifest"):
            data = folder.read(NAME, MANIFEST_BYTES_MAX)
    except StorageFailed as error:
        if not isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            raise
        raise FormatUnknown(
            f"{folder.path} is no collection (no {NAME}): make one with `retrieval index FOLDER "
            f"-o {folder.path}`"
        ) from None
    return Manifest.from_bytes(data, str(folder.path / NAME))


def commit(folder: Folder, manifest: Manifest) -> None:
    """Make `manifest` the current one; when this returns it survives a power loss.

    The files it names must be synced. Their names become durable first, then the manifest's.

    Raises:
        StorageFailed: the folder refused. The generation before is intact and, unless it was the
            very last sync that failed, still the current one.
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


def _canonical(body: Any) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _from_body(body: dict[str, Any]) -> Manifest:
    """Read a body whose schema is closed: what no writer of ours would say is a `ValueError`."""
    manifest = Manifest(
        generation=_count(body["generation"]),
        next_file=_count(body["next_file"]),
        representations={name: _recipe(name, r) for name, r in body["representations"].items()},
        sources=tuple(map(_text, body["sources"])),
        settings=dict(body["settings"]),
        segments=tuple(_segment(segment) for segment in body["segments"]),
    )
    roles = {f"{name}.{part}" for name in manifest.representations for part in ("vectors", "index")}
    for number, segment in enumerate(manifest.segments):
        if set(segment.files) != {"documents", *roles}:
            raise ValueError(f"segment {number} has the files {sorted(segment.files)}")
    names = [file.name for file in manifest.files()]
    if len(set(names)) != len(names):
        raise ValueError("one file is named twice")
    last = max((int(name.partition(".")[0]) for name in names), default=0)
    if not last < manifest.next_file <= 10**17:
        raise ValueError(f"the next file is {manifest.next_file}, there is {last}")
    return manifest


def _segment(body: dict[str, Any]) -> SegmentEntry:
    n_documents, n_deleted = _count(body["n_documents"]), _count(body["n_deleted"])
    tombstones = body["tombstones"] and _file("tombstones", body["tombstones"])
    if n_documents > DOCUMENTS_PER_SEGMENT_MAX or n_deleted > (n_documents if tombstones else 0):
        raise ValueError(f"{n_deleted} of the {n_documents} documents of a segment are deleted")
    files = {role: _file(role, file) for role, file in body["files"].items()}
    return SegmentEntry(n_documents, files, tombstones, n_deleted)


def _file(role: str, body: dict[str, Any]) -> FileEntry:
    name = _text(body["name"])
    if not _FILE_NAME.fullmatch(name) or name.partition(".")[2] != role:
        raise ValueError(f"{name!r} is no name of a file of {role!r}")
    return FileEntry(name, _count(body["size"]), _text(body["checksum"]))


def _recipe(name: str, recipe: Any) -> dict[str, Any]:
    if not _REPRESENTATION.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a representation")
    for value in (recipe["encoder"]["type"], recipe["fingerprint"], recipe["index"]["kind"]):
        _text(value)
    return dict(recipe)


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{value!r} is no count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
