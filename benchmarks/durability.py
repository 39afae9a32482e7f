"""What the store has survived: the suites of tests/durability, ten times as long as in CI.

    python -m benchmarks.durability [SUITE ...] [--scale N] [--json FILE]

Nothing is timed against a peer: the figures count what was tried, and every test passed, or there
are no figures. With names of suites (crashes, faults, kills, ...) only their figures are replaced.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.harness import write_json

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Figure:
    """How often something was tried in one suite, and how long the whole suite took."""

    suite: str
    tried: str
    number: int
    scale: int
    suite_s: float


def run(suites: Sequence[str], scale: int, report: Path) -> int:
    """Run suites `scale` times as long as in CI, all if none is named; return pytest's status."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "-p", "no:cacheprovider"]
    named = [f"tests/durability/test_{suite}.py" for suite in suites]
    command += [f"--junitxml={report}", *(named or ["tests/durability"])]
    environment = {**os.environ, "RETRIEVAL_TEST_SCALE": str(scale)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def figures(report: Path, scale: int) -> list[Figure]:
    """Return what the tests have counted, summed by suite."""
    seconds: Counter[str] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        suite = case.attrib["classname"].rpartition(".test_")[2]
        seconds[suite] += float(case.attrib["time"])  # type: ignore[assignment]
        for one in case.iter("property"):
            if one.attrib["value"].isdigit():
                counts[suite, one.attrib["name"]] += int(one.attrib["value"])
    return [
        Figure(suite, tried, number, scale, round(seconds[suite], 1))
        for (suite, tried), number in sorted(counts.items())
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", help="such as crashes; all if none is named")
    parser.add_argument("--scale", type=int, default=10, help="times as long as in CI")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        if code := run(asked.suites, asked.scale, report):
            return code
        rows = figures(report, asked.scale)
    if asked.suites and asked.json and asked.json.exists():
        before = [Figure(**row) for row in json.loads(asked.json.read_text())["rows"]]
        measured = {row.suite for row in rows}
        rows = sorted([*rows, *(row for row in before if row.suite not in measured)], key=astuple)
    for row in rows:
        print(f"{row.number:>12,}  {row.tried:<44}{row.suite:<16}{row.suite_s:>8.1f} s")
    if asked.json:
        write_json(rows, asked.json, ["numpy", "numba", "xxhash"])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
