"""What can be wrong with a stored array, other than its checksum: lies that are vouched for."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.store import container
from retrieval.store import manifest as manifests
from retrieval.store.container import Container
from retrieval.store.files import Folder
from retrieval.store.manifest import SegmentEntry

Damage = tuple[str, NDArray | None]
Arrays = dict[str, NDArray[Any]]
Change = Callable[[Arrays, dict[str, Any]], None]
"""What is done to the arrays and the settings of a container."""


def of(array: NDArray, *, offsets: bool = False, below: int | None = None) -> Iterator[Damage]:
    """Name each damage and do it; None: the array is left out.

    Args:
        array: a sound array.
        offsets: it rises from 0 to a total.
        below: it holds ordinals or term numbers, rising inside a row; the first that is too large.
    """
    yield "missing", None
    for dtype in (np.float64, np.int16, ">i4", ">f4", bool, object):
        yield f"as {dtype}", array.astype(dtype)
    yield "deeper", array[None]
    if array.size == 0:
        return
    yield "too short", array[:-1]
    yield "too long", np.concatenate([array, array[-1:]])
    yield "empty", array[:0]
    yield "a number", array.reshape(-1)[0]
    if array.dtype.kind == "f":
        for wrong in (np.nan, -np.inf):
            yield f"{wrong} at the end", _changed(array, -1, wrong)
    if array.dtype == np.int32:
        for wrong in (2**31 - 1, -(2**31), -5):
            yield f"{wrong} at the start", _changed(array, 0, wrong)
    if below is not None:
        for wrong in (below, below + 1, -1):
            yield f"{wrong} at the end", _changed(array, -1, wrong)
        yield "turned round", array[::-1].copy()
        yield "one value", np.zeros_like(array)
    if offsets:
        yield "late start", _changed(array, 0, 1)
        yield "early end", _changed(array, -1, array[-1] - 1)
        yield "falling", _changed(array, 1, array[-1] + 1)
        yield "wrapping", _wrapping(array)


def _changed(array: NDArray, place: int, value: float) -> NDArray:
    copy = array.copy()
    copy.reshape(-1)[place] = np.asarray(value).astype(array.dtype)  # −1 is the largest, unsigned
    return copy


def _wrapping(offsets: NDArray) -> NDArray:
    """Rise by steps whose sum wraps around to what it was."""
    steps = [0, 2**62, -(2**63), -(2**62)]
    return np.array([*steps, *([offsets[-1]] * (len(offsets) - len(steps)))], np.int64)


def roles(folder: Folder) -> dict[str, tuple[Arrays, dict[str, Any]]]:
    """Return the arrays and the settings of each file of the first segment, by its role."""
    segment = manifests.read(folder).segments[0]
    files = dict(segment.files)
    if segment.tombstones is not None:
        files["tombstones"] = segment.tombstones
    opened = {r: Container(folder, f, r.rpartition(".")[2]) for r, f in files.items()}
    return {role: (one.arrays(), one.settings) for role, one in opened.items()}


def retell(folder: Folder, change: dict[str, Change], **entry: Any) -> None:
    """Write files of the first segment again, by role, and a manifest that vouches for them.

    entry  what else the manifest is to say of the segment
    """
    manifest = manifests.read(folder)
    segment: SegmentEntry = replace(manifest.segments[0], **entry)
    for role, do in change.items():
        old = segment.tombstones if role == "tombstones" else segment.files[role]
        assert old is not None
        kind = role.rpartition(".")[2]
        read = Container(folder, old, kind)
        arrays, settings = {k: a.copy() for k, a in read.arrays().items()}, dict(read.settings)
        do(arrays, settings)
        folder.remove(old.name)
        new = container.write(folder, old.name, kind, arrays=arrays, settings=settings)
        if role == "tombstones":
            segment = replace(segment, tombstones=new)
        else:
            segment = replace(segment, files={**segment.files, role: new})
    manifests.commit(folder, replace(manifest, segments=(segment, *manifest.segments[1:])))
