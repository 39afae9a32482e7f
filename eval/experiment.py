"""Systems against a dataset: index it once, run every system, score the runs.

The index is kept in a cache folder, one collection per dataset, and grows by the representations
that are asked for; a second evaluation encodes nothing that has not changed.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from statistics import median

import retrieval as rt
from eval.datasets import Dataset
from eval.measures import Scores, evaluate
from eval.report import EvalRow
from eval.significance import against_baseline
from indexes.errors import InvalidInput
from retrieval.ingest.sync import sync_entries
from retrieval.pipeline import QueryBatch, Stage
from retrieval.representation import Progress, resolve

LATENCY_QUERIES_MAX = 100
"""Queries answered one by one to measure latency; a median needs no more."""

LATENCY_K = 10
"""Hits per query while latency is measured."""

HYBRID = "hybrid"


@dataclass(frozen=True, slots=True)
class Result:
    """A run with what it cost."""

    run: rt.Run
    latency_us_p50: float | None = None
    index_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Which systems to run, and the encoder spec of every representation they need.

    A system is "bm25", "dense:MODEL", "NAME=SPEC", or "hybrid": all the others fused, or BM25 and
    dense where there are less than two others.
    """

    names: tuple[str, ...]
    specs: Mapping[str, str]

    @classmethod
    def of(cls, systems: Sequence[str]) -> "Plan":
        """Read the systems as the command line names them; two of one name are `InvalidInput`."""
        specs: dict[str, str] = {}
        names: dict[str, None] = {}
        for system in map(str.strip, systems):
            name, equals, spec = system.partition("=")
            name = name.partition(":")[0]
            if name in names:
                raise InvalidInput(f"two systems are called {name!r}: name them, NAME=SPEC")
            names[name] = None
            if name != HYBRID:
                specs[name] = spec if equals else system
        if HYBRID in names and len(specs) < 2:
            specs = {"bm25": "bm25", "dense": "dense"} | specs
        return cls(tuple(names), specs)


def indexed(
    dataset: Dataset, plan: Plan, cache: Path, progress: Progress | None = None
) -> rt.Collection:
    """Return the collection of a dataset with all representations asked for, made or reused."""
    place = str(dataset.path.resolve())
    key = blake2b(place.encode(), digest_size=4).hexdigest()
    path = cache / f"{dataset.name}-{key}.idx"
    collection = rt.open(path) if (path / "manifest.json").exists() else rt.create(path, plan.specs)
    writer = collection.writer()
    writer.progress = progress
    for name, asked in resolve(plan.specs).items():
        recorded = writer.representations.get(name)
        if recorded is not None and asked.difference(recorded.recipe):
            writer.drop_representation(name)
        if name not in writer.representations:
            writer.add_representation(asked)
    collection.commit()
    sync_entries(collection, place, dataset.documents, progress)
    return collection


def run_systems(
    collection: rt.Collection, dataset: Dataset, plan: Plan, *, k: int = 1000
) -> dict[str, Result]:
    """Run systems over the queries of a dataset.

    Latency is from the text to ordinals, query encoding included, one query at a time.
    """
    sizes = {n: one["bytes"] for n, one in collection.info()["representations"].items()}
    results = {}
    for name in plan.names:
        parts = list(plan.specs) if name == HYBRID else [name]
        retrievers = [collection.retriever(part) for part in parts]
        system = retrievers[0] if len(retrievers) == 1 else rt.rrf(*retrievers, name=name)
        # One more than asked for, because the query's own document may be among them.
        run = system.run(dataset.queries, k=k + dataset.drop_query_documents)
        if dataset.drop_query_documents:
            run = run.without_query_documents().cut(k)
        size = sum(sizes[part] for part in parts)
        results[name] = Result(run, _latency(system, dataset), size)
    return results


def score(
    results: Mapping[str, Result],
    dataset: Dataset,
    measures: Sequence[str],
    *,
    baseline: str | None = None,
) -> list[EvalRow]:
    """Return a row per system and measure, with the p-value of its difference from the baseline.

    Raises:
        InvalidInput: the baseline is none of the systems, or a measure is unknown.
    """
    scores = {name: evaluate(one.run, dataset.qrels, measures) for name, one in results.items()}
    p_values = _p_values(scores, baseline)
    return [
        EvalRow(
            dataset.name,
            name,
            measure,
            value,
            len(dataset.qrels),
            results[name].latency_us_p50,
            results[name].index_bytes,
            p_values.get((name, measure)),
        )
        for name, found in scores.items()
        for measure, value in found.mean.items()
    ]


def _p_values(scores: Mapping[str, Scores], baseline: str | None) -> dict[tuple[str, str], float]:
    """Return the p-value of each (system, measure), corrected over the systems."""
    found: dict[tuple[str, str], float] = {}
    if baseline is None:
        return found
    for measure in next(iter(scores.values())).mean:
        values = {name: one.values(measure) for name, one in scores.items()}
        for name, p_value in against_baseline(values, baseline).items():
            found[name, measure] = p_value
    return found


def _latency(system: Stage, dataset: Dataset) -> float:
    """Return the median time of one query at k = 10 in microseconds, after a warm-up."""
    snapshot, times = system.collection.snapshot, []
    ids = dataset.queries.ids[:LATENCY_QUERIES_MAX]
    for qid in (ids[0], *ids):
        batch = QueryBatch((qid,), (dataset.queries[qid],), named=True)
        start = time.perf_counter()
        system.hits(snapshot, batch, LATENCY_K)
        times.append(time.perf_counter() - start)
    return median(times[1:]) * 1e6
