"""Kernels are compiled once per machine, in a folder nobody else can write to."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from indexes.lexicographic import rises

WHERE = "from indexes import jit; print(jit._FOLDER)"

EVERY_KERNEL = """
import importlib, json, pkgutil, sys, tempfile
from pathlib import Path
import numpy as np
import indexes
from indexes.bitmap import Bitmap
from indexes.flat import Flat, FlatBuild
from indexes.hits import merge
from indexes.hnsw import Hnsw, HnswBuild, HnswSearch
from indexes.hnsw import index as hnsw_index
from indexes.inverted import Inverted, InvertedBuild, InvertedSearch, Saturation
from indexes.metric import Metric
from indexes.multivector import MultiVector, MultiVectorBuild
from indexes.vectors import DenseVectors, MultiVectors, SparseVectors

folder = Path(tempfile.mkdtemp())

def mapped(arrays, prefix):
    for name, array in arrays.items():
        np.save(folder / f"{prefix}.{name}.npy", array)
    names = {name: folder / f"{prefix}.{name}.npy" for name in arrays}
    return {name: np.load(path, mmap_mode="r") for name, path in names.items()}

def ways(kind, vectors, build):
    n = len(vectors)
    yield kind.build(vectors, build)
    yield kind.build([vectors.take(np.arange(3)), vectors.take(np.arange(3, n))], build)
    yield kind.build(vectors.take(np.array([1])), build)
    yield kind.build(vectors.take(np.array([], np.int64)), build)
    index = kind.build(vectors, build)
    loaded = {name: array.copy() for name, array in index.arrays().items()}
    yield kind.from_arrays(kind.Vectors.from_arrays(vectors.arrays()), loaded, build)
    stored = kind.Vectors.from_arrays(mapped(vectors.arrays(), "vectors"))
    yield kind.from_arrays(stored, mapped(index.arrays(), "index"), build)

def exercise(index, queries, settings):
    some = Bitmap.of_mask(np.arange(len(index)) % 2 == 0)
    for batch in (queries, queries.take(np.array([0])), queries.take(np.array([], np.int64))):
        for allowed in (None, some, some & some):
            hits = index.search(batch, 3, settings, allowed=allowed)
        more = () if settings is None else (settings,)
        candidates = np.minimum(hits.ids, len(index) - 1)
        index.score(batch, candidates, *more)
        index.score(batch, candidates.tolist() if candidates.size else candidates, *more)
        merge([hits, merge([hits, hits], [0, 9], 3)], [0, np.int64(20)], 3)
    if len(index):
        index.explain(queries.take(np.array([0])), 0)

random = np.random.default_rng(0)
dense = DenseVectors.of(random.standard_normal((40, 4)))
for metric in Metric:
    for index in ways(Flat, dense, FlatBuild(metric)):
        exercise(index, dense, None)
        index.search(np.ones(4), 2)
        index.search(np.ones((20, 4), np.int64).tolist(), 2)
hnsw_index.ROW_NS = 10**9  # walk, however few there are
for storage in ("int4", "int8", "float32"):
    for metric in Metric:
        entry = "sampled" if metric == Metric.COSINE else "hierarchy"
        build = HnswBuild(metric, storage, M=2, entry=entry, graph_from=0)
        for index in ways(Hnsw, dense, build):
            for settings in (None, HnswSearch(ef_search=20)):
                exercise(index, dense, settings)
            index.search(np.ones(4), 2, HnswSearch(ef_search=20))
unit = float(sys.argv[1])
rows = [{t: unit * int(random.integers(1, 9)) for t in "abcde"[i % 5:]} for i in range(40)]
sparse = SparseVectors.of_rows(rows)
coded = "stored" if unit == 1 else "uint8"
builds = [InvertedBuild(), InvertedBuild.bm25()]
for build in (*builds, InvertedBuild("bisection", coded, density=30.0)):
    for index in ways(Inverted, sparse, build):
        for settings in (None, InvertedSearch(terms=3, rescored=9), InvertedSearch(blocks=1)):
            exercise(index, sparse, settings)
        if build in builds:
            exercise(index, sparse, InvertedSearch(Saturation(0.9, 0.4, 3.0)))
half = np.float16 if unit == 1 else np.float32
tokens = [random.standard_normal((i % 5, 4)).astype(half) for i in range(40)]
multi = MultiVectors.of_rows(tokens)
for index in ways(MultiVector, multi, MultiVectorBuild()):
    exercise(index, multi, None)
    exercise(index, MultiVectors.of_rows([row.astype(np.float32) for row in tokens]), None)
    index.search(np.ones((3, 4)), 2)

found = {}
for module in pkgutil.walk_packages(indexes.__path__, "indexes."):
    for name, value in vars(importlib.import_module(module.name)).items():
        if hasattr(value, "signatures") and value.__module__ == module.name:
            misses = sum(value.stats.cache_misses.values())
            found[f"{module.name}.{name}"] = [len(value.signatures), misses]
print(json.dumps(found))
"""

TRAVERSALS = ("cursors", "exact", "exhaustive", "blockmax", "approximate", "collecting", "bounds")
"""Modules of kernels that read lists of real weights, and of codes for such."""

OF_ANY_DTYPE = {
    "indexes.inverted.dictionary._heaviest_first",
    *(f"indexes.packed.{name}" for name in ("dot", "_vnni_dot", "_plain_dot")),
}
"""Read weights of queries, be they bytes or not; read queries that are scratch, or are not."""

OF_MANY_DTYPES = {"indexes.simd.prefetch_all"}
"""Asks for terms, weights, vectors: one short loop for each."""

USUAL = {"NUMBA_BOUNDSCHECK": "0", "NUMBA_DISABLE_JIT": "0"}


def run(code: str, argument: str = "", **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, argument],
        check=True, capture_output=True, text=True, env=os.environ | environment,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A cache that no other test has filled: what is loaded from one shows fewer types."""
    return str(tmp_path_factory.mktemp("cache"))


