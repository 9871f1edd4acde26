"""Dropout masks follow from the position in the global batch."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.training.dropout import BatchPosition, PositionedDropout
from zoo.training.networks import training_network


def masks(first_example, examples, step=3, seed=0, number=0, shape=(7, 5), rate=0.4, noise_shape=None):
    position = BatchPosition(seed)
    layer = PositionedDropout(keras.layers.Dropout(rate, noise_shape), position, number)
    position.step, position.first_example = tf.constant(step, tf.int64), first_example
    return layer(tf.ones((examples, *shape)), training=True).numpy()


@pytest.mark.parametrize("noise_shape", [None, (None, 1, 1), (None, 1, None)])
@pytest.mark.parametrize(("first", "examples"), [(0, 1), (1, 3), (5, 11)])
def test_a_part_of_the_batch_has_its_part_of_the_mask(first, examples, noise_shape):
    whole, part = masks(0, 16, noise_shape=noise_shape), masks(first, examples, noise_shape=noise_shape)
    np.testing.assert_array_equal(whole[first : first + examples], part)


@pytest.mark.parametrize(("noise_shape", "axes"), [((None, 1, 1), (1, 2)), ((None, 1, None), 1), ((None, 7, 1), 2)])
def test_positions_share_a_draw_where_the_noise_shape_says_so(noise_shape, axes):
    kept = masks(0, 2000, noise_shape=noise_shape)
    assert kept.shape == (2000, 7, 5) and (kept.min(axes) == kept.max(axes)).all()
    np.testing.assert_allclose(np.unique(kept), [0, 1 / 0.6], rtol=1e-6)
    assert np.abs((kept == 0).mean() - 0.4) < 0.04


def test_drop_path_trains_in_the_place_of_a_plain_layer_that_every_keras_opens(tmp_path):
    inputs = keras.Input((4, 4, 2))
    branch = keras.layers.Dropout(0.5, noise_shape=(None, 1, 1, 1))(keras.layers.Conv2D(2, 1)(inputs))
    whole = keras.layers.Dropout(0.5, noise_shape=(1, 4, 4, 2))(branch)  # one draw for all: not a matter of position
    model = keras.Model(inputs, keras.layers.Dropout(1.0)(whole) + keras.layers.Add()([inputs, branch]))
    twin = training_network(model, model.outputs[0], BatchPosition(0), itertools.count())
    assert [type(layer) for layer in twin.layers].count(PositionedDropout) == 1
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    shapes = [layer.noise_shape for layer in again.layers if isinstance(layer, keras.layers.Dropout)]
    assert shapes == [(None, 1, 1, 1), (1, 4, 4, 2), None]


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
