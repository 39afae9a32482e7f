"""Short searches for a way to break the store, one per family of rules; "": none was found.

Each takes about a second on a sound store, and much less where a rule is missing: see `mutants`.
"""

import errno
import json
import os
import stat
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import caching
import numpy as np
import sweeps
from faults import Fault, FaultFolder
from kinds import ENCODERS, KINDS
from workload import QUERIES, WORKLOAD, Step, documents, life, opened, start, state

import retrieval as rt
from indexes.vectors import DenseVectors
from retrieval.errors import CorruptIndex, Locked
from retrieval.store import container, embeddings
from retrieval.store.container import Container
from retrieval.store.embeddings import EmbeddingCache
from retrieval.store.files import DiskFolder

GENERATION = 3
"""Of the workload: three segments, tombstones, every kind."""

# ---------------------------------------------------------------------- sweeps, in short


def crashes() -> str:
    parts = ((2,), (9, 10), (0, 1), (7,))
    found = (sweeps.crashes(part, often=6, writes=1).problem for part in parts)
    return next(filter(None, found), "")


def kills() -> str:
    moments = list(enumerate(sweeps.killed_operations()))
    late = [at for at, (verb, _) in moments if verb in ("sync file", "sync", "replace")]
    found = sweeps.kills(late[:-7:-1], often=3).problem
    return found or sweeps.half_made(images=2).problem


def faults() -> str:
    return sweeps.faults([7, 0, 6], every=240).problem


# ---------------------------------------------------------------------- damaged files


def damaged() -> str:
    files, _ = sound()
    names = [name for name in files if name.startswith("00000001.") or "tombstones" in name]
    if problem := _damaged_content(files):
        return problem
    for name in sorted(names, key=len):
        missing = FaultFolder({one: data for one, data in files.items() if one != name})
        if problem := _ask(missing, name, must=name):
            return f"{name} missing: {problem}"
        for what, data in ways(name, files):
            if problem := _ask(FaultFolder({**files, name: data}), name, must=_must(what)):
                return f"{name} {what}: {problem}"
    return ""


