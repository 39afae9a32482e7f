"""No kind of index is left out of the suites of durability."""

from kinds import KINDS

from retrieval.representation import Representation
from retrieval.store.segment import INDEXES


def test_every_kind_of_index_joins_every_suite() -> None:
    kinds = {Representation.of(name, spec).recipe["index"]["kind"] for name, spec in KINDS.items()}
    assert kinds == set(INDEXES)
