"""Sound collections on disk, ways to damage their files, and what a damaged one may answer.

A damaged collection answers as before or raises `CorruptIndex`, which names the damaged file; and
what `verify` has found nothing wrong with answers as before. Damage is never taken for a version of
some other release.
"""

import os
import shutil
import stat
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from kinds import KINDS
from workload import Step, documents, opened, start

import retrieval as rt
from retrieval.errors import CorruptIndex, FormatUnknown, RetrievalError
from retrieval.store import manifest as manifests
from retrieval.store.files import DiskFolder
from retrieval.store.verification import verify

QUERY = "owl fog cat sun sea"
ONE_SEGMENT = (Step(documents(range(5))), Step(delete=["d2"]))
TWO_SEGMENTS = (*ONE_SEGMENT, Step(documents([5, 1], 1)))


class Wreck:
    """A collection in a folder of its own, whose files can be damaged and put back.

    files   what is in its files
    donors  what is in the files of earlier generations and of another collection: the same names,
            other contents
    """

    def __init__(self, steps: Sequence[Step] = TWO_SEGMENTS, room: Path | None = None) -> None:
        room = room or Path(tempfile.mkdtemp())
        self.path, self.outside = room / "collection", room / "outside"
        earlier = _lived(room / "earlier", steps[:1])
        del earlier[manifests.NAME]  # its files are all there: it is that generation, undamaged
        another = _lived(room / "another", [_other(step) for step in steps])
        self.donors = [*earlier.values(), *another.values()]
        self.files = _lived(self.path, steps)
        shutil.copytree(self.path, self.outside)
        self.expected = {what: ask() for what, ask in self.questions().items()}

    @cached_property
    def names(self) -> list[str]:
        """The names of all files: the manifest and those it names."""
        named = {file.name for file in manifests.read(DiskFolder(self.path)).files()}
        return [manifests.NAME, *sorted(named)]

    def opened(self) -> rt.Collection:
        return rt.open(self.path, encoders=encoders())

    def questions(self) -> dict[str, Callable[[], Any]]:
        """Open the collection; return what can be asked of it."""
        collection = self.opened()

        def search(name: str, filter: str | None) -> list[Any]:
            hits = collection.search(QUERY, 5, system=name, filter=filter)
            return [(hit.docno, hit.score, hit.title, str(hit.snippet)) for hit in hits]

        return {
            "documents": lambda: [collection[docno] for docno in collection],
            "filter": lambda: search(next(iter(KINDS)), "n >= 4"),
            **{name: lambda name=name: search(name, None) for name in KINDS},
        }

    def put(self, name: str, data: bytes) -> None:
        """Let a new file have this name and content, whatever was there."""
        remove(self.path / name)
        (self.path / name).write_bytes(data)

    def restore(self) -> None:
        """Put every file back, and remove what else there is."""
        for name in os.listdir(self.path):
            if name not in self.files:
                remove(self.path / name)
        for name, data in self.files.items():
            there = self.path / name
            plain = there.is_file() and not there.is_symlink()
            if not plain or there.stat().st_size != len(data) or there.read_bytes() != data:
                self.put(name, data)

    def check(self, damaged: Sequence[str]) -> str:
        """Return what became of a collection in which these files are damaged, or fail."""
        problems, refusal = self.problems(damaged), self.refusal
        try:
            questions = self.questions()
        except refusal as error:
            blame(error, damaged, problems)
            return "refused when opened"
        refused = 0
        for what, ask in questions.items():
            try:
                found = ask()
            except refusal as error:
                blame(error, damaged, problems)
                refused += 1
            else:
                assert found == self.expected[what], f"{what} changed without a word"
        if refused:
            return "refused when used"
        return "only seen by verify" if problems else "unchanged"

    @property
    def refusal(self) -> type[RetrievalError]:
        """What damage is refused with; a folder without a manifest is no collection."""
        there = os.path.lexists(self.path / manifests.NAME)
        return CorruptIndex if there else FormatUnknown

    def problems(self, damaged: Sequence[str]) -> tuple[str, ...]:
        """Return what `verify` says, which is only of damaged files."""
        try:
            problems = verify(DiskFolder(self.path)).problems
        except self.refusal as error:
            problems = (str(error),)
        for problem in problems:
            blame(problem, damaged)
        return problems


@contextmanager
def in_memory() -> Iterator[dict[str, str]]:
    """Give child processes a folder for what they make, in memory where there is such a thing.

    Yields the environment that says so; it is not syncing that is tested here.
    """
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as room:
        yield {"TMPDIR": room}


