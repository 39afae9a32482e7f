"""What a stranger may hand over: files and arrays that lie behind right checksums; "": all refused.

Short searches like those in `trials`.
"""

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from typing import Any
from unittest.mock import patch

import damage
import listing
import numpy as np
import xxhash
from faults import FaultFolder
from kinds import KINDS
from trials import sound
from workload import opened, state

from indexes.hnsw import Hnsw, HnswBuild
from indexes.inverted import Inverted
from indexes.metric import Metric
from retrieval.errors import CorruptIndex, FormatUnknown
from retrieval.store import container
from retrieval.store import manifest as manifests
from retrieval.store.documents import DocumentTable
from retrieval.store.verification import verify

REFUSED = (CorruptIndex, FormatUnknown)

# ---------------------------------------------------------------------- lies with right checksums


def lies() -> str:
    for what, files in {**_lying_containers(), **_lying_manifests()}.items():
        try:
            if what in USED:
                state(opened(FaultFolder(files)))
            elif ":" in what:
                opened(FaultFolder(files))
            else:
                manifests.read(FaultFolder(files))
        except REFUSED:
            continue
        except Exception as error:
            return f"{what}: raised {error!r}"
        return f"{what}: believed"
    if verify(_of_other_vectors()).ok:
        return "an index of other vectors"
    with patch.object(container, "DIRECTORY_BYTES_MAX", 10), suppress(*REFUSED):
        opened(FaultFolder(sound()[0]))
        return "a directory of any size"
    with patch.object(manifests, "MANIFEST_VALUES_MAX", 10), suppress(*REFUSED):
        manifests.read(FaultFolder(sound()[0]))
        return "a manifest of any number of values"
    with patch.object(manifests, "MANIFEST_BYTES_MAX", 10), suppress(*REFUSED):
        manifests.read(FaultFolder(sound()[0]))
        return "a manifest of any size"
    return ""


def _of_other_vectors() -> FaultFolder:
    """Return a collection with an index that is well formed, and not what its vectors give."""
    folder = FaultFolder(sound()[0])
    twice = {"dense.index": lambda arrays, _: arrays.update(norms=2 * arrays["norms"])}
    damage.retell(folder, twice)
    return folder


USED = {
    *("00000001.dense.index: another kind", "00000001.dense.index: another version"),
    *("00000001.dense.index: an unknown setting", "fewer deleted", "vectors of fewer documents"),
}
"""What is refused when it is used, and not when the manifest is read or a container opened."""

Edit = Callable[[Any], object]

DIRECTORIES: Mapping[str, Edit] = {
    "negative": lambda d: d["arrays"][-1].__setitem__(2, [-1]),
    "a boolean for a count": lambda d: d["arrays"][-1].__setitem__(2, [True]),
    "four dimensions": lambda d: d["arrays"][-1][2].extend([1, 1, 1]),
    "a float for an offset": lambda d: d["arrays"][-1].__setitem__(3, float(d["arrays"][-1][3])),
    "a wrong offset": lambda d: d["arrays"][-1].__setitem__(3, d["arrays"][-1][3] - 64),
    "negative twice": lambda d: d["arrays"][-1].__setitem__(2, [-1, -d["arrays"][-1][2][0]]),
    "two arrays in one place": lambda d: d["arrays"][1].__setitem__(3, d["arrays"][0][3]),
    "one array twice": lambda d: d["arrays"][1].__setitem__(0, d["arrays"][0][0]),
    "no such dtype": lambda d: d["arrays"][-1].__setitem__(1, "O"),
    "the last left out": lambda d: d["arrays"].pop(),
    "no array": lambda d: d["arrays"].clear(),
    "arrays are none": lambda d: d.__setitem__("arrays", 5),
    "a row too short": lambda d: d["arrays"][0].pop(),
    "another kind": lambda d: d["settings"].__setitem__("kind", "other"),
    "another version": lambda d: d["settings"].__setitem__("version", 99),
    "an unknown setting": lambda d: d["settings"].__setitem__("colour", 1),
}

HEADERS = {
    "another magic": (0, b"x"),
    "an earlier version": (8, b"\1"),
    "a later version": (8, b"\x63"),
    "a reserved byte": (12, b"\1"),
    "the kind of another file": (16, b"documents"),
}


