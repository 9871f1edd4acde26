"""How many steps a call takes, by what a step costs."""

import numpy as np
import pytest

import zoo
from zoo.errors import ZooError
from zoo.training import programs


@pytest.mark.parametrize(
    ("name", "options", "shape", "batch_size", "xla", "expected"),
    [
        ("mnist_mlp", {}, (60_000, 28, 28, 1), 64, True, 118),  # 937 steps in 8 calls of at most 128
        ("mnist_cnn", {}, (60_000, 28, 28, 1), 128, False, 32),
        ("mnist_cnn", {"stages": [[256], [512, 512], [512]]}, (60_000, 28, 28, 1), 128, False, 1),  # by its arithmetic
        ("mnist_mlp", {}, (100, 28, 28, 1), 64, True, 1),
        ("bbc_news_bert", {"size": "base", "length": 512}, (60_000, 512), 32, False, 1),
    ],
)
def test_calls_are_long_enough_to_pay_and_short_enough_to_wait_for(name, options, shape, batch_size, xla, expected):
    features = np.broadcast_to(np.uint8(0), shape)
    assert programs.steps_per_call(zoo.create_model(name, **options), features, batch_size, xla) == expected


def test_pictures_as_large_as_a_call_go_one_by_one():
    features = np.broadcast_to(np.uint8(0), (100, 2048, 2048, 3))
    model = zoo.create_model("binary_mlp")
    assert programs.steps_per_call(model, features, 8, use_xla=True) == 1


def test_operations_are_those_of_the_kernels():
    model = zoo.create_model("mnist_mlp")
    assert programs.operations_of_kernels(model) == 6 * (784 * 64 + 64 * 64 + 64 * 10)
    model = zoo.create_model("simple_cnn")
    expected = 26 * 26 * 9 * 32 + 11 * 11 * 9 * 32 * 64 + 5 * 5 * 64 * 10
    assert programs.operations_of_kernels(model) == 6 * expected


@pytest.mark.parametrize("name", ["womens_clothing_mlp", "linear_text"])
def test_xla_leaves_counted_words_alone(name):
    model = zoo.create_model(name, vocabulary_size=50)
    assert not programs.uses_xla(model, "auto")
    with pytest.raises(ZooError, match="training.xla=on: XLA cannot compile the layer 'tf_idf"):
        programs.uses_xla(model, "on")
