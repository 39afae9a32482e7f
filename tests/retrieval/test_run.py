import os

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import InvalidInput
from retrieval.limits import SCORE_MAX
from retrieval.lines import ENDINGS, open_lines
from retrieval.run import Run, strictly_decreasing

SPACES = " \t\n\v\f\r"
names = st.text(st.characters(codec="utf-8") | st.sampled_from(SPACES + "%250AD"), min_size=1)
# Few different values, so that ties are common; infinitesimal and negative ones, so that all
# branches of the ordering of floats are met.
numbers = st.sampled_from([0.0, -0.0, 1.0, 1.0 + 1e-12, 1e-45, -1e-45, 0.1]) | st.floats(
    -1e38, 1e38
)


@st.composite
def runs(draw, ids=names):
    rankings = {}
    for qid in draw(st.lists(ids, unique=True, max_size=4)):
        ranked = draw(st.lists(ids, unique=True, max_size=8))
        scores = draw(st.lists(numbers, min_size=len(ranked), max_size=len(ranked)))
        rankings[qid] = ranked, sorted(scores, reverse=True)
    return Run(rankings, tag=draw(names))


def order(run):
    return {qid: [docno for docno, _ in run[qid]] for qid in run}


@given(run=runs())
def test_trec_round_trip_keeps_queries_order_and_written_scores(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "a.trec"
    run.to_trec(path)
    again = Run.read(path, query_ids=run.query_ids)
    assert order(again) == order(run)
    assert again.to_dict() == run.to_dict() == {qid: dict(again[qid]) for qid in again}
    assert again.tag == (run.tag if any(run.values()) else "run")
    first = path.read_bytes()
    again.to_trec(path)
    assert path.read_bytes() == first or not any(run.values())


# pytrec_eval hands ids over as C strings, which end at NUL.
@given(run=runs(names.filter(lambda name: "\0" not in name)), data=st.data())
def test_trec_eval_sees_our_order(run, data):
    relevant = {
        qid: data.draw(st.sampled_from(docnos)) for qid, docnos in order(run).items() if docnos
    }
    judged = {qid: {docno: 1} for qid, docno in relevant.items()}
    found = (
        pytrec_eval.RelevanceEvaluator(judged, {"recip_rank"}).evaluate(run.to_dict())
        if judged
        else {}
    )
    for qid, docno in relevant.items():
        rank = order(run)[qid].index(docno) + 1
        assert found[qid]["recip_rank"] == pytest.approx(1 / rank)


@given(scores=st.lists(numbers))
def test_strictly_decreasing_is_the_plain_recurrence(scores):
    expected = np.array(scores, np.float32) + np.float32(0)  # −0 becomes 0
    for place in range(1, len(expected)):
        below = np.nextafter(expected[place - 1], np.float32(-np.inf))
        expected[place] = min(expected[place], below)
    assert np.array_equal(strictly_decreasing(np.array(scores, np.float64)), expected)


def test_scores_that_already_decrease_are_kept():
    scores = np.array([3.5, 0.1, 0.0, -2.0])
    assert np.array_equal(strictly_decreasing(scores), scores.astype(np.float32))


@pytest.mark.parametrize("ending", ENDINGS)
def test_files_are_compressed_by_their_ending(tmp_path, ending):
    run = Run.from_hits(["1"], [["a", "b"]], scores=[[2, 1]], tag="mine")
    path = tmp_path / f"run{ending}"
    run.to_trec(path)
    assert path.read_bytes()[:4] != b"1 Q0" or not ending
    assert list(open_lines(path)) == [b"1 Q0 a 1 2.0 mine\n", b"1 Q0 b 2 1.0 mine\n"]
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert Run.read(path) == run


def test_white_space_in_ids_is_percent_encoded(tmp_path):
    run = Run.from_hits(
        ["q 1"], [["my file.txt", "http://x/a%20b", "50%", "a\u3000b"]], scores=[[4, 3, 2, 1]]
    )
    run.to_trec(tmp_path / "a")
    lines = (tmp_path / "a").read_text().splitlines()
    assert [line.split(" ")[2] for line in lines] == [
        "my%20file.txt",
        "http://x/a%2520b",
        "50%",
        "a\u3000b",
    ]
    assert Run.read(tmp_path / "a") == run


def test_reading_orders_like_trec_eval_and_ignores_ranks(tmp_path):
    lines = ["1 Q0 a 1 1.0 x", "1 Q0 c 2 1.000000000001 x", "1 Q0 b 3 1 x", "", "1 Q0 d 9 2e0 x"]
    (tmp_path / "a").write_text("\n".join(lines))
    run = Run.read(tmp_path / "a")
    assert order(run) == {"1": ["d", "c", "b", "a"]}  # float32 ties: the later docno comes first
    ranks = {
        docno: pytrec_eval.RelevanceEvaluator({"1": {docno: 1}}, {"recip_rank"}).evaluate(
            {"1": {"a": 1.0, "c": 1.000000000001, "b": 1.0, "d": 2.0}}
        )["1"]["recip_rank"]
        for docno in "abcd"
    }
    assert sorted(ranks, key=ranks.__getitem__, reverse=True) == ["d", "c", "b", "a"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 Q0 a 1 1.0 x\n1 Q0 a 2", ":2 has 4 columns"),
        ("1 Q0 a 1 x x", ":1 cannot be read: could not convert"),
        ("1 Q0 a 1 nan x", ":1 cannot be read: score nan"),
        ("1 Q0 a 1 inf x", ":1 cannot be read: score inf"),
        ("1 a\n", ":1 has 2 columns"),
        ("1 a 1\n1 Q0 a 1 1.0 x\n", ":2 has 6 columns"),
        ("1 a 0\n", ":1 cannot be read: rank 0 is below 1"),
        ("1 a 1.5\n", ":1 cannot be read: invalid literal"),
        ("1 a 1\n1 a 2\n", ":2 ranks 'a' a second time for '1'"),
        ("1 Q0 a 1 2 x\n1 Q0 a 2 1 x", ":2 ranks 'a' a second time for '1'"),
    ],
)
def test_a_bad_line_is_named(tmp_path, text, said):
    (tmp_path / "bad.trec").write_text(text)
    with pytest.raises(InvalidInput, match=f"bad.trec{said}"):
        Run.read(tmp_path / "bad.trec")


