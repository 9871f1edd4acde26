"""Runs become weights, or are refused; what is published works by name, as a run of one's own does."""

import hashlib
import json
import shutil

import pytest

from zoo.errors import ZooError
from zoo.published import PublishedRun, chosen_run
from zoo.runs import Run
from zoo.weights import record

NAME = "diabetes_mlp"  # its data come with scikit-learn


@pytest.fixture
def run(tmp_path):
    """A run as training leaves it, made of the published one."""
    published = PublishedRun(NAME)
    run = Run(tmp_path / "runs" / NAME / "20260101-000000-aaaaaa")
    run.path.mkdir(parents=True)
    shutil.copy(published.model_file, run.model_file)
    run.write_config(published.config_text)
    run.write_json("run.json", published.record | {"model": NAME, "command": "python /home/me/train.py --runs_dir=/x"})
    run.write_json("labels.json", published.labels)
    run.write_json("results.json", {"test": {"n": 88, "rmse": {"value": published.entry.value}}})
    return run


def publish(run_script, tmp_path, *flags):
    return run_script(
        "publish", tmp_path / "runs", f"--output={tmp_path}/out", f"--record={tmp_path}/record.json", *flags
    )


@pytest.mark.slow
def test_a_run_becomes_a_file_an_entry_and_a_page(run, run_script, tmp_path):
    done = publish(run_script, tmp_path)
    assert done.returncode == 0, done.stderr
    entry = record.find(NAME, tmp_path / "record.json")
    content = (tmp_path / "out" / entry.file).read_bytes()
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry.sha256, entry.bytes)
    assert entry == record.find(NAME)  # of the same run comes the same file, whenever it is published
    assert entry.run["command"] == f"python scripts/train.py --model={NAME}"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["README.md", entry.file]
    assert "ridge" in record.reasons(tmp_path / "record.json")
    page = (tmp_path / "out" / "README.md").read_text()
    assert entry.sha256 in page and "### Limits" in page and entry.licence.split(";")[0] in page
    written = json.loads((tmp_path / "record.json").read_text())
    written["none"] |= {"movielens_deepfm": "by the terms of its data", NAME: "not yet"}
    (tmp_path / "record.json").write_text(json.dumps(written))
    (tmp_path / "out" / "diabetes_mlp-00000000.keras").write_bytes(b"of an earlier time")
    done = publish(run_script, tmp_path, "--small_mb=0.001")
    assert "to be deleted: diabetes_mlp-00000000.keras" in done.stderr
    assert not record.find(NAME, tmp_path / "record.json").packaged
    reasons = record.reasons(tmp_path / "record.json")  # those that a person wrote stay
    assert reasons["movielens_deepfm"] == "by the terms of its data" and NAME not in reasons and "ridge" in reasons


@pytest.mark.slow
def test_the_hub_understands_the_page(run, run_script, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    assert publish(run_script, tmp_path).returncode == 0
    data = hub.ModelCard.load(tmp_path / "out" / "README.md").data
    assert (data.license, data.library_name, data.datasets, data.metrics) == ("other", "keras", ["diabetes"], ["rmse"])
    assert [(each.task_type, each.metric_value) for each in data.eval_results] == [
        ("tabular-regression", record.find(NAME).value)
    ]


def config_with(run, old, new):
    assert old in run.config_text
    run.write_config(run.config_text.replace(old, new))


def results_with(run, value):
    run.write_json("results.json", {"test": {"n": 88, "rmse": {"value": value}}})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda run: run.update_record(status="interrupted"), "is 'interrupted'; finish it with --resume"),
        (lambda run: run.update_record(seed=77), "its seed 77 is none of those of docs/leaderboard.csv (0 1 2 3 4)"),
        (lambda run: run.update_record(data_digest="sha256:0"), "its data are not those of docs/leaderboard.csv"),
        (lambda run: config_with(run, "epochs: ", "epochs: 1"), "is not that of docs/leaderboard.csv and configs/"),
        (
            lambda run: run.update_record(dataset="california_housing"),
            "has no row of diabetes_mlp on california_housing",
        ),
        (lambda run: results_with(run, 90.0), "is not what the claim leads to"),
        (lambda run: results_with(run, 60.5), "its model gives rmse 60.3"),
        (lambda run: run.model_file.unlink(), "model.keras"),
        (lambda run: run.model_file.write_bytes(b"PK\3\4" + bytes(100)), "model.keras"),
    ],
)
def test_a_run_that_is_not_behind_the_row_is_refused(run, run_script, tmp_path, change, words):
    change(run)
    done = publish(run_script, tmp_path)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith(("refused:", "error:"))]) == 1
    assert not list((tmp_path / "out").glob("*.keras")) and not (tmp_path / "record.json").exists()


