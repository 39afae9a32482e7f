"""Vectors from files, by id, in any of the forms others write them in."""

import gzip
import json
import lzma
from pathlib import Path

import numpy as np
import pytest

from encoders.errors import EncoderUnavailable
from encoders.precomputed import Precomputed
from indexes.errors import InvalidInput
from indexes.vectors import SparseVectors

ROWS = {"d1": {"ä": 1.0, "b": 2.5}, "d 2": {}, "3": {"b": 1.0}}
LINES = "".join(json.dumps({"id": key, "vector": row}) + "\n\n" for key, row in ROWS.items())
VALUES = np.arange(12, dtype=np.float32).reshape(4, 3)
OPEN = {".jsonl": open, ".jsonl.gz": gzip.open, ".jsonl.xz": lzma.open}


def npy(folder: Path, values: np.ndarray = VALUES, ids: str = "a\nb\nc\nd\n") -> Path:
    np.save(folder / "v.npy", values)
    (folder / "v.ids").write_bytes(ids.encode())
    return folder / "v.npy"


def jsonl(folder: Path, text: str = LINES, ending: str = ".jsonl") -> Path:
    path = folder / f"v{ending}"
    with OPEN[ending](path, "wt", encoding="utf-8") as file:
        file.write(text)
    return path


@pytest.mark.parametrize("ending", OPEN)
def test_sparse_rows_are_found_by_id(tmp_path, ending):
    encoder = Precomputed(jsonl(tmp_path, ending=ending))
    assert encoder.kind == "sparse"
    assert encoder.reads == "docno"
    found = encoder.encode_documents(["3", "d1", "d 2", "3"])
    assert isinstance(found, SparseVectors)
    assert [found.row(i) for i in range(4)] == [ROWS[k] for k in ("3", "d1", "d 2", "3")]
    assert len(encoder.encode_documents([])) == 0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
@pytest.mark.parametrize("order", ["C", "F"])
def test_dense_rows_are_found_by_id(tmp_path, dtype, order):
    path = npy(tmp_path, np.asarray(VALUES, dtype, order=order))
    encoder = Precomputed(path, path, metric="COSINE")
    assert (encoder.kind, encoder.metric) == ("dense", "COSINE")
    for encode in (encoder.encode_documents, encoder.encode_queries):
        np.testing.assert_array_equal(encode(["d", "a", "d"]).values, VALUES[[3, 0, 3]])
        assert encode([]).values.shape == (0, 3)


@pytest.mark.parametrize("ids", ["a\nb\nc\nd", "a\r\nb\r\nc\r\nd\r\n"])
def test_ids_are_lines(tmp_path, ids):
    encoder = Precomputed(npy(tmp_path, ids=ids))
    np.testing.assert_array_equal(encoder.encode_documents(["d"]).values, VALUES[3:])


def test_an_id_may_hold_what_only_some_call_a_line_end(tmp_path):
    encoder = Precomputed(npy(tmp_path, ids="a\u2028x\nb\x0c\nc c\n\x85d\n"))
    found = encoder.encode_documents(["\x85d", "b\x0c", "a\u2028x"])
    np.testing.assert_array_equal(found.values, VALUES[[3, 1, 0]])


def test_a_file_without_rows_has_no_vectors(tmp_path):
    encoder = Precomputed(npy(tmp_path, VALUES[:0], ids=""))
    assert len(encoder.encode_documents([])) == 0
    with pytest.raises(EncoderUnavailable, match="no vector for 'a'"):
        encoder.encode_documents(["a"])


def test_missing_ids_are_counted(tmp_path):
    for path in (npy(tmp_path), jsonl(tmp_path)):
        with pytest.raises(EncoderUnavailable, match="no vector for 'x' and 1 more ids: add"):
            Precomputed(path).encode_documents(["x", "y"])
    with pytest.raises(EncoderUnavailable, match="no query vectors beside"):
        Precomputed(path).encode_queries(["a"])


