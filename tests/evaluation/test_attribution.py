"""What columns add to an answer, and what shuffling them costs: a planted column is found, a noise column is not."""

import numpy as np
import pytest
from loaded import named

import zoo
from zoo.datasets.splits import Split
from zoo.errors import ZooError
from zoo.evaluation.attribution import explain_columns
from zoo.evaluation.importance import importance_table, permutation_importance
from zoo.training import preprocessing

ROWS = np.random.default_rng(0).normal(size=(400, 4)).astype("float32")
TASKS = ("binary_mlp", "california_housing_mlp", "birds_mlp")


def trained(name, targets, **options):
    """A small model of the task that has learned these targets, by plain Keras."""
    import keras

    keras.utils.set_random_seed(0)
    model = zoo.create_model(name, input_shape=[4], **options)
    preprocessing.adapt(model, ROWS)
    info = zoo.model_info(name)
    info.task.adapt(model, targets)
    model.compile(keras.optimizers.Adam(0.01), "mse" if info.task.targets == "number" else "binary_crossentropy")
    model.fit(ROWS, targets, epochs=30, batch_size=50, verbose=0)
    return named(model, "table", ["no", "yes"] if info.task.targets == "class" else ["x", "y"], task=info.task.name)


def test_of_a_linear_model_each_column_adds_its_term_and_they_add_up():
    model = zoo.create_model("diabetes_mlp", input_shape=[4], hidden_units=[])
    preprocessing.adapt(model, ROWS)
    zoo.model_info("diabetes_mlp").task.adapt(model, np.array([10.0, 20.0], "float32"))  # mean 15, deviation 5
    model.get_layer("standardized").set_weights([np.array([[1.0], [2.0], [0.0], [-1.0]], "float32"), np.zeros(1)])
    loaded = named(model, "table", [], task="regression")
    (explanation,) = explain_columns(loaded, ROWS[:1])
    standardized = (ROWS[0] - ROWS.mean(axis=0)) / ROWS.std(axis=0)
    np.testing.assert_allclose(explanation.scores, 5 * standardized * [1, 2, 0, -1], rtol=1e-3, atol=1e-4)
    middle, end = model.predict(np.stack([ROWS.mean(axis=0), ROWS[0]]), verbose=0)[:, 0]
    assert explanation.scores.sum() == pytest.approx(end - middle, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_a_planted_column_is_found_and_noise_is_not(name):
    signal = ROWS[:, 1]
    if name == "binary_mlp":
        targets, options = (signal > 0).astype("int32"), {"hidden_units": [16]}
    elif name == "birds_mlp":
        targets = np.stack([signal > 0, signal < -0.5], axis=1).astype("int8")
        options = {"hidden_units": [16], "num_labels": 2, "dropout": 0.0}
    else:
        targets, options = (3 * signal).astype("float32"), {"hidden_units": [16], "dropout": 0.0}
    loaded = trained(name, targets, **options)
    explanations = explain_columns(loaded, ROWS[:40])
    sizes = np.abs([explanation.scores for explanation in explanations]).mean(axis=0)
    assert sizes.argmax() == 1 and sizes[1] > 3 * np.delete(sizes, 1).max()
    split = Split(ROWS, targets, np.arange(400))
    importance = permutation_importance(loaded, loaded.answers(ROWS), split)
    first, *others = importance["columns"]
    assert first["column"] == "feature_1" and first["interval"][0] > 0
    assert all(one["drop"] < first["drop"] / 5 for one in others)
    assert "feature_1" in importance_table(importance).splitlines()[2]
    assert importance == permutation_importance(loaded, loaded.answers(ROWS), split)


def mixed_rows(rows=400):
    """Whether `colour` is red decides; `size` has gaps, and says nothing, as `shape`."""
    generator = np.random.default_rng(0)
    colour, shape = (generator.choice(words, rows) for words in (["red", "green", "blue"], ["round", "square"]))
    size = generator.normal(size=rows).astype("float32")
    size[::7] = np.nan
    features = {"numbers": size[:, None], "categories": np.stack([shape, colour], axis=1).astype(object)}
    return features, (colour == "red").astype("int32")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["table_mlp", "linear_table"])
def test_columns_of_a_mixed_table_add_up_and_the_planted_category_is_found(name):
    import keras
    import tensorflow as tf

    from zoo.datasets.on_disk import each, take
    from zoo.schema import Schema

    def tensors(arrays):
        return each(tf.constant, arrays)

    keras.utils.set_random_seed(0)
    features, targets = mixed_rows()
    model = zoo.create_model(name, input_shape={"numbers": [1], "categories": [2]}, category_counts=[2, 3])
    preprocessing.adapt(model, features)
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    model.fit(tensors(features), targets, epochs=15, batch_size=50, verbose=0)
    schema = Schema.of(numbers=["size"], categories=["shape", "colour"]).to_json()
    loaded = named(model, "columns", ["no", "yes"], schema=schema)
    explanations = explain_columns(loaded, take(features, np.arange(20)))
    assert explanations[0].columns == ("size", "shape", "colour")
    assert {one.columns[np.abs(one.scores).argmax()] for one in explanations} == {"colour"}
    assert [one.of for one in explanations] == [["no", "yes"][target] for target in targets[:20]]
    assert all(one.scores[2] > 0 for one in explanations)
    # From the middle row to each row: rows that differ in size alone differ in what all columns add by as much as in
    # their logits.
    other = take(features, [1, 1])
    other["numbers"] = other["numbers"] + np.float32([[0], [2]])
    logits = keras.Model(model.input, model.get_layer("logits").output).predict(tensors(other), verbose=0)
    contrast = logits[:, targets[1]] - logits.mean(axis=1)
    sums = [explanation.scores.sum() for explanation in explain_columns(loaded, other)]
    assert sums[1] - sums[0] == pytest.approx(contrast[1] - contrast[0], abs=float(0.05 * abs(contrast[0])))
    split = Split(features, targets, np.arange(400))
    first, *others = permutation_importance(loaded, loaded.answers(features), split)["columns"]
    assert first["column"] == "colour" and first["interval"][0] > 0.2 and max(one["drop"] for one in others) < 0.05


def test_what_cannot_be_explained_by_columns_is_one_line():
    with pytest.raises(ZooError, match="columns are explained of tables alone"):
        explain_columns(named(zoo.create_model("mnist_mlp"), "image", list("0123456789")), ROWS)
