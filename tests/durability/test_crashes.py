"""Whenever the power goes or a writer dies: all of the last commit, and nothing of the next."""

from random import Random
from typing import Any

import pytest
import sweeps
from faults import SCALE, FaultFolder
from workload import WORKLOAD, documents, opened, start, state

from retrieval.store import manifest as manifests

IMAGES = 10_000 * SCALE
STEPS = {"begin": (0, 1), "delete": (2,), "merge": (3,), "flush": (4, 5, 6), "rewrite": (7,),
         "compact": (8, 9, 10)}  # fmt: skip
"""Positions of steps in the workload that are swept together, so that processes share the work."""

SHARE = {"begin": 5, "delete": 3, "merge": 28, "flush": 12, "rewrite": 19, "compact": 3,
         "kills": 33}  # fmt: skip
"""Per cent of all images; that they make at least a hundred is asserted below."""

KILL_PARTS = 3


@pytest.mark.parametrize("part", STEPS)
def test_every_crash_image_is_the_last_commit_or_the_one_under_way(
    part: str, request: pytest.FixtureRequest
) -> None:
    """And readers that open at any moment, refresh, or opened long ago see what they should."""
    found = sweeps.crashes(STEPS[part], often=24 * SCALE, writes=5 * SCALE)
    record(request, found)
    assert found.problem == ""
    assert found.n >= IMAGES * SHARE[part] // 100


@pytest.mark.parametrize("part", range(KILL_PARTS))
def test_a_kill_then_a_writer_then_a_power_loss_lose_nothing(
    part: int, request: pytest.FixtureRequest
) -> None:
    """The second writer must not remove what a commit needs that the power loss may bring back."""
    moments = range(len(sweeps.killed_operations()))
    each = moments[part :: KILL_PARTS * max(1, 10 // SCALE)]
    found = sweeps.kills(each, often=4)
    record(request, found)
    request.node.user_properties.append(("writers killed in memory", len(each)))
    assert found.problem == ""
    assert found.n >= IMAGES * SHARE["kills"] // 100 // KILL_PARTS


def test_a_collection_that_is_half_made_can_be_made_again(request: pytest.FixtureRequest) -> None:
    found = sweeps.half_made(images=10 * SCALE)
    record(request, found)
    assert found.problem == ""
    assert found.n > 20


def record(request: pytest.FixtureRequest, found: sweeps.Found) -> None:
    request.node.user_properties += [
        ("crash images", found.n),
        ("reads beside a crashing writer", found.n_reads),
    ]


def test_the_parts_are_the_whole() -> None:
    assert sorted(number for part in STEPS.values() for number in part) == [*range(len(WORKLOAD))]
    assert SHARE.keys() == {*STEPS, "kills"}
    assert sum(SHARE.values()) >= 100


def test_a_recovered_image_takes_the_next_commit(request: pytest.FixtureRequest) -> None:
    """Leftovers of a crash are in nobody's way, and are gone afterwards."""
    folder = FaultFolder()
    start(folder)
    images: list[FaultFolder] = []
    random, seen = Random(1), set[Any]()

    def keep(verb: str) -> None:
        if len(folder.operations) % 13 == 0:
            images.extend(folder.images(random, 1 + SCALE, seen))

    folder.after = keep
    collection = opened(folder)
    for step in WORKLOAD:
        sweeps.take(collection, step)
    request.node.user_properties.append(("crash images written to", len(images)))
    assert len(images) > 50 * (1 + SCALE)
    for image in images:
        again = opened(image)
        before = [one for one in state(again)["documents"] if one.docno != "d6"]
        again.update(documents([6], 2))
        again.commit()
        assert state(again)["documents"] == [*before, *documents([6], 2)]
        named = {file.name for file in manifests.read(image).files()}
        assert set(image.live) == {*named, manifests.NAME}
