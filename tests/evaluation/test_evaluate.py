import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from loaded import named
from PIL import Image

from zoo.datasets.splits import Split
from zoo.errors import ZooError
from zoo.evaluation.evaluate import evaluate, evaluate_model, results_table
from zoo.loading import load_model, save_model
from zoo.measures.classes import classification_results
from zoo.tasks.catalog import get_task

TASK = get_task("classification")

REPOSITORY = Path(__file__).resolve().parents[2]


def bright_and_dark(examples, seed):
    """Images whose class is whether they are bright."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, examples).astype(np.int32)
    features = generator.integers(0, 100, (examples, 6, 6, 1)) + 150 * labels[:, None, None, None]
    return Split(features.astype(np.uint8), labels, np.arange(examples))


def dataset_of(label_names=("dark", "bright"), **splits):
    info = SimpleNamespace(
        name="brightness", label_names=label_names, feature_shape=(6, 6, 1), targets="class", needs_data_dir=False
    )
    splits = {
        "train": bright_and_dark(4, 0),
        "validation": bright_and_dark(30, 1),
        "test": bright_and_dark(50, 2),
    } | splits
    return SimpleNamespace(info=info, digest="sha256:0", report={}, feature_names=None, schema=None, **splits)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """A lone .keras file that tells bright images from dark ones, from raw input to logits to probabilities."""
    import keras

    inputs = keras.Input((6, 6, 1), dtype="uint8")
    features = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    logits = keras.layers.Dense(1, name="logits", dtype="float32")
    outputs = keras.layers.Activation("sigmoid", name="probabilities", dtype="float32")(logits(features))
    model = keras.Model(inputs, outputs)
    logits.set_weights([np.full((36, 1), 1.0, np.float32), np.float32([-18])])
    path = tmp_path_factory.mktemp("model") / "model.keras"
    labels = {"label_names": ["dark", "bright"], "task": "image_classification", "dataset": "brightness"}
    save_model(model, path, labels | {"feature_names": None})
    return path


@pytest.fixture
def known_dataset(monkeypatch):
    """`datasets.load` gives the bright and dark images, and notes how it was asked."""
    from zoo import datasets

    asked = []

    def load(name, data_dir=None, validation_fraction=None, image_shape=None, task=None, *more, **by_name):
        asked.append((name, data_dir, validation_fraction, image_shape))
        return dataset_of()

    monkeypatch.setattr(datasets, "load", load, raising=False)
    monkeypatch.setattr(datasets, "dataset_info", lambda name: dataset_of().info, raising=False)
    return asked


def test_a_lone_file_is_evaluated_on_its_own_data(model_file, known_dataset, tmp_path):
    evaluation = evaluate(model_file=model_file, output=tmp_path / "new" / "folder")
    assert known_dataset == [("brightness", None, None, None)]
    assert evaluation["results"]["accuracy"]["value"] == 1
    assert evaluation["results"]["n"] == 50
    assert (evaluation["dataset"], evaluation["split"], evaluation["data_digest"]) == ("brightness", "test", "sha256:0")
    written = tmp_path / "new" / "folder"
    assert json.loads((written / "evaluation.json").read_text()) == evaluation
    for name in ("confusion_matrix.png", "mistakes.png"):
        with Image.open(written / name) as image:
            assert min(image.size) > 200
    assert evaluate(model_file=model_file, data_dir="there", split_name="validation")["results"]["n"] == 30
    assert known_dataset[-1] == ("brightness", "there", None, None)


def test_a_run_is_evaluated_on_the_split_that_it_carved(model_file, known_dataset, tmp_path):
    (tmp_path / "model.keras").write_bytes(model_file.read_bytes())
    (tmp_path / "run.json").write_text('{"data_digest": "sha256:0"}')
    (tmp_path / "config.yaml").write_text(
        "model: {name: mnist_mlp}\n"
        "dataset: {name: other, data_dir: here, validation_fraction: 0.25, image_shape: [6, 6, 1]}\n"
    )
    assert evaluate(run=tmp_path)["results"]["n"] == 50
    assert known_dataset == [("other", os.path.abspath("here"), 0.25, [6, 6, 1])]
    evaluate(run=tmp_path, dataset_name="brightness", data_dir="there")
    assert known_dataset[-1] == ("brightness", "there", None, None)


def test_an_output_that_is_a_file_is_refused(model_file, known_dataset):
    with pytest.raises(ZooError, match="--output=.*cannot be written"):
        evaluate(model_file=model_file, output=model_file)


def test_a_file_that_names_no_data_needs_dataset():
    from zoo.evaluation.evaluate import load_dataset

    nameless = named(None, "image")
    with pytest.raises(ZooError, match=r"m\.keras: .*--dataset=NAME"):
        load_dataset(None, nameless, None, None)


def test_data_that_do_not_fit_are_refused(model_file):
    loaded_model = load_model(model_file)
    with pytest.raises(ZooError, match=r"its classes \(2: dark, bright\) are not those of brightness \(3: a, b, c\)"):
        evaluate_model(loaded_model, dataset_of(("a", "b", "c")), "test")
    with pytest.raises(ZooError, match="same order"):
        evaluate_model(loaded_model, dataset_of(("bright", "dark")), "test")
    large = SimpleNamespace(features=np.zeros((2, 8, 8, 1), np.uint8), targets=np.zeros(2, int), ids=np.arange(2))
    with pytest.raises(ZooError, match=r"shape \(6, 6, 1\), but those of brightness are \(8, 8, 1\)"):
        evaluate_model(loaded_model, dataset_of(test=large), "test")
    table = SimpleNamespace(features=np.zeros((2, 4), np.float32), targets=np.zeros(2, int), ids=np.arange(2))
    with pytest.raises(ZooError, match=r"are \(4,\)"):
        evaluate_model(loaded_model, dataset_of(test=table), "test")
    with pytest.raises(ZooError, match="known: test, validation, train"):
        evaluate_model(loaded_model, dataset_of(), "tset")


def test_a_split_is_judged_by_its_labels():
    split = bright_and_dark(40, 3)
    probabilities = np.eye(2, dtype=np.float32)[1 - split.targets]
    results = TASK.results(probabilities, split.targets, {"label_names": ["dark", "bright"]})
    assert results == classification_results(probabilities, split.targets, ["dark", "bright"])
    assert results["accuracy"]["value"] == 0


def test_table_for_people():
    labels = np.array([0, 0, 1, 1])
    results = classification_results(np.eye(3)[[0, 1, 1, 1]], labels, ["cat", "dog", "a class with a very long name"])
    text = results_table(
        {"model": "m.keras", "task": TASK.name, "dataset": "pets", "split": "test", "results": results}
    )
    assert "m.keras on pets, test split, 4 examples" in text
    assert "accuracy                    0.7500  (95 % interval 0.3006 to 0.9544)" in text
    assert "undefined, a class is absent" in text
    rows = [line for line in text.splitlines() if line.startswith(("class", "cat", "dog", "a class"))]
    assert len({len(row) for row in rows}) == 1
    assert rows[2].split() == ["dog", "0.6667", "1.0000", "0.8000", "2"]


@pytest.mark.parametrize("script", ["evaluate", "predict"])
def test_help_needs_no_tensorflow(script):
    code = (
        f"import sys, runpy; sys.argv = ['{script}.py', '--help']\n"
        f"try: runpy.run_path('scripts/{script}.py', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    command = [sys.executable, "-c", code]
    finished = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    assert "--model_file" in finished.stdout


def test_predict_script_prints_pure_json_and_writes_a_csv(run_script, model_file, tmp_path):
    Image.new("L", (6, 6), 250).save(tmp_path / "light, grey.png")
    Image.new("RGB", (12, 12), (5, 5, 5)).save(tmp_path / "night.png")
    np.save(tmp_path / "two.npy", np.zeros((2, 6, 6), np.uint8))
    finished = run_script(
        "predict",
        f"--model_file={model_file}",
        f"--input={tmp_path}/light, grey.png",
        f"--input={tmp_path}/two.npy,{tmp_path}/night.png",
        "--json",
        f"--output={tmp_path}/out.csv",
        f"{tmp_path}/night.png",
    )
    assert finished.returncode == 0, finished.stderr
    predictions = json.loads(finished.stdout)
    assert [prediction["label"] for prediction in predictions] == ["dark", "bright", "dark", "dark", "dark"]
    assert predictions[1]["probabilities"]["bright"] > 0.99
    notices = finished.stderr.splitlines()
    assert len(notices) == 2 and all(line.startswith("notice: ") for line in notices)
    assert (tmp_path / "out.csv").read_text().startswith("file,label,probability,probability_bright,probability_dark\n")


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("predict", [str(REPOSITORY / "docs/training.png")], "error: neither of --run and --model_file given"),
        ("evaluate", ["--run=a", "--model_file=b"], "error: both of --run and --model_file given"),
        ("evaluate", ["--model_file=missing.keras"], "error: missing.keras: no such model file"),
        ("evaluate", ["--run=missing"], "error: missing: no such run directory"),
        ("evaluate", ["--split=tset"], "error: flag --split=tset"),
        ("predict", ["--model_file=m.keras", "x.png"], "error: x.png: no such file or folder"),
        ("predict", ["--top=0"], "error: flag --top=0"),
    ],
)
def test_scripts_end_mistakes_with_one_line_and_status_2(run_script, script, arguments, message):
    finished = run_script(script, *arguments)
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert finished.stderr.startswith(message)
    assert finished.stderr.count("\n") == 1


def test_columns_of_another_order_keep_their_names(tmp_path):
    """A model that reads some of the columns of a data set, in an order of its own."""
    import csv

    import zoo
    from zoo import datasets

    test = datasets.load("diabetes").test
    names = datasets.load("diabetes").feature_names
    model = zoo.create_model("diabetes_mlp", input_shape=[3])
    labels = {"task": "regression", "reads": "table", "dataset": "diabetes", "label_names": []}
    reads = [names[5], names[0], names[2]]
    save_model(model, tmp_path / "model.keras", labels | {"feature_names": reads})
    evaluate(model_file=tmp_path / "model.keras", output=tmp_path / "judged")
    with open(tmp_path / "judged/predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [key for key in rows[0] if key.startswith("input_")] == [f"input_{name}" for name in reads]
    for name in reads:
        written = np.array([row[f"input_{name}"] for row in rows], "float32")
        np.testing.assert_array_equal(written, test.features[:, names.index(name)])
