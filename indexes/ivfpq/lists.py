"""The lists: which documents are near which centroid, and their codes in blocks for the fast scan.

A list has its documents by rising ordinal and starts a new block, so that a block has one list.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.errors import CorruptIndex
from indexes.ivfpq.codebooks import (
    Codebooks,
    Lens,
    compare_centroids,
    find_codes,
    turn,
)
from indexes.ivfpq.fastscan import BYTES_PER_GROUP, DOCUMENTS
from indexes.jit import kernel
from indexes.packed import cut
from indexes.threads import for_chunks
from indexes.validate import (
    check_array,
    check_offsets,
    check_range,
    check_rising,
    frozen,
    stored,
)


class Lists(NamedTuple):
    """The documents of each list.

    offsets   (nlist + 1,)          int64  list l has ordinals[offsets[l] : offsets[l + 1]]
    ordinals  (n,)                  int32
    codes     (n_blocks · n_bytes,) uint8  see `indexes.ivfpq.fastscan`; 0 after a list's last
    blocks    (nlist + 1,)          int64  first block of each list; not stored
    """

    offsets: NDArray[np.int64]
    ordinals: NDArray[np.int32]
    codes: NDArray[np.uint8]
    blocks: NDArray[np.int64]

    @classmethod
    def of(cls, values: NDArray[np.float32], factors: NDArray[np.float32], lens: Lens) -> "Lists":
        """Assign and code vectors (n, dim), each times its factor."""
        n, nlist, groups = len(values), len(lens.scales), lens.codewords.shape[2]
        nearest = np.zeros(n, np.int32)
        for_chunks(lambda a, b: _assign(lens, values, a, b, nearest), n, smallest=256)
        ordinals = np.argsort(nearest, kind="stable").astype(np.int32)
        offsets = np.zeros(nlist + 1, np.int64)
        np.cumsum(np.bincount(nearest, minlength=nlist)[:nlist], out=offsets[1:])
        blocks = _blocks_of(offsets)
        codes = np.zeros(int(blocks[-1]) * groups * BYTES_PER_GROUP, np.uint8)
        made = cls(frozen(offsets), frozen(ordinals), codes, blocks)
        for_chunks(lambda a, b: _code(lens, values, factors, made, a, b), nlist, smallest=4)
        return made._replace(codes=frozen(codes))

    @classmethod
    def none(cls) -> "Lists":
        """Return no lists."""
        offsets = np.zeros(1, np.int64)
        ordinals, codes = np.empty(0, np.int32), np.empty(0, np.uint8)
        return cls(frozen(offsets), frozen(ordinals), frozen(codes), frozen(offsets))

    @classmethod
    def from_arrays(
        cls, n: int, arrays: Mapping[str, NDArray[Any]], codebooks: Codebooks
    ) -> "Lists":
        """Rebuild the lists of n documents from stored arrays, or raise `CorruptIndex`."""
        offsets, ordinals, codes = (stored(arrays, name) for name in cls._fields[:3])
        nlist = len(codebooks.scales)
        n = n if nlist else 0  # nothing is learned of few documents, and nothing coded
        check_array("offsets", offsets, np.int64, (nlist + 1,))
        check_offsets("offsets", offsets, n)
        check_array("ordinals", ordinals, np.int32, (n,))
        check_range("ordinals", ordinals, below=n)
        if np.bincount(ordinals, minlength=n).max(initial=1) > 1:
            raise CorruptIndex("ordinals name a document twice: the file is damaged")
        check_rising("ordinals", ordinals, offsets)
        blocks = _blocks_of(offsets)
        n_bytes = int(blocks[-1]) * codebooks.codewords.shape[2] * BYTES_PER_GROUP
        check_array("codes", codes, np.uint8, (n_bytes,))
        return cls(frozen(offsets), frozen(ordinals), frozen(codes), blocks)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is stored."""
        return {name: getattr(self, name) for name in self._fields[:3]}


def _blocks_of(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first block of each list, and last the number of blocks."""
    blocks = np.zeros(len(offsets), np.int64)
    np.cumsum(-(-np.diff(offsets) // DOCUMENTS), out=blocks[1:])
    return frozen(blocks)


@kernel
def _assign(lens: Any, values: Any, first: int, last: int, nearest: Any) -> None:
    """Write the nearest centroid of vectors first .. last − 1, ties by the lower number.

    values   (n, dim)  float32
    nearest  (n,)      int32
    """
    nlist = len(lens.scales)
    whole = np.empty(len(lens.centroids) // nlist, np.int8)
    near = np.empty(nlist, np.float32)
    for row in range(first, last):
        scale = cut(values[row], lens.prefix, whole)
        compare_centroids(lens, whole, scale, near)
        best = 0
        for place in range(1, nlist):
            if near[place] > near[best]:
                best = place
        nearest[row] = best


@kernel
def _code(lens: Any, values: Any, factors: Any, lists: Any, first: int, last: int) -> None:
    """Write the codes of lists first .. last − 1.

    values   (n, dim)  float32
    factors  (n,)      float32  what each vector is multiplied by
    """
    _, per_group, groups = lens.codewords.shape
    turned = np.empty(per_group * groups, np.float32)
    numbers, found = np.empty(2 * groups, np.float32), np.empty(groups, np.uint8)
    for place in range(first, last):
        start = lists.offsets[place]
        for position in range(start, lists.offsets[place + 1]):
            row, inside = lists.ordinals[position], position - start
            turn(lens, values[row], factors[row], turned)
            block = lists.blocks[place] + inside // DOCUMENTS
            at, slot = block * groups * BYTES_PER_GROUP, inside % DOCUMENTS
            shift = np.uint8(4 * (slot // BYTES_PER_GROUP))
            find_codes(lens, turned, numbers, found)
            for group in range(groups):
                byte = at + group * BYTES_PER_GROUP + slot % BYTES_PER_GROUP
                lists.codes[byte] |= found[group] << shift
