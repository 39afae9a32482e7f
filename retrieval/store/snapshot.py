"""One generation of a collection, opened for reading. It never changes and takes no lock."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import CorruptIndex, StorageFailed
from retrieval.store import manifest as manifests
from retrieval.store.files import Folder, storing
from retrieval.store.manifest import Manifest, SegmentEntry
from retrieval.store.segment import Segment
from retrieval.store.statistics import LiveStatistics

_ATTEMPTS = 16
"""A reader loses the race for a file only if a whole commit went by while it opened the last."""


class Snapshot:
    """All segments of one generation, in the order of the documents' last write."""

    def __init__(self, manifest: Manifest, segments: Sequence[Segment]) -> None:
        self.manifest = manifest
        self.segments = tuple(segments)
        self.bases = tuple(accumulate((len(s) for s in segments), initial=0))[:-1]
        self._statistics: dict[str, LiveStatistics] = {}

    @classmethod
    def open(cls, folder: Folder, known: Sequence[Segment] = ()) -> "Snapshot":
        """Open the current generation; if a file is gone, a commit went by: read it again.

        Segments that an earlier snapshot of the folder has opened are `known` and not read again.
        """
        earlier = {_key(segment.entry): segment for segment in known}
        for _ in range(_ATTEMPTS):
            manifest = manifests.read(folder)
            try:
                with storing(folder, "opening"):
                    opened = [_opened(folder, e, earlier.get(_key(e))) for e in manifest.segments]
                return cls(manifest, opened)
            except StorageFailed as error:
                # No name for the cause: it and this frame would keep each other, and all maps.
                if not isinstance(error.__cause__, FileNotFoundError):
                    raise
                if manifests.is_current(folder, manifest):
                    name = error.__cause__.filename
                    raise CorruptIndex(
                        f"{name} is missing: restore it from a copy, or index again (--rebuild)"
                    ) from error
        raise CorruptIndex(f"{folder.path} changes faster than it can be opened: try again")

    def __len__(self) -> int:
        """Return the number of live documents."""
        return sum(segment.n_live for segment in self.segments)

    def locate(self, ordinal: int) -> tuple[Segment, int]:
        """Return the segment of a collection-wide ordinal and the ordinal inside it."""
        place = bisect_right(self.bases, ordinal) - 1
        return self.segments[place], ordinal - self.bases[place]

    def find(self, docno: str) -> int:
        """Return the collection-wide ordinal of a live document, −1 if there is none."""
        for segment, base in zip(self.segments, self.bases, strict=True):
            found = find_live(segment, [docno])[0]
            if found >= 0:
                return base + int(found)
        return -1

    def statistics(self, name: str) -> LiveStatistics:
        """Return the counts of a lexical representation, made the first time."""
        if name not in self._statistics:
            self._statistics[name] = LiveStatistics(self.segments, name)
        return self._statistics[name]


def _key(entry: SegmentEntry) -> str:
    return entry.files["documents"].name  # file names are never used twice


def _opened(folder: Folder, entry: SegmentEntry, known: Segment | None) -> Segment:
    return known if known and known.entry == entry else Segment(folder, entry, known)


def find_live(
    segment: Segment, docnos: Sequence[str], dead: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Return the ordinal of each docno in a segment, −1 where it is not there or is deleted."""
    found = segment.documents.find(docnos)
    if dead is None and segment.live is not None:
        dead = ~segment.live.mask()
    if dead is not None:
        found[(found >= 0) & dead[found]] = -1
    return found
