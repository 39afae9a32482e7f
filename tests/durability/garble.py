"""Good input turned into bad: flipped, cut, joined, repeated, with what parsers stumble over."""

import re
from collections.abc import Callable, Sequence
from random import Random

LONG = 20_000
"""Characters of a long field or deep nesting: past every buffer, limit of recursion and digits."""

_WORDS = (
    *('"', "'", "`", "\\", "\\u", '"\\ud800"', "\\udfff", "\\x", "{", "}", "[", "]", "(", ")"),
    *("<", ">", "</", "&", "&#0;", "&#x110000;", "&amp", "<!--", "-->", "<![CDATA[", "]]>"),
    *("\0", "\ufeff", "\ud800", "\udfff", "\ufffe", "\U0010ffff", "\u2028", "\x85", "\v", "\f"),
    *(
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "\n\r",
        "\t",
        "\t\t",
        " ",
        ",",
        ",,",
        ";",
        ":",
        "=",
        "#",
        "%",
    ),
    *("0", "-0", "-1", "1e999", "-1e999", "1e-999", "0x10", "1_000", "٣", "NaN", "Infinity"),
    *("2147483648", "9223372036854775808", "18446744073709551616", "9" * 400, "9" * 5000),
    *("null", "true", "[]", "{}", '""', "not", "and", "or", "in", "==", "...", "..", "../../x"),
    *(
        "%00",
        "%20",
        "%0A",
        "%",
        "$",
        "$(x)",
        "~nobody/x",
        "/",
        "//",
        "C:\\",
        "\x1b[31m",
        "\x7f",
    ),
    *(
        "é",
        "e\u0301",
        "ß",
        "İ",
        "ﬃ",
        "\u200d",
        "👩‍👩‍👧",
        "中文",
        "ไทย",
        "\u0e33",
        "한글",
        "\u1160",
        "a\u0300",
    ),
)
SNAGS = (
    *(word.encode("utf-8", "surrogatepass") for word in _WORDS),
    b"\xff",
    b"\xfe",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\x80",
    b"\xff\xfe",
    b"\x1f\x8b",
)

_OPENINGS = (
    b"[",
    b"{",
    b"(",
    b'{"a":',
    b"<b>",
    b"<div>",
    b"> ",
    b"- ",
    b"not ",
    b"-",
    b"a.",
    b'"',
    b"*",
)
_TOKEN = re.compile(rb"[\w.]+|\s+|[^\w\s]")


def garbled(good: Sequence[bytes], random: Random) -> bytes:
    """Return one of the good inputs with one to four things wrong; rarely with none."""
    data = random.choice(good)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        data = random.choice(_WAYS)(data, good, random)
    return data


def text_of(data: bytes, random: Random) -> str:
    """Return bytes as text, whatever they are; sometimes with lone surrogates."""
    return data.decode("utf-8", random.choice(("replace", "replace", "surrogateescape")))


def _flipped(data: bytes, good: Sequence[bytes], random: Random) -> bytes:
    flipped = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8)) if data else 0):
        flipped[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(flipped)


def _cut(data: bytes, good: Sequence[bytes], random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _shortened(data: bytes, good: Sequence[bytes], random: Random) -> bytes:
    first, last = _span(data, random)
    return data[:first] + data[last:]


def _spliced(data: bytes, good: Sequence[bytes], random: Random) -> bytes:
    other = random.choice(good)
    first, last = _span(other, random)
    at = random.randrange(len(data) + 1)
    return data[:at] + other[first:last] + data[at:]


def _repeated(data: bytes, good: Sequence[bytes], random: Random) -> bytes:
    first, last = _span(data, random)
    most = LONG // max(1, last - first)
    times = random.choice((2, 3, min(100, most), most if random.random() < 0.05 else 2))
    return data[:last] + data[first:last] * times + data[last:]


def _snagged(data: bytes, good: Sequence[bytes], random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(SNAGS) + data[at:]


def _replaced(data: bytes, good: Sequence[bytes], random: Random) -> bytes:
    tokens = _TOKEN.findall(data)
    if not tokens:
        return random.choice(SNAGS)
    for _ in range(random.choice((1, 1, 2, 5))):
        tokens[random.randrange(len(tokens))] = random.choice(random.choice((SNAGS, tokens)))
    return b"".join(tokens)


def _swapped(data: bytes, good: Sequence[bytes], random: Random) -> bytes:
    lines = data.splitlines(keepends=True)
    random.shuffle(lines)
    return b"".join(lines)


def _other_ends(data: bytes, good: Sequence[bytes], random: Random) -> bytes:
    return data.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\n", b"\x0b", b"\0", b"")))


def _nested(data: bytes, good: Sequence[bytes], random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    depth = random.choice((20, 60, 100, 1000, LONG if random.random() < 0.1 else 200))
    return data[:at] + random.choice(_OPENINGS) * depth + data[at:]


def _lengthened(data: bytes, good: Sequence[bytes], random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    long = random.choice((600, 5000, LONG if random.random() < 0.2 else 1000))
    return (
        data[:at] + random.choice((b"x", b"9", "é".encode(), b" ", b"\n", b"\t")) * long + data[at:]
    )


def _marked(data: bytes, good: Sequence[bytes], random: Random) -> bytes:
    mark, encoding = random.choice(
        ((b"\xef\xbb\xbf", ""), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
    )
    return mark + (data.decode("utf-8", "replace").encode(encoding) if encoding else data)


def _span(data: bytes, random: Random) -> tuple[int, int]:
    first, last = random.randrange(len(data) + 1), random.randrange(len(data) + 1)
    return min(first, last), max(first, last)


_WAYS: tuple[Callable[[bytes, Sequence[bytes], Random], bytes], ...] = (
    *(_flipped, _flipped, _cut, _shortened, _spliced, _repeated, _snagged, _snagged),
    *(_replaced, _replaced, _replaced, _swapped, _other_ends, _nested, _lengthened, _marked),
)
