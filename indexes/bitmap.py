"""Which documents a search may return: one bit per ordinal."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from indexes.errors import InvalidInput
from indexes.validate import frozen

EVERY = frozen(np.empty(0, np.uint8))
"""What a kernel is given when all documents are allowed."""


@dataclass(frozen=True)
class Bitmap:
    """A set of ordinals out of `n`.

    bits  (⌈n / 8⌉,)  uint8  ordinal i is bit i & 7 of byte i >> 3
    """

    bits: NDArray[np.uint8]
    n: int

    def __post_init__(self) -> None:
        if self.bits.dtype != np.uint8 or self.bits.shape != (-(-self.n // 8),):
            raise InvalidInput(
                f"a bitmap of {self.n} documents has {self.bits.dtype} of shape {self.bits.shape}"
            )

    @classmethod
    def of_mask(cls, mask: NDArray[np.bool_]) -> "Bitmap":
        """Build from one boolean per ordinal."""
        return cls(frozen(np.packbits(mask, bitorder="little")), len(mask))

    def mask(self) -> NDArray[np.bool_]:
        """Return one boolean per ordinal."""
        return np.unpackbits(self.bits, count=self.n, bitorder="little").view(bool)

    @cached_property
    def count(self) -> int:
        """Number of allowed documents."""
        return int(np.count_nonzero(self.mask()))

    def ordinals(self) -> NDArray[np.int64]:
        """Return the allowed ordinals, rising."""
        return np.flatnonzero(self.mask())

    def __and__(self, other: "Bitmap") -> "Bitmap":
        if other.n != self.n:
            raise InvalidInput(f"bitmaps of {self.n} and {other.n} documents cannot be combined")
        return Bitmap(frozen(self.bits & other.bits), self.n)


def kernel_bits(allowed: Bitmap | None, n: int) -> NDArray[np.uint8]:
    """Return what a kernel takes, after checking that the bitmap is of this index."""
    if allowed is None:
        return EVERY
    if allowed.n != n:
        raise InvalidInput(f"allowed covers {allowed.n} documents, the index has {n}")
    return allowed.bits
