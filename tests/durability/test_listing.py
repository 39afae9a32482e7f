"""Posting lists that lie are refused before a kernel reads them; see `listing`.

All of it runs with bounds checks compiled in: an IndexError is a lie that got past the validators.
"""

from random import Random

import listing
import numpy as np
import pytest
import supervised
from faults import SCALE
from test_lies import _invented

from indexes.bitmap import Bitmap
from indexes.errors import CorruptIndex
from indexes.inverted import Inverted, InvertedSearch
from indexes.inverted.approximate import LADDER
from indexes.vectors import SparseVectors

CHECKED = {"NUMBA_BOUNDSCHECK": "1"}
N_GENERATED = 300 * (1 + SCALE)
SETTINGS = (None, InvertedSearch(recall=0.5), InvertedSearch(blocks=2, alpha=0.9), *LADDER[::3])


def queries() -> SparseVectors:
    return SparseVectors.of_rows(
        [{"t00": 1.0, "t05": 2.0, "unseen": 1.0}, {f"t{term:02}": 1.5 for term in range(24)}]
    )


def use(index: Inverted) -> None:
    """Let every traversal read everything."""
    odd = Bitmap.of_mask(np.arange(listing.N) % 2 == 1)
    for settings in SETTINGS:
        for k, allowed in ((3, None), (2000, odd)):
            index.search(queries(), k, settings, allowed=allowed)
    index.score(queries(), np.array([[0, 50], [-1, listing.N - 1]]))


def told(number: int) -> str:
    what = list(listing.LIES)[number]
    try:
        listing.loaded(listing.lying(what))
    except CorruptIndex:
        return "refused"
    raise AssertionError(f"{what}: believed")


def invented(number: int) -> str:
    """Change one or two arrays at random: they are refused, or they do no harm."""
    random, arrays = Random(number), dict(listing.index().arrays())
    for name in random.sample(sorted(arrays), random.choice([1, 1, 2])):
        arrays[name] = _invented(arrays[name], random)
    try:
        index = listing.loaded(arrays)
    except CorruptIndex:
        return "refused"
    use(index)
    return "believed"


def test_the_index_that_is_lied_about_has_all_there_can_be() -> None:
    index = listing.index()
    arrays = index.arrays()
    assert set(arrays["windows"]) == set(arrays["champions.windows"]) == {0, 1}
    assert len(arrays["recalls"]) == len(LADDER)
    assert len(arrays["cuts"]) > 10
    assert (arrays["rows"] < 0).any()
    assert (arrays["cuts"] > 0).any()
    loaded = listing.loaded(arrays).search(queries(), 9)
    np.testing.assert_array_equal(loaded.ids, index.search(queries(), 9).ids)
    use(index)


def test_every_lie_about_lists_is_refused(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "PATIENCE", 300.0)  # every kernel is compiled for the first one
    numbers = range(len(listing.LIES))
    report = supervised.run("durability.test_listing:told", numbers, environment=CHECKED)
    assert report.problems == []
    request.node.user_properties.append(("lies refused", report.outcomes["refused"]))
    assert report.outcomes["refused"] == len(numbers) > 70


def test_invented_lists_do_no_harm(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "PATIENCE", 300.0)
    numbers = range(N_GENERATED)
    report = supervised.run("durability.test_listing:invented", numbers, environment=CHECKED)
    assert report.problems == []
    request.node.user_properties += [
        (f"invented arrays {outcome}", n) for outcome, n in report.outcomes.items()
    ]
    assert report.outcomes["refused"] > N_GENERATED / 3
    assert report.outcomes["believed"] > 0
