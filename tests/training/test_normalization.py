"""Batch normalization in one operation: what Keras computes in a dozen."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.quiet import keeping_precision
from zoo.training.dropout import BatchPosition
from zoo.training.normalization import prepare_normalization


def _model(filters: int, synchronized: bool = True) -> keras.Model:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((5, 6, 3))
    x = keras.layers.Conv2D(filters, 3)(inputs)
    return keras.Model(inputs, keras.layers.BatchNormalization(synchronized=synchronized, momentum=0.7)(x))


def _one_update(model: keras.Model, images) -> list[np.ndarray]:
    """The loss, its gradients, the moving averages after it, and the answers in use."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.cast(model(images, training=True), tf.float32) ** 3)
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    averages = [variable.value for variable in model.non_trainable_variables]
    return [np.asarray(each, "float32") for each in (loss, *gradients, *averages, model(images, training=False))]


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("examples", [1, 9])
def test_it_is_keras_own_arithmetic(precision, examples):
    images = np.random.default_rng(0).normal(2, 3, (examples, 5, 6, 3)).astype("float32")
    with keeping_precision():
        keras.config.set_dtype_policy(precision)
        plain, fast = _model(7), _model(7)
    prepare_normalization(fast, BatchPosition(0))
    assert "call" in vars(fast.layers[-1])
    expected = _one_update(plain, images)
    for ours, theirs in zip(_one_update(fast, images), expected, strict=True):
        scale = 1e-5 if precision == "float32" else 1e-2
        np.testing.assert_allclose(ours, theirs, rtol=scale, atol=scale * np.abs(theirs).max() + 1e-4)


def test_a_frozen_layer_normalizes_by_its_averages_and_leaves_them():
    model = _model(4)
    prepare_normalization(model, BatchPosition(0))
    model.layers[-1].trainable = False
    images = np.random.default_rng(0).normal(2, 3, (8, 5, 6, 3)).astype("float32")
    before = [np.array(weight) for weight in model.layers[-1].get_weights()]
    np.testing.assert_array_equal(model(images, training=True), model(images, training=False))
    for weight, was in zip(model.layers[-1].get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, was)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_layers_of_other_ranks_too_are_keras_own_arithmetic(precision):
    rows = np.random.default_rng(0).normal(2, 3, (9, 5)).astype("float32")
    results = []
    for prepare in (False, True):
        with keeping_precision():
            keras.config.set_dtype_policy(precision)
            keras.utils.set_random_seed(1)
            inputs = keras.Input((5,))
            normalized = keras.layers.BatchNormalization(scale=False)(keras.layers.Dense(4, use_bias=False)(inputs))
            model = keras.Model(inputs, normalized)
        if prepare:
            prepare_normalization(model, BatchPosition(0))
        results.append(_one_update(model, rows))
    for ours, theirs in zip(*results, strict=True):
        scale = 1e-5 if precision == "float32" else 1e-2
        np.testing.assert_allclose(ours, theirs, rtol=scale, atol=scale * np.abs(theirs).max() + 1e-4)


def test_numbers_far_from_zero_keep_their_variance():
    """The mean of squares less the square of the mean would be 0 or less in float32."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
    prepare_normalization(model, BatchPosition(0))
    rows = np.random.default_rng(0).normal(0, 1, (64, 2)).astype("float32") + 30_000
    outputs = np.asarray(model(rows, training=True))
    np.testing.assert_allclose(outputs.std(axis=0), 1, atol=0.05)


def test_after_a_few_updates_the_averages_are_of_the_data_and_not_of_their_start():
    model, position = _model(4), BatchPosition(0)
    prepare_normalization(model, position)
    images = np.random.default_rng(0).normal(2, 3, (64, 5, 6, 3)).astype("float32")
    for step in range(9):
        position.step = tf.constant(step)
        outputs = model(images, training=True)
    np.testing.assert_allclose(model(images, training=False), outputs, atol=0.01)


def test_a_masked_layer_is_keras_own():
    """Behind an embedding that masks, padding counts for nothing."""
    ids = np.array([[1, 2, 0], [3, 0, 0]])
    results = []
    for prepare in (False, True):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((3,))
        embedded = keras.layers.Embedding(4, 2, mask_zero=True)(inputs)
        model = keras.Model(inputs, keras.layers.BatchNormalization()(embedded))
        if prepare:
            prepare_normalization(model, BatchPosition(0))
        results.append([np.asarray(model(ids, training=True)), *model.layers[-1].get_weights()])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, theirs)
