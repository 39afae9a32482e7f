import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.limits import GRADE_MAX
from eval.qrels import parse_qrels
from indexes.errors import InvalidInput

ids = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1)
judgements = st.dictionaries(
    ids, st.dictionaries(ids, st.integers(-2, 4), min_size=1), min_size=1, max_size=4
)


def triples(qrels):
    return [(qid, docno, grade) for qid, docs in qrels.items() for docno, grade in docs.items()]


@given(judgements)
def test_trec_and_beir_say_the_same(qrels):
    trec = [f"{qid} 0 {docno} {grade}\n".encode() for qid, docno, grade in triples(qrels)]
    beir = [f"{qid}\t{docno}\t{grade}\r\n".encode() for qid, docno, grade in triples(qrels)]
    header = b"query-id\tcorpus-id\tscore\r\n"
    assert parse_qrels(trec, "x") == qrels
    assert parse_qrels(beir, "x") == parse_qrels([header, *beir], "x") == qrels
    assert list(parse_qrels(trec, "x")) == list(qrels)


def test_a_mark_blank_lines_and_a_header_are_passed_over():
    lines = [b"\xef\xbb\xbfq-id\tc-id\tscore\n", b"\n", b"1\tmy file.txt\t2\n", b"1\tb\t0"]
    assert parse_qrels(lines, "x") == {"1": {"my file.txt": 2, "b": 0}}


def test_ms_marco_is_trec_with_tabs_and_repeats_itself():
    lines = [b"1185869\t0\t0\t1\n", b"1185868\t0\t16\t1\n", b"1185869\t0\t0\t1\n"]
    assert parse_qrels(lines, "x") == {"1185869": {"0": 1}, "1185868": {"16": 1}}


def test_tabs_and_runs_of_spaces_are_trec_too():
    assert parse_qrels([b"1\t0\ta\t1\n", b"1  0 b\t 2"], "x") == {"1": {"a": 1, "b": 2}}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([b"1 0 a 1\n", b"1 0 b"], "x:2 is no judgement"),
        ([b"1\ta\t1\n", b"1 0 b 1"], "x:2 is no judgement"),
        ([b"1\ta\t1\n", b"1\tb\t1.5"], r"x:2 cannot be read .*whole number"),
        ([b"1 0 \xff 1"], "x:1 cannot be read"),
        ([b"1\t\t1"], "x:1 judges document ''"),
        ([b"1 0 a\0b 1"], "x:1 judges document .*NUL"),
        ([b"1 0 a %d" % (GRADE_MAX + 1)], "x:1 judges .*100,000"),
        ([b"1 0 a 1\n", b"\n", b"1 0 a 2\n"], "x:3 judges document 'a' of query '1' as 2, an"),
        ([b"\n"], "x holds no judgement"),
        ([], "x holds no judgement"),
        ([b"query-id\tcorpus-id\tscore"], "x holds no judgement"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(lines, said):
    with pytest.raises(InvalidInput, match=said):
        parse_qrels(lines, "x")


def test_the_same_judgement_twice_is_one():
    assert parse_qrels([b"1 0 a 1", b"1 Q0 a 1"], "x") == {"1": {"a": 1}}
