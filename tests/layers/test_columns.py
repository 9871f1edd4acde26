"""Columns as numbers: against Python's own calendar and medians by hand, and through a saved file."""

import datetime

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.datasets.on_disk import as_tensors
from zoo.layers.columns import CalendarFeatures, CategoryIds, Imputation, MissingNumbers
from zoo.schema import NO_DATE, frequent_categories
from zoo.training import preprocessing


def test_a_gap_becomes_the_median_and_a_mark_where_training_had_gaps():
    numbers = np.array([[1, 5, np.nan], [np.nan, 7, np.nan], [3, 6, np.nan], [8, 9, np.nan]], "float32")
    imputed, missing = Imputation(), MissingNumbers()
    for layer in (imputed, missing):
        layer.build((None, 3))
        layer.adapt(numbers)
    gaps = np.full((1, 3), np.nan, "float32")
    np.testing.assert_array_equal(imputed(gaps), [[3, 6.5, 0]])
    np.testing.assert_array_equal(missing(gaps), [[1, 0, 1]])  # the second column missed nothing in training
    np.testing.assert_array_equal(missing(numbers)[1], [1, 0, 1])


def test_dates_are_those_of_the_calendar():
    generator = np.random.default_rng(0)
    seconds = generator.integers(-5_000_000_000, 8_000_000_000, (400, 1))
    days = [datetime.datetime(1972, 2, 29, 23), datetime.datetime(1900, 3, 1), datetime.datetime(2000, 2, 29)]
    days += [datetime.datetime(year, 12, 31, 23, 59, 59) for year in (1, 1582, 1969, 9999)]
    seconds = np.concatenate([seconds, [[int(d.replace(tzinfo=datetime.UTC).timestamp())] for d in days]])
    layer = CalendarFeatures()
    layer.build((None, 1))
    layer.adapt(seconds)
    found = np.array(layer(tf.constant(seconds)))
    epoch = datetime.datetime(1970, 1, 1)
    for row, second in zip(found, seconds[:, 0].tolist(), strict=True):
        date = epoch + datetime.timedelta(seconds=second)
        cycles = [(date.month - 1, 12), (date.day - 1, 31), (date.weekday(), 7), (date.hour, 24)]
        angles = [2 * np.pi * part / length for part, length in cycles]
        wanted = [value for angle in angles for value in (np.sin(angle), np.cos(angle))]
        np.testing.assert_allclose(row[1:9], wanted, atol=1e-5, err_msg=str(date))
    assert abs(found[:, 0].mean()) < 1e-3 and found[:, 0].std() == pytest.approx(1, abs=1e-3) and not found[:, 9].any()
    np.testing.assert_array_equal(layer(tf.constant([[NO_DATE]])), [[0] * 9 + [1]])


def test_a_category_has_a_row_of_its_own_column():
    categories = np.array([["a", "x"], ["a", ""], ["b", "x\ny"], ["a", "x"], ["rare", "a"]], object)
    assert frequent_categories(categories, 1) == [["a", "b", "rare"], ["x", "a", "x\ny"]]
    assert frequent_categories(categories, 2) == [["a"], ["x"]]
    layer = CategoryIds([3, 3])
    layer.adapt(categories)
    assert layer.rows == 10
    given = tf.constant([["a", "a"], ["", ""], ["other", "rare"], ["rare", "x\ny"]])
    np.testing.assert_array_equal(layer(given), [[2, 8], [1, 6], [0, 5], [4, 9]])


@pytest.mark.parametrize("name", ["table_mlp", "linear_table_regressor"])
def test_all_kinds_of_columns_survive_a_saved_file_and_an_unseen_category_says_nothing(tmp_path, name):
    generator = np.random.default_rng(1)
    features = {
        "numbers": generator.normal(size=(40, 3)).astype("float32"),
        "categories": generator.choice(np.array(["red", "green", "", 'a "quoted"\nline'], object), (40, 2)),
        "dates": generator.integers(0, 2**31, (40, 1)),
        "texts": generator.choice(np.array(["a long text", "another one", ""], object), (40, 2)),
    }
    features["numbers"][::7, 1], features["dates"][3] = np.nan, NO_DATE
    counts = [len(words) for words in frequent_categories(features["categories"])]
    shapes = {key: array.shape[1:] for key, array in features.items()}
    options = {"input_shape": shapes, "category_counts": counts, "least_count": 1, "vocabulary_size": 50}
    model = zoo.create_model(name, **options, text_length=10)
    preprocessing.adapt(model, features)
    zoo.model_info(name).task.adapt(model, np.linspace(0, 9, 40).astype("float32"))
    tensors = as_tensors(features)
    expected = model.predict(tensors, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(tensors, verbose=0), expected)
    if name == "table_mlp":
        unseen = features | {"categories": np.full((40, 2), "purple", object)}
        others = features | {"categories": np.full((40, 2), "orange", object)}
        np.testing.assert_array_equal(loaded.predict(as_tensors(unseen), verbose=0),
                                      loaded.predict(as_tensors(others), verbose=0))  # fmt: skip
