"""VGG: rows of 3×3 convolutions, each row ended by pooling, then dense layers."""

from collections.abc import Sequence

from zoo.models.common import activated, convolution, refuse_small
from zoo.models.head import classification_head
from zoo.models.mlp import hidden_layers
from zoo.registry import register_model


@register_model(
    "fashion_mnist_vgg",
    reads="image",
    task="classification",
    description="VGG with batch normalization, seven convolutions, for Fashion-MNIST",
    reference="Simonyan & Zisserman (2015), Very deep convolutional networks for large-scale image recognition",
)
def vgg(
    input_shape: Sequence[int] = (28, 28, 1),
    num_classes: int = 10,
    stages: Sequence[Sequence[int]] = ((32, 32), (64, 64), (128, 128, 128)),
    hidden_units: Sequence[int] = (256,),
    batch_normalization: bool = True,
    dropout: float = 0.4,
):
    """`uint8[batch, height, width, channel]` → `float32[batch, num_classes]` probabilities.

    VGG-16 of the paper is `stages=((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3),
    hidden_units=(4096, 4096), batch_normalization=False, dropout=0.5` on pictures of 224 pixels.

    Raises:
        ValueError: a stage has no convolution, or the picture is too small for the pooling.
    """
    import keras

    if not stages or any(min(stage, default=0) < 1 for stage in stages):
        raise ValueError(f"stages {tuple(stages)}: each has one or more convolutions, of 1 filter or more")
    refuse_small(input_shape, 2 ** len(stages), f"{min(input_shape[:2]).bit_length() - 1} stages or fewer")
    inputs = keras.Input(tuple(input_shape), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for stage in stages:
        for position, filters in enumerate(stage, start=1):
            x = convolution(x, filters, 3, use_bias=not batch_normalization)
            if position == len(stage):
                x = keras.layers.MaxPooling2D(2)(x)
            x = activated(x, batch_normalization)
    x = keras.layers.Flatten()(x)
    x = hidden_layers(x, hidden_units, "relu", dropout, False)
    return keras.Model(inputs, classification_head(x, num_classes), name="vgg")
