"""Documents to vectors: each text is encoded once, whichever collection it is in."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from encoding import WordSums, WordTokens
from hypothesis import given
from hypothesis import strategies as st

import retrieval as rt
from indexes.vectors import DenseVectors
from retrieval.cli import main
from retrieval.errors import InvalidVectors
from retrieval.representation import Representation
from retrieval.store.embeddings import LIMIT_VARIABLE


class Kept(WordSums):
    """An encoder whose vectors are worth keeping, and that may die."""

    cacheable = True
    lives = 10**9

    def encode_documents(self, texts: Sequence[str]) -> DenseVectors:
        if self.lives == 0:
            raise KeyboardInterrupt
        self.lives -= 1
        return super().encode_documents(texts)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(LIMIT_VARIABLE, str(2**30))


def documents(n: int, start: int = 0) -> list[rt.Document]:
    return [rt.Document(f"d{i}", " ".join(["word"] * (i % 7) + [str(i)])) for i in range(start, n)]


@given(st.lists(st.text("ab ", max_size=9), max_size=300), st.sets(st.integers(0, 300)))
def test_vectors_come_in_the_order_of_the_documents(texts: list[str], known: set[int]) -> None:
    docs = [rt.Document(f"d{i}", text) for i, text in enumerate(texts)]
    asked = Representation.of("kept", Kept())
    asked.encode([docs[i] for i in known if i < len(docs)] or docs[:1])
    found = asked.encode(docs)
    expected = WordSums().encode_documents([document.contents for document in docs])
    assert isinstance(found, DenseVectors)
    assert found.values.tolist() == expected.values.tolist()


def test_two_collections_encode_a_text_once(tmp_path: Path) -> None:
    first, second = Kept(), Kept()
    for encoder, name in ((first, "a"), (second, "b")):
        collection = rt.create(tmp_path / f"{name}.idx", {"kept": encoder})
        collection.add(documents(300))
        collection.commit()
    assert len(first.encoded) == 300
    assert second.encoded == []
    hits = [h.docno for h in rt.open(tmp_path / "a.idx", encoders={"kept": first}).search("word 3")]
    assert hits == [h.docno for h in collection.search("word 3")]


def test_only_what_is_new_is_encoded_and_only_by_the_same_encoder(tmp_path: Path) -> None:
    collection = rt.create(tmp_path / "a.idx", {"kept": Kept()})
    collection.add(documents(200))
    collection.commit()
    other = Kept()
    again = rt.create(tmp_path / "b.idx", {"kept": other})
    again.add(documents(230))
    again.commit()
    assert sorted(other.encoded) == sorted(d.contents for d in documents(230, 200))
    another = Kept(seed=9)
    third = rt.create(tmp_path / "c.idx", {"kept": another})
    third.add(documents(200))
    third.commit()
    assert len(another.encoded) == 200


def test_an_interrupted_encoding_loses_at_most_one_batch(tmp_path: Path) -> None:
    dying = Kept()
    dying.lives = 3
    collection = rt.create(tmp_path / "a.idx", {"bm25": "bm25"})
    collection.add(documents(1000))
    collection.commit()
    with pytest.raises(KeyboardInterrupt):
        collection.add_representation("kept", dying)
    assert len(dying.encoded) == 3 * 128
    collection.rollback()
    going_on = Kept()
    collection.add_representation("kept", going_on)
    collection.commit()
    assert len(going_on.encoded) == 1000 - 3 * 128
    assert sorted(dying.encoded + going_on.encoded) == sorted(d.contents for d in documents(1000))


def test_what_is_not_worth_keeping_is_not_kept(tmp_path: Path) -> None:
    specs = {"bm25": "bm25", "words": WordSums(), "late": WordTokens()}
    collection = rt.create(tmp_path / "a.idx", specs)
    collection.add(documents(10))
    collection.commit()
    assert not (tmp_path / "cache" / "retrieval-engine" / "embeddings").exists()


@pytest.mark.parametrize(
    "vectors",
    [
        DenseVectors(np.full((1, 4), np.nan, np.float32)),
        DenseVectors(np.zeros((1, 4), np.float64)),  # type: ignore[arg-type]
    ],
    ids=["NaN", "float64"],
)
def test_vectors_that_could_not_be_read_again_are_not_stored(
    tmp_path: Path, vectors: DenseVectors
) -> None:
    class Careless(WordSums):
        def encode_documents(self, texts: Sequence[str]) -> DenseVectors:
            return vectors

    collection = rt.create(tmp_path / "a.idx", {"mine": Careless()})
    collection.add(documents(1))
    with pytest.raises(InvalidVectors, match="the encoder of 'mine' returned"):
        collection.commit()
    assert len(rt.open(tmp_path / "a.idx", encoders={"mine": Careless()}, verify="eager")) == 0


def test_a_cache_that_cannot_be_written_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    collection = rt.create(tmp_path / "a.idx", {"kept": Kept()})
    collection.add(documents(10))
    with pytest.warns(UserWarning, match="not kept in the cache"):
        collection.commit()
    assert len(collection.search("word")) == 10


def test_cache_info_and_clear(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    collection = rt.create(tmp_path / "a.idx", {"kept": Kept()})
    collection.add(documents(10))
    collection.commit()
    assert main(["cache", "info"]) == 0
    out = capsys.readouterr().out
    assert str(tmp_path / "cache") in out
    assert "10 vectors" in out
    assert "word-sums:4:0" in out
    assert main(["cache", "clear", "nobody"]) == 1
    assert "nobody" in capsys.readouterr().err
    assert main(["cache", "clear", "word-sums"]) == 0
    assert main(["cache", "info", "--json"]) == 0
    assert '"encoders": []' in capsys.readouterr().out