@cache
def sound() -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return files, and what is answered of them."""
    files = life()[0][GENERATION]
    return files, {what: ask() for what, ask in _questions(opened(FaultFolder(files))).items()}


@cache
def _others() -> dict[str, bytes]:
    """Return the files of a collection of other contents, most of them of the same size."""
    folder = FaultFolder()
    start(folder)
    for step in (Step(add=documents(range(4))[::-1]), *WORKLOAD[1:GENERATION]):
        sweeps.take(opened(folder), step)
    return folder.contents()


def ways(name: str, files: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield damaged contents of a container: at every place that has a meaning of its own."""
    data, random = files[name], Random(len(name))
    offset, length, _, _ = struct.unpack("<QQQ8s", data[-32:])
    rows = json.loads(data[offset : offset + length])["arrays"]
    starts = {row[3] for row in rows if row[3] < offset}
    places = {0, 7, 8, 12, 16, 20, *range(offset, offset + length, 1 + length // 12)}
    places |= {len(data) - back for back in (1, 8, 9, 16, 17, 24, 25, 32)}
    for place in sorted(places | starts):
        flipped = bytearray(data)
        flipped[place] ^= 1 << random.randrange(6)
        part = "structure" if place in places else "array"
        yield f"{part} flipped at {place}", bytes(flipped)
    for size in (0, 10, 63, len(data) // 2, len(data) - 1):
        yield f"cut to {size}", data[:size]
    yield "longer", data + b"\0"
    yield "of another collection", _others()[name]
    yield (
        "of another segment",
        files[name.replace("00000001", "00000002")] if (name.startswith("00000001")) else data,
    )


def _questions(collection: rt.Collection) -> dict[str, Callable[[], Any]]:
    def search(name: str, filter: str | None) -> list[Any]:
        hits = collection.search(QUERIES[2], 5, system=name, filter=filter)
        return [(hit.docno, hit.score) for hit in hits]

    return {
        "documents": lambda: [collection[docno] for docno in collection],
        "filter": lambda: search(next(iter(KINDS)), "n >= 1"),
        **{name: lambda name=name: search(name, None) for name in KINDS},
    }


def _must(what: str) -> str:
    """Return what must be said when a file is opened that is damaged in this way; "": anything."""
    if what.startswith(("cut", "longer")):
        return "bytes, the manifest says"
    return "" if what.startswith(("array", "of")) else "0000"


def _ask(folder: FaultFolder, name: str, *, must: str) -> str:
    """Return what is wrong with how a folder with one damaged file answers."""
    expected = sound()[1]
    try:
        with suppress(CorruptIndex):
            questions = _questions(opened(folder))
            if must:
                return "opened"
            for what, ask in questions.items():
                try:
                    if ask() != expected[what]:
                        return f"{what} changed without a word"
                except CorruptIndex as error:
                    if name not in str(error):
                        return f"not named in {error}"
        try:
            opened(folder)
        except CorruptIndex as error:
            if name not in str(error) or must not in str(error):
                return f"{error}"
    except Exception as error:
        return f"raised {error!r}"
    return ""


def _damaged_content(files: Mapping[str, bytes]) -> str:
    """Damage what is checked when it is fetched: a filter must not use it, nor a merge copy it."""
    name = "00000002.documents"
    other = files[name].replace(b'"n":5', b'"n":0')
    assert other != files[name]
    if problem := _ask(FaultFolder({**files, name: other}), name, must=""):
        return f"metadata: {problem}"
    name = "00000001.documents"
    texts = Container(FaultFolder(files), _entry(files[name], name), "documents")
    for array in ("text.data", "title.data", "metadata.data"):
        data = bytearray(files[name])
        data[bytes(data).index(texts.array(array).tobytes())] ^= 1
        folder = FaultFolder({**files, name: bytes(data)})
        with suppress(CorruptIndex):
            sweeps.take(opened(folder), Step(compact=True))
            return f"damage in {array} was copied"
    return ""


def _entry(data: bytes, name: str) -> container.FileEntry:
    return container.FileEntry(name, len(data), f"{struct.unpack('<Q', data[-16:-8])[0]:016x}")


# ---------------------------------------------------------------------- readers and writers at once


def readers() -> str:
    """A commit goes by while a reader opens; a second writer comes."""
    folder = FaultFolder(life()[0][2])
    writer, lost = opened(folder), list[str]()

    class Racing(FaultFolder):
        def map(self, name: str) -> Any:
            if len(lost) < 2:
                lost.append(name)
                sweeps.take(writer, Step(documents([len(lost)], len(lost)), compact=True))
            return folder.map(name)

        def read(self, name: str, limit: int) -> bytes:
            return folder.read(name, limit)

    try:
        if state(opened(Racing())) != state(writer):
            return "a reader that lost a race has another state"
        writer.writer()
        with suppress(Locked):
            opened(folder).writer()
            return "two writers"
        writer.rollback()
        following = opened(folder)
        following.use_encoders(ENCODERS)
        state(following)
        sweeps.take(writer, Step(add_representation="extra"))
        following.refresh()
        if state(following) != state(opened(folder)):
            return "a reader that refreshes has another state"
    except Exception as error:
        return f"raised {error!r}"
    return ""


# ---------------------------------------------------------------------- the disk itself


def disk() -> str:
    """What the store takes for granted of a folder, of a real one."""
    with tempfile.TemporaryDirectory() as name:
        try:
            return next(filter(None, (check(Path(name)) for check in DISK)), "")
        except Exception as error:
            return f"raised {error!r}"


def _synced(path: Path) -> str:
    folder, synced, real = DiskFolder(path), list[tuple[int, int]](), os.fsync

    def fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        synced.append((status.st_ino, status.st_size if stat.S_ISREG(status.st_mode) else -1))
        real(descriptor)

    with patch.object(os, "fsync", fsync):
        file = folder.create("synced")
        file.write(b"abc")
        file.sync()
        file.close()
        folder.sync()
        DiskFolder(path / "new" / "one").make()
    wanted = [((path / "synced").stat().st_ino, 3), (path.stat().st_ino, -1)]
    if synced[:2] != wanted:
        return f"synced {synced}, not {wanted}"
    made = {(path.stat().st_ino, -1), ((path / "new").stat().st_ino, -1)}
    return "" if set(synced[2:]) >= made else "a new folder may be lost"


def _written(path: Path) -> str:
    folder, real = DiskFolder(path), os.write
    with patch.object(os, "write", lambda descriptor, data: real(descriptor, data[:3])):
        file = folder.create("written")
        file.write(b"abcdefgh")
        file.close()
    if folder.read("written", 8) != b"abcdefgh":
        return "a short write was taken for a whole one"
    with suppress(FileExistsError):
        folder.create("written").close()
        return "a file was written over"
    with suppress(CorruptIndex):
        folder.read("written", 7)
        return "a file of any size was read"
    return ""


def _plain_files(path: Path) -> str:
    folder = DiskFolder(path)
    (path / "target").write_bytes(b"secret")
    (path / "link").symlink_to(path / "target")
    os.mkfifo(path / "pipe")
    for name in ("link", "pipe"):
        for read in (lambda name: folder.read(name, 99), folder.map):
            with suppress(CorruptIndex):
                read(name)
                return f"a {name} was read"
    (path / "dangling").symlink_to(path / "elsewhere")
    with suppress(OSError):
        folder.create("dangling").close()
        return "a link was followed to write"
    return "" if set(folder.names()).isdisjoint({"link", "pipe"}) else "a link is listed as a file"


def _one_writer(path: Path) -> str:
    with DiskFolder(path).lock(), suppress(Locked), DiskFolder(path).lock():
        return "two writers"
    with DiskFolder(path).lock():
        return ""


def _outlives(path: Path) -> str:
    folder = DiskFolder(path)
    (path / "old").write_bytes(b"old")
    (path / "fresh").write_bytes(b"fresh")
    mapped = folder.map("old")
    folder.replace("fresh", "old")
    if (path / "fresh").exists() or folder.read("old", 9) != b"fresh":
        return "not replaced"
    return "" if mapped.tobytes() == b"old" else "a reader saw the other file"


DISK = (_synced, _written, _plain_files, _one_writer, _outlives)

# ---------------------------------------------------------------------- the embedding cache


def cache_() -> str:
    """Batches put and merged: no power loss and no error makes a wrong vector or loses one."""
    with patch.object(embeddings, "MERGE_FANOUT", 4):
        try:
            return _cache_crashes() or _cache_faults() or _cache_damage()
        except Exception as error:
            return f"raised {error!r}"


def _cache_crashes() -> str:
    first = FaultFolder()
    for number in range(3):
        caching.put(
            EmbeddingCache(first, caching.LIMIT), DenseVectors, [2 * number, 2 * number + 1]
        )
    folder, random, seen, problems = FaultFolder(first.contents()), Random(1), set[Any](), []

    def look(verb: str) -> None:
        for image in folder.images(random, 0 if problems else 6, seen):
            there = caching.found(EmbeddingCache(image, caching.LIMIT), DenseVectors, range(20))
            if not there >= set(range(6)):
                problems.append(f"lost {set(range(6)) - there}")
        now = caching.found(EmbeddingCache(folder.seen(), caching.LIMIT), DenseVectors, range(6))
        if len(now) < 6:
            problems.append("not found")

    folder.after = look
    cache = EmbeddingCache(folder, caching.LIMIT)
    for number in range(6, 14):
        caching.put(cache, DenseVectors, [number])
    return next(iter(problems), "")


def _cache_faults() -> str:
    for at in range(40):
        folder = FaultFolder()
        folder.fault = Fault.of(at, errno.ENOSPC, stays=True)
        if caching.put(EmbeddingCache(folder, caching.LIMIT), DenseVectors, [1]):
            return ""
        if folder.live:
            return f"left {sorted(folder.live)}"
    return "never written"


def _cache_damage() -> str:
    folder = FaultFolder()
    cache = EmbeddingCache(folder, caching.LIMIT)
    caching.put(cache, DenseVectors, [1], "one")
    (one,) = folder.live
    caching.put(cache, DenseVectors, [2], "two")
    (two,) = set(folder.live) - {one}
    swapped = FaultFolder({two: bytes(folder.live[one].data)})
    if caching.found(EmbeddingCache(swapped, caching.LIMIT), DenseVectors, [1, 2], "two"):
        return "a file of another encoder is believed"
    settings = Container(folder, container.entry_of(folder, one), "embeddings").settings
    for n_keys in (0, 2):
        liar = FaultFolder()
        rows = {"keys": np.zeros((n_keys, 16), np.uint8)}
        rows["values"] = np.ones((1, 3), np.float32)
        container.write(liar, one, "embeddings", arrays=rows, settings=settings)
        lying = EmbeddingCache(liar, caching.LIMIT)
        if lying.get("one", [bytes(16)], DenseVectors) or one in liar.live:
            return f"one vector for {n_keys} keys is believed"
    data = bytearray(folder.live[one].data)
    for place in range(64, len(data), 3):
        data[place] ^= 1
        changed = FaultFolder({one: bytes(data)})
        caching.found(EmbeddingCache(changed, caching.LIMIT), DenseVectors, [1], "one")
        caching.put(EmbeddingCache(changed, caching.LIMIT), DenseVectors, [1], "one")
        data[place] ^= 1
    return ""


TRIALS: Mapping[str, Callable[[], str]] = {
    "crashes": crashes,
    "kills": kills,
    "faults": faults,
    "damage": damaged,
    "readers": readers,
    "disk": disk,
    "cache": cache_,
}
