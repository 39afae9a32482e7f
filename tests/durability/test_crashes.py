"""A power loss or a kill at any moment leaves one commit: the last, or the one under way."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from faults import SCALE, Fault, FaultFolder, Inode, Killed
from workload import WORKLOAD, Step, documents, expected_documents, opened, start, state

from retrieval.errors import RetrievalError
from retrieval.store import manifest as manifests

STATES: list[dict[str, Any]] = []
"""What the collection answers after each commit; generation g is STATES[g]."""


@pytest.fixture(scope="module", autouse=True)
def _states() -> None:
    folder = FaultFolder()
    start(folder)
    collection = opened(folder)
    STATES[:] = [state(collection)]
    for number, step in enumerate(WORKLOAD, 1):
        step.change(collection)
        step.commit(collection)
        STATES.append(state(collection))
        assert STATES[-1]["documents"] == expected_documents(WORKLOAD[:number])
        assert collection.generation == number


class Sweep:
    """Looks at images after every operation, until one is wrong."""

    def __init__(self, folder: FaultFolder, *, often: int = 20, writes: int = 4) -> None:
        self.folder, self.random = folder, Random(len(folder.live))
        self._often, self._writes = often * SCALE, writes * SCALE
        self.allowed: dict[int, dict[str, Any]] = {}
        """Generations an image may show, and their states."""
        self.n_images, self.problem, self._seen = 0, "", set[Any]()
        folder.after = self.look

    def look(self, verb: str) -> None:
        """Open images; in the middle of a file there is less to choose from."""
        n = self._writes if verb == "write" else self._often
        for image in self.folder.images(self.random, n, self._seen):
            self.n_images += 1
            wrong = self.wrong(image)
            if wrong:
                self.problem = f"{wrong} after {self.folder.operations[-1]}"
                self.folder.after = lambda verb: None
                break

    def wrong(self, image: FaultFolder) -> str:
        try:
            collection = opened(image)
            found = state(collection)
        except RetrievalError as error:
            return f"unreadable: {error!r}"
        if collection.generation not in self.allowed:
            return f"generation {collection.generation}, not of {sorted(self.allowed)}"
        return "" if found == self.allowed[collection.generation] else "mixed"


def sweep(folder: FaultFolder, steps: tuple[Step, ...] = WORKLOAD) -> Sweep:
    """Run the workload, looking at images after each of its operations."""
    start(folder)
    looked = Sweep(folder)
    collection = opened(folder)
    for acknowledged, step in enumerate(steps):
        looked.allowed = {acknowledged: STATES[acknowledged]}
        step.change(collection)
        looked.allowed[acknowledged + 1] = STATES[acknowledged + 1]
        step.commit(collection)
    looked.allowed = {len(steps): STATES[len(steps)]}
    looked.look("end")
    return looked


def test_every_crash_image_is_the_last_commit_or_the_one_under_way(
    request: pytest.FixtureRequest,
) -> None:
    looked = sweep(FaultFolder())
    request.node.user_properties.append(("crash_images", looked.n_images))
    request.node.user_properties.append(("operations", len(looked.folder.operations)))
    assert not looked.problem
    assert looked.n_images > 3000


def test_a_recovered_image_takes_the_next_commit() -> None:
    """Leftovers of a crash are in nobody's way, and are gone afterwards."""
    folder = FaultFolder()
    start(folder)
    images: list[FaultFolder] = []
    random, seen = Random(1), set[Any]()

    def keep(verb: str) -> None:
        if len(folder.operations) % 7 == 0:
            images.extend(folder.images(random, 4, seen))

    folder.after = keep
    collection = opened(folder)
    for step in WORKLOAD:
        step.change(collection)
        step.commit(collection)
    assert len(images) > 200
    for image in images:
        again = opened(image)
        before = [one for one in state(again)["documents"] if one.docno != "d6"]
        again.update(documents([6], 2))
        again.commit()
        assert state(again)["documents"] == [*before, *documents([6], 2)]
        named = {file.name for file in manifests.read(image).files()}
        assert set(image.live) == {*named, manifests.NAME}


