"""EfficientNet-Lite: a convolutional network for photographs, to be fine-tuned from its ImageNet weights."""

from collections.abc import Sequence

from zoo.models.head import classification_head
from zoo.registry import register_model

# A row a stage: repetitions, size of the depthwise kernel, stride of the first block, expansion, output channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@register_model(
    "efficientnet_lite0",
    reads="image",
    task="classification",
    description="EfficientNet-Lite0 for photographs, 3.4 million parameters without the head, from ImageNet weights",
    reference="Tan & Le (2019), EfficientNet; EfficientNet-Lite (Google, 2020) has ReLU6 and no squeeze-excitation",
)
def efficientnet_lite0(
    input_shape: Sequence[int] = (224, 224, 3),
    num_classes: int = 1000,
    image_size: int = 224,
    dropout: float = 0.2,
):
    """`uint8[batch, height, width, channel]` → `float32[batch, num_classes]` probabilities.

    Pictures of another size are brought to `image_size` × `image_size`, grey ones get three equal channels, and values
    become (value - 127) / 128, as the pretrained weights expect it. Stochastic depth is left out.
    """
    import keras

    inputs = keras.Input(tuple(input_shape), dtype="uint8", name="images")
    x = inputs
    if tuple(input_shape[:2]) != (image_size, image_size):
        x = keras.layers.Resizing(image_size, image_size)(x)
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128)(x)
    if input_shape[2] == 1:
        x = keras.layers.Concatenate()([x, x, x])
    x = _activated(_convolved(x, 32, "stem_conv", "stem_norm", size=3, stride=2))
    number = 0
    for repetitions, size, stride, expansion, channels in _STAGES:
        for repetition in range(repetitions):
            x = _block(x, f"block_{number}", size, stride if repetition == 0 else 1, expansion, channels)
            number += 1
    x = _activated(_convolved(x, 1280, "top_conv", "top_norm"))
    x = keras.layers.GlobalAveragePooling2D()(x)
    if dropout:
        x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, classification_head(x, num_classes), name="efficientnet_lite0")


def _block(x, name: str, size: int, stride: int, expansion: int, channels: int):
    """An inverted bottleneck (Sandler et al., 2018, MobileNetV2): widen, filter each channel, narrow, add the input."""
    import keras

    y = x
    if expansion != 1:
        y = _activated(_convolved(y, expansion * x.shape[-1], f"{name}_expand", f"{name}_expand_norm"))
    y = keras.layers.DepthwiseConv2D(
        size, strides=stride, padding="same", use_bias=False, depthwise_initializer="he_normal",
        name=f"{name}_depthwise",
    )(y)  # fmt: skip
    y = _activated(_normalized(y, f"{name}_depthwise_norm"))
    y = _convolved(y, channels, f"{name}_project", f"{name}_project_norm")
    return keras.layers.Add()([x, y]) if stride == 1 and channels == x.shape[-1] else y


def _convolved(x, channels: int, name: str, norm: str, size: int = 1, stride: int = 1):
    import keras

    x = keras.layers.Conv2D(
        channels, size, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)
    return _normalized(x, norm)


def _normalized(x, name: str):
    import keras

    return keras.layers.BatchNormalization(epsilon=1e-3, synchronized=True, name=name)(x)


def _activated(x):
    import keras

    return keras.layers.ReLU(max_value=6)(x)
