"""Real ColBERTv2 vectors, quantised by PLAID to two bits; skipped where they are not at hand.

Set RETRIEVAL_DATA to a folder with `lotte500_colbertv2/`, or put it beside the checkout as
`shared/data`. The authors' scores are of the vectors before they were quantised, so rankings agree
with theirs only as far as quantised vectors can.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import reference
from comparison import one, same

from indexes.multivector import MultiVector
from indexes.vectors import MultiVectors

BESIDE = Path(__file__).parents[4] / "shared" / "data"
FOLDER = Path(os.environ.get("RETRIEVAL_DATA", BESIDE)) / "lotte500_colbertv2"

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the ColBERTv2 vectors are not here"),
]


@pytest.fixture(scope="module")
def stored():
    with np.load(FOLDER / "colbertv2_plaid2bit.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def documents(stored):
    codes = stored["codes"]
    bits = np.unpackbits(stored["residual_idx"], axis=1).reshape(len(codes), 128, 2)
    residuals = stored["bucket_weights"].astype(np.float32)[bits @ np.array([2, 1])]
    values = stored["centroids"].astype(np.float32)[codes] + residuals
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return MultiVectors.of(values, np.cumsum([0, *stored["doclens"]]))


@pytest.fixture(scope="module")
def queries(stored):
    return MultiVectors.of_rows(stored["query_embeddings"])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_search_is_brute_force(documents, queries, dtype):
    kept = MultiVectors.of(documents.values.astype(dtype), documents.offsets)
    found = MultiVector.build(kept).search(queries, 20)
    rows = [kept.row(i) for i in range(len(kept))]
    for query in (0, 41, 99):
        expected = reference.multivector_search(rows, [queries.row(query)], 20)
        same(one(found, query), expected)


def test_rankings_are_near_those_of_the_unquantised_vectors(documents, queries):
    topics = (FOLDER / "queries.dev.tsv").read_text().splitlines()
    names = [line.partition("\t")[0] for line in topics]
    published = {name: [] for name in names}
    for line in (FOLDER / "maxsim_exact_top50.tsv").read_text().splitlines():
        name, ordinal, _, score = line.split("\t")
        published[name].append((int(ordinal), float(score)))
    index = MultiVector.build(documents)
    ids = np.array([[ordinal for ordinal, _ in published[name]] for name in names])
    scores = index.score(queries, ids)
    theirs = np.array([[score for _, score in published[name]] for name in names])
    correlations = [np.corrcoef(*pair)[0, 1] for pair in zip(scores, theirs, strict=True)]
    assert np.mean(correlations) == pytest.approx(0.935, abs=0.001)
    ours = index.search(queries, 10).ids
    shared = [
        len({*a} & {*b}) / 10 for a, b in zip(ours.tolist(), ids[:, :10].tolist(), strict=True)
    ]
    assert np.mean(shared) == pytest.approx(0.774, abs=0.001)
