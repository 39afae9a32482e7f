"""The fast scan: 32 documents' scores from codes of 4 bits, by shuffles of one small table.

A document is a code of 4 bits in each of some groups of dimensions, and a query a table of 16 whole
numbers per group: the score is the sum, over groups, of the number that the code picks (André,
Kermarrec and Le Scouarnec 2015). Codes lie in blocks of 32 documents: 16 bytes a group, byte i
having document i below and document 16 + i above. So one instruction (`vpshufb` of AVX-512) looks
up 64 numbers, those of four groups, and a block of 192 groups takes some 75 ns.

Numbers of a table are at most `NUMBER_MAX`, so that two fit into a byte, and all those of a
document add up to less than 2^16; the number of groups is a multiple of `GROUPS`. Sums are whole
numbers and the same on every CPU.
"""

from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from indexes.jit import kernel
from indexes.simd import data_of, function_of, has

SHUFFLES = has("avx512bw")
"""Whether 64 bytes are looked up in one instruction."""

DOCUMENTS = 32
"""Documents of a block."""

GROUPS = 8
"""Groups are padded to a multiple of this: what one turn of the loop reads."""

BYTES_PER_GROUP = 16
"""Bytes of a block and group, and numbers of a table and group."""

NUMBER_MAX, SUM_MAX = 127, 65_534
"""The largest number of a table, and the largest sum."""


@kernel
def _plain_scan(codes: Any, place: int, table: Any, n_bytes: int, least: int, sums: Any) -> int:
    """Return what `scan` does, on any CPU."""
    found = 0
    for document in range(DOCUMENTS):
        total, shift = np.int64(0), 4 * (document // BYTES_PER_GROUP)
        for start in range(0, n_bytes, BYTES_PER_GROUP):
            byte = np.int64(codes[place + start + document % BYTES_PER_GROUP])
            total += np.int64(table[start + ((byte >> shift) & 15)])
        sums[document] = total
        if total >= least:
            found |= 1 << document
    return found


_SHORT, _LONG = ir.IntType(16), ir.IntType(64)
_LINE, _SHORTS = ir.VectorType(ir.IntType(8), 64), ir.VectorType(_SHORT, 32)
_SUMS = ir.VectorType(ir.IntType(32), 16)


def _generated_scan(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit the sums of bytes at even and at odd places, each in lanes of 16 bits."""
    codes = data_of(context, builder, signature.args[0], arguments[0])
    table = data_of(context, builder, signature.args[2], arguments[2])
    place, n_bytes = arguments[1], arguments[3]
    low, four = ir.Constant(_LINE, [15] * 64), ir.Constant(_SHORTS, [4] * 32)
    shuffle = function_of(builder, _LINE, [_LINE] * 2, "llvm.x86.avx512.pshuf.b.512")
    eight, sum_at = ir.Constant(_SHORTS, [8] * 32), cast(Any, cgutils.alloca_once_value)
    # For the lower and the upper codes of a byte: all of a line as lanes of 16 bits, odd places.
    totals = [[sum_at(builder, ir.Constant(_SHORTS, [0] * 32)) for _ in "ao"] for _ in "lu"]

    def loaded(data: Any, offset: Any) -> Any:
        line = builder.load(builder.bitcast(builder.gep(data, [offset]), _LINE.as_pointer()))
        line.align = 1
        return line

    def numbers(offset: Any) -> list[Any]:
        line, row = loaded(codes, builder.add(place, offset)), loaded(table, offset)
        upper = builder.bitcast(builder.lshr(builder.bitcast(line, _SHORTS), four), _LINE)
        return [builder.call(shuffle, [row, builder.and_(part, low)]) for part in (line, upper)]

    first, step = n_bytes.type(0), n_bytes.type(128)
    with cgutils.for_range_slice(builder, first, n_bytes, step, inc=True) as (offset, _):
        pairs = zip(numbers(offset), numbers(builder.add(offset, n_bytes.type(64))), strict=True)
        for (every, odd), pair in zip(totals, pairs, strict=True):
            added = builder.bitcast(builder.add(*pair), _SHORTS)
            builder.store(builder.add(builder.load(every), added), every)
            builder.store(builder.add(builder.load(odd), builder.lshr(added, eight)), odd)
    wide = [_added_up(builder, *map(builder.load, pair)) for pair in totals]
    return _compared(context, builder, signature, arguments, wide)


def _added_up(builder: Any, every: Any, odd: Any) -> Any:
    """Return 16 sums (of 32 bits), in the order of the documents."""
    eight = ir.Constant(_SHORTS, [8] * 32)
    even = builder.sub(every, builder.shl(odd, eight))  # what wrapped around is taken away again

    def over_lanes(sums: Any) -> Any:
        kind = ir.VectorType(ir.IntType(32), 8)
        lanes = [ir.Constant(kind, list(range(8 * lane, 8 * lane + 8))) for lane in range(4)]
        a, b, c, d = (builder.shuffle_vector(sums, sums, lane) for lane in lanes)
        return builder.add(builder.add(a, b), builder.add(c, d))

    order = ir.Constant(_SUMS, [place for i in range(8) for place in (i, 8 + i)])
    whole = builder.shuffle_vector(over_lanes(even), over_lanes(odd), order)
    return builder.zext(whole, _SUMS)


def _compared(context: Any, builder: Any, signature: Any, arguments: Any, wide: list[Any]) -> Any:
    """Write the sums; return a bit for each that is high enough."""
    least, out = arguments[4], data_of(context, builder, signature.args[5], arguments[5])
    one = builder.insert_element(
        ir.Constant(_SUMS, ir.Undefined), builder.trunc(least, _SUMS.element), ir.IntType(32)(0)
    )
    limits = builder.shuffle_vector(one, one, ir.Constant(_SUMS, [0] * 16))
    found = _LONG(0)
    for part, sums in enumerate(wide):
        place = builder.gep(out, [_LONG(16 * part)])
        builder.store(sums, builder.bitcast(place, _SUMS.as_pointer())).align = 4
        bits = builder.bitcast(builder.icmp_unsigned(">=", sums, limits), _SHORT)
        bits = builder.shl(builder.zext(bits, _LONG), _LONG(16 * part))
        found = builder.or_(found, bits)
    return found


def _emitted(
    _: Any, codes: Any, place: Any, table: Any, n_bytes: Any, least: Any, sums: Any
) -> Any:
    shape = types.int64(codes, types.intp, table, types.intp, types.int64, sums)
    return shape, _generated_scan


_shuffled: Any = intrinsic(_emitted)


@kernel
def _shuffled_scan(codes: Any, place: int, table: Any, n_bytes: int, least: int, sums: Any) -> Any:
    """Return what `scan` does, where the CPU has AVX-512."""
    return _shuffled(codes, place, table, n_bytes, least, sums)


scan: Any = _shuffled_scan if SHUFFLES else _plain_scan
"""scan(codes, place, table, n_bytes, least, sums): Σ table[group, code] of 32 documents.

codes    (…,)   uint8  the block is codes[place : place + n_bytes], a whole number of turns
table    (…,)   uint8  16 numbers a group, from 0 on
least    0 .. 65 535   the sum that is looked for
sums     (32,)  int32  output

Returns a number whose bit i is set where the sum of document i is `least` or more.
"""
