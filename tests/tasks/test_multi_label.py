"""Several labels a row of a table of one's own, from training to an exported file; and what is refused."""

import json

import numpy as np
import pytest

LABELS = ["sunny", "windy", "late"]


def write_table(path, rows=1500, odd=None):
    """`sunny` and `windy` follow from columns, `late` from both; `noise` says nothing."""
    generator = np.random.default_rng(0)
    a, b, noise = generator.normal(size=(3, rows))
    columns = [a + 0.3 * generator.normal(size=rows) > 1, b > 0.5, a + b > 2]
    lines = [
        f"{x:.3f},{y:.3f},{z:.3f},{'yes' if sunny else 'no'},{int(windy)},{str(bool(late)).lower()}"
        for x, y, z, sunny, windy, late in zip(a, b, noise, *columns, strict=True)
    ]
    path.write_text("\n".join(["a,b,noise,sunny,windy,late", *lines, *([odd] if odd else [])]) + "\n")


OWN = ["--dataset=csv", "--data_dir=days.csv"]
TRAIN = ["--model=birds_mlp", *OWN, "--epochs=15", "--learning_rate=0.01", "--set=model.options.dropout=0"]


@pytest.mark.slow
def test_a_table_of_several_labels_from_training_to_export(run_script, tmp_path):
    def run(script, *flags, status=0):
        done = run_script(script, *flags)
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr

    write_table(tmp_path / "days.csv")
    assert "test macro F1" in run("train", *TRAIN, f"--set=dataset.label=[{','.join(LABELS)}]")
    (folder,) = (tmp_path / "runs/birds_mlp").iterdir()
    results = json.loads((folder / "results.json").read_text())["test"]
    low, high = results["macro_f1"]["interval"]
    assert 0.7 < results["macro_f1"]["value"] <= 1 and low <= results["macro_f1"]["value"] <= high
    labels = json.loads((folder / "labels.json").read_text())
    assert labels["label_names"] == LABELS and len(labels["thresholds"]) == 3
    assert set(labels["thresholds"]) != {0.5} and (folder / "labels.png").stat().st_size > 1000
    said = [values["threshold"] for values in results["per_label"].values()]
    assert said == labels["thresholds"]
    assert json.loads(run("evaluate", f"--run={folder}", "--json"))["results"] == results
    # The file alone knows its thresholds.
    by_file = ["--dataset=csv", "--data_dir=days.csv", "--json", f"--model_file={folder / 'model.keras'}"]
    assert json.loads(run("evaluate", *by_file))["results"] == results

    (tmp_path / "new.csv").write_text("noise,a,b\n0,3,-2\n0,-2,-2\n")
    sunny, nothing = json.loads(run("predict", f"--run={folder}", "new.csv", "--json", "--explain"))
    assert sunny["labels"] == ["sunny"] and nothing["labels"] == [] and set(sunny["probabilities"]) == set(LABELS)
    assert sunny["explained"] == "sunny" and sunny["columns"][0]["column"] == "a"
    table = run("predict", f"--run={folder}", "new.csv", "--output=said.csv", "--explain")
    assert "(none)" in table and "sunny: a +" in table
    assert (tmp_path / "said.csv").read_text().startswith("file,late,sunny,windy,probability_late,")

    evaluated = json.loads(run("evaluate", f"--run={folder}", "--json", "--slice_by=windy,noise", "--importance"))
    windy, noise = evaluated["slices"]
    assert [one["slice"] for one in windy["slices"]] == ["0", "1"] and not noise["worse"]
    dropped = {one["column"]: one for one in evaluated["importance"]["columns"]}
    lost = min(dropped["a"]["drop"], dropped["b"]["drop"])
    assert min(dropped["a"]["interval"][0], dropped["b"]["interval"][0]) > 0.1 > dropped["noise"]["drop"] / lost - 0.2
    assert (folder / "slices.json").exists() and (folder / "importance.png").exists()

    run("baseline", f"--run={folder}")
    ((first, second),) = json.loads(run("compare", "--format=json", "--columns=model,macro_f1,micro_f1,p,verdict"))
    assert {first["model"], second["model"]} == {"birds_mlp", "logistic_regression_per_label"}
    ((made,),) = json.loads(run("export", f"--run={folder}", "--format=onnx", "--json"))
    assert made["failed"] == [] and made["max_abs_difference"] < 1e-4


@pytest.mark.parametrize(
    ("flags", "odd", "said"),
    [
        ([], None, "which columns are the labels? Name them: --set 'dataset.label=[a, b]'"),
        (["--set=dataset.label=sunny,wndy"], None, "no column 'wndy', which is to be the label; did you mean windy"),
        (["--set=dataset.label=sunny,sunny"], None, "dataset.label names 'sunny' twice"),
        (["--set=dataset.label=sunny,late"], "1,2,3,yes,1,perhaps", "column 'late': 'perhaps' is neither yes nor no"),
        (["--set=dataset.label=sunny,late"], "1,2,3,yes,1,", "the label is missing: 'late' is empty"),
        (["--set=dataset.label=a,b,noise,sunny,windy,late"], None, "all columns are labels"),
    ],
)
def test_bad_labels_are_one_line(run_script, tmp_path, flags, odd, said):
    write_table(tmp_path / "days.csv", rows=60, odd=odd)
    done = run_script("prepare_data", *OWN, "--task=multi_label", *flags)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_several_labels_do_not_go_with_another_task(run_script, tmp_path):
    write_table(tmp_path / "days.csv", rows=60)
    done = run_script("prepare_data", *OWN, "--task=classification", "--set=dataset.label=[sunny,late]")
    assert done.returncode == 2 and "dataset.label names 2 columns; classification has one" in done.stderr


def test_the_metric_of_an_epoch_is_macro_f1_at_the_best_shared_threshold():
    import keras
    from sklearn import metrics

    from zoo.tasks.multi_label import _macro_f1

    generator = np.random.default_rng(0)
    targets = generator.integers(0, 2, (200, 3)).astype("int8")
    logits = (targets * 2 - 1 + generator.normal(size=(200, 3))).astype("float32")
    weights = np.ones(200, "float32")
    weights[150:] = 0  # padding of the last batch
    metric = _macro_f1(3)
    for start in range(0, 200, 64):
        rows = slice(start, start + 64)
        metric.update_state(targets[rows], logits[rows], weights[rows])
    found = max(
        metrics.f1_score(targets[:150], logits[:150] >= threshold, average="macro")
        for threshold in np.linspace(-6, 6, 121, dtype="float32")
    )
    assert float(metric.result()) == pytest.approx(found, abs=1e-4)
    assert isinstance(metric, keras.metrics.Metric)
