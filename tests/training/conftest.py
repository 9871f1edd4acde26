"""What the tests of training share: data that a small network learns in a second."""

import dataclasses

import numpy as np
import pytest

from zoo import datasets
from zoo.datasets.splits import Split


@pytest.fixture(scope="session")
def digits():
    return made_digits()


def made_digits():
    """640 random pictures whose class is the brightest quarter."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 640).astype("int32")
    images = generator.integers(0, 90, (640, 8, 8, 1), dtype="uint8")
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(label, 2)
        image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 100
    info = dataclasses.replace(datasets.dataset_info("image_folder"), label_names=("a", "b", "c", "d"))
    parts = [Split(images[a:b], labels[a:b], np.arange(a, b)) for a, b in ((0, 400), (400, 500), (500, 640))]
    counts = {name: {"rows": len(part.ids)} for name, part in zip(("train", "validation", "test"), parts, strict=True)}
    return datasets.Dataset(info, *parts, digest="sha256:test", report={"counts": counts})
