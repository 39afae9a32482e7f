"""Every limit on what comes from outside: just under it is taken, just over it is a typed error."""

import ast
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import encoders
import encoders.limits
import eval.limits
from encoders.analysis import Analyzer
from encoders.bm25 import Bm25
from encoders.checkpoint import settings_of
from encoders.precomputed import Precomputed
from eval.measures import parse
from eval.qrels import parse_qrels
from retrieval import limits
from retrieval.chunking import Chunking
from retrieval.config import Recipe
from retrieval.document import Document
from retrieval.errors import InvalidInput
from retrieval.filters import Filter
from retrieval.ingest import Found, Skipped
from retrieval.ingest.formats import tables, trec
from retrieval.passages import cut
from retrieval.queries import Queries
from retrieval.run import Run
from retrieval.snippets import cut as snippet
from retrieval.store import lock

ROOT = Path(__file__).parents[1]
NO_LIMITS = {
    "encoders/analysis/analyzer.py: CACHED_WORDS_MAX": "of a cache",
    "eval/experiment.py: LATENCY_QUERIES_MAX": "queries that are timed, of any number",
    "eval/significance.py: EXACT_QUERIES_MAX": "from there on signs are drawn",
    "indexes/errors.py: MESSAGE_CHARACTERS_MAX": "a message is shortened",
    "indexes/exhaustive.py: LISTED_MAX": "from there on all rows are read",
    "indexes/hnsw/settings.py: DEGREE_MAX": "what a row of links may hold",
    "indexes/hnsw/settings.py: EF_MAX": "what a search may keep in memory",
    "indexes/inverted/cutting.py: POWER_MAX": "tunes what a document is like as a query",
    "indexes/inverted/settings.py: COUNT_MAX": "what a whole number in a kernel can hold",
    "indexes/ivfpq/codebooks.py: GROUPS_DEFAULT_MAX": "where no number of groups is asked for",
    "indexes/ivfpq/settings.py: COUNT_MAX": "what a whole number in a kernel can hold",
    "indexes/ivfpq/settings.py: GROUPS_MAX": "what a sum in a kernel can hold",
    "indexes/ivfpq/settings.py: NLIST_MAX": "lists of a handful of documents each",
    "indexes/validate.py: DIMENSION_MAX": "the lowest layer; `retrieval.limits` has it too",
    "retrieval/chunking/words.py: CHARACTERS_MAX": "a longer word counts as several",
    "retrieval/chunking/words.py: MARKS_MAX": "marks that are looked at together",
    "retrieval/filters/columns.py: COLUMNS_MAX": "of a cache",
    "retrieval/ingest/formats/parquet.py: BATCH_ROWS_MAX": "rows that are read together",
    "retrieval/pipeline.py: CACHED_CHARACTERS_MAX": "longer texts are not cached",
    "retrieval/store/embeddings.py: EMBEDDING_CACHE_BYTES_MAX": "the oldest files are removed",
    "retrieval/store/embeddings.py: FILE_BYTES_MAX": "larger files are not merged",
    "retrieval/store/shelf.py: IDENTITY_CHARACTERS_MAX": "what is written is shortened",
    "retrieval/store/shelf.py: OPEN_FILES_MAX": "a file more is opened again",
}
"""Nothing that is read is refused for these, or they cannot live in a file of limits; why."""

SMALL = 77
"""What a limit is set to where an input over it would be too large for a test."""


def lines(*given: bytes) -> Iterable[bytes]:
    return iter(given)


def taken(outcomes: Iterable[Found | Skipped]) -> None:
    """Raise where a reader would only skip."""
    for outcome in outcomes:
        if isinstance(outcome, Skipped):
            raise InvalidInput(outcome.reason)


def document(**parts: Any) -> Document:
    return Document(**{"docno": "d", "text": "x", **parts})


def deep(n: int) -> Any:
    value: Any = "x"
    for _ in range(n - 1):
        value = [value]
    return {"a": value}


def fusing(n: int) -> None:
    parts = ", ".join(['"a"'] * n)
    Recipe.parse(f'[representations]\na = "bm25"\n[systems]\ns.fuse = [{parts}]')


def columns(n: int) -> None:
    header = b",".join([b"text", *(b"%d" % i for i in range(n - 1))])
    taken(tables.read_csv(lines(header + b"\n", b"x" + b"," * (n - 1)), "p"))


def vectors(path: Path, line: str) -> None:
    path.write_text(line)
    Precomputed(path).encode_documents(["a"])


def matrix(path: Path, dimension: int) -> None:
    np.save(path, np.zeros((1, dimension), np.float32))
    path.with_suffix(".ids").write_text("a\n")
    Precomputed(path).encode_documents(["a"])


