"""compare.py on runs as training writes them, and on runs that are not as they should be."""

import csv
import io
import json

import numpy as np
import pytest

from zoo.runs import Run


@pytest.fixture
def write_run(tmp_path):
    def write(model, seed, right, digest="sha256:1", status="finished", rows=200):
        run = Run(tmp_path / "runs" / model / f"20260101-0000{seed:02}-abcdef")
        run.path.mkdir(parents=True)
        labels = np.arange(rows) % 2
        chosen = np.where(np.arange(rows) < right, labels, 1 - labels)
        run.write_json(
            "run.json",
            {"status": status, "model": model, "dataset": "points", "seed": seed, "data_digest": digest,
             "parameters": 1234, "wall_seconds": 2.0, "peak_memory_mib": 100, "device": "CPU"},
        )  # fmt: skip
        run.write_json("labels.json", {"label_names": ["no", "yes"]})
        figures = {"accuracy": {"value": right / rows}, "n": rows, "macro_f1": 0.5}
        figures |= {"negative_log_likelihood": 0.3, "expected_calibration_error": 0.1}
        run.write_json("results.json", {"test": figures})
        run.write_text("config.yaml", f"model: {{name: {model}}}\ndataset: {{}}\ntraining: {{seed: {seed}}}\n")
        np.savez(run.path / "predictions.npz", ids=np.arange(rows), labels=labels, probabilities=np.eye(2)[chosen])
        return run

    return write


def test_seeds_are_one_row_and_ties_are_said_in_words(write_run, run_script):
    for seed in range(3):
        write_run("good", seed, 190 + seed)
        write_run("equal", seed, 190 + (seed + 1) % 3 - 1)
        write_run("poor", seed, 120 + seed)
    tables = json.loads(run_script("compare", "--format=json").stdout)
    assert [row["model"] for row in tables[0]] == ["good", "equal", "poor"]
    assert [row["seeds"] for row in tables[0]] == [3, 3, 3]
    assert tables[0][0]["accuracy"] == pytest.approx(191 / 200)
    assert tables[0][1]["verdict"] == "not distinguishable from the best at n = 200"
    assert tables[0][2]["verdict"] == "worse than the best"


def test_runs_on_other_data_are_not_compared(write_run, run_script):
    write_run("one", 0, 190)
    write_run("other", 0, 20, digest="sha256:2")
    tables = json.loads(run_script("compare", "--format=json").stdout)
    assert [[row["verdict"] for row in rows] for rows in tables] == [["best"], ["best"]]


def test_bad_runs_are_named_and_the_rest_still_comes(write_run, run_script):
    write_run("good", 0, 190)
    write_run("unfinished", 0, 190, status="running")
    (write_run("cut", 0, 190).path / "predictions.npz").write_bytes(b"PK\x03\x04")
    (write_run("missing", 0, 190).path / "predictions.npz").unlink()
    (write_run("damaged", 0, 190).path / "run.json").write_text("{")
    (write_run("yaml", 0, 190).path / "config.yaml").write_text("a: [")
    np.savez(write_run("short", 0, 9).path / "predictions.npz", ids=[1], labels=[1], probabilities=[[0.0, 1.0]])
    write_run("old", 0, 190).write_json("results.json", {"test": {"accuracy": {"value": 1}, "n": 200}})
    process = run_script("compare", "--format=csv", "--columns=model,accuracy")
    assert process.returncode == 0
    assert list(csv.DictReader(io.StringIO(process.stdout))) == [{"model": "good", "accuracy": "0.9500"}]
    lines = process.stderr.splitlines()
    for name in ("unfinished", "cut", "missing", "damaged", "yaml", "short", "old"):
        assert sum(f"/{name}/" in line for line in lines) == 1, process.stderr
    assert "Traceback" not in process.stderr


def test_the_newest_run_of_a_seed_counts(write_run, run_script, tmp_path):
    write_run("one", 0, 100).path.rename(tmp_path / "runs/one/20250101-000000-abcdef")
    write_run("one", 0, 190)
    (row,) = json.loads(run_script("compare", "--format=json").stdout)[0]
    assert (row["seeds"], row["accuracy"]) == (1, 0.95)


@pytest.mark.parametrize("flag", ["--columns=acuracy", "--models=goood", "--runs_dir=nowhere"])
def test_mistakes_end_in_one_line(write_run, run_script, flag):
    write_run("good", 0, 190)
    process = run_script("compare", flag)
    assert process.returncode == 2
    assert process.stderr.startswith("error: ") and process.stderr.count("\n") == 1
