"""The user's own pictures: a folder a class, and a folder a split where there are such."""

import pathlib
from collections.abc import Sequence

import numpy as np

from zoo.datasets import on_disk
from zoo.datasets.own_data import Examples
from zoo.datasets.own_folders import read_classes
from zoo.datasets.pictures import fit_picture, is_grey, is_picture, open_picture, to_eight_bits
from zoo.datasets.splits import Split
from zoo.errors import ZooError


def read_image_folder(folder: pathlib.Path, image_shape: Sequence[int] | None) -> Examples:
    """`folder/class_name/*.png` → all pictures, `uint8[examples, height, width, channel]`, of sorted classes.

    Raises:
        ZooError: as `read_classes`; a damaged picture, or sizes that differ.
    """
    classes = read_classes(folder, is_picture, "image_folder reads FOLDER/class_name/*.png", "picture")
    shape = _read_picture(classes.files[0], image_shape).shape
    images = on_disk.allocate((len(classes.files), *shape), "uint8", folder)
    for row, file in enumerate(classes.files):
        image = _read_picture(file, image_shape)
        if image.shape != shape:
            raise ZooError(
                f"{file}: {image.shape}, but the first picture is {shape}; "
                "say --set dataset.image_shape=[height,width,channel] to bring all to one size"
            )
        images[row] = image
    return classes.examples(Split(on_disk.filled(images), classes.targets, classes.ids))


def _read_picture(file: pathlib.Path, image_shape: Sequence[int] | None) -> np.ndarray:
    """`uint8[height, width, channel]`, of the file's own shape where none is given."""
    picture = to_eight_bits(open_picture(file, str(file)))
    height, width, channels = image_shape or (picture.height, picture.width, 1 if is_grey(picture) else 3)
    return fit_picture(picture, height, width, channels)
