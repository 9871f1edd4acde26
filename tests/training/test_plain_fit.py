"""The fast loop learns what plain Keras learns: the same seed and batches give the same curve of the loss."""

import csv
import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import datasets
from zoo.datasets.pipeline import BatchPlan, training_calls
from zoo.datasets.splits import Split

pytestmark = pytest.mark.slow

EPOCHS, BATCH, ROWS = 3, 32, 1600


@pytest.fixture(scope="module")
def pictures():
    """1,600 noisy pictures of 12×12 pixels, whose class is the brighter half or quarter, and 100 of other splits."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, ROWS + 200).astype("int32")
    images = generator.integers(0, 200, (len(labels), 12, 12, 1), dtype="uint8")
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(label, 2)
        image[6 * row : 6 * row + 6, 6 * column : 6 * column + 6] += 30
    info = dataclasses.replace(datasets.dataset_info("image_folder"), label_names=("a", "b", "c", "d"))
    cuts = ((0, ROWS), (ROWS, ROWS + 100), (ROWS + 100, ROWS + 200))
    return datasets.Dataset(info, *(Split(images[a:b], labels[a:b], np.arange(a, b)) for a, b in cuts), "", {})


@pytest.mark.parametrize("model", ["mnist_mlp", "simple_cnn", "mnist_cnn"])
def test_same_curve_as_plain_fit(pictures, tmp_path, model):
    small = {"mnist_cnn": ["model.options.stages=[[4], [8, 8]]", "model.options.paddings=[same, same]"]}.get(model, [])
    config = zoo.load_config(
        model,
        assignments=[
            "dataset={name: image_folder}", f"training={{epochs: {EPOCHS}, batch_size: {BATCH}, seed: 5}}",
            "model.options.dropout=0.0", *small,
        ],
    )  # fmt: skip
    run = zoo.train(config, tmp_path, dataset=pictures, show_progress=False)
    fast = [float(row["loss"]) for row in csv.DictReader(run.history_file.open())]

    keras.utils.set_random_seed(5)
    keras.config.set_dtype_policy("float32")
    plain = zoo.create_model(model, input_shape=(12, 12, 1), num_classes=4, **config.model.options)
    plain.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    plan = BatchPlan(ROWS, BATCH, steps_per_call=1, epochs=EPOCHS)
    calls = training_calls(pictures.train.features, pictures.train.targets, plan, seed=5)
    batches = calls.map(lambda x, y, weights, count: (tf.squeeze(x, 0), tf.squeeze(y, 0))).repeat()
    history = plain.fit(batches, epochs=EPOCHS, steps_per_epoch=plan.steps_per_epoch, shuffle=False, verbose=0).history
    np.testing.assert_allclose(fast, history["loss"], atol=1e-4)
    assert fast[-1] < fast[0] - 0.1, "a loss that stands still would agree by itself"