def settings(path: Path, n: int) -> None:
    path.write_bytes(b"{}" + b" " * (n - 2))
    try:
        settings_of(path.parent, path.name)
    except ValueError as error:
        raise InvalidInput(str(error)) from error


def query_line(n: int) -> None:
    Queries.parse(lines(b'{"id": "q", "text": "x"}'.ljust(n)), "p")


def run_line(path: Path, n: int) -> None:
    path.write_bytes(b"q Q0 d 1 1.5 tag".ljust(n))
    Run.read(path)


TABLE: dict[str, tuple[Callable[[int, Path], object], str]] = {
    # Name -> what is done with an input of that size; the module where the limit is made small.
    "DOCNO_BYTES_MAX": (lambda n, _: document(docno="d" * n), ""),
    "TEXT_BYTES_MAX": (lambda n, _: document(text="x" * n), "retrieval.document"),
    "METADATA_BYTES_MAX": (lambda n, _: document(metadata={"a": "x" * (n - 8)}), ""),
    "JSON_DEPTH_MAX": (lambda n, _: document(metadata=deep(n)), ""),
    "PASSAGES_PER_DOCUMENT_MAX": (
        lambda n, _: cut(document(text="x " * n), Chunking("tokens", 1)),
        "retrieval.passages",
    ),
    "FIELDS_MAX": (lambda n, _: columns(n), ""),
    "QUERY_CHARACTERS_MAX": (lambda n, _: Queries([("q", "x" * n)]), ""),
    "QUERY_ID_BYTES_MAX": (lambda n, _: Queries([("q" * n, "x")]), ""),
    "QUERIES_MAX": (lambda n, _: Queries((str(i), "x") for i in range(n)), "retrieval.queries"),
    "QUERY_LINE_BYTES_MAX": (lambda n, _: query_line(n), ""),
    "RUN_LINE_BYTES_MAX": (lambda n, path: run_line(path, n), ""),
    "FILTER_CHARACTERS_MAX": (lambda n, _: Filter.parse("a == 1".ljust(n)), ""),
    "FILTER_DEPTH_MAX": (lambda n, _: Filter.parse("(" * n + "a == 1" + ")" * n), ""),
    "FILTER_COMPARISONS_MAX": (lambda n, _: Filter.parse(" or ".join(["a == 1"] * n)), ""),
    "FILTER_VALUES_MAX": (
        lambda n, _: Filter.parse(f"a in [1] or b in [{'1,' * (n - 1)}]"),
        "",
    ),
    "FILTER_FIELDS_MAX": (
        lambda n, _: Filter.parse(" or ".join(f"a{i} == 1" for i in range(n))),
        "",
    ),
    "RECIPE_BYTES_MAX": (lambda n, _: Recipe.parse("#".ljust(n)), ""),
    "RECIPE_KEY_PARTS_MAX": (lambda n, _: Recipe.parse("systems" + ".a" * (n - 1) + " = 1"), ""),
    "SYSTEM_PARTS_MAX": (lambda n, _: fusing(n), ""),
    "SPEC_CHARACTERS_MAX": (lambda n, _: encoders.make("dense:".ljust(n, "x")), ""),
    "BM25_K1_MAX": (lambda n, _: Bm25(k1=n), ""),
    "DIMENSION_MAX": (lambda n, path: matrix(path.with_suffix(".npy"), n), ""),
    "VECTOR_LINE_BYTES_MAX": (
        lambda n, path: vectors(path, '{"id": "a", "vector": {"x": 1}}'.ljust(n)),
        "encoders.precomputed",
    ),
    "MODEL_SETTINGS_BYTES_MAX": (lambda n, path: settings(path, n), ""),
    "GRADE_MAX": (lambda n, _: parse_qrels(lines(b"q 0 d %d" % n), "p"), ""),
    "QRELS_LINE_BYTES_MAX": (lambda n, _: parse_qrels(lines(b"q 0 d 1".ljust(n)), "p"), ""),
    "QRELS_ID_BYTES_MAX": (lambda n, _: parse_qrels(lines(b"%s 0 d 1" % (b"q" * n)), "p"), ""),
    "MEASURE_SETTING_MAX": (lambda n, _: parse(f"R@{n}"), ""),
    "MEASURE_CHARACTERS_MAX": (lambda n, _: parse("R@10".ljust(n)), ""),
}

