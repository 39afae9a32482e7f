"""What was written once is read as it was meant, or refused by name; see `golden`."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import caching
import golden
import numpy as np
import pytest
from faults import FaultFolder
from golden import GOLDENS, KINDS, REFUSED
from kinds import ENCODERS
from numpy.typing import NDArray
from workload import opened

import retrieval as rt
from retrieval.cli import main
from retrieval.errors import CorruptIndex, FormatTooNew, FormatTooOld, FormatUnknown
from retrieval.representation import Representation
from retrieval.store import container
from retrieval.store import manifest as manifests
from retrieval.store.afresh import Afresh
from retrieval.store.container import Container
from retrieval.store.embeddings import EmbeddingCache
from retrieval.store.files import DiskFolder

OLD = {
    "manifest-1": r"/manifest\.json: the manifest has format version 1, this release reads \d:",
    "manifest-2": r"/manifest\.json: the manifest has format version 2, this release reads \d:",
    "inverted-1": r"index of 'bm25' is .* (of an earlier release|format version 1, .* reads \d):",
}
"""Every golden of a version that is not read any more, and what is said of it."""


def test_every_kind_has_a_golden_and_they_are_small() -> None:
    assert {path.name for path in GOLDENS.iterdir()} == {
        "refused", *KINDS, *(f"{kind}.json" for kind in KINDS)
    }  # fmt: skip
    assert {path.name for path in REFUSED.iterdir()} == set(OLD)
    assert sum(path.stat().st_size for path in GOLDENS.rglob("*")) < 40_000 + 20_000 * len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_golden_answers_as_it_did_and_is_left_as_it_is(
    kind: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path = shutil.copytree(GOLDENS / kind, tmp_path / kind)
    for one in (*path.iterdir(), path):
        one.chmod(0o555 if one.is_dir() else 0o444)
    collection = rt.open(path, encoders={kind: ENCODERS[kind]}, verify="eager")
    assert collection.verify().ok
    found = golden.as_json({"versions": golden.versions(kind), **golden.answers(DiskFolder(path))})
    assert found == golden.recorded(kind)
    assert golden.files(path) == golden.files(GOLDENS / kind)
    path.chmod(0o755)
    record_property("goldens", 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_golden_goes_on_as_a_collection_built_afresh(kind: str) -> None:
    folder = FaultFolder(golden.files(GOLDENS / kind))
    changed = [golden.document(0, "sun sun cat"), golden.document(6, "owl ice sea fog dog")]
    with opened(folder) as collection:
        collection.update(changed)
        collection.delete("d3")
    fresh = golden.empty(kind)
    with opened(fresh) as collection:
        collection.add([one for one in golden.LIVE if one.docno not in ("d0", "d3")] + changed)
    expected = golden.answers(fresh)
    for compacted in (False, True):
        if compacted:
            opened(folder).compact()
        assert opened(folder).verify().ok
        found = golden.answers(FaultFolder(folder.contents()))
        assert found["documents"] == expected["documents"]
        assert found["hits"] == expected["hits"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_today_is_the_golden_to_the_last_byte(kind: str) -> None:
    data, there = golden.written(kind), golden.files(GOLDENS / kind)
    differing = [name for name in {**data, **there} if data.get(name) != there.get(name)]
    assert not differing, golden.AGAIN


def test_a_golden_is_not_replaced_by_one_of_the_same_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden, "GOLDENS", tmp_path)
    kind = next(iter(KINDS))
    assert golden.make([kind]) == []
    before = golden.files(tmp_path / kind)
    path = tmp_path / f"{kind}.json"
    changed = json.loads(path.read_text())
    changed["documents"] = []
    path.write_text(json.dumps(changed))
    assert golden.make([kind]) == [kind]
    changed["versions"]["documents"] -= 1
    path.write_text(json.dumps(changed))
    assert golden.make([kind]) == []
    assert golden.recorded(kind)["documents"]
    assert golden.files(tmp_path / kind) == before


# ---------------------------------------------------------------------- versions before this one


@pytest.mark.parametrize(("name", "why"), OLD.items())
def test_an_old_collection_is_refused_by_name_and_left_as_it_is(
    name: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shutil.copytree(REFUSED / name, tmp_path / name)
    said = rf"{why} .* or index again, .*--rebuild"
    with pytest.raises(FormatTooOld, match=said):
        rt.open(path)
    with pytest.raises(FormatTooOld, match=said):
        rt.index(path, path)
    for command in ("info", "verify", "search", "compact"):
        assert main([command, str(path), *(["owl"] if command == "search" else [])]) == 1
        assert re.search(said, capsys.readouterr().err)
    assert golden.files(path) == golden.files(REFUSED / name)


@pytest.mark.parametrize("name", OLD)
def test_an_old_collection_stays_until_one_built_afresh_takes_its_place(
    name: str, tmp_path: Path
) -> None:
    path = shutil.copytree(REFUSED / name, tmp_path / name)
    there = golden.files(path)
    kind = next(iter(KINDS))
    asked = {kind: Representation.of(kind, KINDS[kind])}

    def rebuilt() -> rt.Collection:
        collection = rt.Collection(Afresh(DiskFolder(path)))
        collection.use_encoders({kind: ENCODERS[kind]})
        collection.writer().clear(asked)
        collection.add(golden.LIVE)
        collection.writer().flush()
        return collection

    rebuilt().close()
    assert {one: golden.files(path)[one] for one in there} == there
    collection = rebuilt()
    collection.commit()
    left = set(golden.files(path)) - {"lock"}
    assert left == {manifests.NAME, *(f.name for f in collection.snapshot.manifest.files())}
    assert not left & (set(there) - {manifests.NAME})
    reopened = rt.open(path, encoders={kind: ENCODERS[kind]}, verify="eager")
    assert list(reopened) == [one.docno for one in golden.LIVE]
    with collection:
        collection.delete("d0")
    reopened.refresh()
    assert "d0" not in reopened


# ---------------------------------------------------------------------- versions after this one


Arrays = dict[str, NDArray[Any]]
CHANGES: dict[str, tuple[type[FormatUnknown], str, Callable[[dict[str, Any], Arrays], Any]]] = {
    "later version": (FormatTooNew, "has format version 99", lambda s, _: s.update(version=99)),
    "earlier version": (FormatTooOld, "has format version 0", lambda s, _: s.update(version=0)),
    "no version": (FormatTooOld, "has format version 0", lambda s, _: s.pop("version")),
    "another kind": (FormatTooNew, "uses the kind 'novel'", lambda s, _: s.update(kind="novel")),
    "no kind": (FormatTooNew, r"uses the kind \[\]", lambda s, _: s.update(kind=[])),
    "a setting more": (FormatTooNew, "uses the setting 'new'", lambda s, _: s.update(new=1)),
    "an array more": (
        FormatTooNew, "uses the array 'new'", lambda _, a: a.update(new=np.zeros(1, np.int32))
    ),
}  # fmt: skip


def retold(kind: str, role: str, change: Callable[[dict[str, Any], Arrays], Any]) -> FaultFolder:
    """Return a golden with one file written again, and a manifest that vouches for it."""
    folder = FaultFolder(golden.files(GOLDENS / kind))
    manifest = manifests.read(folder)
    first = manifest.segments[0]
    old = first.tombstones if role == "tombstones" else first.files[role]
    assert old is not None
    read = Container(folder, old, role.rpartition(".")[2])
    settings, arrays = dict(read.settings), {name: a.copy() for name, a in read.arrays().items()}
    change(settings, arrays)
    folder.remove(old.name)
    what = role.rpartition(".")[2]
    new = container.write(folder, old.name, what, arrays=arrays, settings=settings)
    told = replace(first, files={**first.files, role: new})
    if role == "tombstones":
        told = replace(first, tombstones=new)
    manifests.commit(folder, replace(manifest, segments=(told, *manifest.segments[1:])))
    return folder


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", ["documents", "tombstones", "vectors", "index"])
@pytest.mark.parametrize("kind", KINDS)
def test_another_version_or_feature_of_a_file_is_refused_by_name(
    kind: str, role: str, change: str
) -> None:
    role = f"{kind}.{role}" if role in ("vectors", "index") else role
    error, said, how = CHANGES[change]
    folder = retold(kind, role, how)
    with pytest.raises(error, match=rf"\.{role}\b.* {said}.* index again") as refused:
        golden.answers(folder)
    assert ("--rebuild" in str(refused.value)) == (error is FormatTooOld)
    (problem,) = opened(folder).verify().problems
    assert re.search(rf"\.{role}\b.* {said}", problem)


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_without_one_of_its_settings_is_not_read(kind: str) -> None:
    """What it would be by default is not what it was made with.

    A file says its version, so there it is damage; a recipe is whole, but of an earlier release.
    """
    recipe = Representation.of(kind, KINDS[kind]).recipe
    for name in set(recipe["index"]) - {"kind"}:
        folder = retold(kind, f"{kind}.index", lambda s, _, name=name: s.pop(name))
        with pytest.raises(CorruptIndex, match=rf"{kind}\.index.*setting '{name}'.* missing"):
            golden.answers(folder)
        index = {key: value for key, value in recipe["index"].items() if key != name}
        with pytest.raises(FormatTooOld, match=rf"index of '{kind}' .*'{name}'.* an earlier"):
            Representation.recorded(kind, {**recipe, "index": index}, ENCODERS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_recorded_index_of_a_later_release_is_refused_by_name(kind: str) -> None:
    folder = golden.empty(kind)
    manifest = manifests.read(folder)
    recipe = manifest.representations[kind]
    for change, said in (({"kind": "novel"}, "kind 'novel'"), ({"new": 1}, "setting 'new'")):
        index = {**recipe["index"], **change}
        manifests.commit(
            folder, replace(manifest, representations={kind: {**recipe, "index": index}})
        )
        with pytest.raises(FormatTooNew, match=f"index of '{kind}' uses the {said}"):
            opened(folder)


@pytest.mark.parametrize("name", OLD)
def test_rebuilding_takes_the_place_of_an_old_collection(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, docs = shutil.copytree(REFUSED / name, tmp_path / name), tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("the owl")
    arguments = ["index", str(docs), "-o", str(path), "-r", "bm25"]
    assert main(arguments) == 1
    assert "--rebuild" in capsys.readouterr().err
    assert golden.files(path) == golden.files(REFUSED / name)
    (path / manifests.NAME).with_name("00000002.documents").write_bytes(b"damaged")
    assert main([*arguments, "--rebuild"]) == 0
    assert main(["verify", str(path)]) == 0
    assert [hit.docno for hit in rt.open(path).search("owl")] == ["a.txt"]
    assert not (path / "00000001.documents").exists()


@pytest.mark.parametrize("damaged", ["manifest.json", "00000001.documents", "00000003.tombstones"])
def test_rebuilding_takes_the_place_of_a_damaged_collection(damaged: str, tmp_path: Path) -> None:
    kind, docs = next(iter(KINDS)), tmp_path / "docs"
    path = shutil.copytree(GOLDENS / kind, tmp_path / kind)
    docs.mkdir()
    (docs / "a.txt").write_text("the owl")
    data = bytearray((path / damaged).read_bytes())
    data[70] ^= 1
    (path / damaged).write_bytes(data)
    assert main(["index", str(docs), "-o", str(path), "-r", "bm25", "--rebuild"]) == 0
    assert [hit.docno for hit in rt.open(path, verify="eager").search("owl")] == ["a.txt"]


# ---------------------------------------------------------------------- what messages recommend


def told_anew(**changes: Any) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    """Let the manifest, or its body, say something else."""

    def change(files: dict[str, bytes]) -> dict[str, bytes]:
        whole = json.loads(files[manifests.NAME])
        del whole["checksum"]
        for key, value in changes.items():
            (whole if key == "version" else whole["body"])[key] = value
        return {**files, manifests.NAME: manifests.sealed(whole)}

    return change


def written_anew(role: str) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    """Let a file be of a later version."""
    return lambda files: retold(FIRST, role, CHANGES["later version"][2]).contents()


def with_encoder(recipe: dict[str, Any]) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    def change(files: dict[str, bytes]) -> dict[str, bytes]:
        recipes = json.loads(files[manifests.NAME])["body"]["representations"]
        recipes[FIRST]["encoder"] = recipe
        return told_anew(representations=recipes)(files)

    return change


def flipped(files: dict[str, bytes]) -> dict[str, bytes]:
    data = bytearray(files[manifests.NAME])
    data[90] ^= 1
    return {**files, manifests.NAME: bytes(data)}


FIRST = next(iter(KINDS))
UNREAD: dict[str, tuple[type[Exception], Callable[[dict[str, bytes]], dict[str, bytes]]]] = {
    "too old": (FormatTooOld, lambda _: golden.files(REFUSED / "manifest-2")),
    "damaged": (CorruptIndex, flipped),
    "a later manifest": (FormatTooNew, told_anew(version=99)),
    "a later key": (FormatTooNew, told_anew(novel=1)),
    "a later encoder": (FormatTooNew, with_encoder({"type": "bm25", "novel": 1})),
    "later documents": (FormatTooNew, written_anew("documents")),
    "later vectors": (FormatTooNew, written_anew(f"{FIRST}.vectors")),
    "a later index": (FormatTooNew, written_anew(f"{FIRST}.index")),
    "another program's": (FormatUnknown, lambda _: {manifests.NAME: b'{"name": "An app"}',
                                                    "index.html": b"<p>"}),
}  # fmt: skip
"""Folders that are not read: the error, and the files instead of those of a golden."""


@pytest.mark.parametrize("what", UNREAD)
def test_what_a_message_recommends_works_and_what_it_does_not_is_refused(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error, files = UNREAD[what]
    path, docs = tmp_path / "there.idx", tmp_path / "docs"
    for folder, content in (
        (path, files(golden.files(GOLDENS / FIRST))),
        (docs, {"a.txt": b"owl"}),
    ):
        folder.mkdir()
        for name, data in content.items():
            (folder / name).write_bytes(data)
    before = golden.files(path)
    with pytest.raises(error) as refused:
        rt.open(path, verify="lazy").search("owl")
    said = str(refused.value)
    assert type(refused.value) is error
    assert "another folder" in said
    assert main(["index", str(docs), "-o", str(tmp_path / "another.idx"), "-r", "bm25"]) == 0
    command = ["index", str(docs), "-o", str(path), "--rebuild", "-r", "bm25"]
    if error in (FormatTooOld, CorruptIndex):
        assert "`retrieval index FOLDER -o INDEX --rebuild`" in said
        assert main(command) == 0
        assert [hit.docno for hit in rt.open(path, verify="eager").search("owl")] == ["a.txt"]
        return
    assert "--rebuild" not in said
    assert ("use a newer release" in said or "the release that made it" in said) == (
        error is FormatTooNew
    )
    capsys.readouterr()
    assert main(command) == 1
    assert "another folder" in capsys.readouterr().err
    left = golden.files(path)
    left.pop("lock", None)
    assert left == before


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", caching.KINDS)
def test_a_cached_file_of_another_version_is_not_used_and_left_alone(
    kind: Any, change: str
) -> None:
    folder = FaultFolder()
    caching.put(EmbeddingCache(folder, caching.LIMIT), kind, range(3))
    (name,) = folder.names()
    read = Container(folder, container.entry_of(folder, name), "embeddings")
    settings, arrays = dict(read.settings), {one: a.copy() for one, a in read.arrays().items()}
    CHANGES[change][2](settings, arrays)
    folder.remove(name)
    container.write(folder, name, "embeddings", arrays=arrays, settings=settings)
    before = folder.contents()
    cache = EmbeddingCache(folder, caching.LIMIT)
    assert cache.get(caching.IDENTITY, caching.keys(range(3)), kind) is None
    assert folder.contents() == before
    assert caching.put(cache, kind, range(3))
    assert cache.get(caching.IDENTITY, caching.keys(range(3)), kind) is not None
    assert name in folder.names()
