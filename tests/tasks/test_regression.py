"""Numbers of a table of one's own, from training to an exported file; and what is refused."""

import csv
import json

import numpy as np
import pytest


def write_table(path, rows=400):
    """Rents by size and distance, with a deviation of 20."""
    generator = np.random.default_rng(0)
    size, distance = generator.uniform(20, 120, rows), generator.uniform(0, 30, rows)
    rent = 100 + 12 * size - 9 * distance + generator.normal(0, 20, rows)
    lines = [f"{a:.2f},{b:.2f},{c:.2f}" for a, b, c in zip(size, distance, rent, strict=True)]
    path.write_text("\n".join(["size,distance,rent", *lines]) + "\n")


OWN = ["--dataset=csv", "--data_dir=rents.csv"]
TRAIN = ["--model=diabetes_mlp", *OWN, "--epochs=80", "--batch_size=32", "--set=training.optimizer.weight_decay=0.001"]


@pytest.mark.slow
def test_a_table_of_numbers_from_training_to_export(run_script, tmp_path):
    def run(script, *flags, status=0):
        done = run_script(script, *flags)
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr

    write_table(tmp_path / "rents.csv")
    assert "test RMSE" in run("train", *TRAIN, "--learning_rate=0.01")
    (folder,) = (tmp_path / "runs/diabetes_mlp").iterdir()
    results = json.loads((folder / "results.json").read_text())["test"]
    low, high = results["rmse"]["interval"]
    assert 10 < low < results["rmse"]["value"] < high < 60 and 0.98 < results["r2"]["value"] < 1
    assert (folder / "residuals.png").stat().st_size > 1000 and not (folder / "confusion_matrix.png").exists()
    with (folder / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    best = min(history, key=lambda row: float(row["validation_rmse"]))
    validation = json.loads((folder / "results.json").read_text())["validation"]["rmse"]["value"]
    last = float(history[-1]["validation_rmse"])  # few rows: the recipe's fit keeps the last epoch
    assert validation == pytest.approx(last, rel=1e-4) and float(best["validation_rmse"]) <= last

    assert json.loads(run("evaluate", f"--run={folder}", "--json"))["results"] == results
    (tmp_path / "new.csv").write_text("distance,size\n10,50\n")
    ((answer),) = json.loads(run("predict", f"--run={folder}", "new.csv", "--json"))
    assert answer["value"] == pytest.approx(100 + 600 - 90, abs=40)
    ((answer),) = json.loads(run("predict", f"--run={folder}", "new.csv", "--json", "--explain"))
    assert [one["column"] for one in answer["columns"]] == ["size", "distance"]  # 50 m² are below the mean
    assert answer["explained"] == "rent" and answer["columns"][0]["score"] < 0 < answer["columns"][1]["score"]

    run("baseline", *OWN, "--task=regression", "--models=ridge")
    (rows,) = json.loads(run("compare", "--format=json", "--columns=rank,model,rmse,difference,p,verdict"))
    assert [row["rmse"] for row in rows] == sorted(row["rmse"] for row in rows)  # the least first
    by_name = {row["model"]: row for row in rows}
    assert set(by_name) == {"ridge", "diabetes_mlp"} and by_name["ridge"]["rmse"] < 30
    assert rows[0]["verdict"] == "best" and rows[1]["difference"] > 0 and rows[1]["p"] is not None
    run("compare", "--format=html", "--output=page.html")
    page = (tmp_path / "page.html").read_text()
    assert "rmse" in page and '"title":"ROC' not in page

    files = json.loads(run("export", f"--run={folder}", "--format=onnx", "--json"))[0]
    made = files[0] if isinstance(files, list) else files
    assert made["failed"] == [] and made["metric"] == "rmse" and made["max_abs_difference"] < 0.03
    assert made["rmse_change"]["value"] == pytest.approx(0, abs=0.01)


def test_a_column_of_many_numbers_asks_what_it_is_for(run_script, tmp_path):
    write_table(tmp_path / "rents.csv", 120)
    for script, flags in (
        ("train", ["--model=binary_mlp", *OWN]),
        ("baseline", OWN),
        ("prepare_data", OWN),
    ):
        done = run_script(script, *flags)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert "--task=regression" in done.stderr and "--task=classification" in done.stderr
    done = run_script("train", "--model=binary_mlp", *OWN, "--task=regression")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "binary_mlp" in done.stderr and "diabetes_mlp" in done.stderr


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["nan"], ["rents.csv:6", "'rent'", "'nan'"]),
        (["inf"], ["rents.csv:6", "'inf'"]),
        (["much"], ["rents.csv:6", "'much'"]),
        ([""], ["rents.csv:6", "label is missing"]),
        (["1e99"], ["rents.csv:6", "'1e99'"]),
        (["7"] * 60, ["'rent'", "only 7", "constant"]),
        (["yes", "no"] * 30, ["rents.csv:2", "'rent'", "'yes' is no number", "a model of classification"]),
        (['"7,5"', '"8,5"'] * 30, ["rents.csv:2", "write decimals with a point"]),
    ],
)
def test_targets_that_are_none_end_with_the_row(run_script, tmp_path, cells, words):
    good = [str(number) for number in range(60)]
    targets = cells if len(cells) > 1 else [*good[:4], *cells, *good[5:]]
    rows = [f"{number},{cell}" for number, cell in enumerate(targets)]
    (tmp_path / "rents.csv").write_text("\n".join(["size,rent", *rows]) + "\n")
    done = run_script("train", "--model=diabetes_mlp", *OWN)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "flags", "words"),
    [
        ("train", ["--model=diabetes_mlp", "--dataset=xor"], ["diabetes_mlp", "xor"]),
        ("train", ["--model=binary_mlp", "--dataset=diabetes"], ["binary_mlp", "diabetes"]),
        ("train", ["--model=diabetes_mlp", "--dataset=mnist"], ["reads tables"]),
        ("train", ["--model=diabetes_mlp", "--set=training.label_smoothing=0.1"], ["label_smoothing"]),
        ("train", ["--model=diabetes_mlp", "--set=training.class_weights=balanced"], ["class_weights"]),
        ("train", ["--model=diabetes_mlp", "--task=regresion"], ["regression"]),
        ("pretrain", ["--model=diabetes_mlp"], ["diabetes_mlp"]),
        ("baseline", ["--dataset=diabetes", "--models=linear_svm"], ["linear_svm", "ridge"]),
        ("baseline", ["--dataset=xor", "--models=ridge"], ["ridge", "linear_svm"]),
        ("list_models", ["--task=image_classification"], ["image_classification", "classification"]),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_work(run_script, tmp_path, script, flags, words):
    done = run_script(script, *flags)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr
    assert not (tmp_path / "runs").exists()
