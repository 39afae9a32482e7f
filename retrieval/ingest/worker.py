"""Files whose parsing may crash, hang or swell, parsed in a process that may be lost.

A PDF parser is megabytes of C++ fed by strangers, and the parsers of Markdown and HTML take time
beyond all measure for a few hostile files. So PDFs, and Markdown and HTML over a size, are parsed
by a worker: a new Python, never a fork, that is started by the first such file, reads one after the
other, and is replaced after it died. It limits its own memory, and has the system end it when a
file takes too long; whatever ends it costs that one file. When the parent is gone, however it went,
the worker reads the end of its input and ends as well.

Over its standard input comes a line of JSON for each file, back go the length of the answer as
8 bytes (big-endian) and the answer as JSON. Nothing that is read can name code.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from retrieval.errors import InvalidDocument
from retrieval.ingest.outcome import Content, NoContent, reason_of
from retrieval.limits import (
    PARSER_ANSWER_BYTES_MAX,
    PARSER_MEMORY_BYTES_MAX,
    PARSER_SECONDS_MAX,
)

_START = (
    "import json, sys; given = json.loads(sys.argv[1]); sys.path[:] = given['path']; "
    "from retrieval.ingest.worker import serve; serve(given['seconds'], given['memory_bytes'])"
)


class Worker:
    """A process that parses files; started when first needed, ended by `close`.

    Args:
        seconds: how long one file may take, aside from a second for each megabyte.
        memory_bytes: how much address space the process may have.
    """

    def __init__(
        self, *, seconds: float = PARSER_SECONDS_MAX, memory_bytes: int = PARSER_MEMORY_BYTES_MAX
    ) -> None:
        self._seconds, self._memory_bytes = seconds, memory_bytes
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read_content(self, reader: str, path: Path) -> Content | NoContent:
        """Return what `read_content` of the module `reader` makes of a file.

        If the process does not live to answer, that is the reason why there is no content.
        """
        request = json.dumps({"reader": reader, "path": os.path.abspath(path)}).encode() + b"\n"
        try:
            process = self._started()
        except OSError as error:
            return NoContent(f"no process can be started to parse it: {error}", unread=True)
        try:
            answer = self._ask(process, request)
        except BaseException:
            self.close()  # what is half said would be taken for the answer of the next file
            raise
        if answer is None:
            return NoContent(self._end_of(process), unread=True)
        return _content_of(answer)

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with process:  # closes the pipes, and waits
                pass

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is not None:
            self.close()  # it ended between two files, by no fault of theirs
        if self._process is None:
            given = {
                "path": sys.path,
                "seconds": self._seconds,
                "memory_bytes": self._memory_bytes,
            }
            self._process = subprocess.Popen(  # noqa: S603 - this Python, and no shell
                [sys.executable, "-c", _START, json.dumps(given)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us, we end the worker then
            )
        return self._process

    def _ask(self, process: "subprocess.Popen[bytes]", request: bytes) -> dict[str, Any] | None:
        """Return the answer; None if the process ended before it."""
        if process.stdin is None or process.stdout is None:
            raise AssertionError("the worker has pipes")
        try:
            process.stdin.write(request)
            process.stdin.flush()
        except BrokenPipeError:
            return None
        head = process.stdout.read(8)
        size = int.from_bytes(head, "big")
        if len(head) < 8 or size > PARSER_ANSWER_BYTES_MAX:
            return None
        data = process.stdout.read(size)
        return json.loads(data) if len(data) == size else None

    def _end_of(self, process: "subprocess.Popen[bytes]") -> str:
        """Return why the process ended, and forget it."""
        try:
            code = process.wait(1.0)
        except subprocess.TimeoutExpired:
            code = 0  # it still runs, but makes no sense
        self.close()
        if code == -signal.SIGALRM:
            return f"parsing it takes more than {self._seconds:g} seconds"
        if code < 0:
            return f"it crashes its parser ({signal.Signals(-code).name})"
        return f"its parser ended without an answer (exit code {code})"


def serve(seconds: float, memory_bytes: int) -> None:
    """Answer requests from standard input until it ends: the main function of the process."""
    _limit_memory(memory_bytes)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, whatever it is in
    # Whatever a parser prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _write(answers, _answer(request["reader"], Path(request["path"]), seconds))


def _limit_memory(memory_bytes: int) -> None:
    import resource

    with suppress(ValueError, OSError):  # some systems refuse, and some limits are lower
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(reader: str, path: Path, seconds: float) -> dict[str, Any]:
    try:
        module = importlib.import_module(reader)
        signal.setitimer(signal.ITIMER_REAL, seconds + path.stat().st_size / 2**20)
        content = module.read_content(path)
        if isinstance(content, Content):
            return {
                "text": content.text,
                "title": content.title,
                "metadata": dict(content.metadata),
                "headings": content.headings,
            }
        return {"reason": content.reason, "unread": content.unread}
    except OSError as error:
        return {"reason": reason_of(error), "unread": True}
    except MemoryError:
        return {"reason": "parsing it takes too much memory", "unread": True}
    except InvalidDocument as error:
        return {"reason": str(error), "unread": False}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _write(answers: IO[bytes], answer: dict[str, Any]) -> None:
    data = json.dumps(answer).encode("ascii")  # escaped, so that lone surrogates pass as well
    answers.write(len(data).to_bytes(8, "big") + data)
    answers.flush()


def _content_of(answer: dict[str, Any]) -> Content | NoContent:
    if "reason" in answer:
        return NoContent(answer["reason"], unread=answer["unread"])
    headings = tuple((start, end) for start, end in answer["headings"])
    return Content(answer["text"], answer["title"], answer["metadata"], headings)
