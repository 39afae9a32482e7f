"""Systems against a dataset: index it once, run every system, score the runs.

The index is kept in a cache folder, one collection per dataset, and grows by the representations
that are asked for; a second evaluation encodes nothing that has not changed.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from statistics import median
from typing import Any

import retrieval as rt
from eval.datasets import Dataset
from eval.measures import Scores, evaluate, parse
from eval.report import EvalRow
from eval.significance import against_baseline
from retrieval.config import Recipe
from retrieval.encoding import Progress
from retrieval.errors import CorruptIndex, FormatUnknown, InvalidInput, UnknownName
from retrieval.ingest.sync import sync_entries
from retrieval.opening import prepare
from retrieval.pipeline import Per, QueryBatch, Stage
from retrieval.representation import DEFAULT, named, resolve
from retrieval.store import manifest as manifests
from retrieval.systems import HYBRID

LATENCY_QUERIES_MAX = 100
"""Queries answered one by one to measure latency; a median needs no more."""

LATENCY_K = 10
"""Hits per query while latency is measured."""


@dataclass(frozen=True, slots=True)
class Result:
    """A run with what it cost."""

    run: rt.Run
    latency_us_p50: float | None = None
    index_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Which systems to run, by name, and the recipe of the collection they need."""

    names: tuple[str, ...]
    recipe: Recipe

    @classmethod
    def of(cls, systems: Sequence[str]) -> "Plan":
        """Read systems as the command line names them: "bm25", "dense:MODEL", "NAME=SPEC".

        "hybrid" is all the others fused, or BM25 and dense where there are less than two others.

        Raises:
            InvalidInput: two of one name, or an unknown spec.
        """
        asked = [system.strip() for system in systems]
        specs = named([system for system in asked if system != HYBRID])
        own = iter(specs)
        names = tuple(HYBRID if system == HYBRID else next(own) for system in asked)
        if len(set(names)) < len(names):
            raise InvalidInput(f"{HYBRID!r} is named twice: once is enough")
        if HYBRID in names and len(specs) < 2:
            specs = {"bm25": "bm25", "dense": "dense"} | specs
        return cls(names, Recipe(representations=specs, systems=_fused(specs), complete=True))

    @classmethod
    def of_recipe(cls, recipe: Recipe) -> "Plan":
        """Run everything a recipe describes: each representation, each system, and the hybrid."""
        specs, systems = resolve(recipe.representations or DEFAULT), dict(recipe.systems or {})
        whole = replace(recipe, systems=_fused(specs) | systems)
        return cls((*specs, *(_fused(specs) | systems)), whole)


def _fused(representations: Iterable[str]) -> dict[str, Any]:
    parts = list(representations)
    return {HYBRID: {"fuse": parts}} if len(parts) > 1 else {}


def indexed(
    dataset: Dataset, plan: Plan, cache: Path, progress: Progress | None = None
) -> rt.Collection:
    """Return the collection of a dataset with all representations asked for, made or reused."""
    place, settings = dataset.place, plan.recipe.settings()
    cut = settings.get("chunking"), settings.get("fields")
    # An index of another format is left to the release that made it.
    key = blake2b(f"{manifests.VERSION} {place} {cut}".encode(), digest_size=4).hexdigest()
    path = cache / f"{dataset.name}-{key}.idx"
    asked = resolve(plan.recipe.representations or DEFAULT)
    collection = _opened(path, plan.recipe)
    writer = collection.writer()
    writer.progress = progress
    for name, one in asked.items():
        recorded = writer.representations.get(name)
        if recorded is not None and one.difference(recorded.recipe):
            writer.drop_representation(name)
        if name not in writer.representations:
            writer.add_representation(one)
    collection.use_encoders({name: one.encoder for name, one in asked.items() if one.encoder})
    writer.configure(settings)
    collection.commit()
    sync_entries(collection, place, dataset.documents, progress)
    return collection


def _opened(path: Path, recipe: Recipe) -> rt.Collection:
    """Return the index of a dataset; one that is missing or damaged is made again."""
    try:
        return rt.open(path)
    except (CorruptIndex, FormatUnknown):
        return prepare(path, recipe, rebuild=(path / manifests.NAME).exists())


def run_systems(
    collection: rt.Collection, dataset: Dataset, plan: Plan, *, k: int = 1000
) -> dict[str, Result]:
    """Run systems over the queries of a dataset; of passages, the best of each document counts.

    Latency is from the text to ordinals, query encoding included, one query at a time.
    """
    sizes = {n: one["bytes"] for n, one in collection.info()["representations"].items()}
    per: Per = "passage" if collection.chunking is None else "parent"
    results = {}
    for name in plan.names:
        system = collection.system(name)
        # One more than asked for, because the query's own document may be among them.
        run = system.run(dataset.queries, k=k + dataset.drop_query_documents, per=per)
        if dataset.drop_query_documents:
            run = run.without_query_documents().cut(k)
        size = sum(sizes[part] for part in system.representations)
        results[name] = Result(run, _latency(system, dataset), size)
    return results


def check(systems: Sequence[str], measures: Sequence[str], baseline: str | None) -> None:
    """Raise `InvalidInput` for an unknown measure or baseline, before hours are spent on it."""
    for measure in measures:
        parse(measure)
    if baseline is not None and baseline not in systems:
        raise UnknownName.of("system", baseline, systems)


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
