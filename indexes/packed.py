"""Vectors of small whole numbers, packed into bytes, and their inner product with a query of int8.

A row is made of lines of 64 bytes. With 8 bits a value, a line holds 64 of them; with 4 bits, byte
i holds value i below and value 64 + i above; with 2 bits i, 64 + i, 128 + i and 192 + i, from
the lowest bits up. So a shift and a mask bring 64 values into the order of the query, and a CPU
with VNNI multiplies and adds them in one instruction (`vpdpbusd`). Sums are int32 in any case:
255 · 128 · `indexes.validate.DIMENSION_MAX` stays below 2³¹.
"""

from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from indexes.jit import kernel
from indexes.simd import VNNI, data_of, function_of

LINE = 64
"""Bytes of a cache line, and of what is multiplied at once."""

SMALLEST = 1e-35
"""The largest of numbers that are told apart from 0: steps below have no inverse in float32."""


def values_per_line(bits: int) -> int:
    """Return how many values of 8, 4 or 2 bits a line holds."""
    return LINE * 8 // bits


def packed(values: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Pack values (n, a multiple of `values_per_line`) below 2^bits as (n, n_bytes)."""
    parts = values.reshape(len(values), -1, 8 // bits, LINE)
    lines = parts[:, :, 0].copy()
    for part in range(1, 8 // bits):
        lines |= parts[:, :, part] << np.uint8(part * bits)
    return lines.reshape(len(values), -1)


@kernel
def _plain_dot(codes: Any, place: int, query: Any, at: int, n_bytes: int, bits: int) -> Any:
    """Return what `dot` does, on any CPU."""
    total: Any = np.int32(0)
    if bits == 8:
        line, asked = codes[place : place + n_bytes], query[at : at + n_bytes]
        for i in range(n_bytes):
            total += np.int32(line[i]) * np.int32(asked[i])
        return np.int32(total)
    low, parts = (1 << bits) - 1, 8 // bits
    for start in range(0, n_bytes, LINE):
        line = codes[place + start : place + start + LINE]
        for part in range(parts):
            first = at + start * parts + part * LINE
            asked = query[first : first + LINE]
            for i in range(LINE):
                value = (line[i] >> (part * bits)) & low
                total += np.int32(value) * np.int32(asked[i])
    return np.int32(total)


_WORD, _WORDS = ir.IntType(32), ir.VectorType(ir.IntType(32), 16)


def _generated_dot(bits: int, context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit the sum over lines: one instruction for 64 products, after a shift and a mask."""
    codes = data_of(context, builder, signature.args[0], arguments[0])
    query = data_of(context, builder, signature.args[2], arguments[2])
    place, at, n_bytes = arguments[1], arguments[3], arguments[4]
    add = function_of(builder, _WORDS, [_WORDS] * 3, "llvm.x86.avx512.vpdpbusd.512")
    low = ir.Constant(_WORDS, [((1 << bits) - 1) * 0x01010101] * 16)
    # A sum for each part of a byte, so that none waits for another.
    zero, sum_at = ir.Constant(_WORDS, [0] * 16), cast(Any, cgutils.alloca_once_value)
    sums = [sum_at(builder, zero) for _ in range(8 // bits)]

    def loaded(data: Any, offset: Any) -> Any:
        line = builder.load(builder.bitcast(builder.gep(data, [offset]), _WORDS.as_pointer()))
        line.align = 1
        return line

    first, step = n_bytes.type(0), n_bytes.type(LINE)
    with cgutils.for_range_slice(builder, first, n_bytes, step, inc=True) as (offset, _):
        line = loaded(codes, builder.add(place, offset))
        start = builder.add(at, builder.mul(offset, n_bytes.type(len(sums))))
        for part, total in enumerate(sums):
            value = builder.lshr(line, ir.Constant(_WORDS, [part * bits] * 16))
            value = builder.and_(value, low) if bits < 8 else line
            other = loaded(query, builder.add(start, n_bytes.type(LINE * part)))
            builder.store(builder.call(add, [builder.load(total), value, other]), total)
    whole = builder.load(sums[0])
    for total in sums[1:]:
        whole = builder.add(whole, builder.load(total))
    reduce = function_of(builder, _WORD, [_WORDS], "llvm.vector.reduce.add.v16i32")
    return builder.call(reduce, [whole])


def _dot_of(bits: int) -> Any:
    """Return `dot` for values of so many bits."""

    @intrinsic
    def _dot(_: Any, codes: Any, place: Any, query: Any, at: Any, n_bytes: Any) -> Any:
        def generate(*given: Any) -> Any:
            return _generated_dot(bits, *given)

        return types.int32(codes, types.intp, query, types.intp, types.intp), generate

    return _dot


_dot8, _dot4, _dot2 = _dot_of(8), _dot_of(4), _dot_of(2)


@kernel
def _vnni_dot(codes: Any, place: int, query: Any, at: int, n_bytes: int, bits: int) -> Any:
    """Return what `dot` does, where the CPU has VNNI."""
    if bits == 4:
        return _dot4(codes, place, query, at, n_bytes)
    if bits == 8:
        return _dot8(codes, place, query, at, n_bytes)
    return _dot2(codes, place, query, at, n_bytes)


dot: Any = _vnni_dot if VNNI else _plain_dot
"""dot(codes, place, query, at, n_bytes, bits): Σ value · query over a packed row.

codes    (…,)  uint8  the row is codes[place : place + n_bytes], a whole number of lines
query    (…,)  int8   from query[at] on
bits     8, 4 or 2

The sum, int32, is the same on every CPU.
"""


@kernel
def cut(row: Any, n: int, out: Any) -> Any:
    """Write row[:n] as whole numbers with as small a step as they allow, then 0; return the step.

    row  (≥ n,)  float32
    out  (≥ n,)  int8     of −127 .. 127
    """
    # As whole numbers, of which the compiler compares many at once.
    bits = row[:n].view(np.int32)
    largest: Any = np.int32(0)
    for i in range(n):
        largest = max(largest, bits[i] & np.int32(0x7FFFFFFF))
    found = np.int32(largest)
    step = max(found.view(np.float32), np.float32(SMALLEST)) / np.float32(127)
    steps = np.float32(1) / step
    for i in range(n):
        out[i] = np.int8(np.floor(row[i] * steps + np.float32(0.5)))
    for i in range(n, len(out)):
        out[i] = 0
    return step
