"""Filters through the whole road: k results when k documents match, in every system."""

from pathlib import Path

import numpy as np
import pytest
from encoding import WordSums
from hypothesis import given, settings
from hypothesis import strategies as st

import retrieval as rt
from retrieval.cli import main
from retrieval.errors import InvalidInput

YEARS = range(2000, 2040)


@pytest.fixture
def collection(tmp_path: Path) -> rt.Collection:
    bm25 = rt.Bm25(analysis=rt.Analysis.whitespace())
    made = rt.create(tmp_path / "c.idx", {"bm25": bm25, "words": WordSums()})
    for half in (YEARS[:25], YEARS[25:]):  # two segments
        made.add(
            rt.Document(
                f"d{y}", f"cat number {y}", metadata={"year": y, "tags": ["x", f"t{y % 3}"]}
            )
            for y in half
        )
        made.commit()
    return made


@pytest.mark.parametrize("system", ["bm25", "words", "hybrid"])
def test_k_results_when_k_documents_match(collection: rt.Collection, system: str) -> None:
    hits = collection.search("cat", 10, system=system, filter="year >= 2028")
    assert len(hits) == 10
    assert all(hit.metadata["year"] >= 2028 for hit in hits)
    few = collection.search("cat", 10, system=system, filter='year < 2006 and "t1" in tags')
    assert sorted(hit.docno for hit in few) == ["d2002", "d2005"]
    assert collection.search("cat", 10, system=system, filter="year > 3000") == []


def test_deletes_and_filters_hold_together(collection: rt.Collection) -> None:
    filtered = {"system": "bm25", "filter": "year >= 2037"}
    assert len(collection.search("cat", 10, **filtered)) == 3
    collection.delete("d2038")
    collection.commit()
    assert [hit.docno for hit in collection.search("cat", 10, **filtered)] == ["d2037", "d2039"]
    collection.update([rt.Document("d2037", "cat", metadata={"year": 1999})])
    collection.commit()
    assert [hit.docno for hit in collection.search("cat", 10, **filtered)] == ["d2039"]
    collection.compact()
    assert [hit.docno for hit in collection.search("cat", 10, **filtered)] == ["d2039"]


def test_vectors_batches_and_runs_are_filtered_too(collection: rt.Collection) -> None:
    vectors = WordSums().encode_queries(["cat", "number"]).values
    for hits in collection.search(np.asarray(vectors), 5, filter="year < 2003"):
        assert sorted(hit.docno for hit in hits) == ["d2000", "d2001", "d2002"]
    run = collection.system("bm25").run({"q": "cat", "r": "zebra"}, 100, filter="year == 2010")
    assert run["q"][0][0] == "d2010"
    assert (len(run["q"]), run["r"]) == (1, [])
    ready = rt.Filter.parse("year == 2010")
    assert len(collection.search("cat", filter=ready, system="bm25")) == 1


def test_a_filter_that_cannot_be_read_says_where(collection: rt.Collection) -> None:
    with pytest.raises(InvalidInput, match="year"):
        collection.search("cat", filter="year >")


@settings(max_examples=40)
@given(st.sets(st.integers(0, 11)), st.integers(0, 14))
def test_a_filtered_search_is_a_search_of_what_is_let_pass(
    tmp_path_factory: pytest.TempPathFactory, chosen: set[int], k: int
) -> None:
    path = tmp_path_factory.mktemp("c")
    documents = [
        rt.Document(f"d{i}", " ".join("abc"[j % 3] for j in range(i)), metadata={"n": i})
        for i in range(12)
    ]
    whole = rt.create(path / "a.idx", {"w": WordSums()})
    part = rt.create(path / "b.idx", {"w": WordSums()})
    whole.add(documents)
    part.add(document for i, document in enumerate(documents) if i in chosen)
    whole.commit()
    part.commit()
    text = f"n in {sorted(chosen)}"
    found = [(h.docno, h.score) for h in whole.search("a b", k, filter=text)]
    assert found == [(h.docno, h.score) for h in part.search("a b", k)]


def test_the_command_line_filters(
    collection: rt.Collection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["search", str(collection.path), "cat", "--system", "bm25"]
    assert main([*arguments, "--filter", "year == 2011", "--json"]) == 0
    out = capsys.readouterr().out
    assert "d2011" in out
    assert "d2012" not in out
    assert main([*arguments, "--filter", "yaer == 2011 or year == 1"]) == 0
    assert capsys.readouterr().err == "no document has the field 'yaer'\n"
    assert main([*arguments, "--filter", "year = 2011"]) == 1
    assert "year = 2011" in capsys.readouterr().err
