"""Folders made to do harm: typed errors, no memory, nothing outside touched, nothing changed."""

import json
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import supervised
import xxhash
from kinds import KINDS
from workload import Step, documents
from wrecks import PLACES, Wreck, encoders, in_memory, remove

import retrieval as rt
from retrieval.errors import RetrievalError
from retrieval.limits import DIRECTORY_BYTES_MAX, MANIFEST_BYTES_MAX
from retrieval.store import container
from retrieval.store import manifest as manifests
from retrieval.store.container import Container, FileEntry
from retrieval.store.files import DiskFolder
from retrieval.store.manifest import Manifest
from retrieval.store.verification import verify

MEMORY = 64 * 2**20
"""Bytes that a hostile folder may cost."""

N_NAMES = 100_000
FILE = f"00000001.{next(iter(KINDS))}.vectors"

Bomb = Callable[[Wreck], object]


# ---------------------------------------------------------------------- hostile containers


def forged(arrays: bytes, more: bytes = b"", *, size: int | None = None) -> Bomb:
    """Put a container with any arrays in place of one, and a manifest that vouches for it.

    more  JSON that its settings say first, with a comma at the end
    """

    def plant(sound: Wreck) -> None:
        settings = Container(DiskFolder(sound.path), entry_of(sound), "vectors").settings
        said = b"{" + more + json.dumps(dict(settings)).encode()[1:]
        directory = b'{"settings": ' + said + b', "arrays": ' + arrays + b"}"
        header = struct.pack("<8sII16s", container.MAGIC, container.VERSION, 0, b"vectors")
        start, checksum = 64, xxhash.xxh3_64_intdigest(header + directory)
        end = bytes(255 - byte for byte in container.MAGIC)
        footer = struct.pack("<QQQ8s", start, len(directory), checksum, end)
        data = header.ljust(start, b"\0") + directory + footer
        sound.put(FILE, data)
        if size is not None:
            os.truncate(sound.path / FILE, size)
        vouch(sound, FileEntry(FILE, size or len(data), f"{checksum:016x}"))

    return plant


def entry_of(sound: Wreck) -> FileEntry:
    segment = manifests.read(DiskFolder(sound.path)).segments[0]
    return next(file for file in segment.files.values() if file.name == FILE)


def vouch(sound: Wreck, entry: FileEntry) -> None:
    manifest = manifests.read(DiskFolder(sound.path))
    first, role = manifest.segments[0], entry.name.partition(".")[2]
    segment = replace(first, files={**first.files, role: entry})
    told = replace(manifest, segments=(segment, *manifest.segments[1:]))
    sound.put(manifests.NAME, told.to_bytes())


def shaped(*shape: int, code: str = "f4") -> Bomb:
    return forged(json.dumps([["values", code, shape, 64, "0"]]).encode())


def settled(value: bytes) -> Bomb:
    return forged(b"[]", b'"a": ' + value + b", ")


