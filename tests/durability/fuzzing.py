"""What is fed with garbled input, one numbered case at a time; `supervised` runs them.

A case is bad input for one reader, made from its number alone: `bad_jsonl` and 17 are the same
bytes on every machine. It ends well if the reader returns something or raises a typed error that
names the place, in less than a second of processor time. What makes the input good to
begin with is in `samples`, what makes it bad in `garble`.
"""

import contextlib
import gzip
import io
import lzma
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random

import samples
from garble import garbled, text_of
from grammars import filter_of, recipe_of

from encoders import make
from encoders.analysis import Analysis, Analyzer
from encoders.precomputed import Precomputed
from eval.datasets import open_dataset
from eval.measures import parse
from eval.qrels import parse_qrels
from indexes.strings import Strings
from retrieval.chunking import Chunking
from retrieval.config import Recipe
from retrieval.errors import RetrievalError
from retrieval.filters import Columns, Filter
from retrieval.ingest import Fields, Found, Skipped
from retrieval.ingest.file import read_file
from retrieval.ingest.formats import jsonl, tables, trec
from retrieval.ingest.worker import Worker
from retrieval.queries import Queries
from retrieval.representation import named
from retrieval.run import Run
from retrieval.snippets import cut

SECONDS_MAX = 1.0
"""Of processor time, for one input."""

MESSAGE_CHARACTERS_MAX = 2000
"""Of an error, besides the mark of what was left out, and of why something was skipped."""

PLACE = "bad"
Read = Callable[[bytes, Random], str | None]
"""Reads bytes; returns "refused" where it says so in another way than by an error."""


@dataclass(frozen=True)
class Format:
    """A format that is read.

    good   inputs that the reader takes
    count  bad inputs that are tried, times SCALE
    make   makes a bad one of the good ones
    plain  whether the good ones are what the reader takes, without `make`
    parsed whether there is a form that the input can violate, so that some are refused
    """

    good: Sequence[bytes]
    read: Read
    count: int
    make: Callable[[Sequence[bytes], Random], bytes] = garbled
    plain: bool = True
    parsed: bool = True


def __getattr__(name: str) -> Callable[[int], str]:
    known = name.removeprefix("bad_")
    if known == name or known not in FORMATS:
        raise AttributeError(name)
    return partial(case, known)


def case(name: str, number: int) -> str:
    """Read one garbled input; return "read" or "refused", or raise what is wrong."""
    tried, random = FORMATS[name], Random(f"{name} {number}")
    data = tried.make(tried.good, random)
    state = random.getstate()
    outcome, seconds = _timed(tried.read, data, random)
    if seconds > SECONDS_MAX:  # once more: the first of its kind compiles and imports
        random.setstate(state)
        outcome, seconds = _timed(tried.read, data, random)
        assert seconds <= SECONDS_MAX, f"{name} took {seconds:.1f} s: {len(data)} bytes"
    return outcome


def _timed(read: Read, data: bytes, random: Random) -> tuple[str, float]:
    start, said = time.process_time(), "nothing"
    try:
        outcome = read(data, random) or "read"
    except RetrievalError as error:
        outcome, said = "refused", str(error)
    seconds = time.process_time() - start
    assert said.strip(), "refused without a word"
    assert len(said) <= MESSAGE_CHARACTERS_MAX + len(" … "), said
    return outcome, seconds


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


