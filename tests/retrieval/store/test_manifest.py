"""A manifest says what it said, or is refused; it names nothing outside its folder."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from faults import FaultFolder
from hypothesis import example, given
from hypothesis import strategies as st
from respelling import forged, told
from workload import WORKLOAD, documents, opened, start, state

from retrieval.errors import (
    CorruptIndex,
    FormatTooNew,
    FormatTooOld,
    FormatUnknown,
    StorageFailed,
)
from retrieval.limits import MANIFEST_BYTES_MAX
from retrieval.store import manifest as manifests
from retrieval.store.container import FileEntry
from retrieval.store.manifest import Manifest, SegmentEntry

REFUSED = (CorruptIndex, FormatUnknown)
RECIPE = {"encoder": {"type": "custom"}, "fingerprint": "x", "index": {"kind": "flat"}}

counts = st.integers(0, 2**40)
names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,5}", fullmatch=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e300, 1e300)
    | st.text(st.characters(), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)  # fmt: skip
recipes = json_values.map(lambda v: {**RECIPE, "encoder": {"type": "custom", "more": v}})


SAID = {
    name: st.dictionaries(st.sampled_from(sorted(known)) if known else names, json_values)
    for name, known in manifests.SETTINGS.items()
}


@st.composite
def manifest_values(draw: st.DrawFn) -> Manifest:
    representations = draw(st.dictionaries(names, recipes, max_size=3))
    roles = [f"{name}.{part}" for name in representations for part in ("vectors", "index")]
    segments = []
    for number in range(draw(st.integers(0, 3))):
        files = {role: entry(number, role, draw(counts)) for role in ["documents", *roles]}
        n_documents, deleted = draw(st.integers(1, 2**31 - 1)), draw(st.booleans())
        tombstones = entry(number, "tombstones", 5) if deleted else None
        segments.append(SegmentEntry(n_documents, files, tombstones, int(deleted)))
    sources = tuple(draw(st.lists(st.text(st.characters(), max_size=4), max_size=2)))
    settings = draw(st.fixed_dictionaries({}, optional=SAID))
    return Manifest(
        draw(counts), 3 + draw(counts), representations, sources, settings, tuple(segments)
    )


def entry(number: int, role: str, size: int) -> FileEntry:
    return FileEntry(f"{number:08}.{role}", size, "0123456789abcdef")


@given(manifest_values())
@example(Manifest(settings={"systems": {"floats": [-0.0, 1e16, 5e-324, 0.1], "x": "\ud800"}}))
def test_round_trip(manifest: Manifest) -> None:
    assert Manifest.from_bytes(manifest.to_bytes(), "m") == manifest
    folder = FaultFolder()
    manifests.commit(folder, manifest)
    assert manifests.read(folder) == manifest
    assert folder.names() == [manifests.NAME]


def real() -> FaultFolder:
    """Return a collection with segments, tombstones and three representations."""
    folder = FaultFolder()
    start(folder)
    collection = opened(folder)
    for step in (*WORKLOAD[:4], replace(WORKLOAD[2], delete=["d0"])):
        step.change(collection)
        step.commit(collection)
    return folder


def test_every_changed_byte_is_noticed_or_harmless() -> None:
    folder = real()
    data = manifests.read(folder).to_bytes()
    n_refused = 0
    for place in range(len(data)):
        for change in (0x01, 0x20, 0x80):
            damaged = bytearray(data)
            damaged[place] ^= change
            try:
                assert Manifest.from_bytes(bytes(damaged), "m") == manifests.read(folder)
            except REFUSED:
                n_refused += 1
    assert n_refused > 2.5 * len(data)


def test_every_truncation_is_noticed() -> None:
    data = manifests.read(real()).to_bytes()
    for size in range(len(data)):
        with pytest.raises(CorruptIndex):
            Manifest.from_bytes(data[:size], "m")


def test_another_format_or_version_is_named() -> None:
    for version, error in ((1, FormatTooOld), (0, FormatTooOld), (4, FormatTooNew)):
        said = rf"m: the manifest has format version {version}, this release reads 3: .* again"
        with pytest.raises(error, match=said):
            Manifest.from_bytes(told(version=version), "m")
    for lie in ("3", None, True, 3.0, -1, [3]):
        with pytest.raises(FormatTooNew, match="m: the manifest has format version"):
            Manifest.from_bytes(told(version=lie), "m")
    with pytest.raises(FormatUnknown, match="m: its format is 'zip', not 'retrieval-collection'"):
        Manifest.from_bytes(told(format="zip"), "m")


def test_a_version_is_believed_only_with_its_checksum() -> None:
    data = Manifest().to_bytes()
    for version in (b"2", b"4", b"9"):
        with pytest.raises(CorruptIndex, match="m is damaged"):
            Manifest.from_bytes(data.replace(b'"version": 3', b'"version": ' + version), "m")


@pytest.mark.parametrize(
    "foreign", [b"", b"{}", b"[]", b"null", b'{"manifest_version": 3}', b"\xff\xfe", b"PK\3\4"]
)
def test_another_programs_manifest_is_none(foreign: bytes) -> None:
    with pytest.raises(CorruptIndex, match="m is damaged, or no manifest of ours"):
        Manifest.from_bytes(foreign, "m")
    for beside in ({}, {"index.html": b""}, {"00000001.documents~": b""}):
        with pytest.raises(FormatUnknown) as error:
            manifests.read(FaultFolder({manifests.NAME: foreign, **beside}))
        assert type(error.value) is FormatUnknown
        assert str(error.value) == (
            "/fault is no collection, its manifest.json is of another program: choose another "
            "folder"
        )


@pytest.mark.parametrize(
    "name", ["00000001.documents", "00000012.bm25.index", "12345678.tombstones"]
)
def test_a_manifest_beside_files_of_ours_is_damaged_whatever_it_says(name: str) -> None:
    with pytest.raises(CorruptIndex, match=r"m.*is damaged.*--rebuild"):
        manifests.read(FaultFolder({manifests.NAME: b"{}", name: b""}))


def test_what_begins_like_ours_is_ours_and_damaged() -> None:
    for size in (len(b'{"format": "retrieval-collection"'), 80):
        with pytest.raises(CorruptIndex, match="is damaged"):
            manifests.read(FaultFolder({manifests.NAME: Manifest().to_bytes()[:size]}))


@pytest.mark.parametrize(
    ("place", "known"),
    [
        ((), "the manifest uses the key 'new'"),
        (("body",), "its body uses the key 'new'"),
        (("body", "settings"), "the collection uses the setting 'new'"),
        (("body", "settings", "search"), "the collection uses the setting of search 'new'"),
        (("body", "settings", "chunking"), "the collection uses the setting of chunking 'new'"),
        (("body", "segments", 0), "a segment uses the key 'new'"),
        (("body", "segments", 0, "files", "documents"), "a file uses the key 'new'"),
        (("body", "representations", "bm25"), "the recipe of 'bm25' uses the key 'new'"),
    ],
)
def test_what_a_later_release_added_is_named(place: tuple[Any, ...], known: str) -> None:
    whole = opened_json(real())
    whole["body"]["settings"] = {"search": {}, "chunking": {}}
    inside = whole
    for key in place:
        inside = inside[key]
    inside["new"] = 1
    said = f"m: {known}, which this release does not know: use a newer release"
    with pytest.raises(FormatTooNew, match=said):
        Manifest.from_bytes(manifests.sealed(whole), "m")


def test_a_folder_without_manifest_is_no_collection() -> None:
    with pytest.raises(FormatUnknown, match="/fault is no collection"):
        manifests.read(FaultFolder())


def test_a_manifest_over_the_limit_is_not_read() -> None:
    files = {manifests.NAME: b" " * (MANIFEST_BYTES_MAX + 1)}
    with pytest.raises(CorruptIndex, match="bytes"):
        manifests.read(FaultFolder({**files, "00000001.documents": b""}))
    with pytest.raises(FormatUnknown, match="is of another program"):
        manifests.read(FaultFolder(files))


# ---------------------------------------------------------------------- lies with right checksums


def opened_json(folder: FaultFolder) -> Any:
    whole = json.loads(folder.contents()[manifests.NAME])
    del whole["checksum"]
    return whole


def body_of(folder: FaultFolder) -> Any:
    return opened_json(folder)["body"]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of everything in a JSON value, recipes left out: they are free."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list) and key != "representations":
            yield from places(value[key])


def test_the_forger_can_forge() -> None:
    folder = real()
    assert Manifest.from_bytes(forged(body_of(folder)), "m") == manifests.read(folder)


ANYTHING = [None, True, -1, 1.5, 2**63, float("inf"), float("nan"), "", "x", [], {}, [[]], {"a": 1}]


def test_any_other_value_anywhere_is_refused_or_means_something() -> None:
    """Whatever stands where: never another error, never a path, never a negative count."""
    folder = real()
    n_places = sum(1 for _ in places(body_of(folder)))
    n_refused = 0
    for number in range(n_places):
        for lie in ANYTHING:
            body = body_of(folder)
            inside, key = list(places(body))[number]
            inside[key] = lie
            try:
                _check_sane(Manifest.from_bytes(forged(body), "m"))
            except REFUSED:
                n_refused += 1
    assert n_refused > 0.8 * n_places * len(ANYTHING)


def test_anything_missing_is_refused() -> None:
    folder = real()
    for number in range(sum(1 for _ in places(body_of(folder)))):
        body = body_of(folder)
        inside, key = list(places(body))[number]
        if isinstance(inside, list):
            continue  # one segment fewer is another manifest
        del inside[key]
        with pytest.raises(CorruptIndex):
            Manifest.from_bytes(forged(body), "m")


def _check_sane(manifest: Manifest) -> None:
    assert manifest.generation >= 0
    assert manifest.next_file >= 0
    for segment in manifest.segments:
        assert 0 <= segment.n_deleted <= segment.n_documents
    for file in manifest.files():
        assert file.size >= 0
        assert file.name[:8].isdigit()
        assert not set(file.name) & set("/\\\0")


@pytest.mark.parametrize(
    "name",
    [
        "../00000001.documents", "/etc/passwd", "00000001/../../x", "", ".", "..", "lock",
        manifests.NAME, "00000001.documents\n", "00000001.documents\0", "0000001.documents",
        "00000001.Documents", "00000001.bm25.vectors", "\u0661" * 8 + ".documents",
        "00000001.a/b.index", "00000001.dense.vectors/../x", "1" * 30 + ".documents",
    ],
)  # fmt: skip
def test_only_names_of_our_own_making_are_followed(name: str) -> None:
    body = body_of(real())
    body["segments"][0]["files"]["documents"]["name"] = name
    with pytest.raises(CorruptIndex, match="restore it"):
        Manifest.from_bytes(forged(body), "m")


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "", "A", "a.b", "-a", "ä", "a\0", "xxx\n", "x" * 33]
)
def test_only_names_of_representations_become_file_names(name: str) -> None:
    body = body_of(FaultFolder({manifests.NAME: Manifest().to_bytes()}))
    body["representations"] = {name: RECIPE}
    with pytest.raises(CorruptIndex):
        Manifest.from_bytes(forged(body), "m")


# ---------------------------------------------------------------------- files nobody names


def test_foreign_files_are_left_alone_and_do_not_disturb() -> None:
    folder = real()
    foreign = ["notes.txt", "99999999.txt", "²²²²²²²²", "00000001.documents.bak", "20240131.pdf",
               "\u0661" * 8 + ".documents", "00000001.documents~", "lock"]  # fmt: skip
    for name in foreign:
        folder.create(name).close()
    leftovers = ["00000077.documents", "00000076.bm25.index", "00000078.tombstones",
                 f"{manifests.NAME}.new"]  # fmt: skip
    for name in leftovers:
        folder.create(name).close()
    before = state(opened(folder))["documents"]
    collection = opened(folder)
    collection.update(documents([9]))
    collection.commit()
    assert set(foreign) <= set(folder.names())
    assert not set(leftovers) & set(folder.names())
    assert state(collection)["documents"] == [*before, *documents([9])]
    assert manifests.read(folder).next_file < 1000


def test_numbers_beyond_eight_digits_go_on() -> None:
    folder = FaultFolder()
    start(folder)
    first = manifests.read(folder)
    manifests.commit(folder, replace(first, next_file=99_999_999))
    collection = opened(folder)
    for number in range(3):
        collection.update(documents([number]))
        collection.commit()
    assert state(opened(folder))["documents"] == documents(range(3))
    assert "100000001.documents" in folder.names()


def test_a_failed_read_is_no_damage() -> None:
    class Refusing(FaultFolder):
        def read(self, name: str, limit: int) -> bytes:
            raise PermissionError(13, "Permission denied")

    with pytest.raises(StorageFailed, match="Permission denied"):
        manifests.read(Refusing())
