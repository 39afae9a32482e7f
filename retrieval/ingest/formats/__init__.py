"""What is in a file: bytes or lines in, documents or their content out.

    Files that are one document
      whole.py     text, Markdown and HTML files
      text.py      bytes to text, plain text
      markdown.py  tokens to text; title from front matter or the first heading; headings
      html.py      tree to text; title, language and description; headings
      pdf.py       pages to text, properties to title and metadata

    Files of many documents; the formats of lines also as .gz, .xz and .zst
      records.py   the loop over lines that the formats share
      jsonl.py     one JSON object a line
      beir.py      the same with `_id`, `title`, `text`, `metadata`
      tables.py    csv and tsv, with rfc4180.py for quotes and columns.py for types
      trec.py      <DOC> ... </DOC>
      parquet.py   one row after another, types kept

Not for: which files are read, or what a document that was read is good for.
"""
