"""A segment between two commits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.store.manifest import SegmentEntry
from retrieval.store.merging import Size
from retrieval.store.segment import Segment


@dataclass(slots=True)
class Pending:
    """A segment as the writer sees it: with deletions that are not committed yet.

    entry  what the next manifest says of it, but for these deletions
    dead   (n,)  bool
    """

    segment: Segment
    entry: SegmentEntry
    dead: NDArray[np.bool_]
    changed: bool = False

    @classmethod
    def of(cls, segment: Segment) -> "Pending":
        """Start from the committed deletions."""
        dead = np.zeros(len(segment), bool)
        dead[segment.dead_ordinals] = True
        return cls(segment, segment.entry, dead)

    def kill(self, ordinals: NDArray[np.int64]) -> None:
        """Mark documents as deleted."""
        self.dead[ordinals] = True
        self.changed = True

    @property
    def live(self) -> NDArray[np.int64]:
        """The ordinals that are not deleted, rising."""
        return np.flatnonzero(~self.dead)

    @property
    def size(self) -> Size:
        """What decides whether it is merged."""
        n_live = len(self.dead) - int(np.count_nonzero(self.dead))
        return Size(self.segment.size_bytes, n_live, len(self.dead))
