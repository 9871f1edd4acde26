"""Floating-point operations against counts by hand."""

import keras
import pytest

import zoo
from zoo.evaluation.flops import count_flops


def test_products_and_sums_of_dense_layers_and_convolutions():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, use_bias=False)(inputs)
    outputs = keras.layers.Dense(5, use_bias=False)(keras.layers.Flatten()(x))
    assert count_flops(keras.Model(inputs, outputs)) == 2 * 6 * 6 * 9 * 3 * 4 + 2 * 6 * 6 * 4 * 5


def test_the_products_of_the_heads_of_attention_count():
    inputs = keras.Input((25, 16))
    outputs = keras.layers.MultiHeadAttention(2, 8, use_bias=False)(inputs, inputs)
    products = 4 * 25 * 16 * 16 + 2 * 25 * 25 * 16
    softmax = 2 * 25 * 25
    assert 2 * products <= count_flops(keras.Model(inputs, outputs)) <= 2 * products + 6 * softmax


def test_a_step_of_a_recurrent_layer_counts_as_often_as_it_is_made():
    def counted(steps):
        inputs = keras.Input((steps, 16))
        both = keras.layers.Bidirectional(keras.layers.LSTM(8))(keras.layers.Masking()(inputs))
        return count_flops(keras.Model(inputs, keras.layers.Dense(3)(both)))

    products = 2 * 2 * 4 * 8 * (16 + 8)  # two directions, four gates
    assert products * 100 < counted(200) - counted(100) < 1.2 * products * 100
    inputs = keras.Input((None, 16))
    assert count_flops(keras.Model(inputs, keras.layers.LSTM(8)(inputs))) is None


@pytest.mark.parametrize(
    ("name", "products"),
    [
        ("mnist_mlp", 784 * 64 + 64 * 64 + 64 * 10),
        ("linear_text", 30_000 * 5),
        ("text_cnn", sum((400 - size + 1) * size * 128 * 100 for size in (3, 4, 5)) + 300 * 5),
        ("text_lstm", 2 * 200 * 4 * 64 * (128 + 64) + 128 * 5),
    ],
)
def test_models_of_the_zoo(name, products):
    assert 2 * products <= count_flops(zoo.create_model(name)) < 2.1 * products + 20 * 30_000 * (name == "linear_text")
