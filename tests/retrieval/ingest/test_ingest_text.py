"""Bytes of a text file become the characters that were written."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.ingest.formats.text import decode, extract

texts = st.text(st.characters(exclude_categories=["Cs"]))
MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}


@given(texts, st.sampled_from(sorted(MARKS)))
def test_any_text_with_a_byte_order_mark_comes_back(text: str, encoding: str) -> None:
    assert extract(decode(MARKS[encoding] + text.encode(encoding))).text == text


@given(texts.filter(lambda text: not text.startswith("\ufeff")))
def test_any_utf8_comes_back(text: str) -> None:
    assert decode(text.encode()) == text


@given(st.text(st.characters(codec="cp1252"), min_size=1))
def test_what_is_not_utf8_is_windows_1252(text: str) -> None:
    data = text.encode("cp1252") + b"\xff"  # a byte that UTF-8 never has
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF8)):
        assert decode(data) == text + "ÿ"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"caf\xe9 \x80 \x81", "café € \ufffd"),
        (codecs.BOM_UTF8 + b"caf\xe9", "caf\ufffd"),
        (codecs.BOM_UTF16_LE + b"a\x00\x00\xd8b\x00", "a\ufffdb"),
        (codecs.BOM_UTF16_LE + b"a\x00b", "a\ufffd"),
        (b"", ""),
    ],
)
def test_invalid_bytes_are_replaced_one_by_one(data: bytes, text: str) -> None:
    assert decode(data) == text


@given(st.binary())
def test_any_bytes_decode_to_unicode(data: bytes) -> None:
    decode(data).encode()


def test_white_space_and_line_ends_are_kept() -> None:
    assert extract(decode(b"  a\r\n\tb \n")).text == "  a\r\n\tb \n"
