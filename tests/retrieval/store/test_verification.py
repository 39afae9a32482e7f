"""Damage is reported by the name of the file, and what is not damaged goes on answering."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import damage
import numpy as np
import pytest
from damage import Change
from faults import FaultFolder
from kinds import KINDS as KINDS_OF_INDEX
from workload import QUERIES, WORKLOAD, opened, start, state

import retrieval as rt
from retrieval.errors import CorruptIndex, FormatUnknown, RetrievalError
from retrieval.store import manifest as manifests
from retrieval.store.verification import verify


def sound() -> FaultFolder:
    """Return a collection with two segments, tombstones, a dense and a lexical representation."""
    folder = FaultFolder()
    start(folder)
    collection = opened(folder)
    for step in (*WORKLOAD[:2], replace(WORKLOAD[2], delete=["d2"])):
        step.change(collection)
        step.commit(collection)
    return FaultFolder(folder.contents())


def names_of_kinds() -> dict[str, str]:
    """Return one file of each kind."""
    segment = manifests.read(sound()).segments[0]
    assert segment.tombstones is not None
    files = {**segment.files, "tombstones": segment.tombstones}
    return {role: file.name for role, file in files.items()}


KINDS = names_of_kinds()
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "payload": lambda data: data[:64] + bytes([data[64] ^ 1]) + data[65:],
    "header": lambda data: b"x" + data[1:],
    "footer": lambda data: data[:-1] + b"x",
    "directory": lambda data: data.replace(b'"arrays"', b'"arrayz"'),
    "truncated": lambda data: data[:-1],
    "empty": lambda data: b"",
    "extended": lambda data: data + b"\0",
}


def test_a_sound_collection_has_no_problems() -> None:
    folder = sound()
    found = opened(folder).verify()
    assert found.ok
    assert found.problems == ()
    assert found.n_files == len(folder.live)
    assert found.n_bytes == sum(map(len, folder.contents().values())) - len(
        folder.contents()[manifests.NAME]
    )
    found.raise_problems()


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_reported_by_the_name_of_the_file(kind: str, damage: str) -> None:
    files = sound().contents()
    name = KINDS[kind]
    files[name] = DAMAGE[damage](files[name])
    found = verify(FaultFolder(files))
    assert not found.ok
    assert [f"/fault/{name}" in problem for problem in found.problems] == [True]
    with pytest.raises(CorruptIndex, match=name):
        found.raise_problems()


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_file_is_reported_by_name(kind: str) -> None:
    files = sound().contents()
    del files[KINDS[kind]]
    found = verify(FaultFolder(files))
    assert len(found.problems) == 1
    assert KINDS[kind] in found.problems[0]
    with pytest.raises(CorruptIndex, match=f"{KINDS[kind]} is missing"):
        opened(FaultFolder(files))


def test_all_damaged_files_are_reported() -> None:
    files = sound().contents()
    for name in files:
        if name != manifests.NAME:
            files[name] = DAMAGE["payload"](files[name])
    assert len(verify(FaultFolder(files)).problems) == len(files) - 1


def test_a_damaged_manifest_raises() -> None:
    files = sound().contents()
    files[manifests.NAME] = files[manifests.NAME].replace(b'"generation": 3', b'"generation": 4')
    with pytest.raises(CorruptIndex, match=manifests.NAME):
        verify(FaultFolder(files))


@pytest.mark.parametrize("damage", ["header", "footer", "directory", "truncated", "empty"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_at_opening_is_checked_at_opening(kind: str, damage: str) -> None:
    files = sound().contents()
    files[KINDS[kind]] = DAMAGE[damage](files[KINDS[kind]])
    with pytest.raises(CorruptIndex, match=KINDS[kind]):
        opened(FaultFolder(files))


@pytest.mark.parametrize(
    ("kind", "lost"),
    [("bm25.vectors", ["bm25"]), ("bm25.index", ["bm25"]), ("dense.vectors", ["dense"]),
     ("dense.index", ["dense"]), ("documents", list(KINDS_OF_INDEX)),
     ("tombstones", list(KINDS_OF_INDEX))],
)  # fmt: skip
def test_what_is_not_damaged_goes_on_answering(kind: str, lost: list[str]) -> None:
    expected = state(opened(sound()))
    files = sound().contents()
    files[KINDS[kind]] = DAMAGE["payload"](files[KINDS[kind]])
    collection = opened(FaultFolder(files))
    for name in collection.representations:
        for _ in range(2):  # an array that was found damaged stays so
            if name in lost:
                with pytest.raises(CorruptIndex, match=KINDS[kind]):
                    _answers(collection, name)
            else:
                assert _answers(collection, name) == expected["answers"][name]
    if kind not in ("documents", "tombstones"):
        assert [collection[docno] for docno in collection] == expected["documents"]


def _answers(collection: rt.Collection, name: str) -> Any:
    lists = collection.search(QUERIES, 5, system=name)
    return [[(hit.docno, hit.score) for hit in hits] for hits in lists]


def test_a_damaged_segment_is_not_merged_away() -> None:
    """Compaction stops at damage: nothing is committed, the lock is free."""
    files = sound().contents()
    files[KINDS["dense.vectors"]] = DAMAGE["payload"](files[KINDS["dense.vectors"]])
    folder = FaultFolder(files)
    for _ in range(2):
        with pytest.raises(CorruptIndex, match=KINDS["dense.vectors"]):
            opened(folder).compact()
    assert opened(folder).generation == 3


def test_damaged_tombstones_free_the_lock_of_a_writer() -> None:
    files = sound().contents()
    files[KINDS["tombstones"]] = DAMAGE["payload"](files[KINDS["tombstones"]])
    folder = FaultFolder(files)
    collection = opened(folder)
    errors = []
    for _ in range(2):
        with pytest.raises(CorruptIndex, match=KINDS["tombstones"]) as error:
            collection.writer()
        errors.append(error)  # keeps the frames alive
    with folder.lock():
        pass


# ---------------------------------------------------------------------- lies with right checksums


def retold(role: str, change: Change, **entry: Any) -> FaultFolder:
    """Return a collection with one file written again, and a manifest that vouches for it."""
    folder = sound()
    damage.retell(folder, {role: change}, **entry)
    return folder


def drop(name: str) -> Change:
    return lambda arrays, settings: arrays.pop(name)


def put(name: str, place: int, value: int) -> Change:
    return lambda arrays, settings: np.put(arrays[name], [place], [value])


def cut(name: str) -> Change:
    return lambda arrays, settings: arrays.update({name: arrays[name][:-1]})


def told(name: str, value: Any) -> Change:
    return lambda arrays, settings: settings.update({name: value})


def cast(name: str, dtype: str) -> Change:
    return lambda arrays, settings: arrays.update({name: arrays[name].astype(dtype)})


def nothing(arrays: dict[str, Any], settings: dict[str, Any]) -> None:
    pass


LIES = [
    ("documents", drop("digests"), {}),
    ("documents", cut("sources"), {}),
    ("documents", put("order", 0, 99), {}),
    ("documents", put("hashes", 0, 2**62), {}),
    ("documents", lambda arrays, settings: arrays["order"].fill(0), {}),
    ("documents", put("docno.data", 0, 0xFF), {}),
    ("documents", put("text.data", 0, 0xFF), {}),
    ("documents", put("metadata.data", 0, 0xFF), {}),
    ("documents", nothing, {"n_documents": 5}),
    ("tombstones", drop("dead"), {}),
    ("tombstones", cut("dead"), {}),
    ("tombstones", cast("dead", "i4"), {}),
    ("tombstones", put("dead", 0, 0), {}),
    ("tombstones", nothing, {"n_deleted": 1}),
    ("dense.vectors", drop("values"), {}),
    ("dense.vectors", cut("values"), {}),
    ("dense.vectors", cast("values", "i4"), {}),
    ("dense.index", cut("norms"), {}),
    ("dense.index", told("metric", "NONE"), {}),
    ("dense.index", told("metric", ["COSINE"]), {}),
    ("dense.index", told("more", 1), {}),
    ("bm25.vectors", put("terms", 0, 99), {}),
    ("bm25.vectors", put("offsets", 1, -1), {}),
    ("bm25.index", put("docs", 0, 4), {}),
    ("bm25.index", put("docs", 0, 65_535), {}),
    ("bm25.index", put("starts", 1, 99), {}),
    ("bm25.index", cast("docs", "i8"), {}),
]


@pytest.mark.parametrize(("role", "change", "entry"), LIES)
def test_a_lie_with_a_right_checksum_is_reported_by_name(
    role: str, change: Change, entry: dict[str, Any]
) -> None:
    folder = retold(role, change, **entry)
    problems = verify(folder).problems
    assert len(problems) == 1
    assert KINDS[role.replace(".vectors", ".index")].rpartition(".")[0] in problems[0]
    with suppress(RetrievalError):  # a search may not meet the lie
        state(opened(folder))


@pytest.mark.parametrize(
    "change",
    [told("kind", "later"), told("kind", ["flat"]), told("version", 2), told("version", "1")],
)
def test_an_index_of_another_kind_or_version_is_named(
    change: Change,
) -> None:
    folder = retold("dense.index", change)
    with pytest.raises(FormatUnknown, match=r"the index of 'dense' is .* use a newer release"):
        opened(folder).search(QUERIES, system="dense")
    assert len(verify(folder).problems) == 1
    assert opened(folder).search("cat dog", system="bm25")


def test_the_manifest_of_another_collection_fits_no_files() -> None:
    """Generations mixed by hand: each file is known by size and checksum."""
    one, other = sound(), FaultFolder()
    start(other)
    collection = opened(other)
    for step in WORKLOAD[4:6]:
        step.change(collection)
        step.commit(collection)
    files = {**one.contents(), manifests.NAME: other.contents()[manifests.NAME]}
    with pytest.raises(RetrievalError):
        opened(FaultFolder(files))
    assert json.loads(files[manifests.NAME])["body"]["generation"] == 2
