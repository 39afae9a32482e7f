"""Every query is worked on exactly once, in any number of threads."""

import os
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.threads import QUERIES_PER_CHUNK_MIN, for_chunks


@given(n_queries=st.integers(0, 300), smallest=st.sampled_from([1, 3, QUERIES_PER_CHUNK_MIN]))
def test_chunks_cover_every_query_once(n_queries, smallest):
    done, lock = [], threading.Lock()

    def work(start, stop):
        with lock:
            done.extend(range(start, stop))

    for_chunks(work, n_queries, smallest=smallest)
    assert sorted(done) == list(range(n_queries))


@pytest.mark.parametrize("n_queries", [1, QUERIES_PER_CHUNK_MIN, 2 * QUERIES_PER_CHUNK_MIN - 1])
def test_few_queries_stay_in_their_thread(n_queries):
    here = []
    for_chunks(lambda start, stop: here.append(threading.get_ident()), n_queries)
    assert here == [threading.get_ident()]


def test_an_error_in_a_thread_is_raised():
    def work(start, stop):
        if stop == 100:
            raise RuntimeError("the last chunk")

    with pytest.raises(RuntimeError, match="the last chunk"):
        for_chunks(work, 100)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_answers():
    """It inherits the pool but not its threads."""
    code = """
import os, signal, threading
from indexes.threads import for_chunks
seen = set()
meet = threading.Barrier(2)
def work(start, stop):
    seen.add(threading.get_ident())
for_chunks(work, 1000)
assert any(ident != threading.get_ident() for ident in seen)
child = os.fork()
if child == 0:
    signal.alarm(20)
    done = []
    for_chunks(lambda start, stop: done.extend(range(start, stop)), 1000)
    os._exit(len(done) != 1000)
assert os.waitpid(child, 0)[1] == 0
"""
    environment = os.environ | {"RETRIEVAL_THREADS": "2"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=60)
