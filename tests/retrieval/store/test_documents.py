"""A table of documents finds each of its documents and no other, and gives them back unchanged."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.document import Document
from retrieval.errors import CorruptIndex
from retrieval.store.documents import DocumentTable

texts = st.text(max_size=6)
metadata = st.dictionaries(st.text(max_size=3), st.none() | st.integers() | texts, max_size=2)
# Prefixes of each other, and characters of one to four bytes.
docnos = st.text("ab\0é字🌍", min_size=1, max_size=4) | st.text(min_size=1, max_size=6)


@st.composite
def rows(draw: st.DrawFn, names: Any = docnos) -> list[Document]:
    ids = draw(st.lists(names, unique=True, max_size=8))
    return [Document(i, draw(texts), draw(texts), draw(metadata)) for i in ids]


def table(documents: list[Document]) -> DocumentTable:
    return DocumentTable.of(documents, list(range(len(documents))))


def content(some: DocumentTable) -> list[tuple[Any, ...]]:
    return [
        (some.document(i), some.digests[i].tobytes(), int(some.sources[i]))
        for i in range(len(some))
    ]


@given(rows(), st.lists(docnos, max_size=8))
def test_documents_are_found_and_given_back(documents: list[Document], others: list[str]) -> None:
    made = table(documents)
    again = DocumentTable.from_arrays(made.arrays())
    ids = [document.docno for document in documents]
    wanted = [*others, *reversed(ids)]
    for some in (made, again):
        assert [some.document(i) for i in range(len(some))] == documents
        assert [bytes(digest) for digest in some.digests] == [d.digest() for d in documents]
        expected = [ids.index(docno) if docno in ids else -1 for docno in wanted]
        assert some.find(wanted).tolist() == expected
    assert content(again) == content(made)


@given(st.lists(rows(), min_size=1, max_size=4), st.data())
def test_concatenated_rows_equal_a_table_of_them(parts: list[list[Document]], data: Any) -> None:
    chosen, expected = [], []
    for number, documents in enumerate(parts):
        renamed = [Document(f"{number}{d.docno}", d.text, d.title, d.metadata) for d in documents]
        made = table(renamed)
        some = data.draw(st.sets(st.sampled_from(range(len(renamed))))) if renamed else set()
        ordinals = np.array(sorted(some), np.int64)
        chosen.append((made, ordinals))
        expected += [row for i, row in enumerate(content(made)) if i in some]
    joined = DocumentTable.concatenate(chosen)
    assert content(joined) == expected
    ids = [row[0].docno for row in expected]
    assert joined.find(ids).tolist() == list(range(len(ids)))
    arrays = DocumentTable.of([row[0] for row in expected], [row[2] for row in expected]).arrays()
    assert all((array == arrays[name]).all() for name, array in joined.arrays().items())


def altered(some: DocumentTable, **changes: Any) -> DocumentTable:
    arrays = {**some.arrays(), **{name.replace("__", "."): a for name, a in changes.items()}}
    return DocumentTable.from_arrays(arrays)


@given(rows(), st.lists(docnos, max_size=6), st.data())
def test_documents_with_colliding_hashes_are_told_apart(
    documents: list[Document], others: list[str], data: Any
) -> None:
    """Give several documents the hash of one of them: all that search by it must be told apart."""
    made = table(documents)
    hashes = made.hashes.copy()
    if len(hashes) > 1:
        start = data.draw(st.integers(0, len(hashes) - 1))
        stop = data.draw(st.integers(start + 1, len(hashes)))
        hashes[start:stop] = hashes[data.draw(st.integers(start, stop - 1))]
    collided = altered(made, hashes=hashes)
    own = {int(made.order[i]): int(hashes[i]) for i in range(len(hashes))}
    true = {int(made.order[i]): int(made.hashes[i]) for i in range(len(hashes))}
    for ordinal, document in enumerate(documents):
        # Found wherever its true hash is the one it has now, whoever else has the same.
        found = int(collided.find([document.docno])[0])
        assert found == (ordinal if own[ordinal] == true[ordinal] else -1)
    strangers = [docno for docno in others if docno not in {d.docno for d in documents}]
    assert (collided.find(strangers) == -1).all()


def test_a_run_of_equal_hashes_at_the_end_ends() -> None:
    made = table([Document(docno, "") for docno in "abcd"])
    last = np.full(4, made.hashes[-1])
    collided = altered(made, hashes=last)
    docno = made.docno[int(made.order[-1])].decode()
    assert collided.find([docno, "z"]).tolist() == [int(made.order[-1]), -1]


def test_an_empty_table() -> None:
    made = table([])
    assert made.find(["a", ""]).tolist() == [-1, -1]
    assert len(DocumentTable.from_arrays(made.arrays())) == 0
    assert len(DocumentTable.concatenate([(made, np.empty(0, np.int64))] * 2)) == 0


# ---------------------------------------------------------------------- lies


def some_arrays() -> dict[str, Any]:
    documents = [Document("aé", "text", "title", {"a": 1}), Document("b", ""), Document("c", "é")]
    return dict(table(documents).arrays())


NAMES = sorted(some_arrays())


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_array_is_refused(name: str) -> None:
    arrays = some_arrays()
    del arrays[name]
    with pytest.raises(CorruptIndex):
        DocumentTable.from_arrays(arrays)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["u1", "i4", "i8", "f4"])
def test_another_dtype_is_refused(name: str, dtype: str) -> None:
    arrays = some_arrays()
    if arrays[name].dtype == np.dtype(dtype):
        return
    arrays[name] = arrays[name].astype(dtype)
    with pytest.raises(CorruptIndex):
        DocumentTable.from_arrays(arrays)


@pytest.mark.parametrize("name", NAMES)
def test_another_shape_is_refused(name: str) -> None:
    for change in (lambda a: a[:-1], lambda a: a[None], lambda a: np.concatenate([a, a[:1]])):
        arrays = some_arrays()
        arrays[name] = change(arrays[name])
        with pytest.raises(CorruptIndex):
            DocumentTable.from_arrays(arrays)


EXTREMES = [-1, -5, 3, 4, 2**31 - 1, 2**31, 2**62, -(2**63)]


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith("offsets")] + ["order", "hashes"])
def test_any_other_number_is_refused_or_harmless(name: str) -> None:
    for place in range(len(some_arrays()[name])):
        for value in EXTREMES:
            arrays = some_arrays()
            limits = np.iinfo(arrays[name].dtype)
            if not limits.min <= value <= limits.max:
                continue
            arrays[name] = arrays[name].copy()
            arrays[name][place] = value
            _use(arrays)


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith("data")])
def test_any_other_text_is_refused_or_harmless(name: str) -> None:
    for place in range(len(some_arrays()[name])):
        for value in (0, 0x22, 0x7F, 0x80, 0xC3, 0xED, 0xFF):
            arrays = some_arrays()
            arrays[name] = arrays[name].copy()
            arrays[name][place] = value
            _use(arrays)


def _use(arrays: dict[str, Any]) -> None:
    """Do all that a table can: it works, or it is `CorruptIndex`."""
    try:
        some = DocumentTable.from_arrays(arrays)
        assert (some.find(["aé", "b", "c", "d"]) < len(some)).all()
        assert all(isinstance(docno.decode(), str) for docno in some.docno)
        for ordinal in range(len(some)):
            some.document(ordinal)
        DocumentTable.concatenate([(some, np.arange(len(some)))])
    except CorruptIndex:
        pass


def test_a_docno_that_begins_inside_a_character_is_refused() -> None:
    arrays = some_arrays()
    offsets = arrays["docno.offsets"].copy()
    assert arrays["docno.data"].tobytes() == "aébc".encode()
    offsets[1] = 2
    with pytest.raises(CorruptIndex, match="inside a character"):
        DocumentTable.from_arrays({**arrays, "docno.offsets": offsets})
