"""Arrays that lie behind right checksums are refused before a kernel sees them.

All of it runs with bounds checks compiled in: an IndexError is a lie that got past the validators.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from random import Random
from typing import Any

import damage
import numpy as np
import pytest
import supervised
from damage import Arrays, Change
from faults import SCALE, FaultFolder
from kinds import KINDS
from numpy.typing import NDArray
from workload import QUERIES, Step, documents, opened, start
from wrecks import ONE_SEGMENT, QUERY, blame

import retrieval as rt
from retrieval.errors import CorruptIndex, FormatUnknown, RetrievalError
from retrieval.store import manifest as manifests
from retrieval.store.segment import INDEXES, build_settings
from retrieval.store.snapshot import Snapshot
from retrieval.store.verification import verify

REFUSED = (CorruptIndex, FormatUnknown)
CHECKED = {"NUMBA_BOUNDSCHECK": "1"}
N_GENERATED = 600 * (1 + SCALE)
PARTS = 2

Lie = tuple[str, dict[str, Change], dict[str, Any]]
"""What it is called, what is done to which files, and what the manifest says of the segment."""


@cache
def sound() -> dict[str, bytes]:
    """Return a segment that some documents were deleted from, and a segment after it."""
    folder = FaultFolder()
    start(folder)
    collection = opened(folder)
    for step in (*ONE_SEGMENT, Step(documents([5]))):
        step.change(collection)
        step.commit(collection)
    return folder.contents()


# ---------------------------------------------------------------------- a list of lies


@cache
def lies() -> list[Lie]:
    """Return every lie there is to tell, about every array and setting of every kind of index."""
    folder = FaultFolder(sound())
    told = damage.roles(folder)
    found: list[Lie] = []
    for role, (arrays, settings) in told.items():
        for name, array in arrays.items():
            found += [
                (f"{name} of {role}, {what}", {role: _replacing(name, bad)}, {})
                for what, bad in _damages(name, array)
            ]
        if role.endswith(".index"):
            found += [
                (f"{role} with {said}", {role: _telling(said)}, {})
                for said in _false_settings(settings)
            ]
    for name in KINDS:
        found.append((f"{name} with a document less", _shorter(folder, name), {}))
    n = manifests.read(folder).segments[0].n_documents
    counts = [{"n_documents": n + more} for more in (-1, 1, 8, 2**31 - 1 - n)]
    counts += [{"n_deleted": wrong} for wrong in (0, 2, n)]
    return found + [(f"the manifest with {said}", {}, said) for said in counts]


def _damages(name: str, array: NDArray[Any]) -> Iterator[damage.Damage]:
    if not array.size:
        yield "missing", None
        return
    for what, bad in damage.of(array, offsets=name.endswith("offsets")):
        storable = bad is None or bad.dtype.str[1:] in ("u1", "i4", "i8", "f2", "f4")
        if storable and (bad is None or bad.dtype.byteorder != ">"):
            yield what, bad


def _replacing(name: str, bad: NDArray[Any] | None) -> Change:
    def change(arrays: Arrays, settings: dict[str, Any]) -> None:
        del settings
        if bad is None:
            del arrays[name]
        else:
            arrays[name] = bad

    return change


def _false_settings(settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in settings:
        for said in _other_settings(settings, key):
            if not _can_be(said):
                yield said
        yield {other: value for other, value in settings.items() if other != key}
    yield from ({**settings, "kind": kind} for kind in INDEXES if kind != settings["kind"])
    yield {**settings, "more": 1}


def _other_settings(settings: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    for value in (None, [], {}, "", "nothing", -1, 0, 2, 2**40, 1.5):
        if value != settings[key]:
            yield {**settings, key: value}


def _can_be(settings: dict[str, Any]) -> bool:
    """Say whether there could be an index of these settings."""
    rest = dict(settings)
    kind, version = INDEXES.get(str(rest.pop("kind"))), rest.pop("version")
    if kind is None or type(version) is not int or version != kind.format_version:
        return False
    with suppress(CorruptIndex):
        build_settings(kind, rest)
        return True
    return False


def _telling(said: dict[str, Any]) -> Change:
    def change(arrays: Arrays, settings: dict[str, Any]) -> None:
        del arrays
        settings.clear()
        settings.update(said)

    return change


def _shorter(folder: FaultFolder, name: str) -> dict[str, Change]:
    """Let vectors and index agree that there is a document less."""
    index: Any = Snapshot.open(folder).segments[0].index(name)
    less = type(index).build(index.vectors(np.arange(len(index) - 1)), index.settings)
    return {
        f"{name}.vectors": lambda arrays, settings: arrays.update(less.vectors().arrays()),
        f"{name}.index": lambda arrays, settings: arrays.update(less.arrays()),
    }


def told(number: int) -> str:
    """Tell one lie: opening, using or verifying the collection says whose it is."""
    what, change, entry = lies()[number]
    folder = FaultFolder(sound())
    damage.retell(folder, change, **entry)
    names = [role.partition(".")[0] for role in change] or ["documents", "tombstones"]
    problems = verify(folder).problems
    assert problems, f"{what}: verify found nothing"
    assert any(name in problem for name in names for problem in problems), problems
    if what.startswith("sources of documents, 2"):
        return "only seen by verify"  # it is the manifest that knows how many there are
    assert _used(folder, names), f"{what} was believed"
    return "refused"


def _used(folder: FaultFolder, names: list[str]) -> bool:
    """Use everything; say whether something was refused, and all of it by a typed error."""
    refused = False
    for use in _uses(folder):
        try:
            use()
        except REFUSED as error:
            blame(error, names)
            refused = True
    return refused


def _uses(folder: FaultFolder, *, writing: bool = True) -> Iterator[Callable[[], Any]]:
    """Yield everything that reads what is stored, then what writes."""
    collections: list[rt.Collection] = []
    yield lambda: collections.append(opened(folder))
    for collection in collections:
        for name in KINDS:
            yield partial(collection.search, QUERY, 3, system=name)
            yield partial(collection.search, QUERIES, 9, system=name, per="parent")
            yield partial(collection.snapshot.segments[0].index, name)
        yield partial(collection.search, QUERY, 3, system=next(iter(KINDS)), filter="n > 1")
        yield partial(_documents, collection)
        if writing:
            yield partial(Step(documents([9, 1])).change, collection)
            yield collection.compact


def _documents(collection: rt.Collection) -> list[rt.Document]:
    return [collection[docno] for docno in collection]


def test_every_lie_is_refused_by_name(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "PATIENCE", 300.0)  # every kernel is compiled for the first one
    report = supervised.run("durability.test_lies:told", range(len(lies())), environment=CHECKED)
    assert report.problems == []
    request.node.user_properties.append(("lies refused", report.outcomes["refused"]))
    assert report.outcomes["refused"] >= 400


# ---------------------------------------------------------------------- well formed, and wrong


@pytest.mark.parametrize("name", KINDS)
def test_a_well_formed_index_of_other_vectors_is_named(name: str) -> None:
    """Weights permuted, lengths changed, documents moved: only the vectors can tell."""
    n_believed, role = 0, f"{name}.index"
    for array, stored in damage.roles(FaultFolder(sound()))[role][0].items():
        for change in _moves(array, stored):
            folder = FaultFolder(sound())
            damage.retell(folder, {role: change})
            with suppress(CorruptIndex):
                Snapshot.open(folder).segments[0].index(name)
                (problem,) = verify(folder).problems
                assert f"00000001.{role}: its array {array!r} is not what" in problem
                n_believed += 1
    assert n_believed > 0


@pytest.mark.parametrize("name", KINDS)
def test_an_index_of_other_settings_is_named_unless_it_would_be_the_same(name: str) -> None:
    role, vectors = f"{name}.index", Snapshot.open(FaultFolder(sound())).segments[0].index(name)
    stored, settings = damage.roles(FaultFolder(sound()))[role]
    every = (said for key in settings for said in _other_settings(settings, key))
    for said in filter(_can_be, every):
        folder = FaultFolder(sound())
        damage.retell(folder, {role: _telling(said)})
        index: Any = type(vectors)
        values = {key: value for key, value in said.items() if key not in ("kind", "version")}
        meant = index.build(vectors.vectors(), build_settings(index, values)).arrays()
        same = meant.keys() == stored.keys() and all(
            np.array_equal(meant[array], stored[array]) for array in stored
        )
        problems = verify(folder).problems
        assert same or f"00000001.{role}: " in problems[0], said
        if same:
            assert not problems, said
            assert found(folder) == found(FaultFolder(sound())), said


def _moves(name: str, array: NDArray[Any]) -> Iterator[Change]:
    flat = array.reshape(-1)
    twice = (flat * 2).astype(array.dtype)
    for changed in (twice, *(np.concatenate([flat[at:], flat[:at]]) for at in range(1, flat.size))):
        if (changed != flat).any():
            yield _replacing(name, changed.reshape(array.shape))
    for place in range(flat.size):
        changed = flat.copy()
        changed[place : place + 1] += 1  # as an array, so that the largest wraps without a warning
        yield _replacing(name, changed.reshape(array.shape))


# ---------------------------------------------------------------------- lies of a random generator

DANGEROUS = (0, 1, -1, 2, 7, 8, 255, 2**15, 2**31 - 1, -(2**31), 2**62, -(2**63), 2**63 - 1)


def invented(number: int) -> str:
    """Change arrays of one or two files at random: a typed error or an answer, and no IndexError.

    A collection that `verify` finds nothing wrong with raises nothing at all, and answers as one
    whose indexes were built afresh from the vectors that are stored.
    """
    random = Random(number)
    folder = FaultFolder(sound())
    told = damage.roles(folder)
    change = {
        role: _inventing(random) for role in random.sample(list(told), random.choice([1, 1, 2]))
    }
    damage.retell(folder, change)
    honest = verify(folder).ok
    if honest:
        assert found(folder) == found(rebuilt(folder)), "wrong answers after a clean verify"
    refused = 0
    for use in _uses(folder, writing=number % 6 < 2):
        try:
            use()
        except RetrievalError:
            assert not honest
            refused += 1
    return "refused" if refused else "believed" if honest else "only seen by verify"


def found(folder: FaultFolder) -> list[Any]:
    """Return what each kind of index answers, to the last bit."""
    collection = opened(folder)
    answers = (collection.search(QUERIES, 9, system=name) for name in KINDS)
    return [[(hit.docno, hit.score) for hit in hits] for lists in answers for hits in lists]


def rebuilt(folder: FaultFolder) -> FaultFolder:
    """Return a collection in which the indexes of the first segment are built again."""
    segment, built = Snapshot.open(folder).segments[0], dict[str, Change]()
    for name in KINDS:
        index: Any = segment.index(name)
        afresh = type(index).build(index.vectors(), index.settings).arrays()
        built[f"{name}.index"] = lambda arrays, _, afresh=afresh: arrays.update(afresh)
    again = FaultFolder(folder.contents())
    damage.retell(again, built)
    return again


def _inventing(random: Random) -> Change:
    def change(arrays: Arrays, settings: dict[str, Any]) -> None:
        del settings
        for name in random.sample(list(arrays), min(len(arrays), random.choice([1, 1, 2]))):
            arrays[name] = _invented(arrays[name], random)

    return change


def _invented(array: NDArray[Any], random: Random) -> NDArray[Any]:
    generator = np.random.default_rng(random.getrandbits(32))
    copy, flat = array.copy(), array.copy().reshape(-1)
    places = generator.integers(0, max(flat.size, 1), random.choice([1, 1, 2, 9]))
    match random.randrange(10) if flat.size else 9:
        case 0 | 1 | 2:  # a dangerous number
            with np.errstate(all="ignore"):
                flat[places] = np.array(random.choice(DANGEROUS)).astype(array.dtype)
        case 3:  # any bits
            flat.view(np.uint8)[places] = generator.integers(0, 256, len(places), np.uint8)
        case 4:  # a little more or less
            with np.errstate(all="ignore"):
                flat[places] += np.array(random.choice([1, 255]), np.uint8).astype(array.dtype)
        case 5:
            generator.shuffle(flat)
        case 6:
            flat = np.sort(flat)[:: random.choice([1, -1])]
        case 7:  # the neighbour's
            flat = np.roll(flat, random.choice([1, -1]))
        case 8:  # other lengths
            return copy[generator.integers(0, len(copy), random.choice([0, 1, len(copy) + 1]))]
        case _:  # other shapes and types
            shapes = [(-1, 1), (1, -1), (-1,), (0, 2**40), (2**40, 0), (0,)]
            shape = random.choice(shapes[:3] if flat.size else shapes)
            return copy.reshape(shape) if random.randrange(2) else _other_type(copy, random)
    return flat.reshape(array.shape)


def _other_type(array: NDArray[Any], random: Random) -> NDArray[Any]:
    dtype = random.choice([np.uint8, np.int32, np.int64, np.float16, np.float32])
    with np.errstate(all="ignore"):
        return array.astype(dtype)


@pytest.mark.parametrize("part", range(PARTS))
def test_invented_arrays_do_no_harm(
    part: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "PATIENCE", 300.0)
    numbers = range(part, N_GENERATED, PARTS)
    report = supervised.run("durability.test_lies:invented", numbers, environment=CHECKED)
    assert report.problems == []
    request.node.user_properties += [
        (f"invented arrays {outcome}", n) for outcome, n in report.outcomes.items()
    ]
    assert sum(report.outcomes.values()) == len(numbers)
    assert report.outcomes["refused"] > len(numbers) / 3
