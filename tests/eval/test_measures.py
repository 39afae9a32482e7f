import math
import random
import subprocess
import sys

import ir_measures
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from eval import measures
from eval.measures import AP, RR, P, R, Success, evaluate, nDCG, parse
from indexes.errors import InvalidInput

DOCNOS = [f"d{n}" for n in range(12)]
qrels_strategy = st.dictionaries(
    st.sampled_from("abcdef"),
    st.dictionaries(st.sampled_from(DOCNOS), st.integers(-1, 3), min_size=1),
    min_size=1,
)
# Scores come from three values, so almost every ranking has ties.
run_strategy = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.lists(
        st.tuples(st.sampled_from(DOCNOS), st.sampled_from([1.0, 0.5, 0.0])),
        unique_by=lambda hit: hit[0],
    ),
)


@given(run=run_strategy, qrels=qrels_strategy)
def test_values_are_pytrec_evals_over_all_judged_queries(run, qrels):
    names = {
        "nDCG@5": "ndcg_cut_5",
        "R@5": "recall_5",
        "AP": "map",
        "RR": "recip_rank",
        "P@5": "P_5",
    }
    # The oracle gets scores without ties, made of the ranks, so its tie rule cannot matter.
    untied = {
        qid: {docno: 1 / (rank + 1) for rank, (docno, _) in enumerate(hits)}
        for qid, hits in run.items()
        if hits
    }
    found = pytrec_eval.RelevanceEvaluator(qrels, set(names.values())).evaluate(untied)
    scores = evaluate(run, qrels, list(names))
    for ours, theirs in names.items():
        expected = {qid: found.get(qid, {}).get(theirs, 0.0) for qid in qrels}
        assert scores.per_query[ours] == pytest.approx(expected)
        assert list(scores.per_query[ours]) == list(qrels)
        assert scores[ours] == pytest.approx(sum(expected.values()) / len(qrels))
        assert scores.values(ours) == list(scores.per_query[ours].values())


@given(run=run_strategy, qrels=qrels_strategy)
def test_without_ties_ir_measures_says_the_same(run, qrels):
    untied = {
        qid: [(docno, -rank) for rank, (docno, _) in enumerate(hits)] for qid, hits in run.items()
    }
    wanted = [nDCG @ 10, AP(rel=2), RR @ 10, Success @ 1, R @ 100, P @ 1]
    asked = {qid: dict(hits) for qid, hits in untied.items() if hits and qid in qrels}
    assert dict(evaluate(untied, qrels, wanted).mean) == pytest.approx(
        {str(one): value for one, value in ir_measures.calc_aggregate(wanted, qrels, asked).items()}
    )


def test_ndcg_is_the_formula():
    grades = {"a": 2, "b": 1, "c": 0}
    found = evaluate({"q": [("c", 1), ("a", 1), ("x", 1), ("b", 1)]}, {"q": grades}, ["nDCG@10"])
    gain = 2 / math.log2(3) + 1 / math.log2(5)
    assert found["nDCG@10"] == pytest.approx(gain / (2 / math.log2(2) + 1 / math.log2(3)))


def test_the_order_is_scored_not_the_scores():
    hits = [("a", 1.0), ("b", 1.0), ("c", 7.0)]  # trec_eval alone would rank c, b, a
    for rank, (docno, _) in enumerate(hits, 1):
        assert evaluate({"1": hits}, {"1": {docno: 1}}, [RR])[RR] == pytest.approx(1 / rank)


def test_queries_without_hits_or_relevant_documents_count_zero():
    qrels = {"found": {"a": 1}, "missing": {"a": 1}, "empty": {"a": 1}, "irrelevant": {"a": 0}}
    run = {"found": [("a", 1.0)], "empty": [], "irrelevant": [("a", 1.0)], "unjudged": [("a", 1.0)]}
    for measure in (nDCG @ 10, R @ 10, AP, RR, RR @ 10, P @ 1, Success @ 1):
        assert evaluate(run, qrels, [measure])[measure] == 0.25
    assert evaluate({}, qrels, [nDCG @ 10])[nDCG @ 10] == 0


def test_counts_are_summed():
    scores = evaluate(
        {"1": [("a", 1.0), ("b", 0.5)], "2": [("a", 1.0)]},
        {"1": {"a": 1}, "2": {"b": 1}},
        ["NumRet"],
    )
    assert scores["NumRet"] == 3


