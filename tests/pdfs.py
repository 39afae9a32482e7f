"""PDF files for tests, written by hand: pages of lines in one font, and properties."""

from collections.abc import Mapping, Sequence


def pdf(pages: Sequence[str], properties: Mapping[str, str] | None = None) -> bytes:
    """Return a file with the lines of each page, and its properties in Latin-1."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        lines = b" 0 -14 Td ".join(b"(%s) Tj" % line.encode("latin-1") for line in page.split("\n"))
        stream = b"BT /F1 12 Tf 72 720 Td " + lines + b" ET"
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % (5 + 2 * number),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        ]
    entries = " ".join(f"/{name} ({value})" for name, value in (properties or {}).items())
    return _file([*objects, f"<< {entries} >>".encode("latin-1")])


def _file(objects: Sequence[bytes]) -> bytes:
    """Join numbered objects by a table of where they are; the last one holds the properties."""
    data, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(b"%010d 00000 n \n" % len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    trailer = b"<< /Size %d /Root 1 0 R /Info %d 0 R >>" % (len(objects) + 1, len(objects))
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, b"".join(places))
    return data + table + b"trailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (trailer, len(data))
