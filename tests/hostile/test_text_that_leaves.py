"""Names that somebody chose to harm the reader come out of runs, models and files as harmless text."""

import csv
import io
import json
import os
import re

import numpy as np
import pytest
import record_files

from zoo.comparison import model_cards, receipts, report, table
from zoo.datasets.catalog import list_datasets
from zoo.drawing import figures, highlight
from zoo.evaluation.evaluate import results_table
from zoo.evaluation.predict import predictions_table, write_predictions
from zoo.measures.classes import classification_results
from zoo.tasks.catalog import get_task

TASK = get_task("classification")

NAMES = [
    "\x1b[31mred\x1b]0;title\x07", "=cmd|'/C calc'!A0", '=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(1)",
    "a|b", "<script>alert(1)</script>", "two\nlines", "\u202egnp", "\x9b31m", "](javascript:alert(1))", "`x`",
    "{{ 7 * 7 }}", "$\\frac{1}{0}$", "' onmouseover='alert(1)", "&lt;", "%s{0}", "-1",
]  # fmt: skip


def is_harmless(text: str) -> bool:
    return all(character.isprintable() or character == "\n" for character in text)


@pytest.fixture
def runs(tmp_path):
    """A run a name, which is that of its model, its dataset and its device."""
    for number, name in enumerate(NAMES):
        run = record_files.good_run(tmp_path / "runs", f"m{number}")
        run.update_record(model=name, dataset="=1+1\x1b|<b>", device=name, command=f"python {name}")
        run.write_json("labels.json", {"label_names": [name, "other"], "task": "table_classification"})
        run.write_json("results.json", run.results | {"test": run.results["test"] | {"note": name}})
        if "\n" not in name:
            run.write_text("config.yaml", run.path.joinpath("config.yaml").read_text().replace(f"m{number}", "m"))
            with open(run.path / "config.yaml", "a") as file:
                file.write(f"# {number}\n")
    return tmp_path / "runs"


@pytest.mark.parametrize("form", ["terminal", "markdown", "csv", "json"])
def test_the_comparison(runs, form):
    results, left_out = table.read_results(table.find_runs([str(runs)]))
    assert len(results) == len(NAMES) and not left_out
    tables = table.compare(results)
    text = table.render(tables, ["model", "dataset", "accuracy", "difference", "device"], form)
    assert is_harmless(text)
    if form == "csv":
        rows = list(csv.reader(io.StringIO(text)))
        assert not any(re.match(r"\s*[=+@-]\D", cell) for row in rows for cell in row)
        assert float(rows[1][2]) == 0.9
    if form == "markdown":
        assert not re.search(r"(?<!\\)`|<[a-z/]|\]\(", text)
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line} == {6}
    if form == "json":
        assert {row["model"] for rows in json.loads(text) for row in rows} == set(NAMES)


@pytest.mark.slow
def test_the_report(runs):
    results, left_out = table.read_results(table.find_runs([str(runs)]))
    page = report.html_page(results, left_out, None)
    assert "<script>alert" not in page and "|<b>" not in page
    assert "' onmouseover='alert" not in page
    assert not set(page) & set("\x1b\x07\x9b\u202e")
    for embedded in re.findall(r'<script type="application/json">(.*?)</script>', page):
        json.loads(embedded)


def test_the_script(runs, run_bounded, tmp_path):
    done = run_bounded("compare")
    assert done.returncode == 0 and is_harmless(done.stdout) and is_harmless(done.stderr)
    (runs / "m0/20260101-000000-abcdef/run.json").write_text(json.dumps({"status": "\x1b[31m\nfinished"}))
    done = run_bounded("compare", "--format=csv", "--output=out.csv", "--write_leaderboard=leaders.csv")
    assert done.returncode == 0 and is_harmless(done.stdout) and is_harmless(done.stderr)
    assert "m0/20260101-000000-abcdef: left out" in done.stderr
    for name in ("out.csv", "leaders.csv"):
        rows = list(csv.reader((tmp_path / name).open(encoding="utf-8")))
        assert len(rows) == len(NAMES) and not any(re.match(r"\s*[=+@-]\D", cell) for row in rows for cell in row)


