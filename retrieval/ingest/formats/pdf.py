"""PDF to text, page by page. Runs in a worker process only: see `worker` for the reason.

Pages become paragraphs. The title is the one in the file's properties; author, subject, keywords,
the dates as ISO 8601 and the number of pages are metadata. Nothing is recognised in images.
"""

import re
from pathlib import Path
from typing import Any

from retrieval.ingest.outcome import Content, NoContent
from retrieval.limits import TEXT_BYTES_MAX

ENDINGS = (".pdf",)

REMEDY = "reading PDF needs pypdfium2: pip install pypdfium2"

_PROPERTIES = {"author": "Author", "subject": "Subject", "keywords": "Keywords"}
_DATES = {"created": "CreationDate", "modified": "ModDate"}
_DATE = re.compile(
    r"D:(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(\d\d)(\d\d)?(Z|[+-]\d\d(?:'\d\d)?)?)?)?)?"
)
_WRAPPED = re.compile("[\ufffe\x02]\r?\n?")
"""What pdfium writes for a hyphen that only parts a word at the end of a line."""


def read_content(path: Path) -> Content | NoContent:
    """Return text, title and metadata of a PDF file, or the reason why there is none.

    Raises:
        OSError: it cannot be read.
    """
    try:
        import pypdfium2
    except ImportError:
        return NoContent(REMEDY, unread=True)
    try:
        document = pypdfium2.PdfDocument(path.read_bytes())
    except pypdfium2.PdfiumError as error:
        return NoContent(_reason(str(error)))
    pages: list[str] = []
    n_characters = 0
    for number in range(len(document)):
        try:
            pages.append(_page_text(document, number))
        except pypdfium2.PdfiumError as error:
            return NoContent(f"its page {number + 1} is damaged ({error})")
        n_characters += len(pages[-1])
        if n_characters > TEXT_BYTES_MAX:
            return NoContent(f"it has more than {TEXT_BYTES_MAX:,} characters: split it")
    if not any(pages):
        return NoContent("none of its pages holds text: run OCR on it if it is a scan")
    properties = document.get_metadata_dict()
    title = " ".join(_clean(properties.get("Title", "")).split())
    return Content("\n".join(filter(None, pages)), title, _metadata(properties, len(pages)))


def _page_text(document: Any, number: int) -> str:
    page = document[number]
    try:
        text = page.get_textpage()
        try:
            found: str = text.get_text_range()
        finally:
            text.close()
    finally:
        page.close()
    return _clean(_WRAPPED.sub("", found)).strip()


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _metadata(properties: dict[str, str], n_pages: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {"pages": n_pages}
    for name, key in _PROPERTIES.items():
        if value := _clean(properties.get(key, "")).strip():
            metadata[name] = value
    for name, key in _DATES.items():
        if match := _DATE.match(properties.get(key, "")):
            metadata[name] = _iso(*match.groups())
    return metadata


def _iso(year: str, month: str | None, day: str | None, hour: str | None, *rest: str | None) -> str:
    date = "-".join(filter(None, (year, month, day)))
    if hour is None:
        return date
    minute, second, zone = rest
    zone = (zone or "").replace("'", ":")
    return f"{date}T{hour}:{minute}:{second or '00'}{zone}" + (":00" if len(zone) == 3 else "")


def _reason(fault: str) -> str:
    if "assword" in fault or "ecurity" in fault:
        return "it is encrypted: save it without a password"
    return f"it is no PDF, or a damaged one ({fault})"
