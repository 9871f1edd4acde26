"""The first epochs see smaller pictures, the last ones whole ones: progressive resizing, as fastai teaches it."""

import math

import keras
import tensorflow as tf

from zoo.errors import ZooError


def small_epochs(settings) -> int:
    """How many epochs of a training, `zoo.settings.TrainingSection`, see smaller pictures."""
    resizing = settings.progressive_resizing
    return math.floor(resizing.epoch_fraction * settings.epochs) if resizing else 0


def small_size(settings, shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the smaller pictures.

    Args:
        settings: a `zoo.settings.TrainingSection` with `progressive_resizing`.
        shape: (height, width, …) of whole ones.

    Raises:
        ZooError: there are no smaller ones.
    """
    fraction = settings.progressive_resizing.size_fraction
    height, width = (max(1, round(fraction * side)) for side in shape[:2])
    if height >= shape[0] or width >= shape[1]:
        raise ZooError(
            f"training.progressive_resizing.size_fraction={fraction:g} makes pictures of {shape[0]}×{shape[1]} no "
            "smaller; take a smaller one, or leave progressive_resizing out"
        )
    return height, width


class Smaller:
    """An augmentation whose pictures become smaller in the end: each pixel is the mean of those that it covers."""

    def __init__(self, augmentation, size: tuple[int, int]):
        """`size` is (height, width)."""
        self.augmentation, self.size = augmentation, size

    def __call__(self, images, rows, seed):
        """`uint8[batch, …]` pictures → smaller ones; see `zoo.datasets.augmentation.Augmentation`."""
        images = self.augmentation(images, rows, seed)
        return tf.cast(tf.round(tf.image.resize(images, self.size, "area")), images.dtype)


def smaller_network(network: keras.Model, name: str, size: tuple[int, int]) -> keras.Model:
    """The same layers, one after the other as in `network`, for pictures of another size.

    Args:
        network: from pictures to what trains.
        name: of the model, for people.
        size: (height, width).

    Raises:
        ZooError: a layer has weights, or a form, for pictures of one size.
    """
    pictures = keras.Input((*size, network.input_shape[3]), dtype=network.inputs[0].dtype)
    try:
        smaller = keras.models.clone_model(network, input_tensors=pictures, clone_function=lambda layer: layer)
        fits = smaller.output_shape == network.output_shape
    except ValueError:  # so Keras refuses an input that a layer's weights do not fit, and what leaves no pixel
        fits = False
    if not fits:
        whole = "×".join(map(str, network.input_shape[1:3]))
        raise ZooError(
            f"training.progressive_resizing: {name} reads pictures of {whole} alone, not of {size[0]}×{size[1]}; "
            "models of convolutions and global pooling read both, if small ones outlast their strides: take one, or a "
            "larger size_fraction, or leave progressive_resizing out"
        )
    return smaller
