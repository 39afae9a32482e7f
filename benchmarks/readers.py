"""How fast each input format becomes documents, beside the bare parser it stands on.

    python -m benchmarks.readers [SOURCE ...] [--documents 4000] [--json FILE]

Without sources, the same synthetic texts are written in every format. A row is one file or folder,
read by `retrieval.ingest.read` from start to end: documents/s, and megabytes/s of what lies on
disk. "parser/s" is what the parser alone makes of the same files: it neither checks anything nor
makes documents, so it is a ceiling and not a rival. Medians of three rounds, interleaved.
"""

import argparse
import csv
import json
import random
import statistics
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import folder_bytes, write_json
from retrieval.ingest import Found, read
from retrieval.lines import create, open_lines
from tests.pdfs import pdf

ROUNDS = 3
_PACKAGES = ("pyarrow", "selectolax", "markdown-it-py", "pypdfium2")


@dataclass(frozen=True, slots=True)
class Row:
    """One source."""

    source: str
    n_documents: int
    megabytes: float
    documents_per_s: float
    megabytes_per_s: float
    parser_per_s: float | None


def make(root: Path, n_documents: int) -> list[Path]:
    """Write the same texts in every format; return the sources, folders of files with a part."""
    made = enumerate(_texts(n_documents))
    rows = [(f"d{n}", f"Title {n}", text, 1990 + n % 40) for n, text in made]
    lines = [
        json.dumps({"_id": docno, "title": title, "text": text, "metadata": {"year": year}})
        for docno, title, text, year in rows
    ]
    sources = [root / f"a.jsonl{ending}" for ending in ("", ".gz", ".xz", ".zst")]
    for source in sources:
        with create(source) as stream:
            stream.writelines(line.encode() + b"\n" for line in lines)
    with (root / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "title", "text", "year"), *rows])
    (root / "a.tsv").write_text("".join(f"{docno}\t{text}\n" for docno, _, text, _ in rows))
    (root / "a.trec").write_text("".join(map(_TREC.format, *zip(*rows, strict=True))))
    _write_parquet(root / "a.parquet", rows)
    sources += [root / f"a.{name}" for name in ("csv", "tsv", "trec", "parquet")]
    for name, form in _FILES.items():
        (root / name).mkdir()
        for row in rows[: n_documents // 4]:
            (root / name / f"{row[0]}.{name}").write_text(form.format(*row))
    (root / "pdf").mkdir()
    for docno, title, text, _ in rows[: n_documents // 8]:
        page = "\n".join(textwrap.wrap(text, 90))
        (root / "pdf" / f"{docno}.pdf").write_bytes(pdf([page, page], {"Title": title}))
    return [*sources, *(root / name for name in (*_FILES, "pdf"))]


def measure(sources: Sequence[Path]) -> list[Row]:
    """Read every source in rounds."""
    ours: dict[Path, list[float]] = {source: [] for source in sources}
    bare: dict[Path, list[float]] = {source: [] for source in sources}
    counts: dict[Path, int] = {}
    for _ in range(ROUNDS):
        for source in sources:
            start = time.perf_counter()
            counts[source] = sum(isinstance(outcome, Found) for outcome in read(source))
            ours[source].append(time.perf_counter() - start)
            if parse := _parser_of(source):
                start = time.perf_counter()
                parse(source)
                bare[source].append(time.perf_counter() - start)
    return [_row(source, counts[source], ours[source], bare[source]) for source in sources]


def main() -> None:
    """Measure, print, and write rows if asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sources", nargs="*", type=Path)
    parser.add_argument("--documents", type=int, default=4000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        rows = measure(asked.sources or make(Path(folder), asked.documents))
    print(f"{'source':<14}{'documents':>10}{'MB':>8}{'documents/s':>13}{'MB/s':>8}{'parser/s':>11}")
    for row in rows:
        bare = "-" if row.parser_per_s is None else f"{row.parser_per_s:,.0f}"
        print(
            f"{row.source:<14}{row.n_documents:>10,}{row.megabytes:>8.1f}"
            f"{row.documents_per_s:>13,.0f}{row.megabytes_per_s:>8.1f}{bare:>11}"
        )
    if asked.json:
        write_json(rows, asked.json, _PACKAGES)


def _row(source: Path, count: int, ours: Sequence[float], bare: Sequence[float]) -> Row:
    megabytes = (folder_bytes(source) if source.is_dir() else source.stat().st_size) / 1e6
    seconds = statistics.median(ours)
    per_s = count / statistics.median(bare) if bare else None
    return Row(source.name, count, megabytes, count / seconds, megabytes / seconds, per_s)


def _texts(n_documents: int) -> list[str]:
    """Return texts of about 60 to 160 words, always the same ones."""
    draw = random.Random(7)
    letters = "abcdefghijklmnoprstuvw"
    words = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(5000)]
    return [
        ", ".join(" ".join(draw.choices(words, k=12)) for _ in range(draw.randint(5, 13))) + "."
        for _ in range(n_documents)
    ]


_TREC = (
    "<DOC>\n<DOCNO> {} </DOCNO>\n<TITLE>{}</TITLE>\n<TEXT>\n{}\n</TEXT>\n<YEAR>{}</YEAR>\n</DOC>\n"
)
_FILES = {
    "txt": "{1}\n\n{2}\n",
    "md": "# {1}\n\n{2}\n\n* a [link](http://a.b/c) and *more*\n\n## Notes\n\n{2}\n",
    "html": "<html lang=en><head><title>{1}</title></head><body><nav><a href=x>Home</a></nav>"
    "<main><h1>{1}</h1><p>{2}</p><h2>Notes</h2><p>{2}</p></main></body></html>",
}


def _write_parquet(path: Path, rows: Sequence[tuple[str, str, str, int]]) -> None:
    import pyarrow
    from pyarrow import parquet

    names = ("id", "title", "text", "year")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    parquet.write_table(pyarrow.table(columns), path)


def _parser_of(source: Path) -> Callable[[Path], object] | None:
    name = source.name.lower()
    if ".jsonl" in name:
        return lambda path: [json.loads(line) for line in open_lines(path)]
    return _PARSERS.get(name.rpartition(".")[2])


def _bare_csv(path: Path) -> None:
    with path.open(newline="") as file:
        for _ in csv.DictReader(file):
            pass


def _bare_parquet(path: Path) -> None:
    from pyarrow import parquet

    for batch in parquet.ParquetFile(path).iter_batches(1024):
        batch.to_pylist()


def _bare_html(folder: Path) -> None:
    from selectolax.lexbor import LexborHTMLParser

    for path in folder.iterdir():
        LexborHTMLParser(path.read_bytes()).body.text()


def _bare_markdown(folder: Path) -> None:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    for path in folder.iterdir():
        parser.parse(path.read_text())


def _bare_pdf(folder: Path) -> None:
    from pypdfium2 import PdfDocument

    for path in folder.iterdir():
        document = PdfDocument(path)
        for number in range(len(document)):
            document[number].get_textpage().get_text_range()
        document.close()


_PARSERS: dict[str, Callable[[Path], object]] = {
    "csv": _bare_csv,
    "parquet": _bare_parquet,
    "html": _bare_html,
    "md": _bare_markdown,
    "pdf": _bare_pdf,
}

if __name__ == "__main__":
    main()
