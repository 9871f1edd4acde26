"""GoogLeNet: blocks that look at several scales side by side."""

from collections.abc import Sequence

from zoo.models.common import activated, convolution, refuse_small
from zoo.models.head import classification_head
from zoo.registry import register_model

# Of a block: 1×1; 1×1 before 3×3, 3×3; 1×1 before 5×5, 5×5; 1×1 after pooling. Szegedy et al. (2015), table 1.
GOOGLENET = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)  # fmt: skip
_SMALL = (
    ((32, 32, 48, 8, 16, 16), (48, 48, 64, 12, 24, 24)),
    ((64, 48, 80, 12, 32, 32), (80, 64, 96, 16, 40, 40)),
)


@register_model(
    "fashion_mnist_inception",
    reads="image",
    task="classification",
    description="four Inception blocks with batch normalization for Fashion-MNIST",
    reference="Szegedy et al. (2015), Going deeper with convolutions",
)
def inception(
    input_shape: Sequence[int] = (28, 28, 1),
    num_classes: int = 10,
    stages: Sequence[Sequence[Sequence[int]]] = _SMALL,
    stem: str = "small",
    stem_filters: Sequence[int] = (32, 64),
    batch_normalization: bool = True,
    dropout: float = 0.3,
):
    """`uint8[batch, height, width, channel]` → `float32[batch, num_classes]` probabilities.

    Each stage is a row of blocks of six numbers of filters, as in `GOOGLENET`; pooling stands between stages. The
    paper's network, without its two auxiliary heads, is `stages=GOOGLENET, stem="large", stem_filters=(64, 192),
    batch_normalization=False, dropout=0.4` on pictures of 224 pixels.

    Raises:
        ValueError: there is no such stem, a block has not six numbers, or the picture is too small for the strides.
    """
    import keras

    if stem not in ("small", "large"):
        raise ValueError(f"stem is {stem!r}; small or large is needed")
    if not stages or any(len(block) != 6 or min(block) < 1 for stage in stages for block in stage):
        raise ValueError("stages: each block has six numbers of filters, 1 or more")
    if min(stem_filters, default=0) < 1 or len(stem_filters) != 2:
        raise ValueError(f"stem_filters {tuple(stem_filters)}: two numbers are needed, 1 or more")
    refuse_small(input_shape, 2 ** (len(stages) - 1) * (8 if stem == "large" else 2), "fewer stages")
    inputs = keras.Input(tuple(input_shape), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    if stem == "large":
        x = _convolution(x, stem_filters[0], 7, batch_normalization, stride=2)
        x = keras.layers.MaxPooling2D(3, 2, padding="same")(x)
        x = _convolution(x, stem_filters[0], 1, batch_normalization)
    else:
        x = _convolution(x, stem_filters[0], 3, batch_normalization)
    x = _convolution(x, stem_filters[1], 3, batch_normalization)
    for stage in stages:
        x = keras.layers.MaxPooling2D(3, 2, padding="same")(x)
        for block in stage:
            x = _block(x, block, batch_normalization)
    x = keras.layers.GlobalAveragePooling2D()(x)
    if dropout:
        x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, classification_head(x, num_classes), name="inception")


def _block(x, filters: Sequence[int], batch_normalization: bool):
    import keras

    one, before_three, three, before_five, five, pooled = filters
    return keras.layers.Concatenate()(
        [
            _convolution(x, one, 1, batch_normalization),
            _convolution(_convolution(x, before_three, 1, batch_normalization), three, 3, batch_normalization),
            _convolution(_convolution(x, before_five, 1, batch_normalization), five, 5, batch_normalization),
            _convolution(keras.layers.MaxPooling2D(3, 1, padding="same")(x), pooled, 1, batch_normalization),
        ]
    )


def _convolution(x, filters: int, size: int, batch_normalization: bool, stride: int = 1):
    x = convolution(x, filters, size, stride, use_bias=not batch_normalization)
    return activated(x, batch_normalization)
