"""Measures in ir-measures' notation, and a ranking scored by them.

    from eval.measures import R, evaluate, nDCG
    scores = evaluate(run, qrels, [nDCG @ 10, R @ 100])
    scores["nDCG@10"]

`nDCG`, `R`, `RR`, `AP`, `P`, `Success` and the rest are ir_measures' own objects, imported when
first asked for. The numbers are trec_eval's (through pytrec_eval), as BEIR, MTEB and Anserini use
them: gains are the grades, the discount is log2(rank + 1), relevant is grade 1 or more.
"""

import ast
import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from eval.limits import MEASURE_CHARACTERS_MAX, MEASURE_SETTING_MAX
from indexes.errors import InvalidInput

if TYPE_CHECKING:
    from ir_measures import Measure

_NOTATION = re.compile(r"(?P<name>[^\W\d]\w*)(?:\((?P<settings>.*)\))?(?:@(?P<at>\d+(?:\.\d+)?))?")
_OTHER_NOTATION = re.compile(r"(?P<name>[A-Za-z]+?(?:_[a-z]+)*)(?:[_.](?P<at>\d+))?")
_OTHER_NAMES = {
    "ndcg": "nDCG",
    "ndcg_cut": "nDCG",
    "map": "AP",
    "map_cut": "AP",
    "recip_rank": "RR",
    "recall": "R",
    "P": "P",
    "success": "Success",
    "bpref": "Bpref",
    "ndcg_at": "nDCG",
    "map_at": "AP",
    "mrr_at": "RR",
    "recall_at": "R",
    "precision_at": "P",
    "hit_rate_at": "Success",
}


@dataclass(frozen=True, slots=True)
class Scores:
    """What `evaluate` found; measures are named as ir-measures writes them, like "nDCG@10".

    mean       measure -> its mean over all judged queries (its sum, for counts like NumRet)
    per_query  measure -> query id -> value, in the order of the qrels
    """

    mean: Mapping[str, float]
    per_query: Mapping[str, Mapping[str, float]]

    def __getitem__(self, measure: object) -> float:
        """Return the mean of a measure given as `nDCG @ 10` or "nDCG@10"."""
        return self.mean[str(measure)]

    def values(self, measure: object) -> list[float]:
        """Return the value of every judged query, in the order of the qrels."""
        return list(self.per_query[str(measure)].values())


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in _measure_names():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import ir_measures

    return getattr(ir_measures, name)


def parse(name: str) -> "Measure":
    """Return the measure that a text names.

    Understood are ir-measures' notation (`nDCG@10`, `AP(rel=2)@1000`), trec_eval's (`ndcg_cut_10`,
    `recall_100`, `map`, `recip_rank`) and MTEB's (`ndcg_at_10`, `mrr_at_10`).

    Raises:
        InvalidInput: no such measure, a setting it does not have, or a cut-off that is missing.
    """
    import ir_measures

    if len(name) > MEASURE_CHARACTERS_MAX:
        raise InvalidInput(
            f"the measure {name[:40]!r} … has {len(name):,} characters, over "
            f"{MEASURE_CHARACTERS_MAX}: write it like nDCG@10"
        )
    # ir_measures.parse_measure uses parts of `ast` that Python 3.14 removed.
    base, settings, cutoff = _split(name.strip())
    measure = getattr(ir_measures, base)
    if cutoff is not None:
        settings[measure.AT_PARAM] = float(cutoff) if "." in cutoff else int(cutoff)
    return _checked(measure(**settings))


def evaluate(
    run: Mapping[str, Sequence[tuple[str, float]]],
    qrels: Mapping[str, Mapping[str, int]],
    measures: Iterable["Measure | str"],
) -> Scores:
    """Score a run over all queries of the qrels.

    The order of each ranking is what is scored: the scores in it are not looked at, so trec_eval's
    tie rule (later docno first) never applies. A judged query without hits counts 0, also one
    whose judgements are all 0 (trec_eval's convention, which BEIR follows); queries of the run
    that nobody judged are ignored.

    run    query id -> (docno, score) pairs, best first
    qrels  query id -> docno -> grade
    """
    import ir_measures

    if not qrels:
        raise InvalidInput("the qrels judge no query: there is nothing to average over")
    wanted = [parse(one) if isinstance(one, str) else _checked(one) for one in measures]
    surrogates = {qid: _descending(qid, run[qid]) for qid in qrels if run.get(qid)}
    values = {str(measure): dict.fromkeys(qrels, 0.0) for measure in wanted}
    for metric in ir_measures.iter_calc(wanted, {q: dict(d) for q, d in qrels.items()}, surrogates):
        values[str(metric.measure)][metric.query_id] = float(metric.value)
    return Scores({str(one): _aggregate(one, values[str(one)]) for one in wanted}, values)


def _descending(qid: str, hits: Sequence[tuple[str, float]]) -> dict[str, float]:
    ranked = {docno: -float(rank) for rank, (docno, _) in enumerate(hits)}
    if len(ranked) != len(hits):
        raise InvalidInput(f"the hits of query {qid!r} name a document twice: remove duplicates")
    return ranked


def _aggregate(measure: "Measure", values: Mapping[str, float]) -> float:
    aggregator = measure.aggregator()
    for value in values.values():
        aggregator.add(value)
    return float(aggregator.result())


@cache
def _measure_names() -> frozenset[str]:
    import ir_measures

    return frozenset(ir_measures.measures.registry)


def _split(name: str) -> tuple[str, dict[str, Any], str | None]:
    found = _NOTATION.fullmatch(name)
    if found and found["name"] in _measure_names():
        return found["name"], _settings(name, found["settings"] or ""), found["at"]
    other = _OTHER_NOTATION.fullmatch(name)
    if other and other["name"] in _OTHER_NAMES and (other["at"] or name[-3:] not in ("_at", "cut")):
        return _OTHER_NAMES[other["name"]], {}, other["at"]
    raise InvalidInput(f"no measure is called {name!r}: {_suggestion(name)}")


def _settings(name: str, text: str) -> dict[str, Any]:
    try:
        call = ast.parse(f"measure({text})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("settings have names")
        return {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidInput(
            f"measure {name!r} cannot be read ({error}): write settings like AP(rel=2)@1000"
        ) from error


def _suggestion(name: str) -> str:
    bare = re.split(r"[@(]|_at_|_cut_|_(?=\d)", name)[0].lower()
    spellings = {known.lower(): known for known in sorted(_measure_names())}
    near = difflib.get_close_matches(bare, spellings, n=3)
    if not near:
        return f"known: {', '.join(sorted(_measure_names()))}"
    cutoff = re.search(r"\d+$", name)
    return "did you mean " + " or ".join(
        spellings[one] + (f"@{cutoff[0]}" if cutoff else "") for one in near
    )


def _checked(measure: "Measure") -> "Measure":
    import ir_measures

    try:
        measure.validate_params()  # type: ignore[no-untyped-call]
    except AssertionError as error:
        raise InvalidInput(
            f"measure {measure.NAME} is not usable so ({error}): write it like R@100 or AP(rel=2)"
        ) from error
    for setting in ("cutoff", "rel"):
        if not 1 <= measure.params.get(setting, 1) <= MEASURE_SETTING_MAX:
            raise InvalidInput(
                f"measure {measure}: {setting} lies between 1 and {MEASURE_SETTING_MAX:,}"
            )
    providers = ir_measures.DefaultPipeline.providers
    if not any(one.supports(measure) and one.is_available() for one in providers):
        raise InvalidInput(f"measure {measure} needs a package that ir-measures does not find here")
    return measure
