"""Instructions that numba has no name for, each beside a plain twin that gives the same numbers."""

from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from indexes.jit import kernel


def _plain_prefetch(array: Any, place: int) -> None:
    """Do nothing: what comes of a prefetch is never seen."""


@intrinsic
def _prefetch(_: Any, array: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        find: Any = cgutils.get_or_insert_function
        ask = find(builder.module, kind, "llvm.prefetch.p0")
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        # For reading, to be kept in all caches, data.
        builder.call(ask, [address, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


_FLAGS: Any = numba.config  # its attributes are set at run time, unseen by type checkers

prefetch: Any = _plain_prefetch if _FLAGS.DISABLE_JIT else _prefetch
"""prefetch(array, place): ask for the cache line of array[place]; out of range is harmless."""


@kernel
def prefetch_all(array: Any, start: int, stop: int, step: int) -> None:
    """Ask for the cache lines of array[start:stop], which has `step` elements a line."""
    for place in range(start, stop, step):
        prefetch(array, place)
