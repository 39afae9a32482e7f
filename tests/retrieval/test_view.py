"""What a search sees is one generation and no other."""

import pytest
from faults import FaultFolder
from workload import life, opened

from retrieval.view import View


def test_a_view_gives_no_representation_of_another_snapshot() -> None:
    collection, other = (opened(FaultFolder(life()[0][number])) for number in (1, 2))
    name = collection.representations[0]
    parts = {name: collection.representation(name)}
    view = View(collection.snapshot, parts)
    assert view.representation(name) is view.representation(name, collection.snapshot)
    with pytest.raises(AssertionError, match="one snapshot"):
        view.representation(name, other.snapshot)
