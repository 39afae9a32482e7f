"""One pool of threads for batches of queries; a single query never leaves its thread."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

QUERIES_PER_CHUNK_MIN = 8
"""Below this, handing work to another thread costs more than doing it, if a query is cheap."""


def for_chunks(
    work: Callable[[int, int], None], n_queries: int, *, smallest: int = QUERIES_PER_CHUNK_MIN
) -> None:
    """Call `work(start, stop)` over all queries; kernels in it release the GIL.

    Chunks of fewer than `smallest` queries are not worth another thread.
    """
    n_chunks = min(_n_threads(), n_queries // smallest)
    if n_chunks < 2:
        work(0, n_queries)
        return
    # More chunks than threads, because queries differ in cost.
    step = max(smallest, -(-n_queries // (4 * n_chunks)))
    starts = range(0, n_queries, step)
    for _ in _pool().map(lambda start: work(start, min(start + step, n_queries)), starts):
        pass


@cache
def _n_threads() -> int:
    wanted = os.environ.get("RETRIEVAL_THREADS", "")
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    # Not every system tells which processors this process may use.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_n_threads(), thread_name_prefix="retrieval")


# Threads do not survive a fork: a child that inherited the pool would wait for them for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
