"""Processes forked from one that has imported and compiled everything: `with Nursery() as nursery`.

A child calls "module:function" with arguments that are JSON. What it says is a line, which the
parent hears; when it is gone the parent hears "".
"""

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
"""Seconds to wait for a line."""


class Child:
    """A process that was forked; `pid` is its number."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self._connection, self._stream = connection, connection.makefile("rw")
        self.pid = int(self.hear())

    def hear(self) -> str:
        """Return the next line it says; "" when it is gone."""
        return self._stream.readline().rstrip("\n")

    def tell(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> list[str]:
        """Kill it, and return what it had said."""
        self.signal(signal.SIGKILL)
        return self.rest()

    def rest(self) -> list[str]:
        """Return all it says until it is gone."""
        said = []
        while line := self.hear():
            said.append(line)
        self.close()
        return said

    def close(self) -> None:
        self._stream.close()
        self._connection.close()


class Nursery:
    """The process that forks the others; `within` is a command that runs another one."""

    def __init__(self, within: Sequence[str] = ()) -> None:
        self._within = within

    def __enter__(self) -> "Nursery":
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        paths = os.pathsep.join(
            [str(ROOT), *(str(ROOT / part) for part in ("tests", "tests/durability"))]
        )
        python = [sys.executable, "-W", "error", "-m", "nursery", str(theirs.fileno())]
        self._process = subprocess.Popen(
            [*self._within, *python],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": paths},
        )
        theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._orders.close()
        assert self._process.wait(PATIENCE) == 0

    def fork(self, work: str, *arguments: Any) -> Child:
        ours, theirs = socket.socketpair()
        order = json.dumps([work, arguments]).encode()
        socket.send_fds(self._orders, [order], [theirs.fileno()])
        theirs.close()
        return Child(ours)


def say(line: str) -> None:
    """Say something, in a child."""
    os.write(1, f"{line}\n".encode())


def hear() -> str:
    """Wait for a line of the parent, in a child; "" when that is gone."""
    line = b""
    while not line.endswith(b"\n"):
        read = os.read(0, 1)
        if not read:
            return ""
        line += read
    return line.decode().rstrip("\n")


def _warm() -> None:
    """Compile what children run, once for all of them."""
    from faults import FaultFolder
    from workload import WORKLOAD, opened, start, state

    folder = FaultFolder()
    start(folder)
    for step in WORKLOAD:
        collection = opened(folder)
        step.change(collection)
        step.commit(collection)
        state(collection)


def _main(orders: socket.socket) -> None:
    _warm()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    while True:
        order, descriptors, _, _ = socket.recv_fds(orders, 2**16, 1)
        if not order:
            return
        work, arguments = json.loads(order)
        module, _, name = work.partition(":")
        function = getattr(importlib.import_module(module), name)
        if os.fork() == 0:
            orders.close()
            _live(descriptors[0], function, arguments)
        os.close(descriptors[0])


def _live(descriptor: int, function: Any, arguments: list[Any]) -> None:
    os.dup2(descriptor, 0)
    os.dup2(descriptor, 1)
    os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        say(str(os.getpid()))
        function(*arguments)
    except BaseException:
        say(f"failed: {traceback.format_exc()!r}")
    os._exit(0)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        _main(connection)