def _lying_containers() -> dict[str, dict[str, bytes]]:
    made = {}
    for name in ("00000001.dense.index", "00000001.sparse.vectors"):
        data = sound()[0][name]
        for what, edit in DIRECTORIES.items():
            if (f"00000001.dense.index: {what}" in USED) != ("sparse" in name):
                made[f"{name}: {what}"] = _with(name, _forged(data, edit))
        made[f"{name}: gigantic and empty"] = _with(name, _with_gigantic(data))
        made[f"{name}: a hole"] = _with(name, _forged(data, before=bytes(64)))
        made[f"{name}: bytes behind"] = _with(name, _forged(data, behind=b"more"))
        made[f"{name}: settings twice"] = _with(name, _forged(data, settings_twice=True))
        for what, header in HEADERS.items():
            made[f"{name}: {what}"] = _with(name, _forged(data, header=header))
        made[f"{name}: tiny"] = _with(name, data[-32:])
        made[f"{name}: empty"] = _with(name, b"")
    made["00000001.documents: no arrays"] = _with("00000001.documents", _without_arrays())
    made["vectors of fewer documents"] = sound()[0]
    for part in ("dense.vectors", "dense.index"):
        fewer = sound()[0][f"00000002.{part}"]
        made["vectors of fewer documents"] = _with(
            f"00000001.{part}", fewer, made["vectors of fewer documents"]
        )
    return made


def _without_arrays() -> bytes:
    folder, name = FaultFolder(), "00000001.documents"
    settings = json.loads(_directory(sound()[0][name]))["settings"]
    container.write(folder, name, "documents", arrays={}, settings=settings)
    return folder.contents()[name]


def _directory(data: bytes) -> bytes:
    offset, length, _, _ = struct.unpack("<QQQ8s", data[-32:])
    return data[offset : offset + length]


def _forged(
    data: bytes,
    edit: Edit | None = None,
    *,
    before: bytes = b"",
    behind: bytes = b"",
    header: tuple[int, bytes] = (0, b""),
    settings_twice: bool = False,
) -> bytes:
    """Return a container with another directory, or bytes around it, and the right checksum.

    header  where it is told something else, and what
    """
    at, said = header
    data = data[:at] + said + data[at + len(said) :]
    offset, _, _, end = struct.unpack("<QQQ8s", data[-32:])
    content = json.loads(_directory(data))
    if edit is not None:
        edit(content)
    directory = json.dumps(content).encode()
    if settings_twice:
        directory = b'{"settings": {}, ' + directory[1:]
    checksum = xxhash.xxh3_64_intdigest(data[:32] + directory)
    footer = struct.pack("<QQQ8s", offset + len(before), len(directory), checksum, end)
    return data[:offset] + before + directory + behind + footer


def _with_gigantic(data: bytes) -> bytes:
    """Add an array without bytes that no memory could describe."""
    end = struct.unpack("<QQQ8s", data[-32:])[0]
    row = ["x", "u1", [0, 2**60], end + -end % 64, f"{xxhash.xxh3_64_intdigest(b''):016x}"]
    return _forged(data, lambda d: d["arrays"].append(row), before=bytes(-end % 64))


