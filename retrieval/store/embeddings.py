"""The embedding cache: no text is encoded twice by one encoder, whichever collection it is in.

    <encoder>.DenseVectors.<random>       keys (n, 16) and the arrays of n vectors; a container
    <encoder>.DenseVectors.<random>.new   being written, or left by a process that died
    lock                                  held while files are merged

Every batch becomes a file of its own, so that a killed process loses at most the batch it was
encoding; sixteen files of about one size become one. Batches are not synced: a loss of power costs
those of the last half minute, and checksums tell. Least recently used files go first when there is
no room. The cache is never needed: whatever is wrong with it, texts are only encoded again.

Not for: folders shared between users, encoders whose identity does not change with their vectors.
"""

import os
import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import CorruptIndex, FormatUnknown, InvalidInput, Locked
from retrieval.places import cache_folder
from retrieval.store.files import CacheFolder, FileUse, PrivateFolder, storing
from retrieval.store.shelf import KEY_BYTES, NEW, Kind, Shelf, describe

EMBEDDING_CACHE_BYTES_MAX = 8 * 2**30
"""All files together, unless `LIMIT_VARIABLE` says otherwise."""

LIMIT_VARIABLE = "RETRIEVAL_EMBEDDING_CACHE_BYTES"
"""The environment variable with the limit in bytes; 0 switches the cache off."""

FREE_BYTES_MIN = 2**30
"""The cache leaves as much of the disk to those who need it."""

FILE_BYTES_MAX = 128 * 2**20
"""Nothing larger is made by merging; twice as much memory is needed for it."""

MERGE_FANOUT = 16
"""As many files of one size are merged into one."""

_FORMAT = 1
_SMALLEST_TIER_BYTES = 2**16
_DIRECTORY_BYTES = 2**16
_ABANDONED_S = 3600
_NAME = re.compile(rf"[0-9a-f]{{32}}\.\w{{1,64}}\.[0-9a-f]{{16}}({re.escape(NEW)})?")


@dataclass(frozen=True, slots=True)
class EncoderUse:
    """What the cache holds of one encoder.

    used  when a vector was last read or written, in seconds since 1970
    """

    identity: str
    entries: int
    bytes: int
    used: float


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What the cache holds, the encoder used last first.

    bytes  of all files, damaged ones and those being written included
    """

    path: Path
    bytes_max: int
    bytes: int
    encoders: tuple[EncoderUse, ...]


def key_of(text: str) -> bytes:
    """Return the key of a text, exactly as it is handed to the encoder."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


