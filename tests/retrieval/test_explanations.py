"""What gives a document its score, said of a collection."""

import numpy as np
import pytest

import retrieval as rt
from retrieval.errors import UnknownName


def test_parts_of_a_hit_add_up_in_every_segment(tmp_path) -> None:
    with rt.create(tmp_path / "c.idx", ["bm25"]) as collection:
        collection.add([rt.Document("a", "cats and dogs"), rt.Document("b", "dogs dogs fog")])
    with rt.open(tmp_path / "c.idx") as collection:
        collection.add([rt.Document("c", "fog over the sea")])
        collection.delete("a")
    retriever = rt.open(tmp_path / "c.idx").retriever("bm25")
    hits = retriever.search("dog fog cat")
    assert [hit.docno for hit in hits] == ["b", "c"]
    for hit in hits:
        parts = retriever.explain("dog fog cat", hit.docno)
        assert set(parts) == ({"dog", "fog"} if hit.docno == "b" else {"fog"})
        assert np.float32(hit.score) == sum(map(np.float32, parts.values()), np.float32(0))
    for gone in ("a", "z"):
        with pytest.raises(UnknownName, match="no document"):
            retriever.explain("dog", gone)
