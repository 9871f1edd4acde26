"""AlexNet: five convolutions and dense layers with dropout, the network that won ImageNet in 2012."""

from collections.abc import Sequence

from zoo.models.common import refuse_small
from zoo.models.head import classification_head
from zoo.models.mlp import hidden_layers
from zoo.registry import register_model

_LEAST_BEFORE_POOLING = 15  # pixels: pooled three times, one is left


@register_model(
    "fashion_mnist_alexnet",
    reads="image",
    task="classification",
    description="AlexNet, narrower and for small pictures, for Fashion-MNIST",
    reference="Krizhevsky, Sutskever & Hinton (2012), ImageNet classification with deep convolutional neural networks",
)
def alexnet(
    input_shape: Sequence[int] = (28, 28, 1),
    num_classes: int = 10,
    filters: Sequence[int] = (32, 64, 96, 96, 64),
    kernel_sizes: Sequence[int] = (5, 3, 3, 3, 3),
    stem_stride: int = 1,
    hidden_units: Sequence[int] = (256, 256),
    dropout: float = 0.5,
):
    """`uint8[batch, height, width, channel]` → `float32[batch, num_classes]` probabilities.

    The first, second and fifth convolution are followed by overlapping pooling, 3×3 with stride 2. The paper's network
    is `filters=(96, 256, 384, 384, 256), kernel_sizes=(11, 5, 3, 3, 3), stem_stride=4, hidden_units=(4096, 4096)` on
    pictures of 227 pixels, in one column: groups were for two GPUs. Its local response normalization is left out, as
    Simonyan & Zisserman (2015) found it of no use.

    Raises:
        ValueError: there are not five convolutions, or the picture is too small for the strides.
    """
    import keras

    if len(filters) != 5 or len(kernel_sizes) != 5 or min(*filters, *kernel_sizes) < 1:
        raise ValueError(f"filters {tuple(filters)} and kernel_sizes {tuple(kernel_sizes)}: five of each are needed")
    if stem_stride < 1:
        raise ValueError(f"stem_stride is {stem_stride}; 1 or more is needed")
    if stem_stride == 1:
        refuse_small(input_shape, _LEAST_BEFORE_POOLING)
    else:
        refuse_small(input_shape, kernel_sizes[0] + stem_stride * (_LEAST_BEFORE_POOLING - 1), "stem_stride=1")
    inputs = keras.Input(tuple(input_shape), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for number, (count, size) in enumerate(zip(filters, kernel_sizes, strict=True)):
        strided = not number and stem_stride > 1
        x = keras.layers.Conv2D(
            count, size, stem_stride if strided else 1, padding="valid" if strided else "same", activation="relu",
            kernel_initializer="he_normal",
        )(x)  # fmt: skip
        if number in (0, 1, 4):
            x = keras.layers.MaxPooling2D(3, 2)(x)
    x = keras.layers.Flatten()(x)
    x = hidden_layers(x, hidden_units, "relu", dropout, False)
    return keras.Model(inputs, classification_head(x, num_classes), name="alexnet")
