"""From a trained run to every column of the table: corruptions, slices, baselines, latency. Real digits, 8×8."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.runs import Run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of mnist_mlp on scikit-learn's digits, read from a folder of pictures of each class."""
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("digits")
    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = folder / "pictures" / str(label) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 255 / 16).astype("uint8")).save(path)
    overrides = {
        "dataset.name": "image_folder",
        "dataset.data_dir": str(folder / "pictures"),
        "dataset.augmentation": {},
        "training.epochs": 30,
        "training.batch_size": 64,
        "training.optimizer": {"name": "adam", "learning_rate": 0.003},
    }
    return zoo.train(zoo.load_config("mnist_mlp", overrides=overrides), folder / "runs", show_progress=False)


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the run at runs/mnist_mlp/one."""
    return Run(shutil.copytree(trained.path, tmp_path / "runs" / "mnist_mlp" / "one"))


def answer(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_run_says_what_compare_needs(run):
    assert run.record["flops"] == pytest.approx(2 * (64 * 64 + 64 * 64 + 64 * 10), rel=0.1)
    with np.load(run.path / "validation_predictions.npz") as stored:
        accuracy = (stored["answers"].argmax(axis=1) == stored["targets"]).mean()
    assert accuracy == run.results["validation"]["accuracy"]["value"]


def test_accuracy_falls_with_severity_and_comes_into_the_table(run, run_script):
    outcome = answer(run_script("evaluate", "--run=runs/*/*", "--corruptions", "--json"))
    assert outcome["clean"] == run.results["test"]["accuracy"]["value"] > 0.9
    by_severity = np.mean(list(outcome["values"].values()), axis=0)
    assert len(outcome["values"]) == 6 and outcome["clean"] > by_severity[0]
    assert (np.diff(by_severity) < 0).all() and by_severity[-1] < 0.6
    assert outcome["mean"] == pytest.approx(by_severity.mean())
    again = answer(run_script("evaluate", "--run=runs/mnist_mlp/one", "--corruptions", "--json"))
    assert again == outcome and run.read_json("corruptions.json")["values"] == outcome["values"]
    columns = "--columns=corrupted_accuracy"
    assert answer(run_script("compare", "--format=json", columns)) == [[{"corrupted_accuracy": outcome["mean"]}]]
    run.write_json("corruptions.json", run.read_json("corruptions.json") | {"version": 0})
    process = run_script("compare", "--format=json", columns)
    assert answer(process) == [[{"corrupted_accuracy": None}]] and "corruptions.json left out" in process.stderr


def test_one_bad_run_does_not_cost_the_others_theirs(run, run_script, tmp_path):
    broken = shutil.copytree(run.path, tmp_path / "runs" / "mnist_mlp" / "broken")
    (broken / "model.keras").write_text("no zip")
    done = run_script("evaluate", "--run=runs/*/*", "--json")
    assert done.returncode == 2 and done.stderr.count("error: ") == 1 and "broken/model.keras" in done.stderr
    (outcome,) = json.loads(done.stdout)
    assert outcome["results"] == run.results["test"]


def test_slices_by_label(run, run_script):
    slices = answer(run_script("evaluate", f"--run={run.path}", "--slice_by=label", "--json"))["slices"][0]
    recalls = {name: values["recall"] for name, values in run.results["test"]["per_class"].items()}
    assert {one["slice"]: one["accuracy"] for one in slices["slices"]} == pytest.approx(recalls)
    assert recalls[slices["worst"]] == min(recalls.values())
    assert "worst slice: " in run_script("evaluate", f"--run={run.path}", "--slice_by=label").stdout


def test_baselines_stand_in_the_table_of_the_run(run, run_script):
    done = run_script("baseline", f"--run={run.path}", fresh=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("validation accuracy") == 6
    columns = "--columns=model,accuracy,nll_scaled,parameters,flops,latency_ms,throughput,latency_device,size_mib"
    process = run_script("compare", "--measure_latency", "--format=json", columns)
    (rows,) = answer(process)
    assert {row["model"] for row in rows} == {"mnist_mlp", "logistic_regression", "linear_svm"}
    assert "linear_svm: no model.keras to measure" in process.stderr
    for row in rows:
        assert row["accuracy"] > 0.8 and 0 < row["nll_scaled"] < 1 and row["flops"] and row["latency_device"]
        assert 0 < row["latency_ms"] < 1000 and row["throughput"] > 100
    linear = next(row for row in rows if row["model"] == "linear_svm")
    assert linear["parameters"] == 65 * 10 and linear["size_mib"] is None
    # What was measured is kept.
    (again,) = answer(run_script("compare", "--format=json", columns))
    assert {row["model"]: row["latency_ms"] for row in again} == {row["model"]: row["latency_ms"] for row in rows}


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("evaluate", ["--run=a", "--corruptions", "--slice_by=label"], "--corruptions goes with --run"),
        ("evaluate", ["--model_file=m.keras", "--corruptions"], "--corruptions goes with --run"),
        ("evaluate", ["--corruptions"], "--corruptions judges runs"),
        ("evaluate", ["--run=nowhere", "--corruptions"], "nowhere: no such run directory"),
        ("baseline", [], "neither of --dataset and --run given"),
        ("baseline", ["--dataset=mnsit"], "did you mean mnist"),
        ("baseline", ["--dataset=xor", "--models=linear_svc"], "no such baseline; did you mean linear_svm"),
        ("baseline", ["--dataset=csv", "--data_dir=none.csv"], "none.csv: no such file"),
        ("baseline", ["--dataset=xor", "--runs_dir=/proc/runs"], "--runs_dir=/proc/runs: cannot be written"),
    ],
)
def test_mistakes_end_in_one_line(run_script, tmp_path, script, arguments, message):
    done = run_script(script, *arguments, fresh=script == "baseline")
    assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()
