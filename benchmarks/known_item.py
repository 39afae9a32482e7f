"""A BEIR folder for known-item search: find a text by its title.

    python -m benchmarks.known_item papers.jsonl.xz FOLDER [--queries 500]

Reads JSON lines with `_id`, `title` and `text`; the corpus holds the texts without their titles,
the queries are titles drawn with a fixed seed, and each has one relevant document: its own.
"""

import argparse
import json
import random
from pathlib import Path

from retrieval.lines import open_lines


def make(source: Path, folder: Path, n_queries: int) -> None:
    """Write corpus, queries and judgements."""
    rows = [json.loads(line) for line in open_lines(source)]
    chosen = random.Random(1).sample([row for row in rows if row["title"].strip()], n_queries)
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    corpus = ({"_id": row["_id"], "text": row["text"]} for row in rows)
    queries = ({"_id": f"q{i}", "text": row["title"]} for i, row in enumerate(chosen))
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in corpus))
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries))
    qrels = (f"q{i}\t{row['_id']}\t1\n" for i, row in enumerate(chosen))
    header = "query-id\tcorpus-id\tscore\n"
    (folder / "qrels" / "test.tsv").write_text(header + "".join(qrels))


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=int, default=500)
    options = parser.parse_args()
    make(options.source, options.folder, options.queries)


if __name__ == "__main__":
    main()