MANY = json.dumps([[str(i), "u1", [0], 64, "0"] for i in range(20_000)])
CONTAINERS: Mapping[str, Bomb] = {
    "a gigantic array": shaped(2**62),
    "a large array": shaped(2**31, 2**14),
    "a product that overflows": shaped(2**61 + 1, 8),
    "a product that overflows to nothing": shaped(2**32, 2**32),
    "nothing, and wide": shaped(0, 2**46),
    "nothing, and long": shaped(2**46, 0),
    "many arrays": forged(MANY.encode()),
    "a directory too large": forged(b"[]" + b" " * DIRECTORY_BYTES_MAX),
    "many lists": settled(b"[" + b"[]," * 300_000 + b"1]"),
    "a deep list": settled(b"[" * 400_000 + b"]" * 400_000),
    "a deep object": settled(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "NaN": settled(b"NaN"),
    "infinity": settled(b"-Infinity"),
    "a huge number": settled(b"9" * 100_000),
    "a name twice": settled(b'1, "a": 2'),
    "no Unicode": settled(b'"\xff"'),
    "a file of a terabyte": forged(b"[]", size=2**40),
}


# ---------------------------------------------------------------------- hostile manifests


def bodied(body: bytes) -> Bomb:
    """Put a manifest with any body, and the right checksum at its end."""
    head = f'{{"format": "{manifests.FORMAT}", "version": {manifests.VERSION}, "body": '
    opened = head.encode() + body
    data = opened + f', "checksum": "{xxhash.xxh3_64_hexdigest(opened)}"}}'.encode()
    return lambda sound: sound.put(manifests.NAME, data)


def said(*path: str | int, value: Any) -> Bomb:
    """Let a manifest say something else in one place, spelled as it should be."""

    def plant(sound: Wreck) -> None:
        body = place = asdict(Manifest.from_bytes(sound.files[manifests.NAME], ""))
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        bodied(json.dumps(body).encode())(sound)

    return plant


def renamed(name: str) -> Bomb:
    """Let the first representation have another name."""

    def plant(sound: Wreck) -> None:
        manifest = Manifest.from_bytes(sound.files[manifests.NAME], "")
        text = json.dumps(asdict(manifest))
        own = next(iter(manifest.representations))
        bodied(text.replace(f'"{own}": {{', f"{json.dumps(name)}: {{", 1).encode())(sound)

    return plant


def spelled(text: str, other: str) -> Bomb:
    """Let a manifest spell something in another way, where it comes first."""

    def plant(sound: Wreck) -> None:
        body = json.dumps(asdict(Manifest.from_bytes(sound.files[manifests.NAME], "")))
        assert text in body
        bodied(body.replace(text, other, 1).encode())(sound)

    return plant


SEGMENT = ("segments", 0)
DOCUMENTS = (*SEGMENT, "files", "documents")
RECIPE = ("representations", next(iter(KINDS)))
NAMES = {
    "a path up": "../outside/00000001.documents",
    "an absolute path": "/00000001.documents",
    "a path inside": "a/00000001.documents",
    "a path to itself": "./00000001.documents",
    "NUL": "00000001.documents\0",
    "a line end": "00000001.documents\n",
    "digits of another script": f"{chr(0xFF10) * 7}{chr(0xFF11)}.documents",
    "a twin": "00000001.docum\u0435nts",
    "capitals": "00000001.DOCUMENTS",
    "nothing": "",
    "the folder": ".",
    "the manifest": manifests.NAME,
    "a long name": f"{'1' * 100_000}.documents",
    "the file of another role": FILE,
    "a file that is not there": "00000002.documents",
}
NO_COUNTS = (-1, True, 1.0, None, "5", [], 2**63, 10**400, float("inf"))
NO_TABLES = ([], 1, "a")
SPELLED = {'"next_file": ': ("1e3", "NaN", "9" * 5000, '0, "next_file": ', "0x10", "+")}
MANIFESTS: Mapping[str, Bomb] = {
    "a manifest too large": lambda sound: os.truncate(
        sound.path / manifests.NAME, MANIFEST_BYTES_MAX + 1
    ),
    "many values": bodied(b"[" + b"[]," * 2_000_000 + b"1]"),
    "many names": bodied(json.dumps(dict.fromkeys(map(str, range(249_000)), 0)).encode()),
    "a deep manifest": bodied(b"[" * 200_000 + b"]" * 200_000),
    "a long text": bodied(b'"' + b"x" * 7_000_000 + b'"'),
    "a key more": said("more", value=1),
    **{f"a file called {what}": said(*DOCUMENTS, "name", value=name)
       for what, name in NAMES.items()},
    **{f"{n!r:.9} documents": said(*SEGMENT, "n_documents", value=n)
       for n in (*NO_COUNTS, 4, 6, 2**31 - 1, 2**31)},
    **{f"{n!r:.9} bytes": said(*DOCUMENTS, "size", value=n) for n in (*NO_COUNTS, 0, 2**62)},
    **{f"{n!r:.9} deleted": said(*SEGMENT, "n_deleted", value=n) for n in (*NO_COUNTS, 0, 1, 3, 6)},
    **{f"{n!r:.9} as generation": said("generation", value=n) for n in NO_COUNTS},
    **{f"{n!r:.9} as next file": said("next_file", value=n) for n in (*NO_COUNTS, 0, 3, 10**18)},
    **{f"{key} are {value!r}": said(key, value=value)
       for key in ("representations", "segments", "sources", "settings")
       for value in (1, "a", None)},
    **{f"the setting {key} {value!r}": said("settings", key, value=value)
       for key in manifests.SETTINGS for value in NO_TABLES},
    "an unknown setting": said("settings", "nothing", value={}),
    **{f"a representation {name!r:.9}": renamed(name)
       for name in ("../a", "/", "\uff42m25", "A", "x" * 100_000, "\0", "", "a.b")},
    **{f"an encoder {value!r:.20}": said(*RECIPE, "encoder", value=value)
       for value in (None, [], {}, {"type": []})},
    **{f"an index {value!r:.20}": said(*RECIPE, "index", value=value)
       for value in (None, [], {}, {"kind": "../"}, {"kind": []}, {"kind": "x" * 99_999})},
    **{f"{place}{text:.9}": spelled(place, f"{place}{text}")
       for place, texts in SPELLED.items() for text in texts},
}  # fmt: skip


# ---------------------------------------------------------------------- hostile places


def placed(name: str, how: str) -> Bomb:
    """Put what is no file in the place of a file, or where a writer is going to make one."""

    def plant(sound: Wreck) -> None:
        (sound.outside / name).write_bytes(sound.files.get(name, b"outside"))
        remove(sound.path / name)
        PLACES[how](sound.path / name, sound.outside / name)

    return plant


def crowded(sound: Wreck) -> None:
    """Fill the folder with names of many kinds."""
    for i in range(N_NAMES):
        os.close(os.open(sound.path / f"{i}.documents.other", os.O_CREAT | os.O_WRONLY))
    for name in (b"\xff\xfe", b"\n", b"x" * 255, "\uff4danifest.json".encode(), b"-rf *", b" "):
        (sound.path / os.fsdecode(name)).write_bytes(b"")


NEXT = ("manifest.json.new", "lock", "00000009.documents", "00000005.documents")
LEFT = {
    f"{how} at {name}": placed(name, how) for name in NEXT for how in PLACES if how != "missing"
}
HARMLESS: Mapping[str, Bomb] = {"a crowd": crowded, **LEFT}
"""What lies in the folder and is none of the collection's: it answers as before."""

HARMFUL: Mapping[str, Bomb] = {
    **CONTAINERS,
    **MANIFESTS,
    **{f"{how} at {name}": placed(name, how)
       for name in (manifests.NAME, FILE) for how in PLACES if how != "missing"},
}  # fmt: skip
BOMBS = {**HARMFUL, **HARMLESS}


@cache
def sound() -> Wreck:
    return Wreck()


def exploded(number: int) -> str:
    """Plant a bomb, read and write; say whether it was refused."""
    what, plant = list(BOMBS.items())[number]
    folder = sound()
    try:
        plant(folder)
        before, outside = listing(folder.path), listing(folder.outside)
        refused = costing(partial(read, folder), what)
        assert refused or what in HARMLESS, f"{what} was believed"
        assert not refused or what in HARMFUL, f"{what}: {refused}"
        assert listing(folder.path) == before, f"{what} changed the folder"
        if what not in MANIFESTS:  # nothing is written to what cannot be opened
            costing(partial(change, folder), what)
        assert listing(folder.outside) == outside, f"{what} reached outside"
        return "refused" if refused else "harmless"
    finally:
        folder.restore()


def read(folder: Wreck) -> str:
    """Open, search, verify; return the first error that is typed."""
    try:
        for what, ask in folder.questions().items():
            assert ask() == folder.expected[what]
        verify(DiskFolder(folder.path)).raise_problems()
    except RetrievalError as error:
        return str(error) or repr(error)
    return ""


def change(folder: Wreck) -> str:
    try:
        collection = folder.opened()
        try:
            collection.update(documents([1, 6], 2))
            collection.commit()
        finally:
            collection.close()
    except RetrievalError as error:
        return str(error)
    return ""


def costing(do: Callable[[], str], what: str) -> str:
    """Return what `do` does, which may cost no more than `MEMORY`."""
    Path("/proc/self/clear_refs").write_text("5")  # forgets the most memory there was
    before = peak()
    result = do()
    assert peak() - before < MEMORY, f"{what} cost {peak() - before:,} bytes"
    return result


def peak() -> int:
    """Return the most memory this process has had since it was forgotten."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def listing(folder: Path) -> list[Any]:
    """Return all that can be seen of the files in a folder without opening one."""
    found = []
    for path in sorted(folder.iterdir()):
        status = path.lstat()
        found.append((path.name, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino))
    return found


def test_hostile_folders_do_no_harm(request: pytest.FixtureRequest) -> None:
    with in_memory() as room:
        report = supervised.run(
            "durability.test_hostile:exploded", range(len(BOMBS)), environment=room
        )
    assert report.problems == []
    request.node.user_properties.append(("hostile folders", len(BOMBS)))
    assert report.outcomes == {"refused": len(HARMFUL), "harmless": len(HARMLESS)}


def test_the_path_of_a_collection_may_be_anything(tmp_path: Path) -> None:
    """What is no folder is no collection; a link to a folder is that folder."""
    whole = Wreck(room=tmp_path)
    place = tmp_path / "place"
    for how in PLACES:
        PLACES[how](place, whole.path)
        if how == "link to the sound file":
            assert len(rt.open(place, encoders=encoders())) == len(whole.expected["documents"])
        else:
            with pytest.raises(RetrievalError):
                rt.open(place)
        remove(place)
    for path in (whole.path / manifests.NAME, tmp_path / ("x" * 5000)):
        with pytest.raises(RetrievalError):
            rt.open(path)


def test_a_writer_that_was_refused_can_be_had_afterwards(tmp_path: Path) -> None:
    whole = Wreck(room=tmp_path)
    placed("manifest.json.new", "folder")(whole)
    assert change(whole)
    remove(whole.path / "manifest.json.new")
    assert not change(whole)
    collection = whole.opened()
    Step(documents([7])).change(collection)
    collection.commit()
    assert "d7" in collection