def _written(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


def _ingested(name: str, data: bytes, random: Random, worker: Worker | None = None) -> str:
    """Read a file as documents."""
    path, fields = _written(name, data), random.choice(_FIELDS)
    return _check(read_file(path, PLACE + "/" + name, fields=fields, worker=worker))


def _check(outcomes: Iterable[Found | Skipped]) -> str:
    """Read all; every error names its place, every document could be stored."""
    try:
        entries = list(outcomes)
    except RetrievalError as error:
        if not str(error).startswith(PLACE):
            raise AssertionError(f"no place is named: {error}") from error
        raise
    for entry in entries:
        if isinstance(entry, Found):
            entry.document.digest()
        else:
            assert isinstance(entry, Skipped)
            assert entry.reason
            assert len(entry.reason) <= MESSAGE_CHARACTERS_MAX, entry.reason[:3000]
    found = any(isinstance(entry, Found) for entry in entries)
    return "read" if found or not entries else "refused"


_FIELDS = (
    *[Fields()] * 8,
    Fields(text="text,title"),
    Fields(docno="year", text="title"),
    Fields(metadata=("year",)),
    Fields(text="body", metadata=()),
)


def _file(name: str) -> Read:
    return partial(_ingested, name)


def _rows(read: Callable[..., Iterator[Found | Skipped]]) -> Read:
    """Read lines without a file, which would cost more than reading them."""
    return lambda data, random: _check(read(_lines(data), PLACE, random.choice(_FIELDS)))


def _compressed(good: Sequence[bytes], random: Random) -> bytes:
    """Compress good or bad lines by one of three ways, and break that."""
    kind = random.randrange(3)
    data = (gzip.compress, lzma.compress, samples.zstd)[kind](random.choice(good) * 20)
    return bytes([kind]) + (garbled([data], random) if random.random() < 0.8 else data)


def _read_compressed(data: bytes, random: Random) -> str:
    return _ingested("x.jsonl" + (".gz", ".xz", ".zst")[data[0]], data[1:], random)


def _read_trec(data: bytes, random: Random) -> str:
    return _check(trec.read_lines(_lines(data), PLACE))


def _lines(data: bytes) -> Iterator[bytes]:
    return iter(io.BytesIO(data).readline, b"")


def _read_queries(data: bytes, random: Random) -> None:
    fields = random.choice((None, None, None, "title+desc", "narr"))
    if random.random() < 0.5:
        Queries.read(_written("queries", data), topic_fields=fields)
    else:
        Queries.parse(_lines(data), PLACE, topic_fields=fields)


def _read_qrels(data: bytes, random: Random) -> None:
    parse_qrels(_lines(data), PLACE)


def _read_run(data: bytes, random: Random) -> None:
    run = Run.read(_written("run", data))
    run.cut(3).to_dict()


def _read_filter(data: bytes, random: Random) -> None:
    found = Filter.parse(text_of(data, random))
    assert Filter.parse(str(found)) == found
    if len(found.text) < 5000:
        assert len(found.mask(_columns())) == len(samples.METADATA)


@cache
def _columns() -> Columns:
    return Columns.of(Strings.of(samples.METADATA))


def _read_metadata(data: bytes, random: Random) -> None:
    columns = Columns.of(Strings.of([*samples.METADATA, data]))
    for text in ('year > 1 and tags in ["a", 2]', "author.name == null", "a.b.c.d != 1"):
        Filter.parse(text).mask(columns)


def _read_recipe(data: bytes, random: Random) -> None:
    Recipe.read(_written("recipe.toml", data)).settings()


def _read_spec(data: bytes, random: Random) -> None:
    """Read what stands behind an option of the command line, by every reader of such."""
    text, refused = text_of(data, random), []
    for read in (_made, Chunking.parse, lambda one: Fields.parse([one])):
        try:
            read(text)
        except RetrievalError as error:
            refused.append(error)
    if len(refused) == 3:
        raise refused[0]


def _made(text: str) -> None:
    for spec in named([text]).values():
        if not spec.startswith("precomputed"):  # a name there is a path
            make(spec)


def _read_measure(data: bytes, random: Random) -> None:
    parse(text_of(data, random))


def _read_text(data: bytes, random: Random) -> None:
    """Analyse a text in any language."""
    analyzer = _analyzer(random.choice(samples.LANGUAGES))
    text = data.decode(errors="replace")
    terms = analyzer.terms(text)
    assert [term for _, _, term in analyzer.matches(text)] == terms
    assert len(analyzer.number([text])[1]) >= len(terms)


@cache
def _analyzer(language: str) -> Analyzer:
    analysis = Analysis.whitespace() if not language else Analysis.of_language(language)
    return Analyzer(analysis)


def _read_passages(data: bytes, random: Random) -> None:
    text = data.decode(errors="replace")
    size = random.choice((1, 3, 10, 200))
    way = random.choice(("sentences", "tokens", "headings"))
    spans = Chunking(way, size, random.randrange(size)).spans(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)


def _read_snippet(data: bytes, random: Random) -> None:
    text = data.decode(errors="replace")
    start = random.randrange(len(text) + 1)
    query = text[start : start + random.choice((5, 50, 500))]
    snippet = cut(text, query, _analyzer(random.choice(samples.LANGUAGES)))
    assert len(snippet.text) <= 300
    snippet.marked("<b>", "</b>")


def _read_vectors(data: bytes, random: Random) -> None:
    """Read vectors that were computed elsewhere; the first byte says of which file it is bad."""
    kind, data = data[:1], data[1:]
    if kind in samples.VECTOR_ENDINGS:
        path = _written("v.jsonl" + samples.VECTOR_ENDINGS[kind], data)
    else:
        path = _written("v.npy", data if kind == b"n" else samples.NPY)
        _written("v.ids", data if kind == b"i" else samples.IDS)
    Precomputed(path).encode_documents(["a", "b"])


def _make_vectors(good: Sequence[bytes], random: Random) -> bytes:
    one = random.choice(good)
    return one[:1] + garbled([one[1:]], random)


def _read_dataset(data: bytes, random: Random) -> None:
    """Open a dataset of which one file is bad; the first byte says which."""
    names = samples.DATASETS[data[0] % len(samples.DATASETS)]
    folder = _folder() / "dataset"
    shutil.rmtree(folder, ignore_errors=True)
    bad = random.choice(list(names))
    for name, content in names.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(garbled([content], random) if name == bad else content)
    dataset = open_dataset(folder)
    for _ in dataset.documents():
        pass


def _read_zip(data: bytes, random: Random) -> None:
    for _ in open_dataset(_written("d.zip", data)).documents():
        pass


def _make_arguments(good: Sequence[bytes], random: Random) -> bytes:
    """Take the arguments of a command, one a line, and garble some."""
    lines = random.choice(good).split(b"\n")
    at = random.randrange(1, len(lines))
    lines[at] = garbled([lines[at]], random).replace(b"\n", b" ").replace(b"\0", b"0")
    return b"\n".join(lines)


def _read_arguments(data: bytes, random: Random) -> str:
    """Run a command; what is wrong is said in a message, by status 1 or 2."""
    from retrieval.cli import main

    text = data.decode(errors="surrogateescape")  # as the shell hands them over
    arguments = text.replace("INDEX", str(_collection())).replace(
        "DATA", str(_folder() / "d.jsonl")
    )
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments.split("\n"))
    assert status in (0, 1, 2), status
    assert status == 0 or err.getvalue().strip()
    return "refused" if status else "read"


