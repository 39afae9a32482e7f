"""Which files make one generation of a collection.

`manifest.json` is replaced atomically by every commit; nothing else decides what exists. A file it
does not name is left over from a writer that died, and is removed by the next one.

    {"format": "retrieval-collection", "version": 3, "body": {…}, "checksum": "0123456789abcdef"}

The checksum is of all bytes before it, so nothing is believed of a damaged manifest. Only that it
is of version 1 or 2 is taken from how it begins, to be refused by name: their checksum lay in
another place. The JSON has one spelling and its schema is closed: bytes that this release would not
write are refused, and what a later one added is refused by name.
"""

import json
import re
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

import xxhash

from retrieval.errors import (
    CorruptIndex,
    FormatUnknown,
    InvalidInput,
    StorageFailed,
)
from retrieval.limits import DOCUMENTS_PER_SEGMENT_MAX, MANIFEST_BYTES_MAX, MANIFEST_VALUES_MAX
from retrieval.store.container import FileEntry
from retrieval.store.files import Folder, storing
from retrieval.store.formats import MANIFEST, REBUILD, check_known, check_version

NAME = "manifest.json"
FORMAT = "retrieval-collection"
VERSION = MANIFEST
SETTINGS: Mapping[str, Set[str] | None] = {
    "chunking": {"by", "size", "overlap", "tokenizer"},
    "fields": {"docno", "text", "title", "metadata"},
    "systems": None,
    "search": {"system", "per"},
    "measured": None,
}
"""What the settings of a collection may say, and of what; None: users name it."""

Value = TypeVar("Value")