@pytest.mark.compiled
@pytest.mark.skipif(os.environ.get("NUMBA_BOUNDSCHECK") == "1", reason="the types are the same")
@pytest.mark.parametrize("unit", ["1", "0.5"])
def test_kernels_have_one_type_and_a_second_process_compiles_nothing(unit: str, cold: str):
    """However the arrays came to be: built, joined, taken, loaded or mapped."""
    first = json.loads(run(EVERY_KERNEL, unit, XDG_CACHE_HOME=cold))
    assert len(first) > 10
    for name, (n_types, _) in first.items():
        # Ordinals are int32 in one index and int64 in several.
        module = name.rpartition(".")[0].removeprefix("indexes.inverted.")
        two = module == "indexes.topk" or (module in TRAVERSALS and unit == "0.5")
        two = two or name in OF_ANY_DTYPE
        assert n_types <= 1 + two or name in OF_MANY_DTYPES, f"{name} has {n_types} types"
    second = json.loads(run(EVERY_KERNEL, unit, XDG_CACHE_HOME=cold))
    assert {name: misses for name, (_, misses) in second.items() if misses} == {}


OUT_OF_RANGE = """
import numpy as np
from indexes.lexicographic import rises
offsets = np.array([0, 1, 2])
assert rises(offsets, np.frombuffer(b"ab", np.uint8))
try:
    rises(offsets + 5, np.frombuffer(b"ab", np.uint8))
except IndexError:
    print("refused")
"""


@pytest.mark.parametrize("build", ["NUMBA_BOUNDSCHECK", "NUMBA_DISABLE_JIT"])
def test_two_builds_refuse_to_read_out_of_range(build: str):
    """The usual one would read whatever lies there."""
    assert run(OUT_OF_RANGE, **(USUAL | {build: "1"})) == "refused"


def test_kernels_with_and_without_bounds_checks_are_kept_apart():
    assert run(WHERE, **USUAL) != run(WHERE, **(USUAL | {"NUMBA_BOUNDSCHECK": "1"}))


def test_kernels_are_built_as_the_environment_says():
    """Here and now: whoever runs these tests in another build must get that build."""
    interpreted = os.environ.get("NUMBA_DISABLE_JIT") == "1"
    assert isinstance(rises, numba.core.dispatcher.Dispatcher) is not interpreted
    if interpreted or os.environ.get("NUMBA_BOUNDSCHECK") == "1":
        with pytest.raises(IndexError):
            rises(np.array([5, 6, 7]), np.frombuffer(b"ab", np.uint8))


def test_interpreted_kernels_never_warn():
    """Compiled ones overflow and divide by zero in silence."""
    code = """
import numpy as np
from indexes.metric import exact_score
large = np.full((1, 2), 3e38, np.float32)
print(exact_score(large, 0, large, 0, 0))
"""
    for off in "01":
        assert run(code, NUMBA_DISABLE_JIT=off) == "inf"


@pytest.mark.compiled
@pytest.mark.parametrize("kind", ["*.nbi", "*.nbc"])
@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:9] + b"x" * len(data)])
def test_a_damaged_cache_costs_a_compilation(kind: str, damage, tmp_path: Path):
    """A full disk or a loss of power may have torn it."""
    code = "from indexes.lexicographic import rises; import numpy as np; "
    code += "print(rises(np.array([0, 1, 2]), np.frombuffer(b'ab', np.uint8)), "
    code += "sum(rises.stats.cache_hits.values()))"
    assert run(code, XDG_CACHE_HOME=str(tmp_path)) == "True 0"
    assert run(code, XDG_CACHE_HOME=str(tmp_path)) == "True 1"
    for file in tmp_path.rglob(kind):
        file.write_bytes(damage(file.read_bytes()))
    assert run(code, XDG_CACHE_HOME=str(tmp_path)) == "True 0"
    assert run(code, XDG_CACHE_HOME=str(tmp_path)) == "True 1"


def test_the_cache_is_private(tmp_path: Path):
    code = f"import os; os.umask(0o002); {WHERE}"
    folder = Path(run(code, XDG_CACHE_HOME=str(tmp_path)))
    for part in (folder, folder.parent, folder.parent.parent):
        assert stat.S_IMODE(part.stat().st_mode) == 0o700
    assert folder.parent.parent.parent == tmp_path


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_folder_that_others_may_write_is_not_used(tmp_path: Path, depth: int):
    """numba reads its cache with pickle. Without one, kernels still work."""
    folder = Path(run(WHERE, XDG_CACHE_HOME=str(tmp_path)))
    [folder, *folder.parents][depth].chmod(0o770)
    code = f"{WHERE}; from indexes.lexicographic import rises; import numpy as np; "
    code += "print(rises(np.array([0, 1, 2]), np.frombuffer(b'ab', np.uint8)))"
    assert run(code, XDG_CACHE_HOME=str(tmp_path)) == "True"
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path):
    tmp_path.chmod(0o500)
    assert run(WHERE, XDG_CACHE_HOME=str(tmp_path)) == ""


def test_a_file_in_place_of_the_folder_is_no_error(tmp_path: Path):
    (tmp_path / "retrieval-engine").write_text("")
    assert run(WHERE, XDG_CACHE_HOME=str(tmp_path)) == ""
