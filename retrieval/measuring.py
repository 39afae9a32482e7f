"""Recall targets of a collection: measured over all its segments, and kept in its manifest.

{"measured": {"splade": {"ladder": [{"terms": 8, "blocks": 16}, …], "recalls": [[[0.97, 0.01], …
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.hits import Hits
from indexes.operating_point import OperatingPoints, Report, evenly
from indexes.vectors import Vectors
from retrieval.encoding import concatenate
from retrieval.errors import CorruptIndex, InvalidInput
from retrieval.representation import Representation
from retrieval.store.snapshot import Snapshot

KEY = "measured"
"""Where the settings of a collection have the operating points, by name of representation."""

_PARTS = {"ladder", "recalls"}


def measure(
    snapshot: Snapshot,
    representation: Representation,
    search: Callable[[Vectors, Any, int], Hits],
    queries: Vectors | None,
) -> Report:
    """Measure the ladder of a representation over a snapshot, on documents and on queries.

    Args:
        snapshot: what is searched: live documents of all segments.
        representation: whose index it is.
        search: searches vectors with settings for k hits.
        queries: real queries; None: documents only.

    Raises:
        InvalidInput: the search is exact anyway, or too few queries have hits.
    """
    name = representation.name
    parts: list[Any] = [segment.index(name) for segment in snapshot.segments]
    # A small segment has nothing to measure where a large one has.
    ladder = next((part.ladder for part in parts if getattr(part, "ladder", ())), ())
    if not ladder or representation.lexical is not None:
        raise InvalidInput(
            f"representation {name!r} has nothing to measure: "
            + ("its searches are exact" if parts else "the collection holds no documents")
        )
    exact = representation.index_class.Search(recall=1.0)  # type: ignore[call-arg]

    def measured(vectors: Vectors, own: NDArray[np.int64] | None = None) -> OperatingPoints[Any]:
        return OperatingPoints.measured(
            lambda settings, k: search(vectors, settings or exact, k), ladder, own=own
        )

    if queries is None:
        return Report(measured(*_sample(snapshot, parts)), OperatingPoints.none())
    on_documents = OperatingPoints[Any].none()
    with suppress(InvalidInput):  # documents too few or too different to stand in for queries
        on_documents = measured(*_sample(snapshot, parts))
    return Report(on_documents, measured(queries))


def _sample(snapshot: Snapshot, parts: list[Any]) -> tuple[Vectors, NDArray[np.int64]]:
    """Return live documents as queries, and their ordinals in the collection."""
    live = [segment.live_ordinals() for segment in snapshot.segments]
    places = [o + base for o, base in zip(live, snapshot.bases, strict=True)]
    chosen = np.concatenate(places)[evenly(sum(map(len, live)))]
    vectors = []
    for part, base in zip(parts, snapshot.bases, strict=True):
        inside = chosen[(chosen >= base) & (chosen < base + len(part))] - base
        vectors.append(part.as_queries(inside))
    return concatenate(vectors), chosen


def to_json(points: OperatingPoints[Any]) -> dict[str, Any]:
    """Return points as a manifest has them."""
    ladder = [
        {
            one.name: value
            for one in fields(settings)
            if (value := getattr(settings, one.name)) != one.default
        }
        for settings in points.ladder
    ]
    return {"ladder": ladder, "recalls": points.recalls.astype(np.float64).round(6).tolist()}


def recorded(
    settings: Mapping[str, Any], representation: Representation
) -> OperatingPoints[Any] | None:
    """Return what a manifest records of a representation, None if nothing, or raise.

    Raises:
        CorruptIndex: it records what cannot be.
    """
    found = settings.get(KEY, {}).get(representation.name)
    if found is None:
        return None
    try:
        if set(found) != _PARTS:
            raise ValueError(f"it says {sorted(found)}, not {sorted(_PARTS)}")
        kind: Any = representation.index_class.Search
        ladder = [kind(**rung) for rung in found["ladder"]]
        return OperatingPoints.stored(ladder, np.array(found["recalls"], np.float32))
    except (TypeError, ValueError, OverflowError, CorruptIndex) as error:
        raise CorruptIndex(
            f"the manifest records what was measured of {representation.name!r} as {found!r:.200} "
            f"({error}): measure it again"
        ) from error
