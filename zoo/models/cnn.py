"""Small convolutional networks for images."""

from collections.abc import Sequence

from zoo.models.head import classification_head
from zoo.registry import register_model

_BATCH_NORMALIZATION = "Ioffe & Szegedy (2015), Batch normalization; LeCun et al. (1998) for the plan of the layers"


@register_model(
    "mnist_cnn",
    reads="image",
    task="classification",
    description="four convolutions with batch normalization for MNIST digits, under 34,826 parameters",
    reference=_BATCH_NORMALIZATION,
    stages=((16,), (32, 32), (56,)),
    paddings=("valid", "same", "valid"),
    stem_kernel_size=5,
    dropout=0.2,
)
@register_model(
    "fashion_mnist_cnn_distilled",
    reads="image",
    task="classification",
    description="fashion_mnist_cnn, taught by fashion_mnist_vgg, under 100,000 parameters",
    reference="Hinton, Vinyals & Dean (2015), Distilling the knowledge in a network",
    stages=((32,), (64,), (96,)),
    dropout=0.1,
)
@register_model(
    "fashion_mnist_cnn",
    reads="image",
    task="classification",
    description="three convolutions with batch normalization for Fashion-MNIST, under 100,000 parameters",
    reference=_BATCH_NORMALIZATION,
    stages=((32,), (64,), (96,)),
    dropout=0.3,
)
def convolutional_network(
    input_shape: Sequence[int] = (28, 28, 1),
    num_classes: int = 10,
    stages: Sequence[Sequence[int]] = ((16,), (32,), (64,)),
    paddings: Sequence[str] = ("same", "same", "same"),
    stem_kernel_size: int = 3,
    dropout: float = 0.0,
):
    """`uint8[batch, height, width, channel]` → `float32[batch, num_classes]` probabilities.

    Each stage is a row of 3×3 convolutions (the very first of `stem_kernel_size`), each with batch normalization and
    ReLU. The last of a stage halves the picture by max-pooling, before its normalization, which then costs a quarter.
    """
    import keras

    inputs = keras.Input(tuple(input_shape), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    kernel_size = stem_kernel_size
    for stage, padding in zip(stages, paddings, strict=True):
        for position, filters in enumerate(stage, start=1):
            x = keras.layers.Conv2D(
                filters, kernel_size, padding=padding, use_bias=False, kernel_initializer="he_normal"
            )(x)
            kernel_size = 3
            if position == len(stage):
                x = keras.layers.MaxPooling2D(2)(x)
            x = keras.layers.BatchNormalization(synchronized=True)(x)
            x = keras.layers.Activation("relu")(x)
    x = keras.layers.Flatten()(x)
    if dropout:
        x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, classification_head(x, num_classes), name="convolutional_network")


@register_model(
    "simple_cnn",
    reads="image",
    task="classification",
    description="conv32-pool-conv64-pool-dropout-dense, 34,826 parameters on MNIST digits",
    reference="the layers of the Keras example of Chollet (2015), Simple MNIST convnet",
    dropout=0.5,
)
@register_model(
    "cifar10_lenet",
    reads="image",
    task="classification",
    description="LeNet for small photographs: conv6-pool-conv16-pool-120-84, 62,006 parameters on CIFAR-10",
    reference="LeCun et al. (1998), Gradient-based learning applied to document recognition, with ReLU and max-pooling",
    input_shape=(32, 32, 3),
    filters=(6, 16),
    kernel_size=5,
    hidden_units=(120, 84),
)
def simple_cnn(
    input_shape: Sequence[int] = (28, 28, 1),
    num_classes: int = 10,
    filters: Sequence[int] = (32, 64),
    kernel_size: int = 3,
    hidden_units: Sequence[int] = (),
    dropout: float = 0.0,
):
    """`uint8[batch, height, width, channel]` → `float32[batch, num_classes]` probabilities."""
    import keras

    inputs = keras.Input(tuple(input_shape), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for count in filters:
        x = keras.layers.Conv2D(count, kernel_size, activation="relu")(x)
        x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Flatten()(x)
    for units in hidden_units:
        x = keras.layers.Dense(units, activation="relu")(x)
    if dropout:
        x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, classification_head(x, num_classes), name="simple_cnn")
