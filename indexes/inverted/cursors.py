"""Where a query's terms stand as a traversal walks through their lists, window by window."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexes.inverted.steps import STEPS, step, worth
from indexes.jit import kernel


class Cursors(NamedTuple):
    """A query's terms that have postings, as the traversal walks through their lists.

    rows     (m,)      int64    row of the bounds, −1: none
    runs     (m, 2)    int64    first run, and the one after the last
    here     (m,)      int64    the run in the present window, −1: none
    places   (m,)      int64    of a term without a row: the posting reached in that run
    weights  (m,)      float32  what a stored weight is multiplied with
    units    (m,)      float32  what a step of a block maximum adds; without a row, the peak
    rest     (m + 1,)  float32  most that terms j, j + 1 … add to a document of the block
    """

    rows: NDArray[np.int64]
    runs: NDArray[np.int64]
    here: NDArray[np.int64]
    places: NDArray[np.int64]
    weights: NDArray[np.float32]
    units: NDArray[np.float32]
    rest: NDArray[np.float32]


@kernel
def cursors_of(lists: Any, query: Any) -> Any:
    """Return cursors of the terms of a query that have postings."""
    postings, bounds = lists.postings, lists.bounds
    terms, weights = query
    n_terms = 0
    for j in range(len(terms)):
        n_terms += terms[j] >= 0 and postings.runs[terms[j]] < postings.runs[terms[j] + 1]
    rows, runs = np.empty(n_terms, np.int64), np.empty((n_terms, 2), np.int64)
    here, places = np.empty(n_terms, np.int64), np.empty(n_terms, np.int64)
    rest = np.empty(n_terms + 1, np.float32)
    own, units = np.empty(n_terms, np.float32), np.empty(n_terms, np.float32)
    m = 0
    for j in range(len(terms)):
        term = terms[j]
        if term < 0 or postings.runs[term] == postings.runs[term + 1]:
            continue
        unit, rows[m] = step(bounds.peaks[term]), bounds.rows[term]
        runs[m, 0], runs[m, 1] = postings.runs[term], postings.runs[term + 1]
        own[m] = worth(weights[j], unit * lists.looseness) if lists.coded else weights[j]
        steps = np.float32(1.0) if rows[m] >= 0 else np.float32(STEPS)
        units[m] = worth(weights[j], unit * lists.looseness) * steps
        m += 1
    return Cursors(rows, runs, here, places, own, units, rest)


@kernel
def enter(postings: Any, cursors: Any, window: int) -> None:
    """Find the run of each term in a window."""
    here, runs = cursors.here, cursors.runs
    for j in range(len(here)):
        run = runs[j, 0]
        while run < runs[j, 1] and np.int64(postings.windows[run]) < window:
            run += 1
        found = run < runs[j, 1] and np.int64(postings.windows[run]) == window
        here[j] = run if found else -1
        if found:
            cursors.places[j] = np.int64(postings.starts[run])


@kernel
def bound_windows(lists: Any, cursors: Any, rest: Any) -> None:
    """Write what terms j, j + 1 … can add to a document of each window.

    rest  (n_windows, m + 1)  float32  written
    """
    tops, n_terms = lists.bounds.tops, len(cursors.units)
    for window in range(len(rest)):
        enter(lists.postings, cursors, window)
        total = np.float32(0.0)
        rest[window, n_terms] = total
        last = min((window + 1) << 8, tops.shape[1])
        for j in range(n_terms - 1, -1, -1):
            if cursors.here[j] >= 0:
                row, most = cursors.rows[j], cursors.units[j]
                if row >= 0:
                    own, steps = tops[row], np.uint8(STEPS)
                    if lists.whole:  # else a look at bounds takes longer than what it spares
                        steps = np.uint8(0)
                        for block in range(window << 8, last):
                            value = own[block]
                            steps = value if value > steps else steps
                    most *= np.float32(steps)
                total += most
            rest[window, j] = total
