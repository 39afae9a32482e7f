"""Many strings as two arrays: what a dictionary of terms and a table of documents are made of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.validate import check_array, check_offsets, frozen, stored


@dataclass(frozen=True, slots=True)
class Strings:
    """A sequence of UTF-8 strings.

    offsets  (n + 1,)  int64   string i is data[offsets[i]:offsets[i + 1]]
    data     (bytes,)  uint8
    """

    offsets: NDArray[np.int64]
    data: NDArray[np.uint8]

    @classmethod
    def of(cls, values: Iterable[bytes]) -> "Strings":
        """Pack already encoded strings."""
        parts = list(values)
        ends = accumulate(map(len, parts), initial=0)
        offsets = np.fromiter(ends, np.int64, len(parts) + 1)
        return cls(frozen(offsets), frozen(np.frombuffer(b"".join(parts), np.uint8)))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], name: str) -> "Strings":
        """Return the strings stored as `name.offsets` and `name.data`, or raise `CorruptIndex`."""
        offsets, data = stored(arrays, f"{name}.offsets"), stored(arrays, f"{name}.data")
        check_array(f"{name}.data", data, np.uint8, (-1,))
        check_offsets(f"{name}.offsets", offsets, len(data))
        return cls(frozen(offsets), frozen(data))

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Return the two arrays under the names that `from_arrays` reads."""
        return {f"{name}.offsets": self.offsets, f"{name}.data": self.data}

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, position: int) -> bytes:
        return self.data[self.offsets[position] : self.offsets[position + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        data = self.data.tobytes()
        ends = self.offsets.tolist()
        return (data[start:end] for start, end in pairwise(ends))

    def rises(self) -> bool:
        """Say whether each string sorts after the one before it, in byte order."""
        from indexes.lexicographic import rises

        return bool(rises(self.offsets, self.data))

    def take(self, positions: NDArray[np.int64]) -> "Strings":
        """Return the strings at `positions`, in that order."""
        import pyarrow as pa

        return _from_arrow(_to_arrow(self).take(pa.array(positions, pa.int64())))

    @classmethod
    def concatenate(cls, parts: Sequence["Strings"]) -> "Strings":
        """Return all strings of `parts`, one after the other."""
        starts = np.cumsum([0] + [len(part.data) for part in parts])
        offsets = [part.offsets[1:] + start for part, start in zip(parts, starts[:-1], strict=True)]
        joined = np.concatenate([np.zeros(1, np.int64), *offsets])
        data = np.concatenate([np.empty(0, np.uint8), *(part.data for part in parts)])
        return cls(frozen(joined), frozen(data))


def union(parts: Sequence[Strings]) -> tuple[Strings, list[NDArray[np.int32]]]:
    """Merge sorted dictionaries into one; also say where each term of each part went.

    Returns the sorted distinct strings, and for every part an int32 array of its length whose
    entry i is the position of that part's string i in the result.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    arrays = [_to_arrow(part) for part in parts]
    if not arrays:
        return Strings.of([]), []
    distinct = pa.chunked_array(arrays).unique()
    merged = distinct.take(pc.sort_indices(distinct))
    moves = [pc.index_in(array, value_set=merged).to_numpy(False) for array in arrays]
    return _from_arrow(merged), [move.astype(np.int32) for move in moves]


def _to_arrow(strings: Strings) -> Any:
    import pyarrow as pa

    buffers = [None, pa.py_buffer(strings.offsets), pa.py_buffer(strings.data)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(strings), buffers)


def _from_arrow(array: Any) -> Strings:
    if len(array) == 0:
        return Strings.of([])
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    content = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return Strings(frozen(ends - ends[0]), frozen(content[ends[0] : ends[-1]]))
