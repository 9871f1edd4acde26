"""Test-time augmentation: the views by hand, the mean of their answers, and figures that stay apart from plain ones."""

import dataclasses
import json

import numpy as np
import pytest
from loaded import named

from zoo.datasets.splits import Split
from zoo.errors import ZooError
from zoo.evaluation.evaluate import evaluate, results_table
from zoo.evaluation.tta import View, against_plain, mean_answers, over_seeds, views_of
from zoo.measures.statistics import mcnemar
from zoo.tasks.catalog import get_task


def test_a_view_is_mirrored_and_then_moved_with_black_from_outside():
    picture = np.arange(1, 10, dtype="uint8").reshape(1, 3, 3, 1)
    before = picture.copy()
    assert (View()(picture) == picture).all()
    assert View(mirrored=True)(picture)[0, ..., 0].tolist() == [[3, 2, 1], [6, 5, 4], [9, 8, 7]]
    assert View(down=1)(picture)[0, ..., 0].tolist() == [[0, 0, 0], [1, 2, 3], [4, 5, 6]]
    assert View(down=-1)(picture)[0, ..., 0].tolist() == [[4, 5, 6], [7, 8, 9], [0, 0, 0]]
    assert View(mirrored=True, right=1)(picture)[0, ..., 0].tolist() == [[0, 3, 2], [0, 6, 5], [0, 9, 8]]
    assert View(right=-1)(picture)[0, ..., 0].tolist() == [[2, 3, 0], [5, 6, 0], [8, 9, 0]]
    assert (picture == before).all()


def a_run(folder, augmentation):
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    config = f"model: {{name: mnist_cnn}}\ndataset: {{name: mnist, augmentation: {json.dumps(augmentation)}}}\n"
    (folder / "config.yaml").write_text(config)
    return folder


@pytest.mark.parametrize(
    ("augmentation", "views"),
    [
        ({"horizontal_flip": True}, ["as it is", "mirrored"]),
        ({"shift_pixels": 2, "rotation_degrees": 5}, ["as it is", "up", "down", "left", "right"]),
        ({"horizontal_flip": True, "shift_pixels": 1}, 10),
        ({"crop_padding": 2}, ["as it is", "up", "down", "left", "right"]),
        ({"shift_pixels": 0.5, "zoom": 0.1}, None),
    ],
)
def test_the_recipe_says_the_views(tmp_path, augmentation, views):
    run = a_run(tmp_path / "run", augmentation)
    model = named(None, "image")
    if views is None:
        with pytest.raises(ZooError, match="--tta: .*give --tta=mirror or =shift"):
            views_of(model, "recipe", run)
        return
    found = [str(view) for view in views_of(model, "recipe", run)]
    assert found == views or len(found) == views == len(set(found))
    assert [str(view) for view in views_of(model, "mirror")] == ["as it is", "mirrored"]


def left_is_bright():
    """Probability of "left" from the mean of the left half, so that a mirror image gets another answer."""
    import keras

    inputs = keras.Input((4, 4, 1), dtype="uint8")
    logits = keras.layers.Dense(2, name="logits")
    outputs = keras.layers.Activation("softmax")(
        logits(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs)))
    )
    kernel = np.zeros((4, 4, 2), "float32")
    kernel[:, :2, 1], kernel[:, 2:, 0] = 1, 1.5
    logits.set_weights([kernel.reshape(16, 2), np.zeros(2, "float32")])
    return named(keras.Model(inputs, outputs), "image", ["right", "left"])


def test_the_figures_are_those_of_the_mean_beside_the_plain_ones():
    model, generator = left_is_bright(), np.random.default_rng(0)
    images, labels = generator.integers(0, 256, (300, 4, 4, 1)).astype("uint8"), generator.integers(0, 2, 300)
    split, views = Split(images, labels, np.arange(300)), views_of(model, "mirror")
    plain, mirrored = model.answers(images), model.answers(images[:, :, ::-1].copy())
    both = mean_answers(model, images, views)
    np.testing.assert_allclose(both, (plain + mirrored) / 2, atol=1e-6)
    found = against_plain(model, split, plain, views)
    right = [answers.argmax(axis=1) == labels for answers in (both, plain)]
    assert found["results"]["accuracy"]["value"] == pytest.approx(right[0].mean())
    assert found["difference"] == pytest.approx(right[0].mean() - right[1].mean()) and found["difference"] != 0
    assert found["interval"][0] < found["difference"] < found["interval"][1]
    assert found["p"] == pytest.approx(mcnemar((right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()))
    runs = [{"task": "classification", "tta": {"difference": value}} for value in (0.001, 0.003)]
    assert over_seeds(runs).startswith(
        "2 runs, with views less without: accuracy +0.0020 (95 % interval over runs -0.0"
    )


@pytest.mark.parametrize(("reads", "task"), [("text", "classification"), ("table", "classification"),
                                             ("image", "regression")])  # fmt: skip
def test_what_has_no_views_is_told(reads, task):
    model = dataclasses.replace(named(None, reads), task=get_task(task))
    with pytest.raises(ZooError, match="^--tta: m.keras answers"):
        views_of(model, "mirror")


@pytest.mark.slow
def test_scripts_keep_plain_figures_as_they_were(run_script, tmp_path):
    from PIL import Image

    from zoo.loading import save_model

    generator = np.random.default_rng(0)
    for name in ("left", "right"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(30):
            pixels = generator.integers(0, 256, (4, 4)).astype("uint8")
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number}.png")
    labels = {"label_names": ["left", "right"], "task": "classification", "reads": "image", "dataset": "image_folder"}
    save_model(left_is_bright().model, tmp_path / "model.keras", labels)
    given = ("--model_file=model.keras", "--data_dir=data", "--split=all", "--json")
    done = run_script("evaluate", *given, "--tta=mirror", "--output=out")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == found
    shown = results_table(found)
    assert "mean of 2 views of each picture (as it is, mirrored)" in shown
    assert "with views less without: accuracy " in shown
    tta = found.pop("tta")
    plain = evaluate(model_file=tmp_path / "model.keras", data_dir=str(tmp_path / "data"), split_name="all")
    assert found["results"] == json.loads(json.dumps(plain["results"])) != tta["results"]
    refused = run_script("evaluate", *given, "--tta")
    assert refused.returncode == 2 and refused.stderr.startswith("error: --tta: ") and refused.stderr.count("\n") == 1
    picture = str(next((tmp_path / "data" / "left").iterdir()))
    answers = [
        json.loads(run_script("predict", given[0], picture, "--json", *more).stdout)[0]["probability"]
        for more in ([], ["--tta=mirror"])
    ]
    assert answers[0] != answers[1]
