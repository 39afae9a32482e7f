"""Which version of each thing on disk this release reads, and how every other one is refused.

The manifest says its version, a container the version of the grammar in its header, and among its
settings the `kind` and `version` of what is in it. A version goes up with any change that a reader
would have to know of. Until release 1.0 the versions before are then refused, by name and with what
to do; what has an unknown key, setting or array is of a later release, for nothing is ignored.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from retrieval.errors import FormatTooNew, FormatTooOld

MANIFEST = 3

CONTENTS: Mapping[str, int] = {
    "documents": 1,
    "tombstones": 1,
    "DenseVectors": 1,
    "SparseVectors": 1,
    "MultiVectors": 1,
}
"""Kind of content → version; indexes say theirs themselves, `format_version`."""

AGAIN = "index again into another folder"
"""What to do about a collection of a later release: it is in use, so nothing takes its place."""

REBUILD = "index again, into another folder or with `retrieval index FOLDER -o INDEX --rebuild`"
"""What to do about a collection that no release reads any more, or only earlier ones."""


def check_version(place: str, found: object, read: int) -> None:
    """Raise `FormatTooOld` or `FormatTooNew` unless a file has the version that is read."""
    if type(found) is int and found == read:
        return
    said = f"{place} has format version {found!r:.99}, this release reads {read}"
    if type(found) is int and 0 <= found < read:
        raise FormatTooOld(f"{said}: use the release that made it, or {REBUILD}")
    raise FormatTooNew(f"{said}: use a newer release, or {AGAIN}")


def check_known(place: str, what: str, found: Iterable[object], known: Iterable[object]) -> None:
    """Raise `FormatTooNew` if a file uses a `what` that this release does not know."""
    read = tuple(known)  # what is found may be anything, and have no hash
    if unknown := sorted(repr(one) for one in found if one not in read):
        raise FormatTooNew(
            f"{place} uses the {what} {unknown[0]:.99}, which this release does not know: "
            f"use a newer release, or {AGAIN}"
        )


def told(kind: str) -> dict[str, Any]:
    """Return what the settings of a container say of its content."""
    return {"kind": kind, "version": CONTENTS[kind]}


def content_of(
    place: str, settings: Mapping[str, Any], read: Mapping[str, int]
) -> tuple[str, dict[str, Any]]:
    """Return the kind of a content and its other settings.

    Args:
        place: the file, for messages.
        settings: of the container.
        read: kinds that may be in it, and the version of each that this release reads.

    Raises:
        FormatTooOld, FormatTooNew: it is none of these.
    """
    rest = dict(settings)
    kind, version = rest.pop("kind", None), rest.pop("version", 0)
    check_known(place, "kind", [kind], read)
    check_version(place, version, read[str(kind)])
    return str(kind), rest