def test_predictions(tmp_path):
    name = os.fsdecode(b"pictures/\xff\x1b[31m.png")
    predictions = [
        {"name": name, "label": label, "probability": 0.5, "probabilities": {label: 0.5} | dict.fromkeys(NAMES, 0.1)}
        for label in NAMES
    ]
    assert is_harmless(predictions_table(TASK, predictions, top=9))
    write_predictions(TASK, predictions, tmp_path / "out.csv")
    rows = list(csv.reader((tmp_path / "out.csv").open(encoding="utf-8")))
    assert len(rows) == 1 + len(NAMES) and float(rows[1][2]) == 0.5
    for row in rows:
        assert is_harmless("".join(row)) and not any(re.match(r"\s*[=+@-]\D", cell) for cell in row)
    words = [[("\x1b[2J<b>", 0.5)]] * len(NAMES)
    page = tmp_path / "page.html"
    highlight.write_html([name] * len(NAMES), np.array(NAMES, object), predictions, words, page)
    text = page.read_text()
    assert not set(text) & set("\x1b\x07\x9b\u202e") and "<script>" not in text and "<b>" not in text


def test_figures_and_tables_of_an_evaluation(tmp_path):
    labels = np.arange(len(NAMES))
    probabilities = np.roll(np.eye(len(NAMES), dtype="float32"), 1, axis=1)
    results = classification_results(probabilities, labels, NAMES)
    evaluation = {"model": NAMES[0], "dataset": NAMES[8], "split": "test", "results": results, "task": TASK.name}
    assert is_harmless(results_table(evaluation))
    figures.save_confusion_matrix(results, NAMES, tmp_path / "matrix.png")
    ids = np.array([os.fsdecode(b"\xff"), *NAMES[1:]])
    figures.save_worst_mistakes(np.zeros((len(NAMES), 3)), labels, probabilities, ids, NAMES, tmp_path / "list.png")
    images = np.zeros((len(NAMES), 8, 8, 1), "uint8")
    figures.save_worst_mistakes(images, labels, probabilities, ids, NAMES, tmp_path / "mistakes.png")
    assert all((tmp_path / f"{name}.png").stat().st_size > 1000 for name in ("matrix", "list", "mistakes"))


def test_the_leaderboard_and_the_cards(tmp_path):
    """Rows that hostile runs put into docs/leaderboard.csv."""
    row = dict.fromkeys(receipts.COLUMNS, "1") | {"low": "0.4", "high": "0.6", "seconds": "1.0"}
    row |= {"metric": "accuracy", "value": "0.5"}
    path = tmp_path / "leaderboard.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, receipts.COLUMNS)
        writer.writeheader()
        writer.writerows(row | dict.fromkeys(("model", "dataset", "device", "versions", "command"), n) for n in NAMES)
    rows = receipts.read_leaderboard(path)
    for text in (model_cards._table(rows), *map(model_cards._figures, rows)):
        assert is_harmless(text)
        lines = [line for line in text.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
        outside_code = re.sub(r"(?<!\\)`[^`]*`", "", text)
        assert not re.search(r"<[a-z/]|\]\(java", outside_code)
    for column, value in (("value", "nan"), ("parameters", "9" * 5000), ("seconds", "=1"), ("test_rows", "-1")):
        path.write_text(",".join(receipts.COLUMNS) + "\n" + ",".join((row | {column: value}).values()) + "\n")
        with pytest.raises(receipts.ZooError, match=f"1: {column} is"):
            receipts.read_leaderboard(path)


def test_own_names_are_never_changed():
    for info in list_datasets():
        for name in (info.name, *(info.label_names or ())):
            assert is_harmless(name) and receipts.spreadsheet_cell(name) == name
