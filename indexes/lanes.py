"""Inner products of float32 in one order of summation, the same on every CPU.

Sixteen sums run side by side, of components i, i + 16, i + 32, …; then eight pairs of them are
added, four, two, one, and last the components after the last whole sixteen. Products are rounded
before they are added, for not every CPU can do both at once.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from indexes.jit import kernel
from indexes.simd import COMPILED, data_of

LANES = 16


@kernel
def _plain_float_dot(rows: Any, place: int, query: Any, n: int) -> Any:
    """Return what `float_dot` does, on any CPU."""
    sums, whole = np.zeros(LANES, np.float32), n // LANES * LANES
    for i in range(whole):
        sums[i % LANES] += rows[place + i] * query[i]
    half = LANES
    while half > 1:
        half >>= 1
        for i in range(half):
            sums[i] += sums[i + half]
    total = sums[0]
    for i in range(whole, n):
        total += rows[place + i] * query[i]
    return total


def _emitted(_: Any, rows: Any, place: Any, query: Any, n: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, place, _, n = arguments
        number = ir.FloatType()
        lanes = ir.VectorType(number, LANES)
        data = [data_of(context, builder, signature.args[i], arguments[i]) for i in (0, 2)]
        start: Any = cgutils.alloca_once_value
        sums = start(builder, ir.Constant(lanes, [0.0] * LANES))
        zero, step = n.type(0), n.type(LANES)
        whole = builder.and_(n, n.type(-LANES))

        def loaded(i: Any, kind: Any) -> Any:
            parts = []
            for base, offset in zip(data, (builder.add(place, i), i), strict=True):
                part = builder.load(builder.bitcast(builder.gep(base, [offset]), kind.as_pointer()))
                part.align = 4
                parts.append(part)
            return builder.fmul(*parts)

        with cgutils.for_range_slice(builder, zero, whole, step, inc=True) as (i, _):
            builder.store(builder.fadd(builder.load(sums), loaded(i, lanes)), sums)
        halves, half = builder.load(sums), LANES
        while half > 1:
            half >>= 1
            low = ir.Constant(ir.VectorType(ir.IntType(32), half), list(range(half)))
            high = ir.Constant(ir.VectorType(ir.IntType(32), half), list(range(half, 2 * half)))
            parts = [builder.shuffle_vector(halves, halves, mask) for mask in (low, high)]
            halves = builder.fadd(*parts)
        total = start(builder, builder.extract_element(halves, ir.IntType(32)(0)))
        with cgutils.for_range_slice(builder, whole, n, n.type(1), inc=True) as (i, _):
            builder.store(builder.fadd(builder.load(total), loaded(i, number)), total)
        return builder.load(total)

    return types.float32(rows, types.intp, query, types.intp), generate


_float_dot: Any = intrinsic(_emitted)


@kernel
def _compiled_float_dot(rows: Any, place: int, query: Any, n: int) -> Any:
    return _float_dot(rows, place, query, n)


float_dot: Any = _compiled_float_dot if COMPILED else _plain_float_dot
"""float_dot(rows, place, query, n): Σ rows[place + i] · query[i] over i < n; all are float32."""
