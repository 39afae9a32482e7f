"""The commands of a first day say nothing they were not asked: no warning, no file left open."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str, folder: Path) -> None:
    strict = {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "retrieval", *arguments],
        cwd=folder, env=os.environ | strict, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("representation", ["bm25", "dense"])
def test_commands_print_no_warning(tmp_path: Path, representation: str) -> None:
    if representation == "dense":
        pytest.importorskip("sentence_transformers")
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "keys.md").write_text("# Keys\n\nRotate the key every month.")
    (docs / "doors.jsonl").write_text('{"id": "d", "text": "A door has a lock.", "year": 2020}\n')
    run("--help", folder=tmp_path)
    run("index", "docs", "-o", "docs.idx", "-r", representation, folder=tmp_path)
    run("search", "docs.idx", "rotate a key", "--filter", "year != 2020", folder=tmp_path)