@pytest.mark.slow
def test_published_weights_stand_beside_runs(run_script, tmp_path):
    def compare():
        return run_script(
            "compare", "--models=diabetes_*,xor_*", "--pretrained", "--format=json", ZOO_CACHE=str(tmp_path)
        )

    done = compare()
    assert done.returncode == 0, done.stderr
    rows = [row for table in json.loads(done.stdout) for row in table]
    assert {(row["model"], row.get("rmse") or row.get("accuracy")) for row in rows} == {
        (f"{name} [published]", record.find(name).value) for name in (NAME, "xor_mlp")
    }
    assert done.stderr.count("judged on its test split") == 2
    next(tmp_path.glob(f"published/{NAME}/*/predictions.npz")).write_bytes(b"damaged")
    assert compare().stderr.count("judged on its test split") == 1
    again = compare()  # out of the cache
    assert again.stdout == done.stdout and "judged" not in again.stderr


@pytest.mark.slow
def test_published_weights_are_exported(run_script, tmp_path):
    done = run_script("export", "--model=xor_mlp", "--format=litert", ZOO_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0 and (tmp_path / "exports/xor_mlp/litert/parity.json").exists(), done.stderr


def test_one_model_is_named(run_script):
    assert chosen_run("a", None) == "a" and chosen_run(None, None, "b") is None
    assert chosen_run(None, "xor_mlp").model_name == "xor_mlp [published]"
    for run, model_file, flag in (("a", None, "--run"), (None, "b", "--model_file")):
        with pytest.raises(ZooError, match=f"both --model and {flag} given"):
            chosen_run(run, "xor_mlp", model_file)


@pytest.mark.parametrize("script", ["predict", "evaluate", "serve", "export"])
def test_a_name_without_weights_is_one_line(run_script, script):
    done = run_script(script, "--model=ridge")
    assert done.returncode == 2 and done.stderr.startswith(
        "error: ridge: has no weights: it is a baseline of scikit-learn"
    )
    assert done.stderr.count("\n") == 1


def test_the_list_of_models_shows_size_and_figure(run_script):
    done = run_script("list_models", "--pattern=*")
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "  2 kB, 1.0000  " in rows["xor_mlp"] and "MB, 0.95" in rows["text_cnn"] and "MB" not in rows["simple_cnn"]
    rows = {row["name"]: row["weights"] for row in json.loads(run_script("list_models", "--json").stdout)}
    assert rows["simple_cnn"] is None and rows["xor_mlp"]["sha256"] == record.find("xor_mlp").sha256


def test_a_new_model_takes_no_place_in_the_package():
    from zoo.experiments.publish import _mark_packaged

    sizes = {"old": (800_000, True), "small": (300_000, False), "new": (650_000, False)}
    weights = {name: {"bytes": size, "packaged": packaged} for name, (size, packaged) in sizes.items()}
    _mark_packaged(weights, 1.2)
    assert [name for name, entry in weights.items() if entry["packaged"]] == ["old", "small"]
    _mark_packaged(weights, 0.5)
    assert [name for name, entry in weights.items() if entry["packaged"]] == ["small"]
