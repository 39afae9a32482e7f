"""Datasets: documents, queries and judgements, in the layouts they are published in.

    open_dataset(path or name)   a `Dataset`: `documents()`, `queries`, `qrels`, one split
      opening.py    which layout is it, and where does it lie?
      dataset.py    what every layout comes down to
      files.py      a folder or a zip: names and lines
      beir.py       corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv
      msmarco.py    collection.tsv or msmarco-docs.tsv, under the official names
      trec.py       documents in subfolders, topics* and qrels*
      catalogue.py  "ir_datasets:NAME", through that package
    download.py     fetches an archive of BEIR, when asked, and nothing else does

Every file of lines may be compressed (.gz, .xz, .zst). Members of a zip are streamed by their exact
name and never extracted, and no line is read beyond a limit, so that a hostile archive costs
neither disk nor memory. Not for: indexing or scoring (`eval.experiment`).
"""

from eval.datasets.dataset import Dataset
from eval.datasets.opening import open_dataset, read_qrels

__all__ = ["Dataset", "open_dataset", "read_qrels"]
