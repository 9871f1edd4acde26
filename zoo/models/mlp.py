"""Multilayer perceptrons for images and for tables of numbers."""

import math
from collections.abc import Sequence

from zoo.models.head import classification_head
from zoo.registry import register_model

_BACKPROPAGATION = "Rumelhart, Hinton & Williams (1986), Learning representations by back-propagating errors"


@register_model(
    "mnist_mlp",
    reads="image",
    task="classification",
    description="784-64-64-10 perceptron for MNIST digits",
    reference=_BACKPROPAGATION,
)
@register_model(
    "mnist_mlp_128_64",
    reads="image",
    task="classification",
    description="784-128-64-10 perceptron for MNIST digits",
    reference=_BACKPROPAGATION,
    hidden_units=(128, 64),
)
@register_model(
    "fashion_mnist_mlp",
    reads="image",
    task="classification",
    description="784-256-128-10 perceptron with dropout for Fashion-MNIST",
    reference=_BACKPROPAGATION,
    hidden_units=(256, 128),
    dropout=0.15,
)
def image_mlp(
    input_shape: Sequence[int] = (28, 28, 1),
    num_classes: int = 10,
    hidden_units: Sequence[int] = (64, 64),
    dropout: float = 0.0,
    batch_normalization: bool = False,
):
    """`uint8[batch, height, width, channel]` → `float32[batch, num_classes]` probabilities."""
    import keras

    inputs = keras.Input(tuple(input_shape), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Reshape((math.prod(input_shape),))(x)
    x = hidden_layers(x, hidden_units, "relu", dropout, batch_normalization)
    return keras.Model(inputs, classification_head(x, num_classes), name="image_mlp")


@register_model(
    "xor_mlp",
    reads="table",
    task="classification",
    description="2-2-1 perceptron that learns exclusive or; --set model.options.hidden_units=[8] is the wider one",
    reference=_BACKPROPAGATION,
    input_shape=(2,),
    hidden_units=(2,),
    activation="silu",  # tanh leaves half of the seeds in a local minimum
    normalize=False,
)
@register_model(
    "binary_mlp",
    reads="table",
    task="classification",
    description="100-50-1 perceptron for two classes of number rows",
    reference=_BACKPROPAGATION,
    input_shape=(100,),
    hidden_units=(50,),
)
def table_mlp(
    input_shape: Sequence[int],
    num_classes: int = 1,
    hidden_units: Sequence[int] = (50,),
    activation: str = "relu",
    dropout: float = 0.0,
    batch_normalization: bool = False,
    normalize: bool = True,
):
    """`float32[batch, feature]` → `float32[batch, num_classes]` probabilities.

    With `normalize`, a `Normalization` layer, which training adapts to the training split, standardizes each feature.
    """
    import keras

    inputs = keras.Input(tuple(input_shape), dtype="float32", name="numbers")
    x = keras.layers.Normalization()(inputs) if normalize else inputs
    x = hidden_layers(x, hidden_units, activation, dropout, batch_normalization)
    return keras.Model(inputs, classification_head(x, num_classes), name="table_mlp")


def hidden_layers(x, hidden_units: Sequence[int], activation: str, dropout: float, batch_normalization: bool):
    """`float[batch, feature]` → `float[batch, units]` of the last of dense layers, each with its activation."""
    import keras

    initializer = "he_normal" if activation == "relu" else "glorot_uniform"
    for units in hidden_units:
        x = keras.layers.Dense(units, use_bias=not batch_normalization, kernel_initializer=initializer)(x)
        if batch_normalization:
            x = keras.layers.BatchNormalization(synchronized=True)(x)
        x = keras.layers.Activation(activation)(x)
        if dropout:
            x = keras.layers.Dropout(dropout)(x)
    return x
