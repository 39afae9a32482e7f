"""A rebuild that is killed, loses power or fails leaves the old files, or the new commit whole."""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import golden
import pytest
from faults import SCALE, Fault, FaultFolder, Killed
from golden import REFUSED
from kinds import ENCODERS, KINDS
from sweeps import FOREIGN, possible
from workload import documents, life, opened, start, state

import retrieval as rt
from retrieval.errors import CorruptIndex, FormatTooOld, StorageFailed
from retrieval.opening import taken_over
from retrieval.representation import Representation
from retrieval.store import manifest as manifests
from retrieval.store.afresh import Afresh
from retrieval.store.manifest import Manifest
from retrieval.store.snapshot import Snapshot
from retrieval.store.verification import verify

NEW = documents([9, 2, 5], 3)
ASKED = {name: Representation.of(name, spec) for name, spec in KINDS.items()}
IMAGES = 4 * SCALE
Record = Callable[[str, object], None]


def flipped(files: dict[str, bytes], name: str, at: int = 70) -> dict[str, bytes]:
    data = bytearray(files[name])
    data[at] ^= 1
    return {**files, name: bytes(data)}


OLD: dict[str, Callable[[], dict[str, bytes]]] = {
    "sound": lambda: life()[0][3],
    "a damaged manifest": lambda: flipped(life()[0][3], manifests.NAME),
    "damaged documents": lambda: flipped(life()[0][3], "00000001.documents", at=3),
    "too old": lambda: golden.files(REFUSED / "manifest-2"),
    "nothing but a damaged manifest": lambda: flipped(life()[0][0], manifests.NAME),
}


def rebuild(folder: FaultFolder) -> rt.Collection:
    """Do what `prepare` and `sync` do together, twice if there is a second chance."""
    collection = taken_over(folder)
    again(collection)
    return collection


def again(collection: rt.Collection) -> None:
    collection.use_encoders({name: ENCODERS[name] for name in ASKED})
    collection.writer().clear(ASKED)
    collection.add(NEW)
    collection.commit()


class Place:
    """A folder with an old collection, and what may be there while and after it is built again."""

    def __init__(self, old: str) -> None:
        self.old = {**OLD[old](), **FOREIGN}
        folder = FaultFolder(self.old)
        collection = rebuild(folder)
        self.operations, self.answers = tuple(folder.operations), state(collection)
        self._known: set[int] = set()
        assert not {file.name for file in manifests.read(folder).files()} & set(self.old)
        self.check_end(folder)

    def check(self, folder: FaultFolder, *, may_be: str = "old or new") -> str:
        """Say which of them is there, or fail."""
        there, current = folder.contents(), folder.contents()[manifests.NAME]
        assert there.items() >= FOREIGN.items()
        if current == self.old[manifests.NAME]:
            assert there.items() >= self.old.items(), "an old file is missing"
            assert "old" in may_be
            return "old"
        assert "new" in may_be
        named = [file.name for file in manifests.read(folder).files()]
        content = hash((current, *(there[name] for name in named)))
        if content not in self._known:  # nothing else is read of it
            assert state(opened(folder)) == self.answers
            assert opened(folder).verify().ok
            self._known.add(content)
        return "new"

    def check_end(self, folder: FaultFolder) -> None:
        """Check that after a commit there is nothing else."""
        named = {file.name for file in manifests.read(folder).files()}
        assert set(folder.contents()) == {manifests.NAME, *named, *FOREIGN}
        for image in (folder, *folder.images(Random(0), 2, set())):
            self.check(image, may_be="new")


@pytest.fixture(scope="module", params=OLD)
def place(request: pytest.FixtureRequest) -> Place:
    return Place(request.param)


def test_which_of_them_are_read_as_if_they_were_empty() -> None:
    for name, files in OLD.items():
        taken = taken_over(FaultFolder(files()))
        assert len(taken) == (5 if name == "sound" else 0)


def test_power_is_lost_after_any_operation(place: Place, record_property: Record) -> None:
    folder, random, seen = FaultFolder(place.old), Random(1), set[Any]()
    n, met = 0, list[str]()

    def look(verb: str) -> None:
        nonlocal n
        for image in folder.images(random, 1 if verb == "write" else 2 * IMAGES, seen):
            n += 1
            met.append(place.check(image))
        if verb == "replace":
            assert place.check(folder.seen()) == "new"

    folder.after = look
    collection = rebuild(folder)
    folder.after = lambda verb: None
    assert set(met) == {"old", "new"}
    assert state(collection) == place.answers
    place.check_end(folder)
    record_property("crash images", n)
    assert n > 20


