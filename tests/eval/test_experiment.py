"""The evaluation command: a dataset in BEIR layout, systems, runs, rows, reuse."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import retrieval.sample
from eval.datasets import open_dataset
from eval.experiment import Plan, indexed, run_systems, score
from eval.measures import evaluate
from retrieval.cli import main
from retrieval.errors import InvalidInput, UnknownName
from retrieval.run import Run


@pytest.fixture
def vectors(tmp_path: Path) -> str:
    """Precomputed dense vectors for the sample: hashed words, so that no model is needed."""
    dataset = open_dataset(retrieval.sample.path())
    documents = [found.document for found in dataset.documents()]
    texts = {
        "d": {document.docno: document.contents for document in documents},
        "q": dict(dataset.queries),
    }
    for name, by_id in texts.items():
        rows = [
            np.bincount([hash_of(w) for w in t.lower().split()], None, 64) for t in by_id.values()
        ]
        np.save(tmp_path / f"{name}.npy", np.array(rows, np.float32))
        (tmp_path / f"{name}.ids").write_text("\n".join(by_id))
    return f"mine=precomputed:{tmp_path / 'd.npy'}::{tmp_path / 'q.npy'}"


def hash_of(word: str) -> int:
    return sum(word.encode()) % 64


def test_plans_read_systems() -> None:
    asked = Plan.of(["bm25", "dense:x/y", "hybrid"]).recipe
    assert asked.representations == {"bm25": "bm25", "dense": "dense:x/y"}
    assert asked.systems == {"hybrid": {"fuse": ["bm25", "dense"]}}
    assert Plan.of(["hybrid"]).recipe.representations == {"bm25": "bm25", "dense": "dense"}
    assert Plan.of(["a=dense:/m", "b=bm25"]).names == ("a", "b")


def test_eval_scores_runs_and_reuses_the_index(
    vectors: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "eval", str(retrieval.sample.path()), "--systems", f"bm25,{vectors},hybrid",
        "--baseline", "bm25", "--cache", str(tmp_path / "cache"),
        "--run-dir", str(tmp_path / "runs"), "--json", str(tmp_path / "rows.json"),
    ]  # fmt: skip
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("bm25", "mine", "hybrid", "nDCG@10", "R@100"))
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert {(row["system"], row["measure"]) for row in rows} == {
        (system, measure)
        for system in ("bm25", "mine", "hybrid")
        for measure in ("nDCG@10", "R@100")
    }
    assert all(row["n_queries"] == 30 and row["index_bytes"] > 0 for row in rows)
    (manifest,) = (tmp_path / "cache").glob("sample-*.idx/manifest.json")
    segments = json.loads(manifest.read_text())["body"]["segments"]
    assert main(arguments) == 0
    assert json.loads(manifest.read_text())["body"]["segments"] == segments
    manifest.write_text(manifest.read_text().replace('"generation": ', '"generation": 1'))
    assert main(arguments) == 0  # a damaged index is made again
    assert len(json.loads(manifest.read_text())["body"]["segments"]) == len(segments)
    capsys.readouterr()
    run = tmp_path / "runs" / "sample.test.bm25.run"
    scored = tmp_path / "scored.json"
    assert main(["eval", arguments[1], "--run", str(run), "--json", str(scored)]) == 0
    again = {row["measure"]: row["value"] for row in json.loads(scored.read_text())}
    first = {row["measure"]: row["value"] for row in rows if row["system"] == "bm25"}
    assert again == pytest.approx(first)


def test_a_recipe_is_evaluated_whole_and_by_parent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'chunking = "tokens:30:5"\n[representations]\nbm25 = "bm25"\nplain = "bm25:multilingual"\n'
        '[systems.sharp]\nretrieve = "bm25"\nsettings = { k1 = 2.0 }\n'
    )
    arguments = ["eval", str(retrieval.sample.path()), "--config", str(recipe)]
    arguments += ["--cache", str(tmp_path / "cache"), "--run-dir", str(tmp_path / "runs")]
    assert main([*arguments, "--json", str(tmp_path / "rows.json")]) == 0
    assert "a document counts by its best one" in capsys.readouterr().err
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert {row["system"] for row in rows} == {"bm25", "plain", "hybrid", "sharp"}
    found = Run.read(tmp_path / "runs" / "sample.test.bm25.run")
    assert not any("#" in docno for qid in found for docno, _ in found[qid])
    values = {row["system"]: row["value"] for row in rows if row["measure"] == "nDCG@10"}
    assert values["bm25"] > 0.4  # passages find what whole documents find, about as well
    assert values["sharp"] != values["bm25"]
    assert main(["eval", arguments[1], "--config", str(recipe), "--systems", "bm25"]) == 2


def test_mistakes_are_found_before_anything_is_indexed(tmp_path: Path) -> None:
    arguments = ["eval", str(retrieval.sample.path()), "--systems", "bm25"]
    for wrong in (["--baseline", "dense"], ["--measures", "nDGC@10"]):
        assert main([*arguments, *wrong, "--cache", str(tmp_path / "cache")]) == 1
    assert not (tmp_path / "cache").exists()


def test_a_representation_is_swapped_without_touching_the_others(
    vectors: str, tmp_path: Path
) -> None:
    dataset = open_dataset(retrieval.sample.path())
    first = indexed(dataset, Plan.of(["bm25"]), tmp_path)
    entry = first.snapshot.manifest.segments[0].files["bm25.index"]
    second = indexed(dataset, Plan.of(["bm25", vectors]), tmp_path)
    assert second.representations == ("bm25", "mine")
    assert second.snapshot.manifest.segments[0].files["bm25.index"] == entry


def test_rows_are_the_measures_of_the_runs(tmp_path: Path) -> None:
    dataset = open_dataset(retrieval.sample.path())
    plan = Plan.of(["bm25"])
    results = run_systems(indexed(dataset, plan, tmp_path), dataset, plan)
    rows = score(results, dataset, ["nDCG@10", "RR@10"])
    expected = evaluate(results["bm25"].run, dataset.qrels, ["nDCG@10", "RR@10"])
    assert {row.measure: row.value for row in rows} == dict(expected.mean)
    assert list(results["bm25"].run) == list(dataset.queries)


def test_the_querys_own_document_is_dropped_where_queries_are_documents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(tmp_path / "arguana.zip", "w") as archive:
        corpus = [{"_id": f"a{i}", "title": "", "text": f"claim number {i} here"} for i in range(5)]
        archive.writestr("arguana/corpus.jsonl", "\n".join(map(json.dumps, corpus)))
        queries = [{"_id": "a0", "text": "claim number 0 here"}]
        archive.writestr("arguana/queries.jsonl", "\n".join(map(json.dumps, queries)))
        archive.writestr("arguana/qrels/test.tsv", "query-id\tcorpus-id\tscore\na0\ta1\t1\n")
    arguments = ["eval", str(tmp_path / "arguana.zip"), "--systems", "bm25", "--measures", "RR@10"]
    assert main([*arguments, "--cache", str(tmp_path), "--json", str(tmp_path / "r.json")]) == 0
    assert "own document is dropped" in capsys.readouterr().err
    (row,) = json.loads((tmp_path / "r.json").read_text())
    assert row["value"] == 1.0  # a1 is first of the equal ones once a0 is gone


def test_mistakes_are_named(tmp_path: Path) -> None:
    dataset = open_dataset(retrieval.sample.path())
    plan = Plan.of(["bm25"])
    results = run_systems(indexed(dataset, plan, tmp_path), dataset, plan)
    with pytest.raises(InvalidInput, match="the baseline 'dense' was not evaluated"):
        score(results, dataset, ["nDCG@10"], baseline="dense")
    with pytest.raises(InvalidInput, match="nDGC"):
        score(results, dataset, ["nDGC@10"])
    with pytest.raises(UnknownName, match="it has test"):
        open_dataset(retrieval.sample.path(), split="dev")


def test_two_systems_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidInput, match="two representations are called 'dense'"):
        Plan.of(["dense:A", "dense:B"])
    assert Plan.of(["bm25", " hybrid"]).names == ("bm25", "hybrid")
