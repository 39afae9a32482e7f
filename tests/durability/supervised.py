"""Numbered cases worked through by a child process that is started again where it died.

A case that kills its process, hangs or asks for a huge piece of memory is a problem like any other,
and costs one start. Processes are dear (a second each), so one child works through thousands.
"""

import importlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
MEMORY = 256 * 2**20
"""Bytes a child may map more than when its first case is over."""

PATIENCE = 60.0
"""Seconds without a case that ends."""


@dataclass
class Report:
    """What became of the cases.

    outcomes  what the cases said of themselves, counted
    problems  "case N: …" of those that raised, died or hung
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def run(work: str, numbers: range, *, environment: Mapping[str, str] | None = None) -> Report:
    """Call `work`, "module:function", with every number, in a child process.

    The function returns a word for what happened, or raises. The first case is run twice: what it
    imports and compiles is not counted as its memory.
    """
    report, left = Report(), numbers
    while left:
        left = left[_one_child(work, left, report, environment or {}) :]
    return report


def _one_child(work: str, numbers: range, report: Report, environment: Mapping[str, str]) -> int:
    """Run cases until the child is gone; return how many are done, the one that killed it too."""
    paths = os.pathsep.join(
        [str(ROOT), *(str(ROOT / part) for part in ("tests", "tests/durability"))]
    )
    bounds = json.dumps((numbers.start, numbers.stop, numbers.step))
    command = [sys.executable, "-W", "error", str(Path(__file__)), work, bounds]
    variables = {**os.environ, **environment, "PYTHONPATH": paths}
    done = 0
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=variables) as child,
    ):
        assert child.stdout is not None
        for line in _lines(child.stdout, child.kill):
            outcome, problem = json.loads(line)
            if problem:
                report.problems.append(f"case {numbers[done]}: {problem}")
            else:
                report.outcomes[outcome] += 1
            done += 1
        if done < len(numbers):
            code = child.wait()
            errors.seek(0)
            said = errors.read().decode(errors="replace")[-2000:]
            name = signal.Signals(-code).name if code < 0 else f"exit {code}"
            report.problems.append(f"case {numbers[done]}: {name} {said}")
            done += 1
    return done


def _lines(pipe: IO[bytes], give_up: Callable[[], None]) -> Iterator[bytes]:
    """Yield lines until the pipe is closed; one that does not come in time ends the child."""
    rest = b""
    while True:
        if not select.select([pipe], [], [], PATIENCE)[0]:
            give_up()
        data = os.read(pipe.fileno(), 2**16)
        if not data:
            return
        *whole, rest = (rest + data).split(b"\n")
        yield from whole


def _main(work: str, bounds: str) -> None:
    import faulthandler

    faulthandler.enable()
    module, _, name = work.partition(":")
    function = getattr(importlib.import_module(module), name)
    numbers = range(*json.loads(bounds))
    _outcome(function, numbers[0])
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, resource.RLIM_INFINITY))
    for number in numbers:
        os.write(1, json.dumps(_outcome(function, number)).encode() + b"\n")


def _outcome(function: Callable[[int], str], number: int) -> tuple[str, str]:
    try:
        return function(number), ""
    except Exception:
        return "", traceback.format_exc()[-2000:]


if __name__ == "__main__":
    _main(*sys.argv[1:])