@cache
def _collection() -> Path:
    import retrieval as rt

    source = _written("d.jsonl", samples.JSONL[0])
    rt.index(source, _folder() / "c.idx", representations=["bm25"])
    return _folder() / "c.idx"


@cache
def _worker() -> Worker:
    return Worker(seconds=10.0)


def _in_worker(name: str) -> Read:
    return lambda data, random: _ingested(name, data, random, _worker())


def _either(*makers: Callable[[Sequence[bytes], Random], bytes]) -> Callable[..., bytes]:
    return lambda good, random: random.choice(makers)(good, random)


FORMATS = {
    "jsonl": Format(samples.JSONL, _rows(jsonl.read_lines), 15_000),
    "csv": Format(samples.CSV, _rows(tables.read_csv), 10_000),
    "tsv": Format(samples.TSV, _rows(tables.read_tsv), 8000),
    "trec": Format(samples.TREC, _read_trec, 7000),
    "text": Format(samples.TEXTS, _file("x.txt"), 3000),
    "markdown": Format(samples.MARKDOWN, _in_worker("x.md"), 1500),
    "html": Format(samples.HTML, _in_worker("x.html"), 3000),
    "parquet": Format(samples.PARQUET, _file("x.parquet"), 3000),
    "pdf": Format(samples.PDF, _in_worker("x.pdf"), 500),
    "compressed": Format(samples.JSONL, _read_compressed, 2000, _compressed, plain=False),
    "queries": Format(samples.QUERIES, _read_queries, 6000),
    "qrels": Format(samples.QRELS, _read_qrels, 8000),
    "run": Format(samples.RUNS, _read_run, 5000),
    "filter": Format(samples.FILTERS, _read_filter, 9000, _either(garbled, filter_of)),
    "metadata": Format(samples.METADATA, _read_metadata, 3000),
    "recipe": Format(samples.RECIPES, _read_recipe, 6000, _either(garbled, recipe_of)),
    "spec": Format(samples.SPECS, _read_spec, 4000),
    "measure": Format(samples.MEASURES, _read_measure, 4000),
    "analysis": Format(samples.TEXTS, _read_text, 4000, parsed=False),
    "passages": Format(samples.TEXTS, _read_passages, 2500, parsed=False),
    "snippet": Format(samples.TEXTS, _read_snippet, 2000, parsed=False),
    "vectors": Format(samples.VECTORS, _read_vectors, 1500, _make_vectors),
    "dataset": Format(
        [bytes([n]) for n in range(len(samples.DATASETS))],
        _read_dataset,
        800,
        lambda g, r: r.choice(g),
    ),
    "zip": Format([samples.ZIP], _read_zip, 700),
    "arguments": Format(samples.ARGUMENTS, _read_arguments, 300, _make_arguments),
}
"""By name; a test for each."""