def test_a_document_twice_or_no_qrels_is_refused():
    with pytest.raises(InvalidInput, match="'1' name a document twice"):
        evaluate({"1": [("a", 2.0), ("a", 1.0)]}, {"1": {"a": 1}}, [RR])
    with pytest.raises(InvalidInput, match="judge no query"):
        evaluate({}, {}, [RR])


@pytest.mark.parametrize(
    ("spelling", "meant"),
    [
        ("nDCG@10", nDCG @ 10),
        ("NDCG@10", nDCG @ 10),
        (" nDCG@10 ", nDCG @ 10),
        ("ndcg_cut_10", nDCG @ 10),
        ("ndcg_cut.10", nDCG @ 10),
        ("ndcg_at_10", nDCG @ 10),
        ("ndcg", nDCG),
        ("AP(rel=2)@1000", AP(rel=2) @ 1000),
        ("AP(rel=2, judged_only=True)", AP(rel=2, judged_only=True)),
        ("map", AP),
        ("map_cut_100", AP @ 100),
        ("map_at_100", AP @ 100),
        ("recip_rank", RR),
        ("MRR@10", RR @ 10),
        ("mrr_at_10", RR @ 10),
        ("recall_100", R @ 100),
        ("recall_at_100", R @ 100),
        ("P_5", P @ 5),
        ("precision_at_5", P @ 5),
        ("success_5", Success @ 5),
        ("hit_rate_at_5", Success @ 5),
        ("IPrec@0.5", ir_measures.IPrec @ 0.5),
        ("Rprec", ir_measures.Rprec),
        ("nDCG(gains={1: 10})@10", nDCG(gains={1: 10}) @ 10),
    ],
)
def test_spellings(spelling, meant):
    assert parse(spelling) == meant
    assert parse(str(meant)) == meant


@pytest.mark.parametrize(
    ("spelling", "said"),
    [
        ("ndcg@10", "did you mean nDCG@10"),
        ("recall@100", "did you mean Recall@100"),
        ("mrr10", "did you mean .*MRR@10"),
        ("zzz", "known: .*nDCG"),
        ("", "known: .*nDCG"),
        ("R", "R is not usable so"),
        ("ndcg_cut", "no measure"),
        ("nDCG@0", "cutoff lies between 1 and"),
        ("R@99999999999999999999", "cutoff lies between 1 and"),
        ("nDCG@-5", "no measure"),
        ("P@10.5", "P is not usable so"),
        ("AP(rel=0)", "rel lies between"),
        ("AP(rel=-1)", "rel lies between"),
        ("AP(colour=1)", "AP is not usable so"),
        ("AP(2)", "cannot be read"),
        ("AP(rel=)", "cannot be read"),
        ("AP(rel=__import__('os'))", "cannot be read"),
        ("bpref_10", "Bpref is not usable so"),
        ("alpha_nDCG@10", "needs a package"),
    ],
)
def test_what_is_no_measure_is_said_so(spelling, said):
    with pytest.raises(InvalidInput, match=said):
        parse(spelling)


def test_objects_are_checked_like_texts():
    for wrong in (nDCG @ 0, R, nDCG @ 10**20):  # the first crashes the process inside trec_eval
        with pytest.raises(InvalidInput):
            evaluate({}, {"1": {"a": 1}}, [wrong])


def test_names_are_those_of_ir_measures_and_come_late():
    assert measures.nDCG is ir_measures.nDCG
    with pytest.raises(AttributeError, match="no attribute 'dCG'"):
        _ = measures.dCG
    script = "import sys, eval.measures; assert 'ir_measures' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_random_runs_with_ties_agree_with_trec_eval_on_written_runs():
    from retrieval.run import Run

    generator = random.Random(7)
    qrels = {
        str(q): {d: generator.randint(0, 2) for d in generator.sample(DOCNOS, 6)} for q in range(40)
    }
    rankings = {}
    for q in range(2, 45):
        docnos = generator.sample(DOCNOS, generator.randint(0, 12))
        rankings[str(q)] = (
            docnos,
            sorted((generator.choice([0, 0.5, 1]) for _ in docnos), reverse=True),
        )
    run = Run(rankings)
    wanted = [nDCG @ 10, R @ 5, AP, RR]
    theirs = ir_measures.calc_aggregate(wanted, qrels, run.to_dict())
    assert dict(evaluate(run, qrels, wanted).mean) == pytest.approx(
        {str(m): v for m, v in theirs.items()}
    )
