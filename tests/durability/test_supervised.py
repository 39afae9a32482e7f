"""The supervisor of dangerous cases sees every way to fail, and loses no case."""

import ctypes
import os

import numpy as np
import pytest
import supervised


def case(number: int) -> str:
    match number % 8:
        case 3:
            ctypes.string_at(0)
        case 4:
            raise ValueError("wrong")
        case 5:
            np.empty(2**31, np.uint8)
        case 6:
            os._exit(3)
    return "even" if number % 2 == 0 else "odd"


def slow(number: int) -> str:
    if number == 1:
        supervised.select.select([], [], [], 30)
    return "done"


def test_every_case_has_an_outcome_or_a_problem() -> None:
    report = supervised.run("test_supervised:case", range(16))
    assert report.outcomes == {"even": 4, "odd": 4}
    said = [problem.partition(":")[0] for problem in report.problems]
    assert said == [f"case {number}" for number in (3, 4, 5, 6, 11, 12, 13, 14)]
    for problem, word in zip(
        report.problems, ["SIGSEGV", "wrong", "allocate", "exit 3"] * 2, strict=True
    ):
        assert word in problem


def test_a_case_that_hangs_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "PATIENCE", 2.0)
    report = supervised.run("test_supervised:slow", range(4))
    assert report.outcomes == {"done": 3}
    assert "SIGKILL" in report.problems[0]
