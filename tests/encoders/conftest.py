"""Tiny models, made once for all tests of the encoders."""

from collections.abc import Iterator
from pathlib import Path

import models
import pytest


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Iterator[Path]:
    """A folder that holds `dense`, `sparse`, `free`, `late` and `masked`, one model each."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("sentence_transformers")
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # several are slower for models this small
    folder = tmp_path_factory.mktemp("models")
    models.dense(folder / "dense", prompts={"query": "query ", "document": "document "})
    models.sparse(folder / "sparse")
    models.inference_free(folder / "free")
    models.late(folder / "late")
    models.late(folder / "masked", strategy="fixed", length=16, attend=False)
    yield folder
    torch.set_num_threads(before)