def sweep_kills(kind: type[FaultFolder]) -> tuple[int, str]:
    """Kill a writer at every operation, let another one commit; return images, first problem."""
    base = FaultFolder()
    start(base)
    for earlier in WORKLOAD[:2]:
        _take(opened(base), earlier)
    killed = replace(WORKLOAD[2], compact=True)  # needs none of the files there were before
    rehearsal = FaultFolder(base.contents())
    _take(opened(rehearsal), killed)
    n_images = 0
    for number, operation in reversed(list(enumerate(rehearsal.operations))):
        if operation[0] in ("write", "map") and number % 80:
            continue
        folder = kind(base.contents())
        folder.fault = Fault(number, Killed(), late=True)
        with pytest.raises(Killed):
            _take(opened(folder), killed)
        looked = _look_at_second(folder.survivor())
        n_images += looked.n_images
        if looked.problem:
            return n_images, f"{looked.problem}, killed at {operation}"
    return n_images, ""


def _look_at_second(folder: FaultFolder) -> Sweep:
    collection = opened(folder)
    looked = Sweep(folder, often=4, writes=0)
    # The killed process was told of no third commit: both are right until the next one is.
    looked.allowed = {2: STATES[2], 3: STATES[3]}
    step = Step(documents([3], 7))
    copy = opened(FaultFolder(folder.contents()))
    _take(copy, step)
    step.change(collection)
    looked.allowed[copy.generation] = state(copy)
    step.commit(collection)
    looked.allowed = {copy.generation: state(copy)}
    looked.look("end")
    return looked


def _take(collection: Any, step: Step) -> None:
    step.change(collection)
    step.commit(collection)


def test_a_kill_then_a_writer_then_a_power_loss_lose_nothing(
    request: pytest.FixtureRequest,
) -> None:
    """The second writer must not remove what a commit needs that the power loss may bring back."""
    n_images, problem = sweep_kills(FaultFolder)
    request.node.user_properties.append(("crash_images_after_kills", n_images))
    assert not problem
    assert n_images > 1000


# ---------------------------------------------------------------------- teeth: five broken stores


class FilesNeverSynced(FaultFolder):
    def sync_file(self, name: str, inode: Inode) -> None:
        pass


class NamesNeverSynced(FaultFolder):
    def sync_names(self) -> None:
        pass


class ManifestBeforeData(FaultFolder):
    """The content of data files is synced only after the manifest names them."""

    def sync_file(self, name: str, inode: Inode) -> None:
        if name.startswith(manifests.NAME):
            super().sync_file(name, inode)

    def sync_names(self) -> None:
        super().sync_names()
        if f"{manifests.NAME}.new" not in self.live:
            for name, inode in self.live.items():
                super().sync_file(name, inode)


class NamesAfterManifest(FaultFolder):
    """The names of new files are synced together with the manifest's, not before."""

    def sync_names(self) -> None:
        if f"{manifests.NAME}.new" not in self.live:
            super().sync_names()


class TwoStepReplace(FaultFolder):
    """A name is free for a moment before it stands for the new file."""

    def replace(self, source: str, target: str) -> None:
        self.remove(target)
        super().replace(source, target)


class NamesNotSyncedAtOpening(FaultFolder):
    """Only a commit syncs names; a new writer begins by removing files."""

    def sync_names(self) -> None:
        if self.operations[-2][0] in ("close", "replace"):
            super().sync_names()


@pytest.mark.parametrize(
    "mutant",
    [FilesNeverSynced, NamesNeverSynced, ManifestBeforeData, NamesAfterManifest, TwoStepReplace],
)
def test_a_store_without_one_of_its_rules_is_caught(mutant: type[FaultFolder]) -> None:
    class Started(mutant):  # type: ignore[valid-type, misc]
        """Broken from the first commit of the workload on; the empty collection is there."""

    folder = Started(_started())
    looked = Sweep(folder)
    collection = opened(folder)
    for acknowledged, step in enumerate(WORKLOAD[:4]):
        looked.allowed = {acknowledged: STATES[acknowledged]}
        step.change(collection)
        looked.allowed[acknowledged + 1] = STATES[acknowledged + 1]
        step.commit(collection)
    assert looked.problem


def test_a_writer_that_does_not_sync_names_first_is_caught() -> None:
    assert sweep_kills(NamesNotSyncedAtOpening)[1]


def _started() -> dict[str, bytes]:
    folder = FaultFolder()
    start(folder)
    return folder.contents()
