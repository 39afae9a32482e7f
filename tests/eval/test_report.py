import json
from dataclasses import asdict
from io import StringIO

from rich.console import Console

from eval.report import EvalRow, table, write_json

ROWS = [
    EvalRow("scifact", "bm25", "nDCG@10", 0.679, 300, latency_us_p50=250.0, index_bytes=4_200_000),
    EvalRow("scifact", "bm25", "R@100", 0.9, 300, latency_us_p50=250.0, index_bytes=4_200_000),
    EvalRow("scifact", "hybrid", "nDCG@10", 0.72, 300, p_value=0.01),
    EvalRow("scifact", "hybrid", "R@100", 0.88, 300, p_value=0.04),
    EvalRow("scifact", "dense [x]", "nDCG@10", 0.645, 300, p_value=0.3),
]


def shown(rows, baseline=None):
    console = Console(file=StringIO(), width=120, color_system=None)
    console.print(table(rows, baseline))
    return console.file.getvalue()


def line(text, system):
    return next(one for one in text.splitlines() if system in one)


def test_json_rows_carry_every_field(tmp_path):
    write_json(ROWS, tmp_path / "rows.json")
    assert json.loads((tmp_path / "rows.json").read_text()) == [asdict(row) for row in ROWS]
    write_json([], tmp_path / "rows.json")
    assert json.loads((tmp_path / "rows.json").read_text()) == []


def test_table_has_a_line_per_system_and_marks_what_differs():
    text = shown(ROWS, baseline="bm25")
    assert [word in text for word in ("nDCG@10", "R@100", "p50 ms", "MB", "300 queries")] == [
        True
    ] * 5
    assert [word in line(text, "bm25 ") for word in ("0.6790", "0.9000", "0.25", "4.2")] == [
        True
    ] * 4
    assert "0.7200 ▲" in line(text, "hybrid")
    assert "0.8800 ▼" in line(text, "hybrid")
    assert "▲" not in line(text, "dense [x]")
    assert "p < 0.05" in text


def test_table_without_a_baseline_has_no_marks():
    text = shown(ROWS)
    assert "▲" not in text
    assert "p < 0.05" not in text


def test_the_best_value_is_bold():
    laid_out = table(ROWS)
    cells = list(laid_out.columns[2].cells)
    assert [str(cell.style) for cell in cells] == ["", "bold", ""]


def test_no_rows_is_an_empty_table():
    assert table([]).row_count == 0