class EmbeddingCache:
    """Vectors by identity of the encoder and key of the text; threads and processes may share it.

    problem  why something could last not be read or written, "" if all went well
    """

    def __init__(self, folder: CacheFolder, bytes_max: int) -> None:
        self._folder, self._bytes_max = folder, bytes_max
        self._shelves: dict[str, Shelf[Any]] = {}
        self._lock = threading.Lock()
        self.problem = ""

    @classmethod
    def open(cls, path: Path | None = None, *, bytes_max: int | None = None) -> "EmbeddingCache":
        """Return the cache in a folder, which is made when something is first put into it.

        Args:
            path: the user's own cache folder if not given.
            bytes_max: limit of all files together; 0: nothing is read or written.

        Raises:
            InvalidInput: a limit that is no number of bytes.
        """
        limit = _limit() if bytes_max is None else bytes_max
        if limit < 0:
            raise InvalidInput(f"an embedding cache of {limit} bytes: use 0 to switch it off")
        return cls(PrivateFolder(path or cache_folder("embeddings")), limit)

    def get(
        self, identity: str, keys: Sequence[bytes], kind: type[Kind]
    ) -> tuple[NDArray[np.int64], Kind] | None:
        """Return the positions of the keys that are here, rising, and a vector for each.

        Args:
            identity: the encoder, by all that its vectors depend on.
            keys: of the texts, from `key_of`; the same one may come twice.
            kind: of vectors, as in `indexes.vectors`; those of another kind are not found.

        Returns:
            Positions in `keys` and as many vectors, which are copies; None if nothing was found.
        """
        if not self._bytes_max or not keys:
            return None
        with self._lock:
            try:
                return self._shelf(identity, kind).find(_matrix(keys))
            except OSError as error:
                self.problem = _reason(error)
                return None

    def put(self, identity: str, keys: Sequence[bytes], vectors: Kind) -> bool:
        """Keep a batch of vectors, one per key; they survive this process from now on.

        Returns:
            Whether they were kept; if not, `problem` says why, and no error is raised.
        """
        if len(keys) != len(vectors):
            raise InvalidInput(f"{len(keys)} keys for {len(vectors)} vectors: pass one each")
        if not self._bytes_max or not keys:
            return False
        with self._lock:
            try:
                self._put(self._shelf(identity, type(vectors)), _matrix(keys), vectors, identity)
            except OSError as error:
                self.problem = _reason(error)
                return False
        return True

    def _put(
        self, shelf: Shelf[Kind], keys: NDArray[np.uint8], vectors: Kind, identity: str
    ) -> None:
        self._folder.make()
        payload = sum(array.nbytes for array in vectors.arrays().values()) + keys.nbytes
        files = self._make_room(payload + _DIRECTORY_BYTES)
        shelf.write(keys, vectors, identity)
        sizes = {name: use.size for name, use in files.items() if shelf.owns(name)}
        names = due(sizes, min(FILE_BYTES_MAX, self._bytes_max // 8))
        total = sum(sizes[name] for name in names)
        with suppress(OSError, Locked):
            if names and self._folder.free() - FREE_BYTES_MIN > total:
                with self._folder.lock():
                    shelf.merge(names, identity)

    def _make_room(self, need: int) -> dict[str, FileUse]:
        """Remove what was used least recently until `need` bytes fit; return what is left."""
        files = self._files()
        for name, use in list(files.items()):
            if name.endswith(NEW) and _removable(name, use):
                self._remove(name, files)
        used = sum(use.size for use in files.values())
        room = min(self._bytes_max - used, self._folder.free() - FREE_BYTES_MIN)
        whole = [name for name in files if not name.endswith(NEW)]
        if room + sum(files[name].size for name in whole) < need:
            raise OSError(f"no room for {need:,} bytes: {room:,} are free, {used:,} in use")
        for name in sorted(whole, key=lambda name: (files[name].used, name)):
            if room >= need:
                break
            room += self._remove(name, files)
        return files

    def info(self) -> CacheInfo:
        """Return what is in the cache.

        Raises:
            StorageFailed: the folder cannot be read.
        """
        found: dict[str, EncoderUse] = {}
        with storing(self._folder, "reading the embedding cache"):
            files = self._files()
        for name, use in files.items():
            with suppress(OSError, CorruptIndex, FormatUnknown):
                if not name.endswith(NEW):
                    identity, entries = describe(self._folder, name)
                    encoder = name.partition(".")[0]
                    known = found.get(encoder, EncoderUse(identity, 0, 0, 0.0))
                    found[encoder] = replace(
                        known,
                        entries=known.entries + entries,
                        bytes=known.bytes + use.size,
                        used=max(known.used, use.used),
                    )
        encoders = tuple(sorted(found.values(), key=lambda one: (-one.used, one.identity)))
        total = sum(use.size for use in files.values())
        return CacheInfo(self._folder.path, self._bytes_max, total, encoders)

    def clear(self, identity: str | None = None) -> int:
        """Remove all vectors, or those of one encoder; return the bytes freed.

        Raises:
            StorageFailed: the folder cannot be read or written.
        """
        start = "" if identity is None else f"{_digest(identity)}."
        with storing(self._folder, "clearing the embedding cache"):
            files = self._files()
            chosen = [n for n, use in files.items() if n.startswith(start) and _removable(n, use)]
            return sum(self._remove(name, files) for name in chosen)

    def _files(self) -> dict[str, FileUse]:
        """Return the files of the cache; what else may be in its folder is left alone."""
        uses = self._folder.uses()
        return {name: use for name, use in uses.items() if _NAME.fullmatch(name)}

    def _remove(self, name: str, files: dict[str, FileUse]) -> int:
        with suppress(FileNotFoundError):  # another process has been quicker
            self._folder.remove(name)
        return files.pop(name).size

    def _shelf(self, identity: str, kind: type[Kind]) -> Shelf[Kind]:
        name = f"{_digest(identity)}.{kind.__name__}"
        if name not in self._shelves:
            self._shelves[name] = Shelf(self._folder, name, kind)
        return self._shelves[name]


def due(sizes: Mapping[str, int], largest: int) -> list[str]:
    """Return files to merge: as many as fit of the smallest tier that has `MERGE_FANOUT` of them.

    Args:
        sizes: bytes of the files of one encoder.
        largest: bytes of what is made of them; a file of more than half of it stays as it is.
    """
    tiers: defaultdict[int, list[str]] = defaultdict(list)
    for name in sorted(sizes):
        if 2 * sizes[name] <= largest:
            steps = (sizes[name] // _SMALLEST_TIER_BYTES).bit_length()
            tiers[steps // (MERGE_FANOUT.bit_length() - 1)].append(name)
    full = [tiers[tier] for tier in sorted(tiers) if len(tiers[tier]) >= MERGE_FANOUT]
    chosen, total = [], 0
    for name in full[0] if full else []:
        total += sizes[name]
        if total <= largest:
            chosen.append(name)
    return chosen


def _removable(name: str, use: FileUse) -> bool:
    """Say whether nobody is writing this file."""
    return not name.endswith(NEW) or use.used < time.time() - _ABANDONED_S


def _digest(identity: str) -> str:
    content = f"{_FORMAT} {identity}".encode("utf-8", "surrogatepass")
    return blake2b(content, digest_size=16).hexdigest()


def _matrix(keys: Sequence[bytes]) -> NDArray[np.uint8]:
    data = b"".join(keys)
    if len(data) != KEY_BYTES * len(keys):
        raise InvalidInput(f"a key has not {KEY_BYTES} bytes: make it with key_of")
    return np.frombuffer(data, np.uint8).reshape(-1, KEY_BYTES)


def _reason(error: OSError) -> str:
    return str(error.strerror or error)


def _limit() -> int:
    given = os.environ.get(LIMIT_VARIABLE)
    if not given:
        return EMBEDDING_CACHE_BYTES_MAX
    try:
        return int(given)
    except ValueError as error:
        raise InvalidInput(
            f"{LIMIT_VARIABLE} is {given!r}: give the limit as a number of bytes, 0 for no cache"
        ) from error
