"""RandAugment: each operation against NumPy, SciPy or Pillow, and which operation a picture gets."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps
from scipy import ndimage

from zoo.datasets import randaugment
from zoo.datasets.randaugment import RandAugment
from zoo.settings import RandAugmentSection

STILL = ("same", "autocontrast", "equalize", "posterize", "solarize", "brightness", "contrast", "sharpness", "color")
MOVES = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
SIGNS = np.array([1, -1, 1, -1, 1, -1], "f4")
GREY = (0.299, 0.587, 0.114)


def pictures(channels, shape=(20, 14)):
    """Six: noise, dark noise, a slope, black, one value, two values."""
    generator = np.random.default_rng(channels)
    noise = generator.integers(0, 256, (2, *shape, channels))
    slope = np.broadcast_to(np.arange(shape[0])[:, None, None] * 8 + 40, (*shape, channels))
    flat = [np.full((*shape, channels), value) for value in (0, 77)]
    two = generator.choice([30, 200], (*shape, channels))
    return np.stack([noise[0], noise[1] // 3, slope, *flat, two]).astype("uint8")


def operation(name, magnitude):
    drawn = RandAugment(RandAugmentSection(magnitude=magnitude))
    return getattr(drawn, f"_{name}", None) or getattr(randaugment, f"_{name}")


def changed(name, images, magnitude=7.5):
    return operation(name, magnitude)(tf.constant(images), tf.constant(SIGNS)).numpy()


def blended(base, images, magnitude):
    factor = 1 + 0.09 * magnitude * SIGNS[:, None, None, None]
    return np.clip(base + factor * (images - base), 0, 255)


@pytest.mark.parametrize("channels", [1, 3])
def test_operations_that_move_nothing(channels):
    images = pictures(channels)
    wide = images.astype(float)
    grey = wide @ np.array(GREY)[:, None] if channels == 3 else wide
    np.testing.assert_array_equal(changed("posterize", images), images & 0b11111000)
    np.testing.assert_array_equal(changed("solarize", images), np.where(images >= 64, 255 - images, images))
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]])[None, :, :, None] / 13
    smooth = wide.copy()
    smooth[:, 1:-1, 1:-1] = ndimage.convolve(wide, kernel)[:, 1:-1, 1:-1]
    bases = {
        "brightness": 0, "contrast": np.round(grey.mean(axis=(1, 2, 3), keepdims=True)), "sharpness": np.round(smooth),
    }  # fmt: skip
    bases |= {"color": np.round(grey)} if channels == 3 else {}
    for name, base in bases.items():
        found = changed(name, images)
        assert np.abs(found - blended(base, wide, 7.5)).max() <= (1.7 if channels == 3 else 0.51), name
        assert (found != images).any()


@pytest.mark.parametrize("name", ["autocontrast", "equalize"])
def test_operations_that_look_at_the_histogram_are_those_of_pillow(name):
    images = pictures(3)
    expected = np.stack([np.asarray(getattr(ImageOps, name)(Image.fromarray(image))) for image in images])
    difference = np.abs(changed(name, images).astype(int) - expected)
    assert difference.max() <= (1 if name == "autocontrast" else 0), "Pillow cuts decimals off, we round"


@pytest.mark.parametrize(("number", "name"), list(enumerate(MOVES)))
def test_operations_that_move(number, name):
    """Against SciPy, about the centre and bilinear; shifts against slices."""
    images, strength = pictures(1), 0.75
    drawn = RandAugment(RandAugmentSection(magnitude=7.5))
    found = drawn._moved(tf.constant(images), tf.constant(SIGNS), tf.fill([6], number)).numpy()[..., 0]
    center = (np.array(images.shape[1:3]) - 1) / 2
    for image, sign, one in zip(images[..., 0], SIGNS, found, strict=True):
        angle = sign * strength * np.pi / 6
        of_rows = {
            "rotate": [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]],
            "shear_x": [[1, 0], [sign * strength * 0.3, 1]],
            "shear_y": [[1, sign * strength * 0.3], [0, 1]],
        }.get(name, np.eye(2))
        # 0.3 · 0.75 of 14 is 3.15, of 20 is 4.5.
        shift = sign * np.array({"translate_x": (0, 3), "translate_y": (4, 0)}.get(name, (0, 0)))
        matrix = np.array(of_rows)
        offset = center - matrix @ center + shift
        expected = ndimage.affine_transform(image.astype(float), matrix, offset, order=1, mode="grid-constant")
        assert np.abs(one - expected).max() < 0.6, name
    assert (found != images[..., 0]).any()


@pytest.mark.parametrize("channels", [1, 3])
def test_each_picture_gets_one_operation_each_as_often(channels):
    """A picture in a batch of many is what the operation makes of it alone."""
    image = pictures(channels)[:1]
    settings = RandAugmentSection(operations=1, magnitude=9)
    rows, count = np.arange(2800), 12 + (channels == 3) + 1
    whole = RandAugment(settings)(
        tf.constant(np.repeat(image, 2800, 0)), tf.constant(rows), tf.constant([1, 2], tf.int64)
    ).numpy()
    known = {}
    for name, sign in itertools.product(STILL[: 9 if channels == 3 else 8], (-1.0, 1.0)):
        known.setdefault(operation(name, 9)(tf.constant(image), tf.constant([sign])).numpy().tobytes(), name)
    for number, sign in itertools.product(range(5), (-1.0, 1.0)):
        moved = RandAugment(settings)._moved(tf.constant(image), tf.constant([sign]), tf.constant([number]))
        known.setdefault(moved.numpy().tobytes(), f"moved {number}")
    found, counts = np.unique([known[one.tobytes()] for one in whole[:, None]], return_counts=True)
    # Noise has all values: autocontrast leaves it as it is, and counts as the same.
    assert len(found) == count - ("autocontrast" not in found)
    assert counts.min() > 0.7 * 2800 / count and np.sort(counts)[-2] < 1.3 * 2800 / count


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 3), (2, 5, 3), (9, 1, 1)])
def test_the_smallest_pictures_keep_their_shape(shape):
    images = np.random.default_rng(0).integers(0, 256, (300, *shape), "uint8")
    drawn = RandAugment(RandAugmentSection(operations=3, magnitude=10))
    found = drawn(tf.constant(images), tf.range(300, dtype=tf.int64), tf.constant([0, 0], tf.int64))
    assert found.shape == images.shape and found.dtype == "uint8"


def test_magnitude_0_leaves_all_but_the_histogram():
    images = np.random.default_rng(0).integers(0, 256, (500, 40, 40, 1), "uint8")
    images[:, 0, 0], images[:, 0, 1] = 0, 255
    drawn = RandAugment(RandAugmentSection(operations=1, magnitude=0))
    found = drawn(tf.constant(images), tf.range(500, dtype=tf.int64), tf.constant([0, 0], tf.int64)).numpy()
    assert (found != images).any(axis=(1, 2, 3)).mean() < 2 / 13, "equalize alone changes them"
