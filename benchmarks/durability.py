"""What the store has survived: the suites of tests/durability, ten times as long as in CI.

    python -m benchmarks.durability [--scale N] [--out FILE]

Nothing is timed against a peer: the figures count what was tried, and every test passed, or there
are no figures.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.harness import write_json

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "durability.json"


@dataclass(frozen=True, slots=True)
class Figure:
    """How often something was tried in one suite, and how long the whole suite took."""

    suite: str
    tried: str
    number: int
    suite_s: float


def run(scale: int, report: Path) -> int:
    """Run the suites `scale` times as long as in CI; return the exit code of pytest."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "-p", "no:cacheprovider"]
    command += [f"--junitxml={report}", "tests/durability"]
    environment = {**os.environ, "RETRIEVAL_TEST_SCALE": str(scale)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def figures(report: Path) -> list[Figure]:
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
        Figure(suite, tried, number, round(seconds[suite], 1))
        for (suite, tried), number in sorted(counts.items())
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=int, default=10, help="times as long as in CI")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        if code := run(asked.scale, report):
            return code
        rows = figures(report)
    for row in rows:
        print(f"{row.number:>12,}  {row.tried:<44}{row.suite:<16}{row.suite_s:>8.1f} s")
    write_json(rows, asked.out, ["numpy", "numba", "xxhash"])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
