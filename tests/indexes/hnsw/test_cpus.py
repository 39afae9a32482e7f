"""The same vectors give the same graph and the same hits on every CPU."""

import os
import subprocess
import sys

import pytest

CODE = """
import hashlib
import numpy as np
from indexes.flat import Flat, FlatBuild
from indexes.hnsw import Hnsw, HnswBuild, HnswSearch
from indexes.hnsw import index as hnsw_index
from indexes.metric import Metric

hnsw_index.ROW_NS = 10**6
random = np.random.default_rng(0)
values = random.standard_normal((700, 40)).astype(np.float32)
state = hashlib.sha256()
for storage in ("int4", "int8", "float32"):
    index = Hnsw.build(values, HnswBuild(Metric.EUCLIDEAN, storage, M=6, graph_from=0))
    for name, array in sorted(index.arrays().items()):
        state.update(array.tobytes())
    hits = index.search(values[:50] * 1.1, 10, HnswSearch(ef_search=20))
    state.update(hits.ids.tobytes() + hits.scores.tobytes())
hits = Flat.build(values).search(values[:50], 10)
state.update(hits.ids.tobytes() + hits.scores.tobytes())
print(state.hexdigest())
"""


@pytest.mark.compiled
def test_a_cpu_without_the_instructions_finds_the_same() -> None:
    """One with AVX2 only; compiled for it, a newer one runs it too."""
    found = set()
    for name in ("", "x86-64-v3"):
        environment = os.environ | ({"NUMBA_CPU_NAME": name} if name else {})
        done = subprocess.run(
            [sys.executable, "-c", CODE], check=True, capture_output=True, text=True,
            env=environment,
        )  # fmt: skip
        found.add(done.stdout.strip())
    assert len(found) == 1
