"""What several families of picture networks share."""

from collections.abc import Sequence


def refuse_small(input_shape: Sequence[int], smallest: int, otherwise: str = "") -> None:
    """Refuse pictures of which a side would become 0 pixels.

    Args:
        input_shape: (height, width, channels).
        smallest: pixels that each side must have.
        otherwise: what else to change, after "or".

    Raises:
        ValueError: a side is shorter.
    """
    height, width = input_shape[:2]
    if min(height, width) < smallest:
        raise ValueError(
            f"pictures of {height}×{width} are too small; {smallest} pixels a side are the least"
            f"{f', or {otherwise}' if otherwise else ''}"
        )


def dropped_path(x, rate: float):
    """Stochastic depth (Huang et al., 2016): a residual branch, `float[batch, …]`, that whole examples skip."""
    import keras

    noise_shape = (None, *[1] * (len(x.shape) - 1))
    return keras.layers.Dropout(rate, noise_shape=noise_shape)(x) if rate else x


def convolution(x, filters: int, size: int, stride: int = 1, use_bias: bool = False):
    """`float[batch, height, width, channel]` → as many places, fewer by `stride`, of `filters` channels."""
    import keras

    return keras.layers.Conv2D(
        filters, size, stride, padding="same", use_bias=use_bias, kernel_initializer="he_normal"
    )(x)  # fmt: skip


def activated(x, batch_normalization: bool = True):
    """Batch normalization, unless there is none, and ReLU."""
    import keras

    if batch_normalization:
        x = keras.layers.BatchNormalization(synchronized=True)(x)
    return keras.layers.Activation("relu")(x)


def dropped(x, rate: float, name: str | None = None):
    """Dropout, if there is any."""
    import keras

    return keras.layers.Dropout(rate, name=name)(x) if rate else x
