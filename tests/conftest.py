"""Settings of the whole suite."""

import os
import sys
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, settings

# Kernels compile on first use, which is no property of the code under test.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# For builds with slow kernels.
settings.register_profile("few", settings.get_profile("suite"), max_examples=5)
# What one test has encoded must not be found by another.
os.environ["RETRIEVAL_EMBEDDING_CACHE_BYTES"] = "0"

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

_HERE = {None, "", "localhost", "127.0.0.1", "::1"}


def _stay_here(event: str, given: tuple[Any, ...]) -> None:
    """Refuse to look for another machine, whatever library asks."""
    if event in ("socket.connect", "socket.getaddrinfo"):
        address = given[1] if event == "socket.connect" else given[:1]
        if isinstance(address, tuple) and address[0] not in _HERE:
            raise PermissionError(f"a test reaches for {address[0]!r}: tests use no network")


sys.addaudithook(_stay_here)


def pytest_report_header() -> str:
    """Say how kernels are built."""
    if os.environ.get("NUMBA_DISABLE_JIT") == "1":
        return "kernels: interpreted"
    checked = os.environ.get("NUMBA_BOUNDSCHECK") == "1"
    return f"kernels: compiled {'with' if checked else 'without'} bounds checks"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what the tests have counted with `record_property`, summed: images, faults, cases."""
    figures: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        figures.update({name: n for name, n in report.user_properties if isinstance(n, int)})
    if figures:
        terminalreporter.section("counted")
        for name, number in sorted(figures.items()):
            terminalreporter.write_line(f"{number:>12,}  {name}")
