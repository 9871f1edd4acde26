"""Image files as an image model needs them: its size, its channels, uint8.

Nothing is inverted: MNIST's digits are white on black, and a black digit on white paper should be inverted before.
Transparency is flattened on white.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from zoo.datasets.pictures import fit_picture, is_grey, is_sixteen_bit, to_eight_bits
from zoo.errors import ZooError
from zoo.escaping import tell

if TYPE_CHECKING:
    from PIL.Image import Image

    from zoo.loading import LoadedModel

Notices = dict[str, list[str]]


def read(files: list[Path], loaded_model: "LoadedModel") -> tuple[list[str], np.ndarray]:
    """Reads PNG, JPEG and npy files; says on stderr what had to be converted.

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
    notices: Notices = defaultdict(list)
    names, images = [], []
    for file in files:
        for name, image in (
            _read_array(file, notices) if file.suffix.lower() == ".npy" else _read_picture(file, notices)
        ):
            names.append(name)
            images.append(_fitted(image, (height, width, channels), name, notices))
    for what, concerned in notices.items():
        others = f" and {len(concerned) - 1} more" if len(concerned) > 1 else ""
        tell(f"notice: {what}: {concerned[0]}{others}")
    different = next((index for index, image in enumerate(images) if image.shape != images[0].shape), None)
    if different is not None:  # only a model of any size comes here
        raise ZooError(
            f"{names[different]}: another size than {names[0]}; predict images of different sizes one by one"
        )
    return names, np.stack(images)


def open_picture(file: Path | BinaryIO, name: str, max_pixels: int | None = None) -> "Image":
    """A PNG or JPEG picture, turned upright.

    Raises:
      ZooError: it cannot be read, or has more than `max_pixels`.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(file, formats=("PNG", "JPEG")) as opened:
            if max_pixels is not None and opened.width * opened.height > max_pixels:
                raise ZooError(f"{name}: {opened.width}x{opened.height} pixels; at most {max_pixels:,} are read")
            return ImageOps.exif_transpose(opened)  # reads every pixel, so that a truncated file fails here
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "not a PNG or JPEG" if isinstance(error, Image.UnidentifiedImageError) else error
        raise ZooError(f"{name}: unreadable image ({reason}); save it again as PNG or JPEG") from None


def _read_picture(file: Path, notices: Notices) -> Iterator[tuple[str, "Image"]]:
    image = open_picture(file, str(file))
    if is_sixteen_bit(image):
        notices["16-bit grey scaled to 8 bits"].append(str(file))
    yield str(file), to_eight_bits(image)


def _read_array(file: Path, notices: Notices) -> Iterator[tuple[str, "Image"]]:
    """Yields the images of an npy file by name."""
    from PIL import Image

    try:
        with file.open("rb") as opened:
            # numpy.load would call any other file "pickled", and open a zip.
            array = np.lib.format.read_array(opened, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        reason = "pickled objects" if "allow_pickle" in str(error) else "not an array file, or truncated"
        raise ZooError(
            f"{file}: unreadable npy ({reason}); write it with numpy.save from an array of numbers"
        ) from None
    single = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (1, 3, 4))
    batch = array[np.newaxis] if single else array
    batch = batch[..., np.newaxis] if batch.ndim == 3 else batch
    if batch.ndim != 4 or batch.shape[-1] not in (1, 3, 4) or not batch.size:
        raise ZooError(
            f"{file}: shape {array.shape} is no image; wanted [height, width], [height, width, channel] with 1, 3 or 4 "
            "channels, or a batch of them"
        )
    for index, pixels in enumerate(_bytes(batch, file, notices)):
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        yield (str(file) if single else f"{file}[{index}]"), image


def _bytes(array: np.ndarray, file: Path, notices: Notices) -> np.ndarray:
    """Returns uint8 of the same shape, from integers of 0 to 255 or floats of 0 to 1 or 0 to 255."""
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "iuf":
        raise ZooError(f"{file}: dtype {array.dtype} is no image; save uint8, or floats of 0 to 1 or 0 to 255")
    if not np.isfinite(array).all():
        raise ZooError(f"{file}: NaN or infinity among the values; save finite floats of 0 to 1 or 0 to 255")
    low, high = array.min(), array.max()
    if low < 0 or high > 255:
        raise ZooError(f"{file}: values from {low:g} to {high:g}; bring them to 0 to 1 or 0 to 255 before")
    if array.dtype.kind == "f":
        scale = 255 if high <= 1 else 1
        notices[f"floats read as 0 to {255 // scale}"].append(str(file))
        array = np.round(array * float(scale))
    return array.astype(np.uint8)


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
