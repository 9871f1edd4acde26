"""The zoo in Python: what people type works, and what is wrong is said in a line."""

import pathlib
import re
import types

import keras
import numpy as np
import pandas
import pytest
from PIL import Image

import zoo
from zoo import library
from zoo.errors import ZooError
from zoo.evaluation import outcome
from zoo.inputs import memory

PAGE = pathlib.Path(__file__).parents[1] / "docs/library.md"
QUIET = {"show_progress": False}


@pytest.fixture(scope="module")
def rows():
    generator = np.random.default_rng(0)
    numbers = generator.normal(size=(400, 3))
    return numbers, np.where(numbers[:, 0] > numbers[:, 1], "left", "right")


@pytest.fixture(scope="module")
def frame(rows):
    return pandas.DataFrame(rows[0], columns=["height", "width", "weight"]).assign(side=rows[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


def train(*arguments, **more):
    """Without pictures, which take half of a small training's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outcome, "drawn", lambda draw, where: None)
        return zoo.train(*arguments, **more, **QUIET)


@pytest.fixture(scope="module")
def run(frame, folder):
    return zoo.train("binary_mlp", folder, dataset=frame, label="side", epochs=8, **QUIET)


@pytest.fixture(scope="module")
def pictures():
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (120, 9, 7), dtype="uint8")
    images[:60] //= 3
    return images, [False] * 60 + [True] * 60


@pytest.fixture(scope="module")
def picture_run(pictures, folder):
    return train("mnist_mlp", folder, dataset=pictures, epochs=20)


@pytest.mark.slow
def test_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(outcome, "drawn", lambda draw, where: None)  # pictures take half of a small training's time
    names = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(code, str(PAGE), "exec"), names)
    assert names["run"].results["test"]["accuracy"]["value"] > 0.8


def test_a_run_has_all_at_hand(run, folder, frame):
    assert list(run.history["epoch"]) == list(range(1, 9))
    assert run.predictions("test").answers.shape == (len(run.predictions("test").ids), 2)
    assert "test accuracy" in str(run) and "data:image/png;base64," in run._repr_html_()
    assert run.path in [found.path for found in zoo.list_runs("binary_*", folder)]
    assert zoo.list_runs("binary_*", folder, status="failed") == []
    every = zoo.evaluate(run, dataset=frame)["accuracy"]["value"]
    assert every == pytest.approx(np.mean(run.model.predict_labels(frame) == frame["side"]))


@pytest.mark.parametrize(
    "of",
    [
        "shuffled",
        "list of rows",
        "one row",
        "dictionary",
        "dictionaries",
        "array",
        "one dictionary",
        "one shuffled row",
    ],
)
def test_rows_in_any_form_get_the_same_answer(run, frame, of):
    names = ["height", "width", "weight"]
    head, expected = frame.head(4), run.model.predict(frame.head(4))
    forms = {
        "shuffled": head[["side", *reversed(names)]],
        "list of rows": head[names].to_numpy().tolist(),
        "one row": head[names].to_numpy()[0],
        "dictionary": {name: list(head[name]) for name in names},
        "dictionaries": head.to_dict("records"),
        "array": head[names].to_numpy("float32"),
        "one dictionary": head[names].iloc[0].to_dict(),
        "one shuffled row": head[names[::-1]].iloc[0],
    }
    got = run.model.predict(forms[of])
    np.testing.assert_allclose(got, expected[: len(got)], atol=1e-6)
    assert len(got) == (1 if of.startswith("one ") else 4)


def test_rows_of_a_model_without_names_keep_the_order_of_their_keys():
    model = types.SimpleNamespace(reads="table", input_shape=(8,), feature_names=None, schema=None)
    row = {letter: number for number, letter in enumerate("hgfedcba")}  # a set of them has an order of its own
    np.testing.assert_array_equal(memory.features_of([row], model), [range(8)])


def test_few_rows_and_rows_of_one_class_are_judged(run, frame):
    right = run.model.predict_labels(frame) == frame["side"]
    for some in (frame.index[:1], frame.index[frame["side"] == "left"]):
        part = frame.loc[some]
        for data in (
            part,
            (part[["weight", "height", "width"]], part["side"]),
            (part.iloc[:, :3].to_numpy(), part["side"]),
        ):
            judged = zoo.evaluate(run, dataset=data)
            assert (judged["n"], judged["accuracy"]["value"]) == (len(part), pytest.approx(right[some].mean()))
    with pytest.raises(ZooError, match="holds 'lefft', which is no class of the model; did you mean left"):
        zoo.evaluate(run, dataset=([[1.0, 2.0, 3.0]], ["lefft"]))
    by_number = zoo.evaluate(run, dataset=(frame.iloc[:, :3], (frame["side"] == "right").astype(int)))
    assert by_number["accuracy"]["value"] == pytest.approx(right.mean())


def test_arrays_are_cut_as_the_config_says():
    generator = np.random.default_rng(0)
    data = generator.normal(size=(100, 2)), generator.integers(0, 2, 100)
    cut = {"dataset.train_fraction": 0.5, "dataset.validation_fraction": 0.3}
    found = library._in_memory(library._config_of("binary_mlp", {"dataset.name": "arrays"} | cut), data, *[None] * 3)
    assert [len(part) for part in (found.train, found.validation, found.test)] == [30, 30, 10]


def test_columns_keep_their_names_and_1_and_1_0_are_one_class(rows):
    task, numbers = zoo.model_info("binary_mlp").task, rows[0]
    named, y = pandas.DataFrame(numbers, columns=list("abc")), (numbers[:, 0] > 0).astype(int)
    found = zoo.datasets.from_memory((named, y.astype(float)), task, test_data=(named, y))
    assert (found.feature_names, found.info.label_names) == (("a", "b", "c"), ("0", "1"))
    of_frame = zoo.datasets.from_memory(named.assign(y=y.astype(float)), task)
    assert of_frame.info.label_names == ("0", "1")
    swapped = zoo.datasets.from_memory((named, y), task, test_data=(named[["b", "a", "c"]], y))
    assert swapped.report["test_rows_also_in_train"] > 0, "columns are found by name"


def test_pictures_in_any_form_and_order_get_the_same_answer(picture_run, pictures, tmp_path):
    model, (images, _) = picture_run.model, pictures
    expected = model.predict(images)
    Image.fromarray(images[0]).save(tmp_path / "a.png")
    for form, count in (
        (images[0], 1), (images[:2, ..., None], 2), (images[0][..., None], 1), (images / 255.0, 120),
        (Image.fromarray(images[0]), 1), ([Image.fromarray(each).convert("RGB").quantize() for each in images[:1]], 1),
        (tmp_path / "a.png", 1), ([str(tmp_path / "a.png")], 1), (images.tolist(), 120), (images[:0], 0),
    ):  # fmt: skip
        np.testing.assert_allclose(model.predict(form), expected[:count], atol=1e-5)
    assert set(model.predict_labels(images)) == {"False", "True"}


def test_training_leaves_the_precision_of_this_process_alone(rows, folder):
    trained = train("binary_mlp", folder, dataset=rows, epochs=1, precision="mixed_bfloat16")
    assert trained.record["precision"] == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_texts_may_be_one_or_many(folder):
    texts = [f"a {word} film {number}" for number in range(60) for word in ("good", "bad")]
    trained = train("linear_text", folder, dataset=(texts, ["+", "-"] * 60), epochs=20)
    model = trained.model
    assert list(model.predict_labels(["a good film", "a bad film"])) == ["+", "-"]
    for form in (["a good film"], [b"a good film"], np.array("a good film"), iter(["a good film"])):
        assert list(model.predict_labels(form)) == ["+"]
    table = pandas.DataFrame({"number": [1, 2], "text": ["a good film", "a bad film"]})
    assert list(model.predict_labels(table)) == ["+", "-"]
    assert list(model.predict_labels({"text": "a bad film"})) == ["-"]
    with pytest.raises(ZooError, match="none of these columns is called so"):
        model.predict_labels(table[["number"]])
    assert (
        list(model.predict_labels("a bad film")) == list(model.predict_labels(pandas.Series(["a bad film"]))) == ["-"]
    )


def test_numbers_are_predicted_in_their_unit(rows, folder):
    y = 1000 + 50 * rows[0][:, 0]
    trained = train("diabetes_mlp", folder, dataset=(rows[0], y), test_data=(rows[0][:50], y[:50]), epochs=2)
    assert trained.results["test"]["n"] == 50
    assert 800 < trained.model.predict(rows[0])[0] < 1200
    with pytest.raises(ZooError, match="no labels; call predict"):
        trained.model.predict_labels(rows[0])


def test_a_comparison_prints_and_shows(run, picture_run):
    comparison = zoo.compare(run, picture_run)
    assert "binary_mlp" in str(comparison) and "mnist_mlp" in str(comparison)
    assert comparison._repr_html_().count("<table>") == 2
    assert set(comparison.frame()["model"]) == {"binary_mlp", "mnist_mlp"}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((2, 5)), r"rows of shape \(2, 5\), but the model reads 3 numbers a row: height, width, weight"),
        ([[1.0, float("nan"), 2.0]], "row 0: column 'width' is nan"),
        (pandas.DataFrame({"heigth": [1.0], "width": [1.0], "weight": [1.0]}), "no column 'height'.*heigth"),
        ([["a", "b", "c"]], "no array of numbers"),
        ("picture.png", "is a text; the model reads numbers"),
        (np.ones((1, 3), "datetime64[s]"), "no array of numbers .they are of type datetime64"),
        (np.ma.masked_array(np.ones((1, 3)), [[0, 1, 0]]), "masked values are missing"),
        ({"height": [[1.0, 2.0]], "width": [1.0], "weight": [1.0]}, "one value a row is needed"),
        (pandas.DataFrame([[1.0] * 4], columns=["height", "width", "weight", "width"]), "'width' occurs twice"),
        ([[1.0, 2.0, 3.0], [1.0]], "no array of numbers"),
    ],
)
def test_rows_that_do_not_fit_are_refused(run, inputs, message):
    with pytest.raises(ZooError, match=message) as refused:
        run.model.predict_labels(inputs)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((3, 8, 8), "uint8"), r"pictures of shape \[8, 8, 1\], but the model reads \[9, 7, 1\]"),
        (np.zeros((3, 9, 7), "uint8") - np.float32(1), "values from -1 to -1"),
        (np.zeros(3, "uint8"), r"pictures of shape \(3,\)"),
        ("nowhere.png", "nowhere.png: no such file"),
        ([np.zeros((9, 7)), np.zeros((3, 7))], "no array of numbers"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(picture_run, inputs, message):
    with pytest.raises(ZooError, match=message):
        picture_run.model.predict(inputs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "mnist_mlp", "epoch": 3}, "no setting 'epoch'; did you mean epochs"),
        ({"model": "mnist_mpl", "dataset": ([[1.0]], [1])}, "unknown model 'mnist_mpl'; did you mean mnist_mlp"),
        ({"dataset": ([[1.0]], [1])}, "which model"),
        (
            {"model": "mnist_mlp", "dataset": ([[n, 2.0] for n in range(40)], [0, 1] * 20)},
            "reads images, but dataset 'arrays' holds",
        ),
        ({"model": "binary_mlp", "dataset": ([[1.0, 2.0]] * 40, [0] * 39)}, "40 examples and 39 targets"),
        ({"model": "binary_mlp", "dataset": ([[1.0, 2.0]] * 4, np.eye(4))}, "argmax"),
        ({"model": "binary_mlp", "dataset": ([[1.0], [1.0, 2.0]], [0, 1])}, "no array"),
        ({"model": "binary_mlp", "dataset": ([[np.inf, 2.0]] * 40, [0, 1] * 20)}, "row 0, column 0: inf"),
        ({"model": "binary_mlp", "dataset": ([[1.0]] * 4, [0, 1, None, 1])}, "train: target 2 is None; fill it"),
        ({"model": "binary_mlp", "dataset": "xor", "test_data": ([[1.0]], [1])}, "test_data go with arrays"),
        ({"model": "binary_mlp", "dataset": np.zeros((4, 2))}, "give .features, targets., a pair"),
        ({"model": "binary_mlp", "dataset": "no_such_folder"}, "no such dataset, file or folder"),
        ({"model": "binary_mlp", "label": "x", "dataset": ([[1.0]], [1])}, "names a column of a DataFrame"),
    ],
)
def test_data_and_settings_that_are_wrong_are_refused(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZooError, match=message) as refused:
        zoo.train(**arguments, **QUIET)
    assert "\n" not in str(refused.value) and not list(tmp_path.iterdir())


def test_what_would_be_ignored_is_refused(run, frame, rows, folder):
    for wrong, message in (
        (lambda: zoo.train("binary_mlp", validation_data=rows), "go beside dataset="),
        (lambda: zoo.train("binary_mlp", dataset="xor", test_data=rows), "this dataset has splits of its own"),
        (lambda: zoo.train("binary_mlp", rows), "runs_dir: a folder"),
        (lambda: zoo.train("binary_mlp", callbacks=[zoo.RunCallback]), "callbacks: a list"),
        (lambda: zoo.train("binary_mlp", trackers="mlfow"), "did you mean mlflow"),
        (lambda: zoo.evaluate(run, dataset=frame, output="folder"), "output and data_dir go with"),
        (lambda: zoo.evaluate(run, dataset=frame, split="train"), "every row is judged"),
        (lambda: zoo.list_runs(runs_dir=folder, status="done"), "no such status"),
        (lambda: zoo.compare(run.model), "compare: a run"),
        (lambda: zoo.load_model(None), "no model; give a run"),
        (lambda: run.predictions("train"), "those of test and validation"),
    ):
        with pytest.raises(ZooError, match=message):
            wrong()
    assert zoo.evaluate(run, dataset=frame[frame["side"] == "left"].head(2))["n"] == 2


def test_a_damaged_run_hides_no_other(run, folder, capsys):
    damaged = folder / "binary_mlp" / "00000000-000000-000000"
    damaged.mkdir()
    (damaged / "run.json").write_text("{")
    try:
        assert run.path in [found.path for found in zoo.list_runs("binary_*", folder)]
        assert "damaged" in capsys.readouterr().err
        (broken,) = [found for found in zoo.list_runs("binary_*", folder, status=None) if found.path == damaged]
        assert "damaged" in broken._repr_html_()
    finally:
        (damaged / "run.json").unlink()
        damaged.rmdir()


def test_data_that_were_in_memory_have_to_be_given_again(run):
    with pytest.raises(ZooError, match="'arrays' was in the memory of the process that trained"):
        zoo.evaluate(run)


def test_a_model_from_elsewhere_gets_its_pictures_as_they_are(tmp_path):
    inputs = keras.Input((4, 4, 1))
    outputs = keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(inputs))
    theirs = keras.Model(inputs, outputs)
    theirs.save(tmp_path / "theirs.keras")
    pixels = np.random.default_rng(0).normal(size=(5, 4, 4)).astype("float32")  # standardized, as their user does it
    got = zoo.load_model(tmp_path / "theirs.keras").predict(pixels)
    np.testing.assert_allclose(got, theirs.predict(pixels[..., None], verbose=0), atol=1e-6)


def test_a_model_that_writes_learns_from_a_file_or_a_folder(tmp_path):
    """No label is asked for; texts in memory are refused with a line."""
    words, generator = ["the cat", "sat", "on", "the mat", "and a dog", "ran past"], np.random.default_rng(0)
    text = "\n\n".join(" ".join(generator.choice(words, 12)) for _ in range(300))
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "all.txt").write_text(text)
    small = {"model.options.num_layers": 1, "model.options.hidden_size": 16, "model.options.context_length": 16}
    for dataset in (tmp_path / "texts" / "all.txt", tmp_path / "texts"):
        run = zoo.train("char_gpt", dataset=dataset, epochs=1, overrides=small, runs_dir=tmp_path / "runs")
        assert run.config.dataset.name == "text_file"
        assert zoo.generate(run, "the", seed=1, max_tokens=5) == zoo.generate(run, "the", seed=1, max_tokens=5)
        assert 0 < zoo.evaluate(run, dataset, split="all")["bits_per_character"]["value"] < 10
    with pytest.raises(ZooError, match="learns from a text file"):
        zoo.train("char_gpt", dataset=([text], ["a"]), runs_dir=tmp_path / "runs")
    with pytest.raises(ZooError, match="is judged on a text file"):
        zoo.evaluate(run, ([text], ["a"]))
