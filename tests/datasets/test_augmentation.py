"""Augmentation of an example follows from (seed, epoch, row), wherever the example stands in whatever batch."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from zoo.datasets.augmentation import Augmentation
from zoo.settings import AugmentationSection, RandAugmentSection

EVERYTHING = {
    "shift_pixels": 2.0, "rotation_degrees": 15.0, "zoom": 0.1, "horizontal_flip": True, "random_erasing": 0.5,
    "crop_padding": 2, "randaugment": RandAugmentSection(),
}  # fmt: skip


def augmented(images, rows, settings, seed=(0, 3)):
    """As the pipeline does it, in a graph, which is made once for each shape."""
    augmentation = in_graph(tuple(settings.items()))
    return augmentation(tf.constant(images), tf.constant(rows, tf.int64), tf.constant(seed, tf.int64)).numpy()


@functools.cache
def in_graph(settings):
    return tf.function(Augmentation(AugmentationSection(**dict(settings))))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (4096, 28, 28, 1), "uint8")


@pytest.mark.parametrize("size", [1, 7, 32, 100])
def test_the_batch_that_an_example_is_in_changes_no_pixel(images, size):
    rows = np.arange(len(images))
    whole = augmented(images, rows, EVERYTHING)
    for start in range(0, 1600, 4 * size):
        part = slice(start, start + size)
        np.testing.assert_array_equal(augmented(images[part], rows[part], EVERYTHING), whole[part])


def test_epochs_rows_and_seeds_differ(images):
    images, rows = images[:50], np.arange(50)
    plain = augmented(images, rows, EVERYTHING)
    for other in (augmented(images, rows, EVERYTHING, (0, 4)), augmented(images, rows, EVERYTHING, (1, 3))):
        assert (plain != other).any(axis=(1, 2, 3)).mean() > 0.9
    assert (plain != augmented(images, rows + 50, EVERYTHING)).any(axis=(1, 2, 3)).mean() > 0.9


def test_a_crop_moves_whole_pixels_and_a_flip_mirrors_them():
    """Against pictures that NumPy pads and cuts: each is one of these, and all occur alike."""
    picture = np.random.default_rng(0).integers(1, 256, (5, 7, 3), "uint8")
    rows = np.arange(9000)
    cropped = augmented(np.repeat(picture[None], len(rows), 0), rows, {"crop_padding": 2, "horizontal_flip": True})
    counts = []
    for mirrored in (picture, picture[:, ::-1]):
        padded = np.pad(mirrored, ((2, 2), (2, 2), (0, 0)))
        for top, left in np.ndindex(5, 5):
            counts.append((cropped == padded[top : top + 5, left : left + 7]).all(axis=(1, 2, 3)).sum())
    assert sum(counts) == len(rows)
    assert min(counts) > 130 and max(counts) < 235, "180 each"


def test_shift_and_erasing_stay_within_their_bounds():
    dot = np.zeros((500, 9, 9, 1), "uint8")
    dot[:, 4, 4] = 255
    moved = augmented(dot, np.arange(500), {"shift_pixels": 2.0})[..., 0].astype(float)
    assert (moved[:, [0, -1]] == 0).all() and (moved[:, :, [0, -1]] == 0).all()
    center = (moved.sum(1) @ np.arange(9)) / moved.sum((1, 2))
    assert 1.9 < np.abs(center - 4).max() <= 2.05 and abs(center.mean() - 4) < 0.2
    white = np.full((2000, 20, 20, 1), 255, "uint8")
    erased = augmented(white, np.arange(2000), {"random_erasing": 0.25})[..., 0] == 0
    assert abs(erased.any(axis=(1, 2)).mean() - 0.25) < 0.04
    area = erased.mean(axis=(1, 2))[erased.any(axis=(1, 2))]
    assert area.min() > 0.005 and area.max() < 0.25
