"""A folder, or a single file, becomes a stream of documents.

    read(source)   one `Found` or `Skipped` after another; only what is being read is in memory
      folder.py    which files, in the order of their relative paths: nothing hidden, no links out
      file.py      one file, by its ending

    Files that are one document
      whole.py     text, Markdown and HTML files
      text.py      bytes to text, plain text
      markdown.py  tokens to text; title from front matter or the first heading; headings
      html.py      tree to text; title, language and description; headings
      pdf.py       pages to text, properties to title and metadata
      worker.py    the process that parses PDFs and what is large: it may crash, hang or swell

    Files of many documents; the formats of lines also as .gz, .xz and .zst
      fields.py    which keys or columns make a document: asked for, or of well-known names
      records.py   the loop over lines that the formats share
      jsonl.py     one JSON object a line
      beir.py      the same with `_id`, `title`, `text`, `metadata`
      tables.py    csv and tsv, with rfc4180.py for quotes and columns.py for types
      trec.py      <DOC> ... </DOC>
      parquet.py   one row after another, types kept

    sync.py        makes a collection hold what a folder holds, from the stream of `read`

The docno of a file is its path relative to the folder, with "/", or its name if the source is that
file; the docno of a record is in its id field, or else "FILE:LINE". What gives no document but is
nobody's mistake (binary, empty, unreadable, damaged, too large) is a `Skipped` with a reason, and
the stream goes on. A record that is not what its file promised raises `InvalidDocument`: those
after it will hardly be better.

Not for: cutting documents into passages, or fetching anything from a network.
"""

from retrieval.ingest.fields import Fields
from retrieval.ingest.folder import read
from retrieval.ingest.outcome import Found, Skipped

__all__ = ["Fields", "Found", "Skipped", "read"]
