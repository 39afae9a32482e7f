"""Filters: the first and the later ones on one segment, beside a plain loop and pyarrow.

    python -m benchmarks.filters [--documents 100000] [--rounds 5] [--json FILE]

Five fields per document: a year, a language, a score, a list of tags and a url of its own. `first`
starts from the JSON that a segment stores, `later` from what the first one left in memory: columns
for ours, dicts for the loop, a table for pyarrow, whose JSON is read by the same `json`. All give
the same mask, or the benchmark stops.
"""

import argparse
import gc
import json
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from benchmarks.harness import ROUNDS, write_json
from indexes.strings import Strings
from retrieval.filters import Columns, Filter

Mask: TypeAlias = NDArray[np.bool_]
Fields: TypeAlias = dict[str, Any]
EVERY_FIELD = "lang != null and score != null and tag != null and url != null and year != null"


@dataclass(frozen=True)
class System:
    """What is kept of the stored JSON, and the answer to one of the cases from it."""

    prepare: Callable[[Strings], Any]
    mask: Callable[[Any, str], Mask]


@dataclass(frozen=True)
class Row:
    """Medians of one filter in one system."""

    filter: str
    system: str
    n_documents: int
    first_ms: float
    later_ms: float


CASES: Mapping[str, tuple[Callable[[Fields], bool], Callable[[pa.Table], Any]]] = {
    "year >= 2015": (
        lambda row: row["year"] >= 2015,
        lambda t: pc.greater_equal(t["year"], 2015),
    ),
    'year >= 2010 and lang == "en" and score < 0.5': (
        lambda row: row["year"] >= 2010 and row["lang"] == "en" and row["score"] < 0.5,
        lambda t: pc.and_(
            pc.and_(pc.greater_equal(t["year"], 2010), pc.equal(t["lang"], "en")),
            pc.less(t["score"], 0.5),
        ),
    ),
    'tag in ["t1", "t7"]': (
        lambda row: not {"t1", "t7"}.isdisjoint(row["tag"]),
        lambda t: _any_of(t["tag"].combine_chunks(), ["t1", "t7"]),
    ),
    'url == "https://example.org/777"': (
        lambda row: row["url"] == "https://example.org/777",
        lambda t: pc.equal(t["url"], "https://example.org/777"),
    ),
}


def _any_of(lists: Any, wanted: list[str]) -> Mask:
    hits = pc.is_in(lists.flatten(), value_set=pa.array(wanted)).to_numpy(False)
    mask = np.zeros(len(lists), bool)
    mask[pc.list_parent_indices(lists).to_numpy()[hits]] = True
    return mask


def metadata(n: int) -> Strings:
    """Return the same n objects every time, as a segment stores them."""
    draw = random.Random(1)
    rows = (
        {
            "lang": draw.choice(["en", "de", "zh", "th"]),
            "score": draw.random(),
            "tag": [f"t{draw.randrange(20)}" for _ in range(draw.randrange(4))],
            "url": f"https://example.org/{i}",
            "year": draw.randrange(1990, 2026),
        }
        for i in range(n)
    )
    return Strings.of(json.dumps(row, separators=(",", ":")).encode() for row in rows)


def seconds(run: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(text: str, systems: Mapping[str, System], stored: Strings, rounds: int) -> list[Row]:
    """Print and return one row per system, interleaved rounds; stop where the masks differ."""
    prepared = {name: system.prepare(stored) for name, system in systems.items()}
    gc.freeze()  # or every parse pays for looking through the dicts that the loop keeps
    masks = {name: system.mask(prepared[name], text) for name, system in systems.items()}
    if any(mask.tolist() != masks["ours"].tolist() for mask in masks.values()):
        raise SystemExit(f"the systems disagree on {text}")
    first: dict[str, list[float]] = {name: [] for name in systems}
    later: dict[str, list[float]] = {name: [] for name in systems}
    for _ in range(rounds):
        for name, system in systems.items():
            first[name].append(seconds(partial(_first, system, stored, text)))
            later[name].append(seconds(partial(system.mask, prepared[name], text)))
    rows = []
    for name in systems:
        times = [statistics.median(found[name]) * 1e3 for found in (first, later)]
        print(f"{text:<50}{name:<10}{times[0]:>10.1f}{times[1]:>10.3f}")
        rows.append(Row(text, name, len(stored), times[0], times[1]))
    return rows


def _first(system: System, stored: Strings, text: str) -> Mask:
    return system.mask(system.prepare(stored), text)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    stored, every_field = metadata(options.documents), Filter.parse(EVERY_FIELD)
    systems = {
        "ours": System(Columns.of, lambda columns, text: Filter.parse(text).mask(columns)),
        "loop": System(
            lambda stored: [json.loads(one) for one in stored],
            lambda rows, text: np.fromiter(map(CASES[text][0], rows), bool),
        ),
        "pyarrow": System(
            lambda stored: pa.Table.from_pylist([json.loads(one) for one in stored]),
            lambda table, text: np.asarray(CASES[text][1](table)),
        ),
    }
    print(f"{options.documents:,} documents, {len(stored.data) / 1e6:.1f} MB of JSON")
    print(f"{'filter':<50}{'system':<10}{'first ms':>10}{'later ms':>10}")
    rows = [row for text in CASES for row in compare(text, systems, stored, options.rounds)]
    times = [seconds(lambda: every_field.mask(Columns.of(stored))) for _ in range(options.rounds)]
    print(f"{'all five fields':<50}{'ours':<10}{statistics.median(times) * 1e3:>10.1f}")
    if options.json is not None:
        write_json(rows, options.json, ["retrieval-engine", "numpy", "pyarrow"])


if __name__ == "__main__":
    main()
