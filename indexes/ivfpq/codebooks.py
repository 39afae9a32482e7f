"""What is learned once and shared by all segments: centroids of lists, a rotation and codewords.

A centroid is kept as whole numbers of −127 .. 127 and a scale, and *is* what these say, so that a
query is compared with one by the kernel of packed codes (`indexes.packed`). A code of a document is
that of its vector, not of what the centroid leaves of it: measured, the ranking is as good, and a
score is one sum of whole numbers, comparable over all lists.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.errors import CorruptIndex, InvalidInput
from indexes.ivfpq.fastscan import GROUPS, NUMBER_MAX, SUM_MAX
from indexes.ivfpq.settings import IvfPqBuild
from indexes.jit import kernel
from indexes.metric import Metric
from indexes.packed import LINE, dot
from indexes.validate import check_array, check_finite, check_lengths, frozen, stored

CODEWORDS = 16
"""Codewords of a group: 4 bits."""

GROUPS_DEFAULT_MAX = 256
"""Groups, unless more are asked for."""


class Codebooks(NamedTuple):
    """What is learned.

    centroids  (nlist, n_bytes)        uint8    whole numbers plus 128, filled up with 128
    scales     (nlist,)                float32  of the whole numbers
    rotation   (dim or 0, width)       float32  what a vector is multiplied by; no rows: nothing
    codewords  (16, per_group, groups) float32  of each code, in each dimension of each group

    width = per_group · groups is at least the dimension that is coded; what is more is 0. Group g
    has the dimensions g, g + groups, …: so many groups are computed with at once.
    """

    centroids: NDArray[np.uint8]
    scales: NDArray[np.float32]
    rotation: NDArray[np.float32]
    codewords: NDArray[np.float32]

    @classmethod
    def none(cls, dimension: int, build: IvfPqBuild) -> "Codebooks":
        """Return what is kept where nothing is learned."""
        n_bytes = bytes_of(build.prefix or dimension)
        shapes: tuple[tuple[int, ...], ...] = ((0, n_bytes), (0,), (0, 0), (CODEWORDS, 0, 0))
        kinds = (np.uint8, np.float32, np.float32, np.float32)
        return cls(*(frozen(np.empty(*one)) for one in zip(shapes, kinds, strict=True)))

    @classmethod
    def of(
        cls,
        centroids: NDArray[np.float32],
        rotation: NDArray[np.float32],
        codewords: NDArray[np.float32],
    ) -> "Codebooks":
        """Cut centroids (nlist, prefix) to whole numbers; codewords are padded already."""
        largest = np.abs(centroids).max(axis=1)
        scales = (largest / np.float32(127)).astype(np.float32)
        whole = np.full((len(centroids), bytes_of(centroids.shape[1])), 128, np.uint8)
        steps = np.where(scales > 0, scales, 1)[:, None]
        whole[:, : centroids.shape[1]] = np.rint(centroids / steps).clip(-127, 127) + 128
        return cls(whole, scales, rotation, codewords).sealed()

    @classmethod
    def from_arrays(
        cls, dimension: int, arrays: Mapping[str, NDArray[Any]], build: IvfPqBuild
    ) -> "Codebooks":
        """Rebuild from stored arrays, or raise `CorruptIndex`."""
        made = cls(*(stored(arrays, name) for name in cls._fields))
        check_array("centroids", made.centroids, np.uint8, (-1, prefix_bytes(dimension, build)))
        nlist = len(made.centroids)
        check_lengths("scales", made.scales, nlist)
        check_finite("scales", made.scales, CorruptIndex)
        check_array("codewords", made.codewords, np.float32, (CODEWORDS, -1, -1))
        _, per_group, groups = made.codewords.shape
        rows = dimension if nlist and build.rotation != "none" else 0
        check_array("rotation", made.rotation, np.float32, (rows, groups * per_group))
        if (groups, per_group) != (shape_of(dimension, build) if nlist else (0, 0)):
            raise CorruptIndex(f"codewords of {groups} groups of {per_group}: the file is damaged")
        for name in ("rotation", "codewords"):
            check_finite(name, getattr(made, name), CorruptIndex)
        return made.sealed()

    def sealed(self) -> "Codebooks":
        """Return the same, read-only, as kernels take them."""
        words = frozen(self.codewords)
        return Codebooks(frozen(self.centroids), frozen(self.scales), frozen(self.rotation), words)

    def check(self, dimension: int, build: IvfPqBuild) -> None:
        """Raise `InvalidInput` unless vectors of a dimension can be coded with these."""
        try:
            Codebooks.from_arrays(dimension, self._asdict(), build)
        except CorruptIndex as error:
            raise InvalidInput(
                f"codebooks do not fit vectors of dimension {dimension} and {build}: learn them "
                "with the same settings"
            ) from error

    def lens(self, prefix: int, metric: Metric) -> "Lens":
        """Return what kernels read; `prefix`: components that decide about a list."""
        euclidean = metric == Metric.EUCLIDEAN
        values = (self.centroids.astype(np.float32) - 128) * self.scales[:, None]
        squares = np.einsum("ij,ij->i", values, values, dtype=np.float64)
        words = np.einsum("ijk,ijk->ik", self.codewords, self.codewords, dtype=np.float64)
        with np.errstate(over="ignore"):
            halves = [(euclidean * part / 2).astype(np.float32) for part in (squares, words)]
        return Lens(
            frozen(self.centroids.reshape(-1)), self.scales, frozen(halves[0]), self.rotation,
            self.codewords, frozen(halves[1]), prefix,
        )  # fmt: skip


class Lens(NamedTuple):
    """What kernels need of codebooks.

    centroids  (nlist · n_bytes,)       uint8    see `Codebooks`, as are those below
    scales     (nlist,)                 float32
    halves     (nlist,)                 float32  half the squared length; 0 unless Euclidean
    rotation   (dim or 0, width)        float32
    codewords  (16, per_group, groups)  float32
    own        (16, groups)             float32  half the squared length; 0 unless Euclidean
    prefix                              components that decide about a list
    """

    centroids: NDArray[np.uint8]
    scales: NDArray[np.float32]
    halves: NDArray[np.float32]
    rotation: NDArray[np.float32]
    codewords: NDArray[np.float32]
    own: NDArray[np.float32]
    prefix: int


def shape_of(dimension: int, build: IvfPqBuild) -> tuple[int, int]:
    """Return how many groups of dimensions are coded, whole turns of the scan, and their size."""
    groups = build.groups or min(-(-dimension // 2), GROUPS_DEFAULT_MAX)
    groups = -(-groups // GROUPS) * GROUPS
    coded = dimension if build.rotation == "none" else min(dimension, 2 * groups)
    return groups, -(-coded // groups)


def bytes_of(dimension: int) -> int:
    """Return the bytes of a vector of whole numbers."""
    return -(-dimension // LINE) * LINE


def prefix_bytes(dimension: int, build: IvfPqBuild) -> int:
    """Return the bytes of a centroid."""
    return bytes_of(min(build.prefix or dimension, dimension))


@kernel
def compare_centroids(lens: Any, whole: Any, scale: Any, out: Any) -> None:
    """Write how near each centroid is (nlist,) float32: the product, less half its square."""
    n_bytes, offset = len(whole), np.int64(0)
    for i in range(n_bytes):
        offset += 128 * np.int64(whole[i])
    for i in range(len(out)):
        product = dot(lens.centroids, i * n_bytes, whole, 0, n_bytes, 8)
        out[i] = np.float32(product - offset) * (scale * lens.scales[i]) - lens.halves[i]


@kernel
def turn(lens: Any, vector: Any, factor: Any, out: Any) -> None:
    """Write a vector (dim,), times a factor, as it is coded: turned, and filled up with 0."""
    out[:] = np.float32(0.0)
    if not len(lens.rotation):
        for i in range(len(vector)):
            out[i] = vector[i] * factor
        return
    for i in range(len(vector)):
        value = vector[i] * factor
        for j in range(len(out)):
            out[j] += value * lens.rotation[i, j]


@kernel
def fill_table(lens: Any, turned: Any, numbers: Any, ends: Any, table: Any) -> None:
    """Write the table of a query: whole numbers, in one step for all groups.

    turned   (width,)        float32
    numbers  (16 · groups,)  float32  scratch
    ends     (2 · groups,)   float32  scratch
    table    (groups · 16,)  uint8
    """
    words, own = lens.codewords, lens.own
    _, per_group, groups = words.shape
    for code in range(CODEWORDS):
        at = code * groups
        for group in range(groups):
            numbers[at + group] = -own[code, group]
        for i in range(per_group):
            for group in range(groups):
                numbers[at + group] += turned[i * groups + group] * words[code, i, group]
    ends[:groups], ends[groups:] = numbers[:groups], numbers[:groups]
    for code in range(1, CODEWORDS):
        for group in range(groups):
            number = numbers[code * groups + group]
            ends[group] = number if number < ends[group] else ends[group]
            high = ends[groups + group]
            ends[groups + group] = number if number > high else high
    widest = np.float32(0.0)
    for group in range(groups):
        widest = max(widest, ends[groups + group] - ends[group])
    most = np.float32(min(NUMBER_MAX, SUM_MAX // groups))
    sound = np.float32(1e-30) < widest < np.inf  # false for NaN: then all documents are equal
    step = most / widest if sound else np.float32(0.0)
    for code in range(CODEWORDS):
        for group in range(groups):
            number = (numbers[code * groups + group] - ends[group]) * step + np.float32(0.5)
            table[group * CODEWORDS + code] = np.uint8(np.int32(number) if sound else 0)


@kernel
def find_codes(lens: Any, turned: Any, numbers: Any, codes: Any) -> None:
    """Write the code of each group: the nearest codeword, ties by lower code.

    turned   (width,)       float32
    numbers  (2 · groups,)  float32  scratch
    codes    (groups,)      uint8
    """
    words = lens.codewords
    _, per_group, groups = words.shape
    numbers[groups:] = np.float32(np.inf)
    codes[:] = 0
    for code in range(CODEWORDS):
        numbers[:groups] = np.float32(0.0)
        for i in range(per_group):
            for group in range(groups):
                left = turned[i * groups + group] - words[code, i, group]
                numbers[group] += left * left
        for group in range(groups):
            nearer = numbers[group] < numbers[groups + group]
            numbers[groups + group] = numbers[group] if nearer else numbers[groups + group]
            codes[group] = np.uint8(code) if nearer else codes[group]