@pytest.mark.parametrize(
    ("values", "ids", "said"),
    [
        (VALUES, "a\nb\nc\n", "3 ids"),
        (VALUES, "a\nb\nc\na\n", "two vectors for 'a'"),
        (VALUES[0], "a\nb\nc\n", r"shape \(3,\)"),
        (VALUES[:, :0], "a\nb\nc\nd\n", r"shape \(4, 0\)"),
        (np.array([[None], [{}]]), "a\nb\n", "no npy file"),
        (np.array([["x"], ["y"]]), "a\nb\n", "dtype"),
        (np.array([[np.nan], [1]]), "a\nb\n", "NaN"),
    ],
)
def test_matrices_that_do_not_fit_are_refused(tmp_path, values, ids, said):
    with pytest.raises(InvalidInput, match=said):
        Precomputed(npy(tmp_path, values, ids)).encode_documents(["a"])


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x03\x04", b"\x80\x04K\x01."])
def test_what_is_no_npy_file_is_refused(tmp_path, content):
    path = npy(tmp_path)
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="no npy file"):
        Precomputed(path).encode_documents(["a"])


def test_a_cut_npy_file_is_refused(tmp_path):
    path = npy(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InvalidInput, match="no npy file"):
        Precomputed(path).encode_documents(["a"])


def test_files_that_are_not_there_are_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"no file of vectors at .*x\.jsonl"):
        Precomputed(tmp_path / "x.jsonl").encode_documents(["a"])
    np.save(tmp_path / "v.npy", VALUES)
    with pytest.raises(InvalidInput, match=r"write one id per line to .*v\.ids"):
        Precomputed(tmp_path / "v.npy").encode_documents(["a"])
    for name in ("x.npy", "v.npy", "x.jsonl"):
        with pytest.raises(EncoderUnavailable, match="cannot be read"):
            _ = Precomputed(tmp_path / name).fingerprint


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"vector": {}}',
        '{"id": 1}',
        '{"id": 1, "vector": [1.0]}',
        '{"id": 1, "vector": {"a": "x"}}',
        '{"id": 1, "vector": {"a": null}}',
        '{"id": 1, "vector": {"a": ' + "9" * 400 + "}}",
        "[" * 100_000,
    ],
)
def test_a_line_that_is_no_vector_is_named(tmp_path, line):
    path = jsonl(tmp_path, LINES + line)
    with pytest.raises(InvalidInput, match=r"v\.jsonl:7 is not"):
        Precomputed(path).encode_documents(["d1"])


@pytest.mark.parametrize("weight", ["-1", "NaN", "Infinity", "1e999"])
def test_weights_are_finite_and_not_negative(tmp_path, weight):
    path = jsonl(tmp_path, '{"id": "a", "vector": {"t": ' + weight + "}}")
    with pytest.raises(InvalidInput, match="weights"):
        Precomputed(path).encode_documents(["a"])


def test_an_id_stands_on_one_line_only(tmp_path):
    with pytest.raises(InvalidInput, match="two vectors for 'd1'"):
        Precomputed(jsonl(tmp_path, LINES + LINES)).encode_documents(["d1"])


@pytest.mark.parametrize("ending", OPEN)
def test_damaged_files_are_refused(tmp_path, ending):
    path = jsonl(tmp_path, LINES * 50, ending)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"\xff\xfe" + whole, whole[:20] + b"\xff\xff"):
        path.write_bytes(content)
        with pytest.raises(InvalidInput):
            Precomputed(path).encode_documents(["d1"])


def test_documents_and_queries_are_of_one_kind(tmp_path):
    with pytest.raises(InvalidInput, match="pass two"):
        Precomputed(npy(tmp_path), jsonl(tmp_path))
    with pytest.raises(InvalidInput, match="pass two"):
        Precomputed(jsonl(tmp_path), npy(tmp_path))


def test_the_fingerprint_is_the_content(tmp_path):
    path = npy(tmp_path)
    prints = {Precomputed(path).fingerprint}
    (tmp_path / "v.ids").write_text("b\na\nc\nd\n")
    prints.add(Precomputed(path).fingerprint)
    npy(tmp_path, VALUES + 1)
    prints.add(Precomputed(path).fingerprint)
    assert len(prints) == 3
    npy(tmp_path)
    assert Precomputed(path).fingerprint in prints
    (tmp_path / "elsewhere").mkdir()
    assert Precomputed(npy(tmp_path / "elsewhere")).fingerprint in prints
