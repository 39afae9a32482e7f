"""Style as a test: who imports whom, sizes, banned words and calls."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("retrieval", "indexes", "encoders", "eval")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
EVERY_FILE = sorted(
    {*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")}
)

OURS = re.compile(rf"({'|'.join(PACKAGES)})(\.|$)")
MAY_IMPORT = {
    "indexes": r"indexes\.",
    "encoders": r"encoders(\.|$)|indexes\.(vectors|strings|validate|errors)$",
    "eval.measures": r"indexes\.errors$|eval\.limits$",
    "eval.qrels": r"indexes\.errors$|eval\.limits$",
    "eval": r"eval\.|retrieval(\.|$)|indexes\.errors$",
    "retrieval.cli": r".",
    "retrieval.__init__": r".",
    "retrieval": r"retrieval(\.|$)|indexes\.|encoders(\.|$)",
}
HEAVY = ("torch", "numba", "faiss", "sentence_transformers", "pyarrow", "transformers")
BANNED_CALLS = {
    *("extractall", "unpack_archive", "system", "popen", "spawnl", "execv", "execvp"),
    *("fromstring", "read_pickle", "to_pickle", "import_from_string", "load_module"),
}
BANNED_NAMES = {
    *("torch.load", "joblib.load", "yaml.load", "marshal.loads", "marshal.load", "shelve.open"),
    *("np.load", "numpy.load", "np.fromfile", "np.save", "subprocess.run", "subprocess.call"),
    *("tempfile.mktemp", "socket.socket", "os.fork", "multiprocessing.Process"),
}
"""numpy's own reader of npy files asks for memory by what the header says."""
BANNED_MODULES = re.compile(
    r"(pickle|cPickle|dill|cloudpickle|joblib|marshal|shelve|yaml|tarfile|socketserver|http\.server"
    r"|xml|xmlrpc|ctypes|pandas|requests)(\.|$)"
)
SPAWNING = {"retrieval.ingest.worker"}
"""Modules that start processes: this Python, by a list of arguments."""
NETWORKING = {"eval.datasets.download"}
BANNED_BUILTINS = {"eval", "exec", "compile"}
BANNED_WORDS = re.compile(
    r"\bpickle\b|trust_remote_code|allow_pickle=True|shell=True|weights_only=False|os\.exec|TO"
    + r"DO|FIX"
    + r"ME|XX"
    + r"X\b"
)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node


def rule_for(module: str) -> str:
    while module not in MAY_IMPORT:
        module = module.rpartition(".")[0]
    return MAY_IMPORT[module]


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_go_downwards_only(path: Path) -> None:
    rule = re.compile(rule_for(module_of(path)))
    for name, node in imports(ast.parse(path.read_text())):
        if OURS.match(name):
            assert rule.match(name), f"{path}:{node.lineno} imports {name}"


@pytest.mark.parametrize("path", EVERY_FILE, ids=module_of)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 400, f"{path} has {text.count(chr(10))} lines"
    if path not in SOURCES:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            kernel = any(ast.unparse(d) in ("kernel", "reordered") for d in node.decorator_list)
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= (90 if kernel else 60), f"{path}:{node.lineno} {node.name} has {lines}"
            positional = [a.arg for a in node.args.args if a.arg not in ("self", "cls")]
            assert kernel or node.name.startswith("_") or len(positional) <= 5, (
                f"{path}:{node.name}"
            )
            assert node.args.kwarg is None or node.name.startswith("_"), f"{path}:{node.name}"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_nothing_dangerous_is_called(path: Path) -> None:
    text = path.read_text()
    code = re.sub(r'""".*?"""|#[^\n]*', "", text, flags=re.S)
    assert not BANNED_WORDS.search(code), BANNED_WORDS.search(code)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in BANNED_BUILTINS, f"{path}:{node.lineno} calls {called}"
            assert called not in BANNED_NAMES, f"{path}:{node.lineno} calls {called}"
            name = called.rpartition(".")[2]
            allowed = name == "system" and ("collection" in called or "self." in called)
            assert name not in BANNED_CALLS or allowed, f"{path}:{node.lineno} calls {name}"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_nothing_dangerous_is_imported(path: Path) -> None:
    module = module_of(path)
    for name, node in imports(ast.parse(path.read_text())):
        place = f"{path}:{node.lineno} imports {name}"
        assert not BANNED_MODULES.match(name), place
        assert name != "subprocess" or module in SPAWNING, place
        networking = re.match(r"(urllib\.request|http|socket|ssl|ftplib)(\.|$)", name)
        assert not networking or module in NETWORKING, place


def test_digests_that_guard_something_are_strong() -> None:
    """MD5 is what BEIR publishes, and finds damage only."""
    weak = re.compile(r"\b(md5|sha1|crc32|adler32)\(")
    found = {module_of(path) for path in SOURCES if weak.search(path.read_text())}
    assert found <= {"eval.datasets.download"}


def test_only_one_module_writes_to_the_store() -> None:
    """Runs and rows of an evaluation are output, not state."""
    writers = re.compile(
        r"""\.write_bytes\(|os\.(open|write|replace|rename|unlink|fsync)\(|open\([^)]*["'][wax]b?["']"""
    )
    may = {  # of the command line, it closes a pipe
        "retrieval.store.files",
        "retrieval.lines",
        "retrieval.run",
        "retrieval.cli.__init__",
        "eval.report",
        "eval.datasets.download",
    }
    found = {module_of(path) for path in SOURCES if writers.search(path.read_text())}
    assert found <= may


@pytest.mark.parametrize("module", ["retrieval", "retrieval.cli", "encoders", "eval"])
def test_importing_is_light(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    heavy = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.strip()
    assert heavy == "[]"


def test_public_names_resolve() -> None:
    import retrieval

    assert all(getattr(retrieval, name) is not None for name in retrieval.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = retrieval.nothing