def _with(name: str, data: bytes, files: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Return files in which one is exchanged, and the manifest vouches for it."""
    files = sound()[0] if files is None else files
    body = json.loads(files[manifests.NAME])["body"]
    for segment in body["segments"]:
        for file in segment["files"].values():
            if file["name"] == name:
                checksum = f"{struct.unpack('<Q', data[-16:-8])[0]:016x}" if data else "0" * 16
                file.update(size=len(data), checksum=checksum)
    return {**files, name: data, manifests.NAME: _manifest(body)}


def _manifest(body: Any) -> bytes:
    content = {"format": manifests.FORMAT, "version": manifests.VERSION, "body": body}
    return manifests.sealed(content)


def _first(body: Any) -> Any:
    return body["segments"][0]


BODIES: Mapping[str, Edit] = {
    "a path": lambda b: _first(b)["files"]["documents"].__setitem__(
        "name", "../00000001.documents"
    ),
    "another role": lambda b: _first(b)["files"]["documents"].__setitem__(
        "name", "00000001.x.index"
    ),
    "one file twice": lambda b: b["segments"].__setitem__(1, b["segments"][0]),
    "numbers used again": lambda b: b.__setitem__("next_file", 1),
    "no more numbers": lambda b: b.__setitem__("next_file", 10**18),
    "more deleted than there": lambda b: _first(b).__setitem__("n_deleted", 99),
    "fewer deleted": lambda b: _first(b).__setitem__("n_deleted", _first(b)["n_deleted"] - 1),
    "a segment: more documents": lambda b: b["segments"][1].__setitem__("n_documents", 3),
    "too many documents": lambda b: b["segments"][1].__setitem__("n_documents", 2**40),
    "a negative generation": lambda b: b.__setitem__("generation", -1),
    "a boolean generation": lambda b: b.__setitem__("generation", True),
    "no generation": lambda b: b.pop("generation"),
    "a missing index": lambda b: _first(b)["files"].pop("dense.index"),
    "a name that is a path": lambda b: b.update(
        segments=[], representations={"../x": b["representations"]["dense"]}
    ),
    "a recipe without encoder": lambda b: b["representations"]["dense"].pop("encoder"),
    "an unknown key": lambda b: b.__setitem__("colour", 1),
    "an unknown setting": lambda b: b["settings"].__setitem__("colour", 1),
    "a number for a source": lambda b: b["sources"].append(5),
}


def _lying_manifests() -> dict[str, dict[str, bytes]]:
    files, made = sound()[0], {}
    for what, edit in BODIES.items():
        body = json.loads(files[manifests.NAME])["body"]
        edit(body)
        made[what] = {**files, manifests.NAME: _manifest(body)}
    damaged_manifest = bytearray(files[manifests.NAME])
    place = bytes(damaged_manifest).index(b'"generation": ') + len(b'"generation": ')
    damaged_manifest[place] ^= 1
    made["a damaged manifest"] = {**files, manifests.NAME: bytes(damaged_manifest)}
    other = json.loads(files[manifests.NAME])
    del other["checksum"]
    spaced = json.dumps(other, indent=1).encode()[:-1]
    made["spelled in another way"] = {**files, manifests.NAME: spaced + manifests._tail(spaced)}
    for key, value in (("format", "other"), ("version", 99), ("colour", 1)):
        made[f"{key} {value}"] = {**files, manifests.NAME: manifests.sealed({**other, key: value})}
    return made


# ---------------------------------------------------------------------- arrays that lie


def arrays() -> str:
    """Compare with what the sound checks refused, which must have been asked before."""
    for what, refused in refusals().items():
        if refused and not _refused(what):
            return f"{what} is believed"
    return ""


@cache
def refusals() -> dict[tuple[str, str, str], bool]:
    return {what: _refused(what) for what in _tampered()}


@cache
def _tampered() -> dict[tuple[str, str, str], Callable[[], object]]:
    """Return kind, array and damage, and what loads such arrays."""
    segment, made = opened(FaultFolder(sound()[0])).snapshot.segments[0], {}
    table = segment.documents.arrays()
    for what, changed in _tampering(table):
        made["documents", *what] = partial(DocumentTable.from_arrays, changed)
    indexes = {name: segment.index(name) for name in KINDS}
    indexes["floats"] = Inverted.build(indexes["sparse"].vectors())
    squared = HnswBuild(Metric.EUCLIDEAN, M=2, graph_from=0)
    indexes["squares"] = Hnsw.build(indexes["dense"].vectors(), squared)
    for name, index in indexes.items():
        vectors, own = index.vectors(), index.arrays()
        for what, changed in _tampering(vectors.arrays()):
            made[f"{name}.vectors", *what] = partial(type(vectors).from_arrays, changed)
        for what, changed in _tampering(own):
            load = type(index).from_arrays
            made[f"{name}.index", *what] = partial(load, vectors, changed, index.settings)
    for lie in listing.LIES:
        made["lists", "", lie] = partial(listing.loaded, listing.lying(lie))
    return made


def _tampering(sound_arrays: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for name, array in sound_arrays.items():
        if not array.size:
            continue
        offsets = array.dtype == np.int64 and "offsets" in name
        below = 10**6 if array.dtype == np.int32 else None
        for what, changed in _changes(array, offsets, below):
            rest = {key: value for key, value in sound_arrays.items() if key != name}
            yield (name, what), rest if changed is None else {**rest, name: changed}


def _changes(array: Any, offsets: bool, below: int | None) -> Iterator[damage.Damage]:
    yield from damage.of(array, offsets=offsets, below=below)
    if array.dtype.kind in "fi" and array.dtype != np.int64:
        yield "negative", -1 - np.abs(array)
    if array.dtype.kind == "f":
        yield "infinite", np.full_like(array, np.inf)
        yield "as bytes", array.astype(np.uint8)
    if array.shape[1:] == (2,) and array.dtype == np.int64:
        yield "ending before they start", np.tile(np.array([5, 3]), (len(array), 1))
    if array.ndim == 1:
        yield "backwards", array[::-1].copy()
        yield "shuffled", np.roll(array, 1)
    else:
        yield "no width", array[:, :0]
        yield "backwards", array[:, ::-1].copy()
    if array.dtype == np.uint8:
        yield "no letters", np.full_like(array, 0xFF)
        yield "middles of letters", np.full_like(array, 0x80)
        letters = f"x{'ü' * ((array.size - 2) // 2)}{'x' * array.size}".encode()[: array.size]
        yield "letters cut in two", np.frombuffer(letters, np.uint8).reshape(array.shape)


def _refused(what: tuple[str, str, str]) -> bool:
    try:
        _tampered()[what]()
    except CorruptIndex:
        return True
    except Exception:
        return False
    return False
