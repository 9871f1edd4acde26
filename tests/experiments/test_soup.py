"""Model soups: the average is that of the weights, chosen on validation, and every command reads it."""

import json
import shutil

import keras
import numpy as np
import pytest

import zoo
from zoo.experiments import soup as soups
from zoo.loading import save_model
from zoo.runs import SoupRun

BASICS = [
    "training.epochs=1", "training.batch_size=100", "training.steps_per_call=5", "training.selection=last",
    "dataset.train_fraction=0.1", "model.options={hidden_units: [16], batch_normalization: true}",
]  # fmt: skip


def train(runs_dir, *assignments):
    return zoo.train(zoo.load_config("binary_mlp", assignments=[*BASICS, *assignments]), runs_dir, show_progress=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run, and two that go on from it, of which one is spoiled: its answers are the wrong way round."""
    folder = tmp_path_factory.mktemp("soup")
    first = train(folder / "runs")
    gently = "training.optimizer={name: sgd, learning_rate: 0.001}"
    for seed in (1, 2):
        run = train(folder / "runs", f"training.seed={seed}", f"model.init_from={first.path}", gently)
    loaded = zoo.load_model(run)
    head = loaded.model.get_layer("logits")
    head.set_weights([-9 * weights for weights in head.get_weights()])
    save_model(loaded.model, run.model_file, loaded.labels)
    return folder


def kernels(run):
    return [layer.kernel.numpy() for layer in zoo.load_model(run).model.layers if isinstance(layer, keras.layers.Dense)]


def test_the_uniform_soup_is_the_mean_with_statistics_of_its_own(folder, tmp_path):
    run = soups.soup([str(folder / "runs")], "uniform", tmp_path)
    ingredients = [zoo.open_run(part["run"]) for part in run.soup["ingredients"]]
    assert len(ingredients) == 3 and all(part["stays"] for part in run.soup["ingredients"])
    expected = [np.mean(parts, axis=0) for parts in zip(*map(kernels, ingredients), strict=True)]
    for kernel, mean in zip(kernels(run), expected, strict=True):
        np.testing.assert_allclose(kernel, mean, rtol=1e-5)
    model = zoo.load_model(run).model
    (layer,) = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    dataset = zoo.datasets.load_configured(run.config.dataset)
    seen = keras.Model(model.input, layer.input).predict(dataset.train.features, verbose=0)
    np.testing.assert_allclose(layer.moving_mean.numpy(), seen.mean(0), rtol=0.1, atol=0.05)
    assert run.results["validation"]["accuracy"]["value"] == pytest.approx(run.soup["validation"])


def test_the_greedy_soup_leaves_out_what_makes_validation_worse(folder, tmp_path, run_script):
    done = run_script("soup", folder / "runs", "--runs_dir=soups")
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "soups/binary_mlp_soup").iterdir()
    told = json.loads((path / "soup.json").read_text())
    values = {part["seed"]: part["validation"] for part in told["ingredients"]}
    assert [part["validation"] for part in told["ingredients"]] == sorted(values.values(), reverse=True)
    assert {part["seed"]: part["stays"] for part in told["ingredients"]}[2] is False
    assert told["validation"] >= max(values.values())
    assert "greedy soup of " in done.stdout and str(path.relative_to(tmp_path)) in done.stdout


def test_every_command_reads_a_soup(folder, tmp_path, run_script):
    run = soups.soup([str(folder / "runs/binary_mlp")], "greedy", folder / "runs")
    try:
        assert isinstance(zoo.runs.open_run(run.path), SoupRun) and run.record["status"] == "finished"
        for command in (["evaluate", f"--run={run.path}"], ["export", f"--run={run.path}", "--format=saved_model"]):
            done = run_script(*command)
            assert done.returncode == 0, done.stderr
        done = run_script("compare", folder / "runs", "--columns=model,seeds", "--format=csv")
        assert done.returncode == 0, done.stderr
        rows = sorted(done.stdout.splitlines()[1:])  # beside its ingredients, in the place of none
        assert rows == ["binary_mlp [greedy soup],1", "binary_mlp,1", "binary_mlp,2"], done.stdout
        (run.path / "soup.json").write_text("{}")
        done = run_script("compare", folder / "runs")
        assert done.returncode == 0 and "soup.json" in done.stderr and "Traceback" not in done.stderr
    finally:
        shutil.rmtree(run.path.parent)


def altered(run, place, change):
    shutil.copytree(run.path, place)
    for name, old, new in change:
        text = (place / name).read_text()
        assert old in text
        (place / name).write_text(text.replace(old, new))
    return place


def test_what_does_not_go_together_is_refused_before_any_work(folder, tmp_path, run_script):
    runs = sorted((folder / "runs/binary_mlp").iterdir())
    first = zoo.open_run(runs[0])
    cases = {
        "needs two runs": [],
        "its model.options is not that of": [("config.yaml", "- 16", "- 17")],
        "its dataset is not that of": [("config.yaml", "train_fraction: 0.1", "train_fraction: 0.2")],
        "its data is not that of": [("run.json", first.record["data_digest"], "sha256:other")],
        "its model is not that of": [("config.yaml", "name: binary_mlp", "name: xor_mlp")],
        "its status is 'failed'": [("run.json", '"finished"', '"failed"')],
        "has no model.keras": [],
    }
    for number, (words, change) in enumerate(cases.items()):
        other = altered(zoo.open_run(runs[1]), tmp_path / f"other{number}", change)
        if "model.keras" in words:
            (other / "model.keras").unlink()
        named = [runs[0], runs[0]] if words == "needs two runs" else [runs[0], other]
        done = run_script("soup", *named, "--runs_dir=made")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert words in done.stderr and not (tmp_path / "made").exists()
    for flags, words in (([], "a soup of what?"), (["none"], "no run there"), ([runs[0], "--method=x"], "method")):
        done = run_script("soup", *flags)
        assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
