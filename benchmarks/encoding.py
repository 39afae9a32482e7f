"""Dense encoding on a processor: ours beside a plain `SentenceTransformer(model).encode(texts)`.

    python -m benchmarks.encoding TEXTS.jsonl [TEXTS.jsonl …] [--texts N] [--quick] [--json FILE]

TEXTS are JSON lines with a `text` and perhaps a `title`, plain or .xz; evenly many are taken from
each file, evenly spaced. Every system encodes the same texts in every round, tokenising included,
with the packaged all-MiniLM-L6-v2 on all cores; a query is one title or first sentence, encoded
alone on one thread. `cosine` is that of document vectors with the plain call's.
"""

import argparse
import json
import lzma
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from benchmarks.harness import ROUNDS, build_times, latencies, write_json
from encoders.checkpoint import MINILM, locate
from encoders.dense import Dense
from encoders.inference import one_thread

N_QUERIES = 100
PACKAGES = ("retrieval-engine", "torch", "sentence-transformers", "transformers", "tokenizers")

Encode = Callable[[list[str]], Any]


@dataclass(frozen=True, slots=True)
class Speed:
    """One system over all texts; `ratio` is the plain call's time over its own."""

    system: str
    n_texts: int
    texts_per_s: float
    ratio: float
    query_ms_p50: float
    query_ratio: float
    cosine_mean: float
    cosine_min: float


def read(path: Path, n_texts: int) -> list[str]:
    """Return evenly spaced texts of a file, title first."""
    content = path.read_bytes()
    lines = (lzma.decompress(content) if path.suffix == ".xz" else content).splitlines()
    records = [json.loads(line) for line in lines]
    chosen = np.linspace(0, len(records) - 1, min(n_texts, len(records)), dtype=int)
    return [" ".join(filter(None, (records[i].get("title"), records[i]["text"]))) for i in chosen]


def plain(model: SentenceTransformer, texts: list[str]) -> NDArray[np.float32]:
    """Encode as the documentation of sentence-transformers does; a single text on one thread."""
    if len(texts) > 1:
        return np.asarray(model.encode(texts, show_progress_bar=False))
    with one_thread():
        return np.asarray(model.encode_query(texts, show_progress_bar=False))


def ours(encoder: Dense, texts: list[str]) -> NDArray[np.float32]:
    """Encode through our adapter."""
    encode = encoder.encode_documents if len(texts) > 1 else encoder.encode_queries
    return encode(texts).values


def compare(texts: list[str], rounds: int) -> list[Speed]:
    """Return a row per system, the plain call first."""
    model = SentenceTransformer(str(locate(MINILM)), device="cpu")
    default, exact = Dense(device="cpu"), Dense(device="cpu", precision="float32")
    systems: dict[str, Encode] = {
        "plain encode": lambda some: plain(model, some),
        f"ours (default, {default.precision})": lambda some: ours(default, some),
        "ours (float32)": lambda some: ours(exact, some),
    }
    for encode in systems.values():
        encode(texts[:8])
    times, made = build_times({n: lambda e=e: e(texts) for n, e in systems.items()}, rounds)
    queries = [text.partition(". ")[0][:120] for text in texts[:N_QUERIES]]
    singles = latencies({n: lambda q, e=e: e([q]) for n, e in systems.items()}, queries, rounds)
    base, *_ = systems
    return [
        Speed(
            name, len(texts), len(texts) / times[name], times[base] / times[name],
            singles[name][0] / 1e3, singles[base][0] / singles[name][0],
            *cosines(made[name], made[base]),
        )
        for name in systems
    ]  # fmt: skip


def cosines(found: NDArray[np.float32], truth: NDArray[np.float32]) -> tuple[float, float]:
    """Return the mean and the least cosine of rows that belong together."""
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(truth, axis=1)
    each = (found * truth).sum(axis=1) / norms
    return float(each.mean()), float(each.min())


def show(rows: Sequence[Speed]) -> None:
    """Print a table."""
    print(
        f"{'system':<26}{'texts/s':>9}{'ratio':>7}{'query ms':>10}{'ratio':>7}"
        f"{'cos mean':>10}{'cos min':>9}"
    )
    for row in rows:
        print(
            f"{row.system:<26}{row.texts_per_s:>9.1f}{row.ratio:>7.2f}{row.query_ms_p50:>10.2f}"
            f"{row.query_ratio:>7.2f}{row.cosine_mean:>10.6f}{row.cosine_min:>9.6f}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--texts", type=int, default=300)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    each = -(-options.texts // len(options.files))
    texts = [text for path in options.files for text in read(path, each)]
    rows = compare(texts, 2 if options.quick else ROUNDS)
    show(rows)
    if options.json:
        write_json(rows, options.json, PACKAGES)


if __name__ == "__main__":
    main()
