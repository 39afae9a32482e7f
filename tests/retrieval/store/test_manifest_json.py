"""A manifest has one spelling, of a bounded size; what could not be read again is not written."""

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from faults import FaultFolder
from respelling import respelled

from retrieval.errors import CorruptIndex, FormatTooNew, InvalidInput
from retrieval.limits import MANIFEST_BYTES_MAX
from retrieval.store import manifest as manifests
from retrieval.store.manifest import Manifest

RECIPE = {"encoder": {"type": "custom"}, "fingerprint": "x", "index": {"kind": "flat"}}

SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "a key twice": lambda body: body.replace(b'{"generation"', b'{"generation": 9, "generation"'),
    "a key twice inside": lambda body: body.replace(
        b'"settings": {', b'"settings": {"x": 1, "x": 1'
    ),
    "white space": lambda body: body + b" ",
    "no white space": lambda body: body.replace(b", ", b","),
    "a float": lambda body: body.replace(b'"next_file": 1', b'"next_file": 1.0'),
    "an exponent": lambda body: body.replace(b'"next_file": 1', b'"next_file": 1e0'),
    "minus zero": lambda body: body.replace(b'"generation": 0', b'"generation": -0'),
    "too large": lambda body: body.replace(b'"generation": 0', b'"generation": %d' % 2**63),
    "huge": lambda body: body.replace(b'"generation": 0', b'"generation": ' + b"9" * 10_000),
    "huge in a setting": lambda body: body.replace(
        b"{}", b'{"systems": {"x": ' + b"9" * 10_000 + b"}}"
    ),
    "infinite": lambda body: body.replace(
        b'"settings": {}', b'"settings": {"systems": {"x": 1e999}}'
    ),
    "NaN": lambda body: body.replace(b'"settings": {}', b'"settings": {"systems": {"x": NaN}}'),
    "escaped": lambda body: body.replace(b'"sources"', b'"\\u0073ources"'),
    "not Unicode": lambda body: body.replace(b'"sources": []', b'"sources": ["\xff"]'),
    "a byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "after its end": lambda body: body + b'}, {"x": 1',
    "UTF-16": lambda body: body.decode().encode("utf-16"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_only_our_spelling_of_a_manifest_is_read(spelling: str) -> None:
    body = json.dumps(json.loads(Manifest().to_bytes())["body"]).encode()
    assert Manifest.from_bytes(respelled(body), "m") == Manifest()
    other = SPELLINGS[spelling](body)
    assert other != body
    with pytest.raises(CorruptIndex, match="m is damaged, or no manifest of ours"):
        Manifest.from_bytes(respelled(other), "m")


BOMBS: dict[str, bytes] = {
    "lists": b"[%s]" % (b"[]," * 1_000_000 + b"[]"),
    "objects": b"[%s]" % (b"{}," * 1_000_000 + b"{}"),
    "strings": b"[%s]" % (b'"ab",' * 600_000 + b'""'),
    "numbers": b"[%s]" % (b"9," * 600_000 + b"9"),
    "keys": b"{%s}" % b",".join(b'"%x":1' % n for n in range(600_000)),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_manifest_of_little_pieces_takes_no_memory(bomb: str) -> None:
    data = respelled(BOMBS[bomb])
    tracemalloc.start()
    try:
        with pytest.raises(CorruptIndex, match=r"more than [0-9,]+ values"):
            Manifest.from_bytes(data, "m")
        assert tracemalloc.get_traced_memory()[1] < len(data) + 2**20
    finally:
        tracemalloc.stop()


DEEP: dict[str, Callable[[], bytes]] = {
    "not closed": lambda: respelled(b"[" * 200_000),
    "closed": lambda: respelled(b'{"a":' * 20_000 + b"1" + b"}" * 20_000),
    "in a setting": lambda: respelled(_with_system(b"[" * 50_000 + b"]" * 50_000)),
    "shallow enough to be read": lambda: respelled(
        b'{"representations": %s}' % (b"[" * 300 + b"]" * 300)
    ),
}


def _with_system(value: bytes) -> bytes:
    body = json.dumps(json.loads(Manifest().to_bytes())["body"]).encode()
    return body.replace(b'"settings": {}', b'"settings": {"systems": {"x": %s}}' % value)


# ---------------------------------------------------------------------- what cannot be recorded


@pytest.mark.parametrize(
    "unreadable",
    [
        {"settings": {"systems": {"x": float("nan")}}},
        {"settings": {"systems": {1: "one", "1": "two"}}},
        {"settings": {"systems": {"x": {"a", "b"}}}},
        {"settings": {"search": ["a", "b"]}},
        {"settings": {"search": {"novel": 1}}},
        {"settings": {"systems": {"x": 10**5000}}},
        {"settings": {"novel": 1}},
        {"sources": ("x" * MANIFEST_BYTES_MAX,)},
        {"sources": ("",) * 600_000},
        {"sources": (1,)},
        {"generation": -1},
        {"next_file": 10**18},
        {"representations": {"x": {**RECIPE, "encoder": {"type": "custom", "b": b"bytes"}}}},
        {"representations": {"x": {**RECIPE, "fingerprint": None}}},
        {"representations": {"../x": RECIPE}},
    ],
    ids=lambda change: "-".join(change),
)
def test_what_could_not_be_read_again_is_not_committed(unreadable: dict[str, Any]) -> None:
    folder = FaultFolder({manifests.NAME: Manifest(generation=7).to_bytes()})
    with pytest.raises(InvalidInput, match="the manifest of /fault cannot record this"):
        manifests.commit(folder, replace(Manifest(), **unreadable))
    assert manifests.read(folder).generation == 7
    assert folder.names() == [manifests.NAME]


@pytest.mark.parametrize("data", DEEP.values(), ids=DEEP.keys())
def test_deep_nesting_is_refused(data: Callable[[], bytes]) -> None:
    with pytest.raises(CorruptIndex):
        Manifest.from_bytes(data(), "m")


@pytest.mark.parametrize(
    "lie",
    [
        b'"%s"' % (b"x" * 2**20),
        json.dumps({"x" * 2**20: 1}).encode(),
        _with_system(b"1").replace(b'"generation": 0', b'"generation": "%s"' % (b"x" * 2**20)),
        _with_system(b"1").replace(b'"systems"', b'"%s"' % (b"x" * 2**20)),
        _with_system(b"1").replace(
            b'"representations": {', b'"representations": {"%s": 1' % (b"x" * 2**20)
        ),
    ],
    ids=["a text", "a key", "a value", "a setting", "a name"],
)
def test_what_is_said_of_a_lie_is_short(lie: bytes) -> None:
    with pytest.raises((CorruptIndex, FormatTooNew)) as error:
        Manifest.from_bytes(respelled(lie), "m")
    assert len(str(error.value)) < 500