ELSEWHERE = {
    "ARRAY_AXES_MAX": "retrieval/store/test_container",
    "BUFFER": "what a writer holds is written out, nothing is refused: retrieval/test_collection",
    "DIRECTORY_BYTES_MAX": "retrieval/store/test_container",
    "DOCUMENTS_PER_SEGMENT_MAX": "retrieval/store/test_manifest",
    "HTML_BYTES_MAX": "what is larger goes to the worker: retrieval/ingest/test_ingest_worker",
    "K_MAX": "retrieval/test_collection",
    "LOCK_BYTES_MAX": "below",
    "MANIFEST_BYTES_MAX": "retrieval/store/test_manifest",
    "MANIFEST_VALUES_MAX": "retrieval/store/test_manifest_json",
    "MARKDOWN_BYTES_MAX": "as HTML_BYTES_MAX",
    "PARSER": "retrieval/ingest/test_ingest_worker",
    "SCORE_MAX": "retrieval/test_run",
    "SEGMENT_BYTES_MAX": "retrieval/store/test_merging",
    "SNIPPET_CHARACTERS_MAX": "below",
    "TREC_MARKUP_CHARACTERS_MAX": "below",
    "WORD_CHARACTERS_MAX": "encoders/analysis/test_analyzer",
}
"""What is no refusal, and who tests it; by the beginning of the name."""

HOMES = (limits, encoders.limits, eval.limits)


def said(name: str, size: int, path: Path) -> str:
    """Return what is wrong with an input of this size."""
    try:
        TABLE[name][0](size, path)
    except InvalidInput as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", TABLE)
def test_just_under_is_taken_and_just_over_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = next(getattr(home, name) for home in HOMES if hasattr(home, name))
    if module := TABLE[name][1]:
        limit = SMALL
        monkeypatch.setattr(f"{module}.{name}", limit)
    numbers = {f"{limit:,}", str(limit)}
    under, over = said(name, limit, tmp_path / "f"), said(name, limit + 1, tmp_path / "f")
    assert not any(number in under for number in numbers), under
    assert any(number in over for number in numbers), over
    assert len(over) < 1000


def test_every_limit_has_a_test() -> None:
    names = {name for home in HOMES for name in vars(home) if name.endswith("_MAX")}
    untested = names - set(TABLE)
    assert {name for name in untested if not name.startswith(tuple(ELSEWHERE))} == set()
    assert set(TABLE) <= names


@pytest.mark.parametrize("module", HOMES)
def test_every_limit_says_why(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text())
    for before, after in pairwise(tree.body):
        if isinstance(before, ast.Assign) and ast.unparse(before.targets[0]) != "__all__":
            reason = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            shared = isinstance(after, ast.Assign)  # with the next one
            assert reason or shared, ast.unparse(before)


def test_no_limit_lives_elsewhere() -> None:
    """Those that tune speed stay with their code, and say so here."""
    found = {
        f"{path.relative_to(ROOT).as_posix()}: {name}"
        for package in ("indexes", "retrieval", "encoders", "eval")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name != "limits.py"
        for name in re.findall(r"^_?([A-Z][A-Z_]*_MAX) =", path.read_text(), re.MULTILINE)
    }
    assert found == set(NO_LIMITS)


@pytest.mark.parametrize("more", [0, 1])
def test_a_longer_file_is_no_lock_file(tmp_path: Path, more: int) -> None:
    (tmp_path / "lock").write_bytes(b"1" * (limits.LOCK_BYTES_MAX + more))
    with (tmp_path / "lock").open("rb") as file:
        assert lock.is_ours(file.fileno()) is not bool(more)


def test_a_filter_has_room_for_ten_thousand_ids() -> None:
    ids = ", ".join(f'"a long document name {i:,}"' for i in range(10_000))
    assert len(Filter.parse(f"id in [{ids}]").text) > 290_000


def test_a_long_trec_page_only_loses_its_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    page = b"<html><title>T</title><script>if (1<2)</script><p>one &amp; <b>two</b></p></html>"
    given = b"<DOC><DOCNO>1</DOCNO>%s</DOC>" % page
    monkeypatch.setattr(trec, "TREC_MARKUP_CHARACTERS_MAX", len(given))
    (short,) = trec.read_lines(lines(given), "p")
    (long,) = trec.read_lines(lines(given + b" "), "p")
    assert isinstance(short, Found)
    monkeypatch.setattr(trec, "TREC_MARKUP_CHARACTERS_MAX", len(given) - 1)
    (long,) = trec.read_lines(lines(given), "p")
    assert isinstance(long, Found)
    assert (short.document.title, short.document.text) == ("T", "one & two")
    assert (long.document.title, long.document.text) == ("", "T one & two")


def test_of_a_long_text_the_beginning_is_searched_for_a_snippet() -> None:
    near, far = ("x " * (limits.SNIPPET_CHARACTERS_MAX // 2 - shift) + "wing" for shift in (2, -1))
    assert snippet(near, "wing", Analyzer()).highlights
    assert not snippet(far, "wing", Analyzer()).highlights
