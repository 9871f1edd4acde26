"""Residual networks: each block adds to what it was given (He et al., 2016), deep or wide."""

from collections.abc import Sequence

from zoo.models.common import activated, convolution, dropped, dropped_path, refuse_small
from zoo.models.head import classification_head
from zoo.registry import register_model

_RESNET = "He et al. (2016), Deep residual learning for image recognition; the same (2016), Identity mappings"


@register_model(
    "fashion_mnist_resnet",
    reads="image",
    task="classification",
    description="a small pre-activated residual network for Fashion-MNIST",
    reference=_RESNET,
    depths=(1, 1, 1),
    filters=(32, 64, 128),
)
@register_model(
    "fashion_mnist_wide_resnet",
    reads="image",
    task="classification",
    description="a wide residual network, WRN-10-4, for Fashion-MNIST",
    reference="Zagoruyko & Komodakis (2016), Wide residual networks",
    depths=(1, 1, 1),
    width=4,
)
def residual_network(
    input_shape: Sequence[int] = (28, 28, 1),
    num_classes: int = 10,
    depths: Sequence[int] = (3, 3, 3),
    filters: Sequence[int] = (16, 32, 64),
    width: float = 1.0,
    block: str = "basic",
    stem: str = "small",
    pre_activation: bool = True,
    dropout: float = 0.0,
    drop_path: float = 0.0,
):
    """`uint8[batch, height, width, channel]` → `float32[batch, num_classes]` probabilities.

    ResNet-50 of the paper is `depths=(3, 4, 6, 3), filters=(64, 128, 256, 512), block="bottleneck", stem="large",
    pre_activation=False`; WRN-28-10 is `depths=(4, 4, 4), width=10`.

    Args:
        depths: how many blocks each stage has; from the second on, a stage begins by halving the picture.
        filters: of each stage, before `width`.
        width: by which the filters of the stages are multiplied.
        block: `basic`, two 3×3 convolutions, or `bottleneck`, 1×1, 3×3 and 1×1 with four times the filters.
        stem: `small`, a 3×3 convolution, or `large`, 7×7 with stride 2 and pooling, for pictures of 224 pixels.
        pre_activation: normalize and activate before each convolution, not after it.
        dropout: between the convolutions of a block.
        drop_path: how often the last block is left out, for an example; those before it less, in proportion.

    Raises:
        ValueError: an option has no such value, a stage has no block, or the picture is too small for the strides.
    """
    import keras

    _refuse(input_shape, depths, filters, width, block, stem)
    inputs = keras.Input(tuple(input_shape), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    if stem == "large":
        x = convolution(x, filters[0], 7, 2)
        x = x if pre_activation else activated(x)
        x = keras.layers.MaxPooling2D(3, 2, padding="same")(x)
    else:
        x = convolution(x, filters[0], 3)
        x = x if pre_activation else activated(x)
    add_block, blocks = _pre_activated_block if pre_activation else _block, 0
    for stage, (depth, count) in enumerate(zip(depths, filters, strict=True)):
        for number in range(depth):
            stride = 2 if stage and not number else 1
            left_out = drop_path * blocks / max(sum(depths) - 1, 1)
            x = add_block(x, round(count * width), stride, block == "bottleneck", dropout, left_out)
            blocks += 1
    if pre_activation:
        x = activated(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, classification_head(x, num_classes), name="residual_network")


def _refuse(input_shape, depths, filters, width: float, block: str, stem: str) -> None:
    if block not in ("basic", "bottleneck"):
        raise ValueError(f"block is {block!r}; basic or bottleneck is needed")
    if stem not in ("small", "large"):
        raise ValueError(f"stem is {stem!r}; small or large is needed")
    if not depths or len(depths) != len(filters) or min(*depths, *filters, 1) < 1:
        raise ValueError(f"depths {tuple(depths)} and filters {tuple(filters)}: as many of both are needed, 1 or more")
    if any(round(count * width) < 1 for count in filters):
        raise ValueError(f"width {width} leaves no filters of {min(filters)}; {1 / min(filters):.2g} is the least")
    refuse_small(input_shape, 2 ** (len(depths) - 1) * (4 if stem == "large" else 1), "fewer stages")


def _pre_activated_block(x, filters: int, stride: int, bottleneck: bool, dropout: float, drop_path: float):
    out = 4 * filters if bottleneck else filters
    y = activated(x)
    changes = stride != 1 or x.shape[-1] != out
    shortcut = convolution(y, out, 1, stride) if changes else x
    return shortcut + dropped_path(_branch(y, filters, out, stride, bottleneck, dropout), drop_path)


def _block(x, filters: int, stride: int, bottleneck: bool, dropout: float, drop_path: float):
    """As in the first paper: normalized and activated after each convolution, and after the sum."""
    import keras

    out, shortcut = 4 * filters if bottleneck else filters, x
    if stride != 1 or x.shape[-1] != out:
        shortcut = keras.layers.BatchNormalization(synchronized=True)(convolution(x, out, 1, stride))
    y = _branch(x, filters, out, stride, bottleneck, dropout)
    y = keras.layers.BatchNormalization(synchronized=True)(y)
    return keras.layers.Activation("relu")(shortcut + dropped_path(y, drop_path))


def _branch(x, filters: int, out: int, stride: int, bottleneck: bool, dropout: float):
    """The convolutions of a block; the stride of a bottleneck is that of its 3×3 (ResNet v1.5)."""
    if bottleneck:
        x = activated(convolution(x, filters, 1))
        x = activated(convolution(x, filters, 3, stride))
        return convolution(dropped(x, dropout), out, 1)
    x = activated(convolution(x, filters, 3, stride))
    return convolution(dropped(x, dropout), out, 3)
