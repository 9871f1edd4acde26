"""What may be in a file is not too little: models of plain Keras, saved and exported by Keras itself, are read."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo

pytestmark = pytest.mark.slow


def _classifier(inputs, x):
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def perceptron():
    options = {"kernel_regularizer": keras.regularizers.L2(1e-3), "kernel_constraint": keras.constraints.MaxNorm(3.0)}
    blocks = [layers.Dense(8, "relu", **options), layers.Dropout(0.2), layers.PReLU(), layers.LeakyReLU()]
    return keras.Sequential([keras.Input((6,)), *blocks, layers.Dense(3, "softmax")])


def convolutions():
    inputs = keras.Input((8, 8, 1))
    x = layers.RandomRotation(0.1)(layers.RandomFlip()(layers.Rescaling(1 / 255)(inputs)))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x)))
    return _classifier(inputs, layers.Flatten()(layers.SpatialDropout2D(0.1)(layers.MaxPooling2D()(x))))


def separable():
    inputs = keras.Input((8, 8, 3))
    x = layers.ReLU(6.0)(layers.DepthwiseConv2D(3)(layers.SeparableConv2D(4, 3)(inputs)))
    x = layers.Activation("hard_swish")(layers.ZeroPadding2D()(x))
    return _classifier(inputs, layers.GlobalAveragePooling2D()(x))


def residual():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    y = layers.GroupNormalization(2)(layers.Conv2D(4, 3, padding="same", activation="gelu")(x))
    x = layers.Concatenate()([layers.Add()([x, y]) + 0.5 * y, layers.AveragePooling2D(1)(x)])
    return _classifier(inputs, layers.GlobalMaxPooling2D()(x))


def recurrent():
    inputs = keras.Input((6,))
    x = layers.Embedding(50, 8, mask_zero=True)(inputs)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
    x = layers.TimeDistributed(layers.Dense(5))(layers.GRU(4, return_sequences=True)(x))
    return _classifier(inputs, layers.RNN([layers.LSTMCell(3), layers.GRUCell(3)])(x))


def transformer():
    inputs = keras.Input((6,))
    x = layers.Embedding(50, 8)(inputs)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    x = layers.LayerNormalization()(x + layers.Dense(8)(layers.Dense(16, activation=keras.activations.gelu)(x)))
    return _classifier(inputs, ops.mean(x, axis=1))


def texts():
    words = layers.TextVectorization(max_tokens=30, output_sequence_length=10)
    words.adapt(["a b c d", "b c e"])
    inputs = keras.Input((), dtype="string")
    x = layers.Conv1D(4, 3)(layers.Embedding(30, 8)(words(inputs)))
    return _classifier(inputs, layers.GlobalAveragePooling1D()(x))


def table():
    numbers = layers.Normalization()
    numbers.adapt(np.random.default_rng(0).normal(size=(10, 4)))
    inputs = keras.Input((4,))
    whole = ops.cast(inputs[:, :1], "int64")
    known = layers.CategoryEncoding(4, output_mode="one_hot")(layers.IntegerLookup(vocabulary=[3, 5])(whole))
    near = layers.Flatten()(layers.Embedding(4, 2)(layers.Discretization([0.2, 0.5])(inputs)))
    return _classifier(inputs, layers.Concatenate()([numbers(inputs), ops.cast(known, "float32"), near]))


def strings():
    inputs = keras.Input((), dtype="string")
    known = layers.StringLookup(vocabulary=["x", "y"], output_mode="one_hot")(inputs)
    hashed = layers.Embedding(5, 2)(layers.Hashing(5)(inputs))
    return _classifier(inputs, layers.Concatenate()([ops.cast(known, "float32"), hashed]))


def mobile_net():
    return keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, weights=None, classes=3)


def conv_next():
    return keras.applications.ConvNeXtTiny(input_shape=(32, 32, 3), weights=None, classes=3)


def segmentation():
    inputs = keras.Input((8, 8, 1))
    down = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    x = layers.Conv2DTranspose(4, 2, strides=2)(layers.MaxPooling2D()(down))
    x = layers.Cropping2D(0)(layers.Concatenate()([down, layers.UpSampling2D(1)(x)]))
    return keras.Model(inputs, layers.Conv2D(2, 1, activation="softmax")(x))


CLASSIFIERS = [perceptron, convolutions, separable, residual, recurrent, transformer, texts, table, strings, mobile_net,
               conv_next]  # fmt: skip


def _example(model):
    if model.inputs[0].dtype == "string":
        return np.array(["a b x"], object)
    return np.ones((1, *model.input_shape[1:]), "float32")


def test_what_is_no_classifier_is_told_so_once_it_is_read(tmp_path):
    segmentation().save(tmp_path / "model.keras")
    with pytest.raises(zoo.ZooError, match="its output has the shape .*; a classifier's is"):
        zoo.load_model(tmp_path / "model.keras")


@pytest.mark.parametrize("make", CLASSIFIERS, ids=lambda make: make.__name__)
def test_saved_by_keras(tmp_path, make):
    model = make()
    model.save(tmp_path / "model.keras")
    loaded = zoo.load_model(tmp_path / "model.keras").model
    x = _example(model)
    x = keras.ops.convert_to_tensor(x.tolist()) if x.dtype == object else x
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-5)


@pytest.mark.parametrize("make", CLASSIFIERS, ids=lambda make: make.__name__)
def test_exported_by_keras(tmp_path, make):
    model = make()
    model.export(tmp_path / "model", verbose=False)
    loaded = zoo.load_model(tmp_path / "model")
    x = _example(model)
    expected = model(keras.ops.convert_to_tensor(x.tolist()) if x.dtype == object else x)
    np.testing.assert_allclose(loaded.predict_probabilities(x), expected, atol=1e-5)


def test_a_table_filled_from_an_asset(tmp_path):
    (tmp_path / "words.txt").write_text("x\ny\n")
    inputs = keras.Input((), dtype="string")
    known = layers.StringLookup(vocabulary=str(tmp_path / "words.txt"), output_mode="one_hot")(inputs)
    _classifier(inputs, ops.cast(known, "float32")).export(tmp_path / "model", verbose=False)
    (tmp_path / "words.txt").unlink()
    assert zoo.load_model(tmp_path / "model").predict_probabilities(np.array(["x", "z"], object)).shape == (2, 3)


def test_several_inputs_are_told_of(tmp_path):
    one, two = keras.Input((2,)), keras.Input((3,))
    model = keras.Model([one, two], layers.Dense(3)(layers.Concatenate()([one, two])))
    model.save(tmp_path / "model.keras")
    with pytest.raises(zoo.ZooError, match=r"model.keras: has 2 inputs; one is needed"):
        zoo.load_model(tmp_path / "model.keras")