@pytest.mark.parametrize("late", [False, True])
def test_it_is_killed_at_any_operation(place: Place, late: bool, record_property: Record) -> None:
    moments = [
        at
        for at, (verb, _) in enumerate(place.operations)
        if verb not in ("write", "map") or at % 16 < SCALE
    ]
    for at in moments:
        folder = FaultFolder(place.old)
        folder.fault = Fault(at, Killed(), late=late)
        with suppress(Killed):
            rebuild(folder)
        survivor = folder.survivor()
        place.check(survivor)
        for image in survivor.images(Random(at), IMAGES // 2, set()):
            place.check(image)
        rebuild(survivor)
        place.check_end(survivor)
    record_property("writers killed in memory", len(moments))


def test_it_fails_at_any_operation(place: Place, record_property: Record) -> None:
    every = {"write": 32, "map": 32, "replace": 1, "sync": 1}
    faults, n_raised = list[Fault](), 0
    for number, fault in enumerate(possible(place.operations)):
        if number % every.get(place.operations[fault.at][0], 4) < SCALE:
            faults.append(fault)
    for number, fault in enumerate(faults):
        folder = FaultFolder(place.old)
        folder.fault = fault
        collection = None
        try:
            collection = taken_over(folder)
            again(collection)
        except (StorageFailed, KeyboardInterrupt):
            n_raised += 1
            place.check(folder)
        else:
            place.check(folder, may_be="new")
        for image in folder.images(Random(0), 2, set()):
            place.check(image)
        folder.fault = None
        if collection is not None:
            collection.rollback()
        if collection is not None and number % 2:
            again(collection)
        else:
            rebuild(folder)
        assert not folder.retried
        place.check_end(folder)
    record_property("faults", len(faults))
    assert n_raised > len(faults) // 2


def test_what_is_given_up_leaves_no_file(place: Place) -> None:
    folder = FaultFolder(place.old)
    collection = taken_over(folder)
    collection.use_encoders({name: ENCODERS[name] for name in ASKED})
    collection.writer().clear(ASKED)
    collection.add(NEW)
    collection.writer().flush()
    assert len(folder.contents()) > len(place.old)
    collection.close()
    assert folder.contents() == place.old


def test_who_comes_second_has_the_collection_of_the_first() -> None:
    """Another process has rebuilt it since this one looked: nothing of it is hidden or lost."""
    folder = FaultFolder({**OLD["a damaged manifest"](), **FOREIGN})
    late = rt.Collection(Afresh(folder))
    first = rebuild(folder)
    first.close()
    before = folder.contents()
    late.use_encoders({name: ENCODERS[name] for name in ASKED})
    assert state(late)["documents"] == []  # what it opened
    late.refresh()
    assert state(late) == state(opened(folder))
    with late:
        late.writer()
        assert folder.contents() == before
        late.delete("d9")
    assert state(opened(folder))["documents"] == NEW[1:]


# ---------------------------------------------------------------------- readers beside a rebuild


class Overtaken(FaultFolder):
    """Between a reader's manifest and its first file a whole rebuild goes by, once."""

    other: FaultFolder | None = None

    def map(self, name: str) -> Any:
        if self.other is not None:
            self.live, self.other = self.other.live, None
        return super().map(name)


def overtaken() -> Overtaken:
    """Return a folder of which the generation before and after the rebuild are both the first."""
    folder = Overtaken(life()[0][1])
    rebuilt = FaultFolder(flipped(life()[0][1], manifests.NAME))
    rebuild(rebuilt)
    assert manifests.read(folder).generation == manifests.read(rebuilt).generation == 1
    folder.other = rebuilt
    return folder


def test_a_reader_that_a_rebuild_overtakes_misses_no_file() -> None:
    folder = overtaken()
    assert len(Snapshot.open(folder)) == len(NEW)
    assert folder.other is None


def test_a_verification_that_a_rebuild_overtakes_misses_no_file() -> None:
    assert verify(overtaken()).problems == ()


def test_a_writer_gives_up_no_files_of_a_rebuild_of_its_number() -> None:
    """A manifest replaced behind its lock, which was removed, say, is not the one it knows."""
    folder = FaultFolder(life()[0][1])
    collection = opened(folder)
    collection.update(NEW)
    collection.writer().flush()
    rebuilt = FaultFolder(flipped(folder.contents(), manifests.NAME))
    rebuild(rebuilt)
    folder.live = {**folder.live, **rebuilt.live}
    before = state(opened(folder))
    collection.close()
    assert state(opened(folder)) == before
    assert opened(folder).verify().ok


def test_a_manifest_is_current_as_it_was_written() -> None:
    """Also one that was not read from there, whose recipes have tuples for lists."""
    folder = FaultFolder()
    start(folder)
    recipe = {"encoder": {"type": "custom", "of": (1, 2)}, "fingerprint": "x",
              "index": {"kind": "flat"}}  # fmt: skip
    manifest = Manifest(generation=1, representations={"x": recipe})
    assert not manifests.is_current(folder, manifest)
    manifests.commit(folder, manifest)
    assert manifests.is_current(folder, manifest)
    assert not manifests.is_current(folder, Manifest(generation=1))


@pytest.mark.parametrize(("name", "error"), [("too old", FormatTooOld),
                                             ("a damaged manifest", CorruptIndex)])  # fmt: skip
def test_others_still_see_the_old_one(name: str, error: type[Exception]) -> None:
    folder = FaultFolder(OLD[name]())
    assert len(taken_over(folder)) == 0
    with pytest.raises(error):
        opened(folder)
