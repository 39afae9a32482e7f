from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.significance import against_baseline, holm, randomisation_test
from indexes.errors import InvalidInput


def naive_test(system, baseline):
    differences = [a - b for a, b in zip(system, baseline, strict=True)]
    extreme = abs(sum(differences))
    sums = [
        abs(sum(sign * d for sign, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    return sum(one >= extreme for one in sums) / len(sums)


def naive_holm(p_values):
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for step, (p, place) in enumerate(sorted((p, place) for place, p in enumerate(p_values))):
        largest = max(largest, min(1.0, p * (len(p_values) - step)))
        adjusted[place] = largest
    return adjusted


# Eighths, so that sums are exact and the naive comparison needs no tolerance.
values = st.integers(0, 8).map(lambda n: n / 8)


@given(st.lists(st.tuples(values, values), max_size=9))
def test_few_queries_are_enumerated(pairs):
    system, baseline = [a for a, _ in pairs], [b for _, b in pairs]
    assert randomisation_test(system, baseline) == naive_test(system, baseline)
    assert randomisation_test(baseline, system) == naive_test(system, baseline)


def test_rounding_does_not_break_ties():
    system, baseline = [0.1, 0.2, 0.3, 0.7], [0.0, 0.0, 0.0, 0.0]
    assert randomisation_test(system, baseline) == 2 / 2**4


def test_sampling_agrees_with_enumeration(monkeypatch):
    generator = np.random.default_rng(1)
    system, baseline = generator.random(16) + 0.15, generator.random(16)
    exact = randomisation_test(system, baseline)
    monkeypatch.setattr("eval.significance.EXACT_QUERIES_MAX", 0)
    assert randomisation_test(system, baseline) == pytest.approx(exact, abs=0.005)


def test_many_queries():
    generator = np.random.default_rng(2)
    baseline = generator.random(1000)
    noise = generator.normal(0, 0.1, 1000)
    assert randomisation_test(baseline + noise + 0.05, baseline) == 1 / 100_001
    assert randomisation_test(baseline + noise - noise.mean(), baseline) > 0.9
    once, again = (randomisation_test(baseline + noise, baseline, seed=3) for _ in range(2))
    assert once == again
    assert randomisation_test(baseline, baseline) == 1


def test_the_p_value_is_close_to_the_t_test_where_that_is_valid():
    stats = pytest.importorskip("scipy.stats")
    generator = np.random.default_rng(4)
    baseline, system = generator.normal(size=(2, 400))
    expected = stats.ttest_rel(system + 0.1, baseline).pvalue
    assert randomisation_test(system + 0.1, baseline) == pytest.approx(expected, abs=0.01)


@given(st.lists(st.floats(0, 1), max_size=6))
def test_holm_is_its_definition(p_values):
    assert holm(p_values) == pytest.approx(naive_holm(p_values))


def test_against_baseline_corrects_for_the_number_of_systems():
    zeros = np.zeros(10)
    found = against_baseline({"bm25": zeros, "dense": zeros + 1, "hybrid": zeros + 2}, "bm25")
    assert found == {"dense": 4 / 2**10, "hybrid": 4 / 2**10}
    assert against_baseline({"bm25": zeros}, "bm25") == {}


def test_lists_that_do_not_pair_are_refused():
    for wrong in ([1.0], [1.0, float("nan")]):
        with pytest.raises(InvalidInput, match="paired test"):
            randomisation_test([1.0, 2.0], wrong)
    with pytest.raises(InvalidInput, match="'bm25' was not evaluated: dense"):
        against_baseline({"dense": [1.0]}, "bm25")