_BEGIN = f'{{"format": "{FORMAT}"'.encode()
_OLD = re.compile(rb'\{"format": "retrieval-collection", "version": ([12]), "checksum": "')
_TAIL_BYTES = len(', "checksum": "0123456789abcdef"}')
_ENVELOPE = frozenset(("format", "version", "body", "checksum"))
_RECIPE = frozenset(("encoder", "fingerprint", "index"))
_FILE = frozenset(one.name for one in fields(FileEntry))
_FILE_NAME = re.compile(r"([0-9]{8,18})\.(documents|tombstones|[a-z0-9_-]+\.(vectors|index))")
_REPRESENTATION = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_NEW = f"{NAME}.new"


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One immutable segment and what has been deleted from it since."""

    n_documents: int
    files: Mapping[str, FileEntry]
    tombstones: FileEntry | None = None
    n_deleted: int = 0


_SEGMENT = frozenset(one.name for one in fields(SegmentEntry))


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
        return sealed({"format": FORMAT, "version": VERSION, "body": asdict(self)})

    @classmethod
    def from_bytes(cls, data: bytes, place: str) -> "Manifest":
        """Read a manifest, or raise `CorruptIndex`, `FormatTooOld` or `FormatTooNew`."""
        try:
            old = _OLD.match(data)
            check_version("the manifest", int(old[1]) if old else VERSION, VERSION)
            if not data.endswith(_tail(data[:-_TAIL_BYTES])):
                raise ValueError("its checksum differs")
            if sum(map(data.count, (b",", b"[", b"{"))) > MANIFEST_VALUES_MAX:
                raise ValueError(f"it has more than {MANIFEST_VALUES_MAX:,} values")
            whole = json.loads(data)
            if whole["format"] != FORMAT:
                raise FormatUnknown(f"its format is {whole['format']!r:.99}, not {FORMAT!r}")
            check_version("the manifest", whole["version"], VERSION)
            _only("the manifest", whole, _ENVELOPE)
            if json.dumps(whole, allow_nan=False).encode() != data:
                raise ValueError("its JSON is spelled in another way")
            return _from_body(whole["body"])
        except FormatUnknown as error:
            raise type(error)(f"{place}: {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise CorruptIndex(
                f"{place} is damaged, or no manifest of ours ({str(error)[:200]}): restore it from "
                f"a copy, or {REBUILD}"
            ) from error


_BODY = frozenset(one.name for one in fields(Manifest))


def sealed(content: Mapping[str, Any]) -> bytes:
    """Return a JSON object with its checksum at the end."""
    opened = json.dumps(content, allow_nan=False).encode()[:-1]
    return opened + _tail(opened)


def _tail(before: bytes) -> bytes:
    return f', "checksum": "{xxhash.xxh3_64_hexdigest(before)}"}}'.encode()


def read(folder: Folder) -> Manifest:
    """Return the current manifest.

    Raises:
        FormatUnknown: the folder is no collection, or of another version.
        CorruptIndex: the manifest is damaged.
        StorageFailed: it cannot be read.
    """
    data = b""
    try:
        with storing(folder, "reading the manifest"):
            data = folder.read(NAME, MANIFEST_BYTES_MAX)
        return Manifest.from_bytes(data, str(folder.path / NAME))
    except StorageFailed as error:
        if not isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            raise
        raise FormatUnknown(
            f"{folder.path} is no collection (no {NAME}): make one with `retrieval index FOLDER "
            f"-o {folder.path}`"
        ) from None
    except CorruptIndex as error:
        # Other programs have files of that name too, and what is theirs is not to be built again.
        if data.startswith(_BEGIN) or _has_files(folder):
            raise
        raise FormatUnknown(
            f"{folder.path} is no collection, its {NAME} is of another program: choose another "
            "folder"
        ) from error


def _has_files(folder: Folder) -> bool:
    with storing(folder, "reading the manifest"):
        return any(map(is_file_name, folder.names()))


def is_file_name(name: str) -> bool:
    """Say whether a file of a segment could have this name."""
    return _FILE_NAME.fullmatch(name) is not None


def is_current(folder: Folder, manifest: Manifest) -> bool:
    """Say whether a manifest still is the one of its folder.

    Its number alone does not tell: a collection that is built again counts from 1.
    """
    return read(folder).to_bytes() == manifest.to_bytes()


def commit(folder: Folder, manifest: Manifest) -> None:
    """Make `manifest` the current one; when this returns it survives a power loss.

    The files it names must be synced. Their names become durable first, then the manifest's.

    Raises:
        InvalidInput: it could not be read again, such as a recipe that is no JSON; nothing is
            written.
        StorageFailed: the folder refused. The generation before is intact and, unless it was the
            very last sync that failed, still the current one.
    """
    data = _readable(folder, manifest)
    with storing(folder, "committing"):
        if _NEW in folder.names():
            folder.remove(_NEW)
        file = folder.create(_NEW)
        try:
            file.write(data)
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


def _readable(folder: Folder, manifest: Manifest) -> bytes:
    """Return the bytes of a manifest, which are known to be read again."""
    try:
        data = manifest.to_bytes()
        if len(data) > MANIFEST_BYTES_MAX:
            raise ValueError(f"{len(data):,} bytes are more than {MANIFEST_BYTES_MAX:,}")
        Manifest.from_bytes(data, NAME)
    except (CorruptIndex, FormatUnknown, TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"the manifest of {folder.path} cannot record this ({error}): recipes and settings are "
            "JSON by names that are strings, and do not hold NaN"
        ) from error
    return data


def _only(what: str, value: Any, known: Set[str]) -> None:
    """Raise unless a JSON object has all the known keys, and no other."""
    if _of(dict, value).keys() != known:
        check_known(what, "key", value, known)
        raise ValueError(f"{what} lacks {sorted(known - value.keys())[0]!r}")


def _from_body(body: Any) -> Manifest:
    """Read a body whose schema is closed: what no writer of ours would say is a `ValueError`."""
    _only("its body", body, _BODY)
    manifest = Manifest(
        generation=_count(body["generation"]),
        next_file=_count(body["next_file"]),
        representations={name: _recipe(name, r) for name, r in body["representations"].items()},
        sources=tuple(_of(str, source) for source in _of(list, body["sources"])),
        settings=_settings(body["settings"]),
        segments=tuple(_segment(segment) for segment in _of(list, body["segments"])),
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


def _settings(body: Any) -> dict[str, Any]:
    settings = _of(dict, body)
    check_known("the collection", "setting", settings, SETTINGS)
    for name, value in settings.items():
        said, known = _of(dict, value), SETTINGS[name]
        check_known("the collection", f"setting of {name}", said, said if known is None else known)
    return settings


def _segment(body: Any) -> SegmentEntry:
    _only("a segment", body, _SEGMENT)
    n_documents, n_deleted = _count(body["n_documents"]), _count(body["n_deleted"])
    buried = body["tombstones"]
    tombstones = None if buried is None else _file("tombstones", buried)
    if n_documents > DOCUMENTS_PER_SEGMENT_MAX or n_deleted > (n_documents if tombstones else 0):
        raise ValueError(f"{n_deleted} of the {n_documents} documents of a segment are deleted")
    files = {role: _file(role, file) for role, file in body["files"].items()}
    return SegmentEntry(n_documents, files, tombstones, n_deleted)


def _file(role: str, body: Any) -> FileEntry:
    _only("a file", body, _FILE)
    name = _of(str, body["name"])
    if not _FILE_NAME.fullmatch(name) or name.partition(".")[2] != role:
        raise ValueError(f"{name!r} is no name of a file of {role!r}")
    return FileEntry(name, _count(body["size"]), _of(str, body["checksum"]))


def _recipe(name: str, recipe: Any) -> dict[str, Any]:
    if not _REPRESENTATION.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a representation")
    _only(f"the recipe of {name!r}", recipe, _RECIPE)
    for value in (recipe["encoder"]["type"], recipe["fingerprint"], recipe["index"]["kind"]):
        _of(str, value)
    return dict(recipe)


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{value!r} is no count")
    return value


def _of(kind: type[Value], value: Any) -> Value:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
