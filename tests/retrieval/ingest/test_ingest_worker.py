"""Whatever happens to the worker costs one file; none of it is left behind."""

import os
import signal
from pathlib import Path

import pytest

from retrieval.ingest import Found, Skipped, read
from retrieval.ingest.file import read_file
from retrieval.ingest.outcome import Content, NoContent
from retrieval.ingest.worker import Worker
from retrieval.limits import HTML_BYTES_MAX

READER = """
import ctypes, json, os, signal, sys
from retrieval.ingest.outcome import Content, NoContent

def read_content(path):
    order = path.read_text()
    if order == "crash":
        ctypes.string_at(0)
    if order == "abort":
        os.abort()
    if order == "hang":
        while True:
            pass
    if order == "swell":
        return Content(len(bytearray(2**40)) * "a")
    if order == "swell in parts":
        kept = []
        while True:
            kept.append(bytearray(2**22))
    if order == "exit":
        sys.exit(3)
    if order == "print":
        print("not an answer", flush=True)
        os.write(1, b"nor this")
    if order == "surrogates":
        return Content("\\ud800", headings=((0, 1),))
    if order == "fail":
        raise ValueError("a mistake of ours")
    return Content(f"{order} by {os.getpid()}", "T", {"n": [1]})
"""


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "a_fake_reader.py").write_text(READER)
    monkeypatch.syspath_prepend(tmp_path)
    return "a_fake_reader"


def ask(worker: Worker, reader: str, folder: Path, order: str) -> Content | NoContent:
    (folder / "order").write_text(order)
    return worker.read_content(reader, folder / "order")


def pid_of(content: Content | NoContent) -> int:
    assert isinstance(content, Content), content
    return int(content.text.split()[-1])


def is_gone(pid: int) -> bool:
    """Say whether no process of ours has this id, not even one that was not waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_one_process_reads_many_files_and_is_gone_after(reader: str, tmp_path: Path) -> None:
    with Worker() as worker:
        first, second = (ask(worker, reader, tmp_path, order) for order in ("a", "ü 中"))
        assert isinstance(second, Content)
        assert (second.title, second.metadata) == ("T", {"n": [1]})
        assert second.text.startswith("ü 中 by ")
        pid = pid_of(first)
        assert pid == pid_of(second) != os.getpid()
    assert is_gone(pid)


def test_without_a_file_there_is_no_process(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# wing\n")
    with Worker() as worker:
        list(read_file(tmp_path / "a.md", "a.md", worker=worker))
        assert worker._process is None


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("crash", "it crashes its parser (SIGSEGV)"),
        ("abort", "it crashes its parser (SIGABRT)"),
        ("hang", "parsing it takes more than 0.5 seconds"),
        ("exit", "its parser ended without an answer (exit code 3)"),
        ("fail", "its parser ended without an answer (exit code 1)"),
        ("swell", "parsing it takes too much memory"),
        ("swell in parts", "parsing it takes too much memory"),
    ],
)
def test_whatever_happens_costs_one_file(
    reader: str, tmp_path: Path, order: str, reason: str
) -> None:
    with Worker(seconds=0.5 if order == "hang" else 30, memory_bytes=2**29) as worker:
        before = pid_of(ask(worker, reader, tmp_path, "before"))
        assert ask(worker, reader, tmp_path, order) == NoContent(reason, unread=True)
        after = pid_of(ask(worker, reader, tmp_path, "after"))
        assert after == before or is_gone(before)
    assert is_gone(after)


def test_a_process_killed_between_files_costs_nothing(reader: str, tmp_path: Path) -> None:
    with Worker() as worker:
        pid = pid_of(ask(worker, reader, tmp_path, "before"))
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert pid_of(ask(worker, reader, tmp_path, "after")) != pid


def test_what_a_parser_prints_is_no_answer(reader: str, tmp_path: Path) -> None:
    with Worker() as worker:
        assert pid_of(ask(worker, reader, tmp_path, "print")) == pid_of(
            ask(worker, reader, tmp_path, "again")
        )
        content = ask(worker, reader, tmp_path, "surrogates")
        assert content == Content("\ud800", headings=((0, 1),))


def test_a_name_that_is_not_unicode_is_read(reader: str, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9")
    path.write_text("wing")
    with Worker() as worker:
        pid_of(worker.read_content(reader, path))
        missing = worker.read_content(reader, tmp_path / "missing")
    assert missing == NoContent("it cannot be read: No such file or directory", unread=True)


def test_an_early_end_of_reading_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    original = Worker._started

    def spy(self: Worker) -> object:
        process = original(self)
        started.append(process.pid)
        return process

    monkeypatch.setattr(Worker, "_started", spy)
    for name in ("a.html", "b.html"):
        (tmp_path / name).write_text("<p>" + "wing " * HTML_BYTES_MAX)
    outcomes = read(tmp_path)
    assert isinstance(next(outcomes), Found)
    assert not is_gone(started[0])
    outcomes.close()  # type: ignore[attr-defined]
    assert len(started) == 1
    assert is_gone(started[0])


@pytest.mark.parametrize("ending", [".md", ".html"])
def test_large_files_are_read_as_small_ones_are(tmp_path: Path, ending: str) -> None:
    text = "<h1>Wing é</h1>\n\n" + "<p>flow</p>\n\n" * 20_000
    (tmp_path / ("a" + ending)).write_text(text, encoding="utf-8")
    (found,) = read(tmp_path)
    assert isinstance(found, Found)
    assert found.document.text == "\n".join(["Wing é"] + ["flow"] * 20_000)
    assert found.headings == ((0, 6),)
    (tmp_path / ("a" + ending)).write_bytes(bytes(HTML_BYTES_MAX + 1))
    (binary,) = read(tmp_path)
    assert binary == Skipped("a" + ending, "it is binary: it holds NUL characters")


def test_a_hostile_page_costs_the_time_allowed(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<div>" * 300_000)
    with Worker(seconds=0.2) as worker:
        (outcome,) = read_file(tmp_path / "a.html", "a.html", worker=worker)
    assert outcome == Skipped("a.html", "parsing it takes more than 0.2 seconds")


def test_no_process_can_be_started(
    reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-python"))
    with Worker() as worker:
        content = ask(worker, reader, tmp_path, "a")
    assert isinstance(content, NoContent)
    assert content.reason.startswith("no process can be started to parse it")
    assert content.unread
