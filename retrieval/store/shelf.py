"""The vectors of one encoder in the embedding cache: immutable files, found by listing them.

Any process may add a file, merge some, or remove one at any time. A file appears under its name
when it is whole; one that is damaged nevertheless is removed, and what was in it is missing.
"""

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexes.validate import check_array
from retrieval.errors import CorruptIndex, FormatUnknown, InvalidVectors
from retrieval.store import container
from retrieval.store.container import Container
from retrieval.store.files import CacheFolder
from retrieval.store.formats import CONTENTS, check_known, content_of, told

KEY_BYTES = 16
NEW = ".new"
"""Ends the name of a file that is being written."""

OPEN_FILES_MAX = 128
"""Files of one encoder kept open; a file more is checked again whenever it is needed."""

_CONTAINER = "embeddings"
_KEYS = "keys"
_IDENTITY_CHARACTERS_MAX = 10_000
"""JSON makes at most six bytes of a character."""


class Storable(Protocol):
    """What the cache needs of a kind of vectors; see `indexes.vectors`."""

    def __len__(self) -> int: ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that make these vectors."""
        ...

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        ...

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Return a copy of the vectors at `rows`, in that order."""
        ...

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Return all vectors of `parts`, or raise `InvalidVectors`."""
        ...


Kind = TypeVar("Kind", bound=Storable)


@dataclass(eq=False, slots=True)
class _Part:
    """The keys of one file, as two numbers each; row i of its vectors belongs to key i.

    first, second  (n,) uint64  the halves of the keys; `first` rises
    """

    name: str
    first: NDArray[np.uint64]
    second: NDArray[np.uint64]
    touched: bool = False


class _Lost(Exception):
    """A file that was listed cannot be used."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Shelf(Generic[Kind]):
    """What this process knows of the files of one encoder and kind of vectors."""

    def __init__(self, folder: CacheFolder, name: str, kind: type[Kind]) -> None:
        self._folder, self.name, self._kind = folder, name, kind
        self._parts: dict[str, _Part] = {}
        self._opened: OrderedDict[str, Kind] = OrderedDict()
        self._unread: set[str] = set()

    # ------------------------------------------------------------------ reading

    def find(self, keys: NDArray[np.uint8]) -> tuple[NDArray[np.int64], Kind] | None:
        """Return which keys (n, 16) are here, rising, and their vectors; None if there is none."""
        lost: set[str] = set()
        while True:
            self._refresh(lost)
            owner, row = self._locate(keys)
            found = np.flatnonzero(owner >= 0)
            if not len(found):
                return None
            parts = list(self._parts.values())
            used = {int(number): parts[number] for number in np.unique(owner[found])}
            try:
                pieces = [self._vectors(p).take(row[owner == i]) for i, p in used.items()]
                whole = self._kind.concatenate(pieces) if len(pieces) > 1 else pieces[0]
            except _Lost as error:
                lost.add(error.name)  # its keys may be in another file too, or merged by now
                continue
            except InvalidVectors:
                # One encoder has made vectors that do not fit together: its identity lies.
                for part in used.values():
                    self._discard(part.name)
                continue
            self._touch(used.values())
            if len(pieces) > 1:
                whole = whole.take(np.argsort(np.argsort(owner[found], kind="stable")))
            return found, whole

    def _locate(self, keys: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the number of the part, -1 if none, and the row in it of each key."""
        first, second = _halves(keys)
        owner, row = np.full(len(keys), -1, np.int32), np.zeros(len(keys), np.int64)
        missing = np.argsort(first)  # rising, so that neighbours are looked up in one place
        for number, part in enumerate(self._parts.values()):
            wanted = first[missing]
            at = np.minimum(np.searchsorted(part.first, wanted), len(part.first) - 1)
            same = (part.first[at] == wanted) & (part.second[at] == second[missing])
            owner[missing[same]], row[missing[same]] = number, at[same]
            missing = missing[~same]
            if not len(missing):
                break
        return owner, row

    def _refresh(self, lost: set[str]) -> None:
        """Take note of the files that are there now, but for the `lost` ones; add to those.

        Where a file has been lost there may be another one by now that has taken its place.
        """
        n_lost = -1
        while n_lost < len(lost):
            n_lost = len(lost)
            there = self._names() - lost
            for name in self._parts.keys() - there:
                self._forget(name)
            for name in sorted(there - self._parts.keys() - self._unread):
                try:
                    self._parts[name] = _Part(name, *_halves(self._keys(name)))
                except _Lost:
                    lost.add(name)

    def _names(self) -> set[str]:
        """List the files, all of them at one moment.

        What is made and removed while a folder is listed may both be missed: a merge as a whole.
        Then a file that was there throughout the listing before is missed by this one.
        """
        before, there = self._listed(), self._listed()
        while not before <= there:
            before, there = there, self._listed()
        return there

    def _listed(self) -> set[str]:
        return {name for name in self._folder.uses() if self.owns(name)}

    def owns(self, name: str) -> bool:
        """Say whether a file is one of this shelf, and whole."""
        return name.startswith(f"{self.name}.") and not name.endswith(NEW)

    def _keys(self, name: str) -> NDArray[np.uint8]:
        with self._losing(name):
            return _checked_keys(open_file(self._folder, name))

    def _vectors(self, part: _Part) -> Kind:
        """Return the vectors of a file, every byte checked when it is opened."""
        if part.name not in self._opened:
            with self._losing(part.name):
                arrays = open_file(self._folder, part.name).arrays()
                del arrays[_KEYS]
                vectors = self._kind.from_arrays(arrays)
                check_known(part.name, "array", arrays, vectors.arrays())
                if len(vectors) != len(part.first):
                    raise CorruptIndex(f"{len(vectors)} vectors for {len(part.first)} keys")
                self._opened[part.name] = vectors
            if len(self._opened) > OPEN_FILES_MAX:
                self._opened.popitem(last=False)
        self._opened.move_to_end(part.name)
        return self._opened[part.name]

    @contextmanager
    def _losing(self, name: str) -> Iterator[None]:
        """Turn whatever is wrong with a file into `_Lost`; a damaged one is removed."""
        try:
            yield
        except CorruptIndex as error:
            self._discard(name)
            raise _Lost(name) from error
        except FormatUnknown as error:
            self._forget(name)
            self._unread.add(name)  # a later release may be using it
            raise _Lost(name) from error
        except OSError as error:
            self._forget(name)
            raise _Lost(name) from error

    def _touch(self, parts: Iterable[_Part]) -> None:
        for part in parts:
            if not part.touched:
                with suppress(OSError):
                    self._folder.touch(part.name)
                part.touched = True

    # ------------------------------------------------------------------ writing

    def write(
        self, keys: NDArray[np.uint8], vectors: Kind, identity: str, *, sync: bool = False
    ) -> None:
        """Add a file; it is there when this returns, and after a loss of power if `sync`.

        Of two keys with one first half only one is kept: the same key twice, or once in 2⁶⁴ pairs.
        """
        _, rows = np.unique(_halves(keys)[0], return_index=True)
        arrays = {_KEYS: keys[rows], **vectors.take(rows).arrays()}
        name = f"{self.name}.{secrets.token_hex(8)}"
        settings = {"encoder": self.name, "identity": identity[:_IDENTITY_CHARACTERS_MAX]}
        settings |= told(self._kind.__name__)
        try:
            container.write(
                self._folder, name + NEW, _CONTAINER, arrays=arrays, settings=settings, sync=sync
            )
            self._folder.replace(name + NEW, name)
        except BaseException:
            with suppress(OSError):
                self._folder.remove(name + NEW)
            raise

    def merge(self, names: Iterable[str], identity: str) -> None:
        """Make one file of several; those are removed when it is durable."""
        self._refresh(set())
        parts, pieces = [], []
        for part in [self._parts[name] for name in names if name in self._parts]:
            with suppress(_Lost):
                pieces.append(self._vectors(part))
                parts.append(part)
        if len(parts) < 2:
            return
        halves = [np.concatenate([getattr(p, half) for p in parts]) for half in ("first", "second")]
        keys = np.stack(halves, axis=1).view(np.uint8)
        with suppress(InvalidVectors):  # pieces that do not fit together are only removed
            self.write(keys, self._kind.concatenate(pieces), identity, sync=True)
            self._folder.sync()
        for part in parts:
            self._discard(part.name)

    def _discard(self, name: str) -> None:
        self._forget(name)
        with suppress(OSError):
            self._folder.remove(name)

    def _forget(self, name: str) -> None:
        self._parts.pop(name, None)
        self._opened.pop(name, None)


def open_file(folder: CacheFolder, name: str) -> Container:
    """Open a file of any shelf; one of another version is `FormatUnknown`."""
    opened = Container(folder, container.entry_of(folder, name), _CONTAINER)
    _, settings = content_of(opened.name, opened.settings, CONTENTS)
    check_known(opened.name, "setting", settings, ("encoder", "identity"))
    if opened.settings.get("encoder") != name.rpartition(".")[0]:
        raise CorruptIndex(f"{opened.name} holds vectors of another encoder than its name says")
    return opened


def describe(folder: CacheFolder, name: str) -> tuple[str, int]:
    """Return the identity of the encoder that made the vectors in a file, and their number."""
    opened = open_file(folder, name)
    return str(opened.settings.get("identity", "")), len(_checked_keys(opened))


def _checked_keys(opened: Container) -> NDArray[np.uint8]:
    keys = opened.array(_KEYS)
    check_array(_KEYS, keys, np.uint8, (-1, KEY_BYTES))
    if not len(keys):
        raise CorruptIndex(f"{opened.name} is empty")
    return keys


def _halves(keys: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return copies of the halves of keys (n, 16), as numbers."""
    whole = keys.view("<u8")
    return whole[:, 0].copy(), whole[:, 1].copy()
