"""A folder, or a single file, becomes a stream of documents.

    read(source)   one `Found` or `Skipped` after another; only what is being read is in memory
      folder.py    which files, in the order of their relative paths: nothing hidden, no links out
      file.py      one file, by its ending
      fields.py    which keys or columns make a document: asked for, or of well-known names
      worker.py    the process that parses PDFs and what is large: it may crash, hang or swell
      formats/     what is in a file: a room for each format
    sync.py        makes a collection hold what a folder holds, from the stream of `read`

The docno of a file is its path relative to the folder, with "/", or its name if the source is that
file; the docno of a record is in its id field, or else "FILE:LINE". What gives no document but is
nobody's mistake (binary, empty, unreadable, damaged, too large) is a `Skipped` with a reason, and
the stream goes on. A record that is not what its file promised raises `InvalidDocument`: those
after it will hardly be better.

Not for: cutting documents into passages (`retrieval.chunking`), or fetching from a network.
"""

from retrieval.ingest.fields import Fields
from retrieval.ingest.folder import read
from retrieval.ingest.outcome import Found, Skipped

__all__ = ["Fields", "Found", "Skipped", "read"]
