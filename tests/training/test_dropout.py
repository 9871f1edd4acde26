"""Dropout masks follow from the position in the global batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.training.dropout import BatchPosition, PositionedDropout


def masks(first_example, examples, step=3, seed=0, number=0, shape=(7, 5), rate=0.4):
    position = BatchPosition(seed)
    layer = PositionedDropout(keras.layers.Dropout(rate), position, number)
    position.step, position.first_example = tf.constant(step, tf.int64), first_example
    return layer(tf.ones((examples, *shape)), training=True).numpy()


@pytest.mark.parametrize(("first", "examples"), [(0, 1), (1, 3), (5, 11)])
def test_a_part_of_the_batch_has_its_part_of_the_mask(first, examples):
    np.testing.assert_array_equal(masks(0, 16)[first : first + examples], masks(first, examples))


def test_masks_keep_the_rate_and_the_expectation():
    kept = masks(0, 2000)
    assert np.abs((kept == 0).mean() - 0.4) < 0.01
    np.testing.assert_allclose(np.unique(kept), [0, 1 / 0.6], rtol=1e-6)


@pytest.mark.parametrize("other", [{"step": 4}, {"seed": 1}, {"number": 1}, {"first_example": 16}])
def test_masks_differ_between_examples_steps_seeds_and_layers(other):
    arguments = {"first_example": 0, "examples": 16}
    plain, changed = masks(**arguments), masks(**(arguments | other))
    assert 0.4 < (plain == changed).mean() < 0.65  # independent masks agree in 0.52 of the units


def test_nothing_is_dropped_in_inference():
    layer = PositionedDropout(keras.layers.Dropout(0.5), BatchPosition(0), 0)
    np.testing.assert_array_equal(layer(tf.ones((4, 4)), training=False), np.ones((4, 4)))
