"""BM25 in other languages: the default (English) analysis against the language's own.

    python -m benchmarks.languages DATA [--json FILE]

DATA holds `germanquad` and `miracl_yo` (BEIR folders) and `xquad`, whose LANGUAGE.passages and
LANGUAGE.questions become BEIR folders of their own: each question has one relevant document, the
passage it was asked about. Titles are left out of those, because they are English. nDCG@10 and
R@100; p is that of the paired randomisation test against the default.
"""

import argparse
import json
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.harness import write_json
from eval.datasets import open_dataset
from eval.experiment import Plan, indexed, run_systems, score
from eval.report import EvalRow, table
from retrieval.lines import open_lines

XQUAD = ("ar", "de", "el", "en", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh")
MEASURES = ("nDCG@10", "R@100")
PACKAGES = ("retrieval-engine", "numpy", "PyStemmer")


def make_xquad(source: Path, language: str, folder: Path) -> Path:
    """Write one language of XQuAD as a BEIR folder and return it."""
    passages = [json.loads(line) for line in open_lines(source / f"{language}.passages.jsonl.gz")]
    questions = [json.loads(line) for line in open_lines(source / f"{language}.questions.jsonl.gz")]
    made = folder / f"xquad-{language}"
    (made / "qrels").mkdir(parents=True)
    for name, rows in (("corpus", passages), ("queries", questions)):
        lines = (json.dumps({"_id": row["_id"], "text": row["text"]}) for row in rows)
        (made / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    qrels = (f"{row['_id']}\t{row['passage']}\t1\n" for row in questions)
    (made / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(qrels))
    return made


def compare(path: Path, language: str, folder: Path, *, split: str = "test") -> list[EvalRow]:
    """Return the rows of both analyses on one dataset."""
    dataset = open_dataset(path, split=split)
    plan = Plan.of(["english=bm25", f"own=bm25:{language}"])
    results = run_systems(indexed(dataset, plan, folder), dataset, plan, k=100)
    return score(results, dataset, MEASURES, baseline="english")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = compare(options.data / "germanquad", "de", folder)
        for language in XQUAD:
            made = make_xquad(options.data / "xquad", language, folder)
            rows += compare(made, language, folder)
        rows += compare(options.data / "miracl_yo", "yo", folder, split="dev")
    Console().print(table(rows, "english"))
    if options.json:
        write_json(rows, options.json, PACKAGES)


if __name__ == "__main__":
    main()
