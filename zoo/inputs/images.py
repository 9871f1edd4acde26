"""Image files as an image model needs them: its size, its channels, uint8.

Nothing is inverted: MNIST's digits are white on black, and a black digit on white paper should be inverted before.
Transparency is flattened on white.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.datasets.pictures import (
    MOST_SIDE,
    Notices,
    fit_picture,
    is_grey,
    is_picture,
    is_sixteen_bit,
    open_picture,
    refuse_odd_pixels,
    to_bytes,
    to_eight_bits,
)
from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.safe_reading import read_array

if TYPE_CHECKING:
    from PIL.Image import Image

    from zoo.loading import LoadedModel

MOST_GROWN_BYTES = 128 << 20  # of many small images, once they are resized for the model; of a large file:
_MOST_GROWTH = 16


def is_wanted(file: Path) -> bool:
    """Whether a file holds a picture, or an array of them."""
    return file.suffix.lower() == ".npy" or is_picture(file)


def read(files: list[Path], loaded_model: "LoadedModel") -> tuple[list[str], np.ndarray]:
    """Reads pictures and npy files; says on stderr what had to be converted.

    An npy file holds one image [height, width] or [height, width, channel], or a batch of them, with 1 (grey),
    3 (colour) or 4 (colour and alpha) channels, and never pickled objects. A 3-dimensional array is one image if its
    last axis has one of these lengths, else a batch of grey images. Integers are 0 to 255. Floats are 0 to 1 if none
    in the file exceeds 1, else 0 to 255.

    Returns:
        Names (a batch's images are called file.npy[0], …) and uint8[examples, height, width, channel].

    Raises:
        ZooError: a file is not a readable image.
    """
    height, width, channels = loaded_model.model.input_shape[1:]
    size = (height or 1) * (width or 1) * channels
    notices: Notices = defaultdict(list)
    found = (
        _read_array(file, notices, size) if file.suffix.lower() == ".npy" else _read_picture(file, notices)
        for file in files
    )
    return _fitted_all(itertools.chain.from_iterable(found), loaded_model, notices)


def of_pillow(pictures: Sequence["Image"], loaded_model: "LoadedModel") -> np.ndarray:
    """Pictures of Pillow's, as `read` brings those of files to the model: `uint8[examples, height, width, channel]`."""
    notices: Notices = defaultdict(list)
    named = {f"picture {number}": picture for number, picture in enumerate(pictures)}.items()
    for name, picture in named:
        refuse_odd_pixels(picture, name)
    return _fitted_all(((n, _eight_bits(each, n, notices)) for n, each in named), loaded_model, notices)[1]


def _fitted_all(
    pictures: Iterator[tuple[str, "Image"]], loaded_model: "LoadedModel", notices: Notices
) -> tuple[list[str], np.ndarray]:
    names, images = [], []
    for name, image in pictures:
        names.append(name)
        images.append(_fitted(image, loaded_model.model.input_shape[1:], name, notices))
    for what, concerned in notices.items():
        others = f" and {len(concerned) - 1} more" if len(concerned) > 1 else ""
        tell(f"notice: {what}: {concerned[0]}{others}")
    different = next((index for index, image in enumerate(images) if image.shape != images[0].shape), None)
    if different is not None:  # only a model of any size comes here
        raise ZooError(
            f"{names[different]}: another size than {names[0]}; predict images of different sizes one by one"
        )
    return names, np.stack(images)


def _read_picture(file: Path, notices: Notices) -> Iterator[tuple[str, "Image"]]:
    yield str(file), _eight_bits(open_picture(file, str(file)), str(file), notices)


def _eight_bits(image: "Image", name: str, notices: Notices) -> "Image":
    if is_sixteen_bit(image):
        notices["16-bit grey scaled to 8 bits"].append(name)
    return to_eight_bits(image)


def _read_array(file: Path, notices: Notices, size: int) -> Iterator[tuple[str, "Image"]]:
    """Yields the images of an npy file by name; `size` is that of an image as the model reads it, in bytes."""
    from PIL import Image

    array = read_array(file, "write it with numpy.save from an array of numbers")
    single = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (1, 3, 4))
    batch = array[np.newaxis] if single else array
    batch = batch[..., np.newaxis] if batch.ndim == 3 else batch
    if batch.ndim != 4 or batch.shape[-1] not in (1, 3, 4) or not batch.size:
        raise ZooError(
            f"{file}: shape {array.shape} is no image; wanted [height, width], [height, width, channel] with 1, 3 or 4 "
            "channels, or a batch of them"
        )
    if max(batch.shape[1:3]) > MOST_SIDE:
        raise ZooError(f"{file}: shape {array.shape}; at most {MOST_SIDE:,} pixels on a side are read")
    if len(batch) * size > max(MOST_GROWN_BYTES, _MOST_GROWTH * array.nbytes):
        raise ZooError(
            f"{file}: {len(batch):,} images of shape {batch.shape[1:]} are {len(batch) * size:,} bytes in the model's "
            "size; cut the file into smaller ones"
        )
    for index, pixels in enumerate(to_bytes(batch, str(file), notices)):
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        yield (str(file) if single else f"{file}[{index}]"), image


def _fitted(image: "Image", shape: tuple[int | None, int | None, int], name: str, notices: Notices) -> np.ndarray:
    """Returns uint8[height, width, channel] of the model's shape; a size of None is any size."""
    channels = shape[2]
    height, width = shape[0] or image.height, shape[1] or image.width
    if image.has_transparency_data and image.convert("RGBA").getextrema()[3][0] < 255:
        notices["alpha flattened on white"].append(name)
    if is_grey(image) != (channels == 1):
        notices["grey turned into colour" if is_grey(image) else "colour turned into grey"].append(name)
    if image.size != (width, height):
        notices[f"resized to {width}x{height} (width x height)"].append(name)
    return fit_picture(image, height, width, channels)
