"""Every rule of the store is needed: where one is broken, a search of a second finds a problem."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import forging
import mutants
import pytest
import sweeps
import trials
from mutants import MUTANTS, Mutant
from workload import life

from retrieval import writer
from retrieval.store import files

TRIALS: Mapping[str, Callable[[], str]] = {
    **trials.TRIALS,
    "lies": forging.lies,
    "arrays": forging.arrays,
}


@pytest.fixture(scope="module", autouse=True)
def _made_by_a_sound_store() -> None:
    """What the trials compare with is made before anything is broken."""
    life()
    trials.sound()
    forging.refusals()
    sweeps.faulty_life()
    sweeps.killed_operations()


def caught(mutant: Mutant) -> str:
    """Return what the trial of a mutant says of it."""
    with mutants.applied(mutant):
        return TRIALS[mutant.trial]()


@pytest.mark.parametrize("name", TRIALS)
def test_the_sound_store_passes_every_trial(name: str) -> None:
    assert TRIALS[name]() == ""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_rule_is_noticed(mutant: Mutant, request: pytest.FixtureRequest) -> None:
    assert caught(mutant)
    request.node.user_properties.append(("mutants caught", 1))


def test_every_check_of_an_array_is_needed(request: pytest.FixtureRequest) -> None:
    """Those of all kinds, found in the source; no kernel runs, so nothing can die of it."""
    found = mutants.checks()
    survivors = [mutant.name for mutant in found if not caught(mutant)]
    request.node.user_properties.append(("mutants caught", len(found) - len(survivors)))
    assert survivors == []
    assert len(found) > 40


def test_every_sync_is_on_the_list() -> None:
    for path in [*Path(files.__file__).parent.glob("*.py"), Path(writer.__file__)]:
        broken = "".join(one.old for one in MUTANTS if one.module.endswith(path.stem))
        for line in path.read_text().splitlines():
            if re.search(r"sync(\(|=True)", line) and "def " not in line:
                assert line.strip() in broken, f"{path}: {line}"


def test_the_list_is_long_and_nothing_stays_broken() -> None:
    assert len(MUTANTS) > 60
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert {mutant.trial for mutant in MUTANTS} == set(TRIALS) - {"arrays"}
    assert forging.arrays() == ""
    assert forging.lies() == ""


def test_a_mutant_is_what_everybody_runs_until_it_is_taken_back() -> None:
    mutant = next(one for one in MUTANTS if one.name == "arrays are not checked")
    assert caught(mutant)
    assert TRIALS[mutant.trial]() == ""
    lost = Mutant("lost", "damage", mutant.module, "no such text", "")
    with pytest.raises(AssertionError, match="lost"), mutants.applied(lost):
        pass
