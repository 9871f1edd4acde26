"""A model whose input is a dictionary: numbers and words of a table, from training through all that follows."""

import json

import numpy as np
import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import keras
import numpy as np

import zoo
from zoo.datasets import DatasetInfo, Split, register_dataset
from zoo.models.head import classification_head

COLOURS = ["red", "green", "blue"]


def splits():
    generator = np.random.default_rng(0)

    def draw(count, first):
        size = generator.normal(size=(count, 1)).astype("float32")
        colour = generator.integers(0, 3, count)
        words = np.array([[COLOURS[number]] for number in colour], object)
        # A row is large where its size is above that of its colour.
        large = (size[:, 0] > colour - 1).astype("int32")
        return Split({"size": size, "colour": words}, large, np.arange(count) + first)

    return draw(1000, 0), draw(200, 1000), draw(300, 1200)


register_dataset(DatasetInfo("fruit", "table", "sizes and colours", ("small", "large")), splits)


@zoo.register_model("two_inputs", reads="table", task="classification")
def two_inputs(input_shape, num_classes=2):
    inputs = {"size": keras.Input((1,), name="size"), "colour": keras.Input((1,), dtype="string", name="colour")}
    size = keras.layers.Normalization()(inputs["size"])
    words = keras.layers.StringLookup(name="words")(inputs["colour"])
    colour = keras.layers.Flatten()(keras.layers.Embedding(8, 4)(words))
    hidden = keras.layers.Dense(16, "relu")(keras.layers.Concatenate()([size, colour]))
    return keras.Model(inputs, classification_head(keras.layers.Dropout(0.1)(hidden), num_classes))
"""


def test_it_trains_evaluates_predicts_compares_and_exports(run_script, tmp_path):
    (tmp_path / "fruit.py").write_text(PROGRAM)

    def run(script, *flags, status=0):
        done = run_script(script, *([] if script == "compare" else ["--import=fruit"]), *flags)
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr

    train = ["--model=two_inputs", "--dataset=fruit", "--epochs=12", "--batch_size=50", "--learning_rate=0.01"]
    train += ["--set=training.fit_to_rows=[]", "--set=training.optimizer.ema_momentum=0.9"]
    run("train", *train)
    (folder,) = (tmp_path / "runs/two_inputs").iterdir()
    results = json.loads((folder / "results.json").read_text())
    assert results["test"]["accuracy"]["value"] > 0.9
    record = json.loads((folder / "run.json").read_text())
    assert record["data_report"]["counts"]["test"]["rows"] == 300
    evaluated = json.loads(run("evaluate", f"--run={folder}", "--json", "--slice_by=label"))
    assert evaluated["results"] == results["test"] and evaluated["data_digest"] == record["data_digest"]
    (tmp_path / "new.csv").write_text("colour,size,note\nred,-0.5,\nblue,0.5,\nred,-3,\n")
    labels = [row["label"] for row in json.loads(run("predict", f"--run={folder}", "new.csv", "--json"))]
    assert labels == ["large", "small", "small"]
    assert "no column 'colour'" in _refused(run, tmp_path, folder, "size\n1\n")
    assert "'much' is not a finite number" in _refused(run, tmp_path, folder, "size,colour\nmuch,red\n")
    ((row,),) = json.loads(run("compare", "--format=json", "--columns=model,accuracy,verdict"))
    assert row["accuracy"] == pytest.approx(results["test"]["accuracy"]["value"])
    ((keras, made),) = json.loads(run("export", f"--run={folder}", "--format=keras", "--format=saved_model", "--json"))
    assert keras["failed"] == [] and keras["rows"] == 300 and keras["max_abs_difference"] == 0
    assert made["failed"] == [] and made["max_abs_difference"] < 1e-6
    outside = run("predict", f"--run={folder / 'exports' / 'saved_model'}", "new.csv", "--json")
    assert [row["label"] for row in json.loads(outside)] == labels
    said = run("export", f"--run={folder}", "--format=onnx", status=2)
    assert "the strings of 'colour' are read by a layer that only TensorFlow has" in said and said.count("\n") == 1
    said = run("serve", f"--run={folder}", "--port=0", status=2)
    assert "the server takes models of one" in said.splitlines()[-1]


def _refused(run, tmp_path, folder, content):
    (tmp_path / "bad.csv").write_text(content)
    said = run("predict", f"--run={folder}", "bad.csv", status=2)
    assert said.count("\n") == 1
    return said


def test_splits_by_content_see_all_columns():
    from zoo.datasets.splits import Split, overlap, split_by_content, without_duplicates

    size = np.array([[1.0], [1.0], [1.0], [2.0]], "float32")
    colour = np.array(["red", "blue", "red", "Red"], object)
    rows = Split({"size": size, "colour": colour}, np.array([0, 1, 0, 1], "int32"), np.arange(4))
    kept, removed = without_duplicates(rows, drop_conflicts=True)
    assert removed == {"duplicates_removed": 1, "conflicts_removed": 0}
    assert kept.ids.tolist() == [0, 1, 3] and kept.features["colour"].tolist() == ["red", "blue", "Red"]
    first, second = split_by_content(kept, [0.5, 0.5])
    assert overlap(first, second) == 0 and sorted([*first.ids, *second.ids]) == [0, 1, 3]
    assert len(first.features["size"]) == len(first) == len(first.targets)
