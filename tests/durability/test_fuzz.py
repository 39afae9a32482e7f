"""Garbled input of every format gives a result or a typed error: nothing else, and soon.

`samples` has the good inputs, `garble` spoils them, `fuzzing` reads them.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

import fuzzing
import pytest
import supervised
from faults import SCALE
from garble import garbled

from retrieval.errors import RetrievalError

MINIMUM = 100_000
"""Inputs of all parsers together."""


@pytest.mark.parametrize("name", fuzzing.FORMATS)
def test_a_bad_input_gives_a_result_or_a_typed_error(
    name: str, tmp_path: Path, record_property: Callable[[str, int], None]
) -> None:
    cases = range(fuzzing.FORMATS[name].count * SCALE)
    home = {"TMPDIR": str(tmp_path), "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    report = supervised.run(f"fuzzing:bad_{name}", cases, environment=home)
    assert not report.problems, "\n".join(report.problems[:5])
    assert report.outcomes.total() == len(cases)
    expected = {"read", "refused"} if fuzzing.FORMATS[name].parsed else {"read"}
    assert set(report.outcomes) == expected
    record_property("fuzzed inputs", len(cases))


def test_there_are_enough_inputs() -> None:
    assert sum(one.count for one in fuzzing.FORMATS.values() if one.parsed) >= MINIMUM


@pytest.mark.parametrize("name", [name for name, one in fuzzing.FORMATS.items() if one.plain])
def test_the_good_inputs_are_good(name: str) -> None:
    """Otherwise the bad ones would be refused for what is wrong with all of them."""
    one = fuzzing.FORMATS[name]
    for data in one.good:
        one.read(data, Random("8"))


def test_no_two_inputs_are_often_the_same() -> None:
    random = Random(1)
    made = {garbled(fuzzing.FORMATS["jsonl"].good, random) for _ in range(1000)}
    assert len(made) > 900


def test_what_a_reader_must_not_do_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(data: bytes, random: Random) -> None:
        sum(range(10**6))

    def wrong(data: bytes, random: Random) -> None:
        raise KeyError("x")

    def silent(data: bytes, random: Random) -> None:
        raise RetrievalError(" ")

    class Endless(RetrievalError):
        def __str__(self) -> str:
            return "x" * 3000

    def endless(data: bytes, random: Random) -> None:
        raise Endless

    monkeypatch.setattr(fuzzing, "SECONDS_MAX", 0.001)
    assertions = dict.fromkeys((slow, silent, endless), AssertionError)
    for read, error in {**assertions, wrong: KeyError}.items():
        monkeypatch.setitem(fuzzing.FORMATS, "own", fuzzing.Format([b"x"], read, 1))
        with pytest.raises(error):
            fuzzing.case("own", 1)