def encoders() -> dict[str, Any]:
    return {name: spec[0] if isinstance(spec, tuple) else spec for name, spec in KINDS.items()}


def remove(path: Path) -> None:
    """Remove whatever has this name, and nothing that it points to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _lived(path: Path, steps: Sequence[Step]) -> dict[str, bytes]:
    """Make a collection live through some steps; return its files."""
    path.mkdir()
    folder = DiskFolder(path)
    start(folder)
    collection = opened(folder)
    for step in steps:
        step.change(collection)
        step.commit(collection)
    return {file.name: file.read_bytes() for file in sorted(path.iterdir())}


def _other(step: Step) -> Step:
    """Return a step that leaves files of the same names with other contents."""
    return Step([rt.Document(d.docno, f"{d.text} owl") for d in step.update], step.delete)


def blame(said: object, files: Sequence[str], problems: Sequence[str] = ("known",)) -> None:
    """Check that a message names one of these files, and that `verify` knew of problems too."""
    assert any(file in str(said) for file in files), said
    assert problems, f"verify did not find this: {said}"


# ---------------------------------------------------------------------- damage to bytes

NUMBERS = (0, 1, 2, 31, 32, 63, 64, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)


def _torn(data: bytes, random: Random, filling: Callable[[int], bytes]) -> bytes:
    at, size = random.randrange(len(data)), random.choice([1, 2, 8, 64, 512])
    return (data[:at] + filling(min(size, len(data) - at)) + data[at + size :])[: len(data)]


def _spliced(data: bytes, random: Random) -> bytes:
    at, size = random.randrange(len(data)), random.choice([1, 2, 8, 64])
    return data[:at] + (random.randbytes(size) + data[at:] if size % 2 else data[at + size :])


def _numbered(data: bytes, random: Random, places: Sequence[tuple[int, str]]) -> bytes:
    """Write a number that may be dangerous over one that is stored."""
    place, code = random.choice(places)
    at, size = place % len(data), struct.calcsize(code)
    near = (len(data), len(data) - 32, len(data) - 64, len(data) + 1)
    number = random.choice((*NUMBERS, *near)) % 2 ** (8 * size)
    return data[:at] + struct.pack(code, number) + data[at + size :]


BYTES: Mapping[str, Callable[[bytes, Random], bytes]] = {
    "truncated": lambda data, random: data[: random.randrange(len(data))],
    "cut near the end": lambda data, random: data[: -random.randrange(1, min(len(data), 70))],
    "extended": lambda data, random: data + random.choice([b"\0", data[-32:], data, data[:64]]),
    "followed by noise": lambda data, random: data + random.randbytes(random.randrange(1, 99)),
    "zeros": lambda data, random: _torn(data, random, bytes),
    "ones": lambda data, random: _torn(data, random, lambda size: b"\xff" * size),
    "noise": lambda data, random: _torn(data, random, random.randbytes),
    "spliced": _spliced,
    "lying header": lambda data, random: _numbered(
        data, random, [(8, "<I"), (12, "<I"), (16, "<Q")]
    ),
    "lying footer": lambda data, random: _numbered(
        data, random, [(len(data) - 32, "<Q"), (len(data) - 24, "<Q"), (len(data) - 16, "<Q")]
    ),
    "lying directory": lambda data, random: (
        data[: len(data) // 2]
        + data[len(data) // 2 :].replace(b"1", str(random.choice(NUMBERS)).encode(), 1)
    ),
    "text mode": lambda data, random: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
    "empty": lambda data, random: b"",
    "nothing but noise": lambda data, random: random.randbytes(random.randrange(1, 2000)),
}


# ---------------------------------------------------------------------- what is no file


def _device(path: Path, sound: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # zeros without end
    except PermissionError:
        path.symlink_to("/dev/zero")


PLACES: Mapping[str, Callable[[Path, Path], object]] = {
    "missing": lambda path, sound: None,
    "link to the sound file": lambda path, sound: path.symlink_to(sound),
    "link to itself": lambda path, sound: path.symlink_to(path),
    "link to nothing": lambda path, sound: path.symlink_to(path.parent / "nothing"),
    "link to a folder": lambda path, sound: path.symlink_to(sound.parent),
    "folder": lambda path, sound: path.mkdir(),
    "pipe": lambda path, sound: os.mkfifo(path),
    "device": _device,
}
"""What may be in the place of a file; `sound` is a copy of it elsewhere."""
