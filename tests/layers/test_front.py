"""Where a model stops reading strings, however it was built."""

import keras
import pytest

from zoo.layers.front import text_layer


def texts():
    layer = keras.layers.TextVectorization(vocabulary=["good", "bad"], output_sequence_length=4)
    return layer, keras.Input((), dtype="string")


def test_a_sequential_model():
    layer, inputs = texts()
    model = keras.Sequential([inputs, layer, keras.layers.Embedding(9, 2)])
    assert text_layer(model) is layer


def test_a_layer_that_two_models_share():
    (layer, first), (_, second) = texts(), texts()
    models = [keras.Model(inputs, keras.layers.Embedding(9, 2)(layer(inputs))) for inputs in (first, second)]
    assert [text_layer(model) for model in models] == [layer, layer]


def test_a_model_inside_the_model():
    layer, inputs = texts()
    inner = keras.Sequential([keras.Input((), dtype="string"), layer])
    assert text_layer(keras.Model(inputs, keras.layers.Embedding(9, 2)(inner(inputs)))) is inner


@pytest.mark.parametrize("kind", ["float32", "two inputs"])
def test_a_model_of_anything_else(kind):
    inputs = keras.Input((4,)) if kind == "float32" else [texts()[1], texts()[1]]
    assert text_layer(keras.Model(inputs, inputs)) is None