@given(run=runs())
def test_ms_marco_runs_have_the_order_of_their_ranks(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "a.tsv"
    run.to_trec(path)
    rows = [line.split() for line in path.read_bytes().splitlines()]
    lines = [b"%s\t%s\t%s\n" % (qid, docno, rank) for qid, _, docno, rank, _, _ in rows]
    path.write_bytes(b"".join(lines[::-1]))
    again = Run.read(path, query_ids=run.query_ids)
    assert order(again) == order(run)
    for qid in again:
        assert [score for _, score in again[qid]] == [1 / (n + 1) for n in range(len(again[qid]))]


def test_bytes_that_are_no_text_are_named(tmp_path):
    (tmp_path / "bad").write_bytes(b"1 Q0 \xff 1 1.0 x")
    with pytest.raises(InvalidInput, match="bad:1 cannot be read"):
        Run.read(tmp_path / "bad")


@pytest.mark.parametrize("ending", ENDINGS[1:])
def test_a_damaged_file_is_named(tmp_path, ending):
    path = tmp_path / f"run{ending}"
    Run.from_hits(["1"], [[f"d{n}" for n in range(999)]], scores=[range(999)]).to_trec(path)
    whole = path.read_bytes()
    flipped = whole[:60] + bytes(40) + whole[100:]  # zstd notices only with a checksum
    for damaged in (whole[:-20], b"text", whole[:-20] if ending == ".zst" else flipped):
        path.write_bytes(damaged)
        with pytest.raises(InvalidInput, match=r"run.* cannot be read: .*damaged"):
            Run.read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="absent cannot be read: No such file"):
        Run.read(tmp_path / "absent")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    run = Run.from_hits(["1"], [["a"]], scores=[[1]])
    run.to_trec(tmp_path / "a")
    before = (tmp_path / "a").read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        run.cut(0).to_trec(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == before


def test_every_query_is_in_the_run_also_without_hits(tmp_path):
    run = Run.from_hits(["1", "2"], [[], ["a"]], scores=[[], [1]])
    assert run.query_ids == ("1", "2")
    assert run["1"] == []
    run.to_trec(tmp_path / "a")
    assert Run.read(tmp_path / "a").query_ids == ("2",)
    assert Run.read(tmp_path / "a", query_ids=["1", "2"]) == run


def test_cut_and_own_documents():
    run = Run.from_hits(
        ["a", "b"], [["b", "a", "c"], ["a", "c"]], scores=[[3, 2, 1], [2, 1]], tag="t"
    )
    assert order(run.without_query_documents().cut(1)) == {"a": ["b"], "b": ["a"]}
    assert run.without_query_documents()["a"] == [("b", 3.0), ("c", 1.0)]
    assert order(run.cut(0)) == {"a": [], "b": []}
    assert run.cut(9) == run
    assert run.cut(1).tag == run.without_query_documents().tag == "t"
    with pytest.raises(InvalidInput, match="-1"):
        run.cut(-1)


def test_rankings_cannot_be_changed_from_outside():
    scores = np.array([2.0, 1.0])
    run = Run.from_hits(["1"], [["a", "b"]], scores=[scores])
    scores[0] = 9
    assert run["1"] == [("a", 2.0), ("b", 1.0)]
    with pytest.raises(ValueError, match="read-only"):
        run.ranking("1")[1][0] = 9


@pytest.mark.parametrize(
    ("docnos", "scores", "said"),
    [
        (["a", "a"], [2, 1], "ranks 'a'"),
        (["a", ""], [2, 1], "ranks ''"),
        (["a"], [2, 1], r"1 docnos and scores of shape \(2,\)"),
        (["a"], [float("nan")], "NaN"),
        (["a"], [3 * SCORE_MAX], "beyond"),
    ],
)
def test_a_ranking_that_cannot_be_is_refused(docnos, scores, said):
    with pytest.raises(InvalidInput, match=said):
        Run.from_hits(["1"], [docnos], scores=[scores])


@pytest.mark.parametrize(
    ("rankings", "said"),
    [
        ({1: (["a"], [1])}, "query 1 is no pair .*ids are strings"),
        ({"1": (["a", 2], [2, 1])}, "query '1' is no pair .*ids are strings"),
        ({"1": ([b"a"], [1])}, "query '1' is no pair"),
        ({"1": ([None], [1])}, "query '1' is no pair"),
        ({"1": (["\ud800"], [1])}, "query '1' is no pair .*surrogates"),
        ({"1": (["a"], ["one"])}, "query '1' is no pair .*one"),
        ({"1": ["a"]}, "query '1' is no pair"),
        ({"1": {"a": 1.0}}, "query '1' is no pair"),
        ({"1": None}, "query '1' is no pair"),
        ([("1", (["a"], [1]))], "a run is a mapping .*not list"),
        ({"": (["a"], [1])}, "query '' ranks"),
    ],
)
def test_what_is_no_ranking_is_refused_when_it_is_made(rankings, said):
    with pytest.raises(InvalidInput, match=said):
        Run(rankings)


@pytest.mark.parametrize("tag", ["", None, 1, b"tag", "\ud800"])
def test_a_tag_is_a_string(tag):
    with pytest.raises(InvalidInput, match="the tag of a run"):
        Run({}, tag=tag)


def test_parallel_lists_must_be_parallel():
    for ids in (["1"], ["1", "1"]):
        with pytest.raises(InvalidInput, match="one of each per query"):
            Run.from_hits(ids, [["a"], ["b"]], scores=[[1], [1]])
