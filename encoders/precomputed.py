"""Vectors that were computed elsewhere, looked up by id: an encoder like the others.

Documents are found by docno, queries by query id (or by their text, where texts were the ids).
"""

import gzip
import json
import lzma
import tokenize
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from encoders.errors import EncoderUnavailable
from encoders.limits import VECTOR_LINE_BYTES_MAX
from indexes.errors import InvalidInput
from indexes.validate import DIMENSION_MAX
from indexes.vectors import DenseVectors, SparseVectors

_OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}
_NO_NPY = (OSError, ValueError, TypeError, SyntaxError, OverflowError, tokenize.TokenError)
"""What numpy says of a header, which is a dictionary in Python's notation; it calls nothing."""
_NO_RECORD = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


class Precomputed:
    """Document and query vectors from files.

    A file is either `NAME.npy` beside `NAME.ids` (one id per line, in the order of the rows), or
    JSON lines `{"id": …, "vector": {term: weight, …}}` as Anserini has them, plain, .gz or .xz.

    Args:
        documents: file of document vectors.
        queries: file of query vectors; None: queries must be passed as vectors.
        metric: for dense vectors, a name of `indexes.metric.Metric`.

    Raises:
        InvalidInput: a file that is missing, or not in one of the two forms.
    """

    reads: Literal["docno"] = "docno"

    def __init__(
        self,
        documents: str | Path,
        queries: str | Path | None = None,
        *,
        metric: str = "INNER_PRODUCT",
    ) -> None:
        self.documents = Path(documents)
        self.queries = None if queries is None else Path(queries)
        self.metric = metric
        if self.queries and (self.queries.suffix == ".npy") != (self.kind == "dense"):
            raise InvalidInput(f"{documents} and {queries}: pass two .npy files, or none")

    @property
    def kind(self) -> Literal["dense", "sparse"]:
        """Dense for npy files, sparse for JSON lines."""
        return "dense" if self.documents.suffix == ".npy" else "sparse"

    def recipe(self) -> dict[str, Any]:
        """Return everything needed to make this encoder again, as JSON."""
        queries = None if self.queries is None else str(self.queries.resolve())
        documents = str(self.documents.resolve())
        recipe = {"type": "precomputed", "documents": documents, "queries": queries}
        return recipe | {"metric": self.metric}

    @classmethod
    def from_recipe(cls, recipe: dict[str, Any]) -> "Precomputed":
        """Return the encoder a manifest records."""
        return cls(recipe["documents"], recipe["queries"], metric=recipe["metric"])

    @cached_property
    def fingerprint(self) -> str:
        """Name what decides the vectors: a digest of the document file and of its ids."""
        state = blake2b(digest_size=16)
        ids = [self.documents.with_suffix(".ids")] if self.kind == "dense" else []
        try:
            for path in (self.documents, *ids):
                _check_plain(path)
                with path.open("rb") as file:
                    while block := file.read(2**20):
                        state.update(block)
        except (OSError, InvalidInput) as error:
            raise EncoderUnavailable(f"vectors {self.documents} cannot be read: {error}") from error
        return f"precomputed:{state.hexdigest()}"

    def encode_documents(self, docnos: Sequence[str]) -> DenseVectors | SparseVectors:
        """Return the vectors of documents, by docno."""
        return self._take(self._document_rows, docnos, self.documents)

    def encode_queries(self, ids: Sequence[str]) -> DenseVectors | SparseVectors:
        """Return the vectors of queries, by query id."""
        if self.queries is None:
            raise EncoderUnavailable(
                f"no query vectors beside {self.documents}: pass a file of them, or pass vectors"
            )
        return self._take(self._query_rows, ids, self.queries)

    @cached_property
    def _document_rows(self) -> "_Rows":
        return _read(self.documents)

    @cached_property
    def _query_rows(self) -> "_Rows":
        assert self.queries is not None
        return _read(self.queries)

    def _take(self, rows: "_Rows", ids: Sequence[str], path: Path) -> DenseVectors | SparseVectors:
        missing = [key for key in ids if key not in rows]
        if missing:
            raise EncoderUnavailable(
                f"{path} has no vector for {missing[0]!r}"
                + (f" and {len(missing) - 1} more ids" if len(missing) > 1 else "")
                + ": add them to the file, or pass vectors"
            )
        if self.kind == "sparse":
            return SparseVectors.of_rows(rows[key] for key in ids)
        dimension = len(next(iter(rows.values()))) if rows else 1
        return DenseVectors.of(np.array([rows[key] for key in ids]).reshape(-1, dimension))


_Rows = Mapping[str, Any]


def _check_plain(path: Path) -> None:
    """Raise unless a path leads to a plain file, without opening it.

    It can come from a stranger's manifest, and a pipe or `/dev/zero` has no end.
    """
    if not path.is_file():
        raise InvalidInput(f"no file of vectors at {path}: it is missing, or no plain file")


def _read(path: Path) -> _Rows:
    _check_plain(path)
    pairs = _read_npy(path) if path.suffix == ".npy" else _read_jsonl(path)
    rows: dict[str, Any] = {}
    for key, row in pairs:
        if rows.setdefault(key, row) is not row:
            raise InvalidInput(f"{path} has two vectors for {key!r}: keep one")
    return rows


def _read_npy(path: Path) -> Iterator[tuple[str, Any]]:
    names = path.with_suffix(".ids")
    if not names.is_file():
        raise InvalidInput(f"{path} has no ids beside it: write one id per line to {names}")
    try:
        with names.open(encoding="utf-8") as file:
            ids = [line.rstrip("\n") for line in file]
        values = np.lib.format.open_memmap(path, mode="r")
    except _NO_NPY as error:  # also objects, which would be read with pickle
        raise InvalidInput(
            f"{path} is no npy file with ids beside it: {str(error)[:200]}"
        ) from error
    if values.ndim != 2 or len(values) != len(ids) or not 0 < values.shape[1] <= DIMENSION_MAX:
        raise InvalidInput(
            f"{path} has shape {values.shape}, {names} has {len(ids)} ids: a row for each, of 1 to "
            f"{DIMENSION_MAX:,} numbers"
        )
    return zip(ids, values, strict=True)


def _read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, float]]]:
    try:
        with _OPENERS.get(path.suffix, open)(path, "rb") as file:
            yield from _records(file, path)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error


def _records(file: IO[Any], path: Path) -> Iterator[tuple[str, dict[str, float]]]:
    lines = iter(lambda: file.readline(VECTOR_LINE_BYTES_MAX + 1), b"")
    for number, line in enumerate(lines, 1):
        if len(line) > VECTOR_LINE_BYTES_MAX:
            raise InvalidInput(f"{path}:{number} has more than {VECTOR_LINE_BYTES_MAX:,} bytes")
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            yield str(record["id"]), {str(t): float(w) for t, w in record["vector"].items()}
        except _NO_RECORD as error:
            raise InvalidInput(
                f'{path}:{number} is not {{"id": …, "vector": {{term: weight}}}}: '
                + repr(error)[:200]
            ) from error
