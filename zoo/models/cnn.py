"""Small convolutional networks for images."""

from collections.abc import Sequence

from zoo.models.head import classification_head
from zoo.registry import register_model


@register_model(
    "mnist_cnn",
    task="image_classification",
    description="conv32-pool-conv64-pool-dropout-dense for MNIST digits, 34,826 parameters",
    reference="LeCun et al. (1998), Gradient-based learning applied to document recognition; layers of the Keras example",
)
def simple_cnn(
    input_shape: Sequence[int] = (28, 28, 1),
    num_classes: int = 10,
    filters: Sequence[int] = (32, 64),
    dropout: float = 0.5,
):
    """`uint8[batch, height, width, channel]` → `float32[batch, num_classes]` probabilities."""
    import keras

    inputs = keras.Input(tuple(input_shape), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for count in filters:
        x = keras.layers.Conv2D(count, 3, activation="relu")(x)
        x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, classification_head(x, num_classes), name="simple_cnn")


@register_model(
    "cifar10_lenet",
    task="image_classification",
    description="LeNet, conv6-conv16-120-84-10, for CIFAR-10",
    reference="LeCun et al. (1998), Gradient-based learning applied to document recognition",
)
def lenet(input_shape: Sequence[int] = (32, 32, 3), num_classes: int = 10, activation: str = "relu"):
    """`uint8[batch, height, width, channel]` → `float32[batch, num_classes]` probabilities."""
    import keras

    inputs = keras.Input(tuple(input_shape), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for filters in (6, 16):
        x = keras.layers.Conv2D(filters, 5, activation=activation)(x)
        x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Flatten()(x)
    for units in (120, 84):
        x = keras.layers.Dense(units, activation=activation)(x)
    return keras.Model(inputs, classification_head(x, num_classes), name="lenet")
