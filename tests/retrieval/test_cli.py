"""The command line: what it prints, what it returns, what it says of mistakes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from retrieval.cli import main
from retrieval.run import Run

ENVIRONMENT = {**os.environ, "COLUMNS": "100"}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "keys.md").write_text("# Keys\n\nRotate the [key] every month.")
    (folder / "doors.txt").write_text("A door has a handle and a lock.")
    return folder


@pytest.fixture
def index(docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    path = str(tmp_path / "docs.idx")
    assert main(["index", str(docs), "-o", path, "-r", "bm25"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("2 new, 0 changed, 0 deleted, 0 unchanged")
    return path


def test_index_again_says_what_changed(
    docs: Path, index: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (docs / "keys.md").write_text("# Keys\n\nRotate it every week.")
    (docs / "empty.txt").write_text("")
    assert main(["index", str(docs), "-o", index, "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {
        "new": 0,
        "changed": 1,
        "deleted": 0,
        "unchanged": 1,
        "skipped": 1,
        "documents": 2,
    }
    assert "skipped empty.txt: it holds no text" in captured.err


def test_rebuilding_says_that_documents_are_gone(
    docs: Path, index: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["index", str(docs), "-o", index, "--rebuild"]) == 0
    assert "gone" not in capsys.readouterr().err
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.txt").write_text("the owl")
    assert main(["index", str(tmp_path / "more"), "-o", index, "--rebuild"]) == 0
    assert "rebuilt: of 2 documents those of other sources" in capsys.readouterr().err


def test_search_prints_ranked_snippets(index: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", index, "how to rotate a key"]) == 0
    out = capsys.readouterr().out
    assert "keys.md" in out
    assert "[key]" in out  # brackets of the text are no markup
    assert main(["search", index, "zebra"]) == 0
    assert "no document matches" in capsys.readouterr().out


def test_search_json_and_run_files(
    index: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", index, "door", "--json", "-k", "1"]) == 0
    (hit,) = json.loads(capsys.readouterr().out)
    assert (hit["docno"], hit["rank"]) == ("doors.txt", 1)
    queries, run = tmp_path / "q.tsv", tmp_path / "out.run"
    queries.write_text("q1\tdoor\nq2\tzebra\nq3\tkey\n")
    assert main(["search", index, "--queries", str(queries), "--run", str(run)]) == 0
    found = Run.read(run, query_ids=["q1", "q2", "q3"])
    assert [[docno for docno, _ in found[q]] for q in found] == [["doors.txt"], [], ["keys.md"]]


def test_search_without_a_query_reads_lines(index: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "retrieval", "search", index, "--json"],
        input="door\nkey\n\nnever read\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "doors.txt" in done.stdout
    assert "keys.md" in done.stdout
    assert done.stderr == ""


def test_info_verify_delete_compact(index: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["delete", index, "doors.txt"]) == 0
    assert "1 deleted, 1 documents left" in capsys.readouterr().out
    assert main(["info", index, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == 1
    assert main(["compact", index]) == 0
    assert main(["verify", index]) == 0
    assert "all good" in capsys.readouterr().out
    (vectors,) = Path(index).glob("*.bm25.vectors")
    data = bytearray(vectors.read_bytes())
    data[70] ^= 1
    vectors.write_bytes(data)
    assert main(["verify", index]) == 1
    assert vectors.name in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["search", "nowhere.idx", "x"], 1, "nowhere.idx is no collection"),
        (["index", "nowhere", "-o", "x.idx"], 1, "no folder or file nowhere"),
        (["search", "{index}", "x", "--system", "bm52"], 1, "did you mean 'bm25'"),
        (["search", "{index}", "x", "-k", "-1"], 1, "k is -1"),
        (["search", "{index}", "x", "-k", "many"], 2, "not a valid integer"),
        (["search", "{index}", "--queries", "q.tsv"], 2, "belong together"),
        (["search", "{index}", "--queries", "no.tsv", "--run", "r"], 1, "no.tsv cannot be read"),
        (["delete", "{index}", "nope"], 1, "no document 'nope'"),
        (["eval", "nowhere"], 1, "nowhere"),
        (["index", "{docs}", "-o", "{docs}"], 1, "choose a new or empty folder"),
        (["index", "{docs}", "-o", "{index}", "-r", "x=wrong"], 1, "no encoder is specified"),
        (["index", "{docs}", "-o", "{index}", "-r", "b=bm25"], 1, "another recipe"),
        (["frobnicate"], 2, "No such command"),
        (["index", "-o", "x.idx"], 2, "say what to index"),
        (["index", "{docs}", "-o", "x.idx", "--chunk", "pages:3"], 1, "pages"),
        (["index", "{docs}", "-o", "x.idx", "--field", "txt=a"], 1, "txt=a"),
        (["index", "{docs}", "-o", "x.idx", "-r", "bm25:germann"], 1, "did you mean 'german'"),
        (["index", "{docs}", "-o", "{index}", "--chunk", "tokens:9"], 1, "chunking: None"),
        (["index", "--config", "no.toml", "-o", "x.idx"], 1, "no.toml cannot be read"),
        (["search", "{index}", "x", "--filter", "year = 3"], 1, "year = 3"),
        (["search", "{index}", "x", "--per", "page"], 2, "not one of 'passage', 'parent'"),
        (["download", "beir/scifcat"], 1, "scifact"),
        (["eval", "{docs}", "--config", "a", "--systems", "b"], 2, "choose one"),
    ],
)  # fmt: skip
def test_mistakes_get_a_message_and_no_traceback(
    arguments: list[str], status: int, message: str, docs: Path, index: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    filled = [argument.format(index=index, docs=docs) for argument in arguments]
    assert main(filled) == status
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_debug_shows_the_traceback(index: str) -> None:
    with pytest.raises(Exception, match="no document"):
        main(["--debug", "delete", index, "nope"])


def test_a_closed_pipe_is_no_error(index: str) -> None:
    command = f"{sys.executable} -m retrieval search {index} door | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_help_is_quick_and_light() -> None:
    code = (
        "import sys; from retrieval.cli import main; main(['--help']);"
        "print([m for m in ('numpy', 'numba', 'torch', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    commands = "index search eval download demo delete info verify compact cache"
    assert all(f"  {command} " in done.stdout for command in commands.split())


def test_an_interrupted_index_goes_on_where_it_was(tmp_path: Path) -> None:
    """A real Ctrl-C while a long corpus is being read."""
    corpus = tmp_path / "corpus.jsonl"
    with corpus.open("w") as file:
        file.writelines(f'{{"_id": "d{i}", "text": "word{i} text"}}\n' for i in range(200_000))
    path = tmp_path / "c.idx"
    command = [sys.executable, "-m", "retrieval", "index", str(corpus), "-o", str(path)]
    started = subprocess.Popen([*command, "-r", "bm25"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while '"generation": 1' not in _manifest(path) and time.monotonic() < deadline:
        time.sleep(0.01)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130, err
    assert "interrupted; what is committed stays" in err
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert report["unchanged"] >= 1024
    assert report["new"] + report["unchanged"] == report["documents"] == 200_000


def _manifest(path: Path) -> str:
    try:
        return (path / "manifest.json").read_text()
    except FileNotFoundError:
        return ""
