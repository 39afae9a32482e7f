"""Instructions that numba has no name for, each beside a plain twin that gives the same numbers.

What the CPU can do is asked once, at import. `NUMBA_CPU_FEATURES=-avx512vnni` in the environment
takes the twins, as any CPU without the instruction does.
"""

from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

from indexes.jit import kernel

_FLAGS: Any = numba.config  # its attributes are set at run time, unseen by type checkers

_BYTE, _BIT, _WORD, _LONG = ir.IntType(8), ir.IntType(1), ir.IntType(32), ir.IntType(64)


COMPILED = not _FLAGS.DISABLE_JIT
"""Whether kernels are compiled; else they are interpreted and take the twins."""


def has(feature: str) -> bool:
    """Return whether kernels may use an instruction: compiled, on a CPU that has it."""
    if not COMPILED:
        return False
    features = _FLAGS.CPU_FEATURES
    if features is None:
        host: Any = get_host_cpu_features
        features = "" if _FLAGS.CPU_NAME else host()
    return f"+{feature}" in features.split(",")


VNNI = has("avx512vnni") and has("avx512f")
"""Whether four products of bytes are added to a sum in one instruction."""


def data_of(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Return the address of an array's first element, inside an intrinsic."""
    return context.make_array(kind)(context, builder, array).data


def function_of(builder: Any, result: Any, arguments: list[Any], name: str) -> Any:
    """Return a function of LLVM, an instruction by another name."""
    find: Any = cgutils.get_or_insert_function
    return find(builder.module, ir.FunctionType(result, arguments), name)


def _plain_prefetch(array: Any, place: int) -> None:
    """Do nothing: what comes of a prefetch is never seen."""


@intrinsic
def _prefetch(_: Any, array: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = data_of(context, builder, signature.args[0], arguments[0])
        byte = _BYTE.as_pointer()
        ask = function_of(builder, ir.VoidType(), [byte, _WORD, _WORD, _WORD], "llvm.prefetch.p0")
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        # For reading, to be kept in all caches, data.
        builder.call(ask, [address, _WORD(0), _WORD(3), _WORD(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


prefetch: Any = _prefetch if COMPILED else _plain_prefetch
"""prefetch(array, place): ask for the cache line of array[place]; out of range is harmless."""


@kernel
def prefetch_all(array: Any, start: int, stop: int, step: int) -> None:
    """Ask for the cache lines of array[start:stop], which has `step` elements a line."""
    for place in range(start, stop, step):
        prefetch(array, place)


def _plain_shift(array: Any, start: int, stop: int) -> None:
    """Move array[start:stop] one place up."""
    for place in range(stop, start, -1):
        array[place] = array[place - 1]


@intrinsic
def _shift(_: Any, array: Any, start: Any, stop: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, start, stop = arguments
        data = data_of(context, builder, signature.args[0], arguments[0])
        byte, one = _BYTE.as_pointer(), start.type(1)
        source = builder.bitcast(builder.gep(data, [start]), byte)
        target = builder.bitcast(builder.gep(data, [builder.add(start, one)]), byte)
        size = start.type(signature.args[0].dtype.bitwidth // 8)
        n_bytes = builder.mul(builder.sub(stop, start), size)
        kinds = [byte, byte, _LONG, _BIT]
        move = function_of(builder, ir.VoidType(), kinds, "llvm.memmove.p0.p0.i64")
        builder.call(move, [target, source, n_bytes, _BIT(0)])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), generate


shift: Any = _shift if COMPILED else _plain_shift
"""shift(array, start, stop): move array[start:stop] one place up, over array[stop]."""
