"""A folder, or a single file, becomes a stream of documents.

    read(source)   one `Found` or `Skipped` after another; only the file being read is in memory
      folder.py    which files, in the order of their relative paths: nothing hidden, no links out
      file.py      one file, by its ending
      text.py      bytes to text, plain text
      markdown.py  tokens to text; title from front matter or the first heading
      html.py      tree to text; title, language and description
      beir.py      one JSON object a line: `_id`, `title`, `text`, `metadata`
    sync.py        makes a collection hold what a folder holds, from the stream of `read`

The docno of a file is its path relative to the folder, with "/", or its name if the source is that
file; the docno of a line is its `_id`. What gives no document but is nobody's mistake (binary,
empty, unreadable, damaged, too large) is a `Skipped` with a reason, and the stream goes on. A line
that is not BEIR at all raises `InvalidDocument`: the lines after it will hardly be better.

Not for: cutting documents into passages, or fetching anything from a network.
"""

from retrieval.ingest.folder import read
from retrieval.ingest.outcome import Found, Skipped

__all__ = ["Found", "Skipped", "read"]
