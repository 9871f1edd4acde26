"""Pictures as models see them: the same for training and for prediction."""

import contextlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from zoo.errors import ZooError
from zoo.safe_reading import one_line, opened

if TYPE_CHECKING:
    from PIL.Image import Image

Notices = dict[str, list[str]]  # what was converted, and where

MOST_PIXELS, MOST_SIDE = 40_000_000, 65_535
# Pillow's names, what a file begins with, usual endings. Of some that are not here, reading starts other programs.
_FORMATS = {
    "PNG": ((b"\x89PNG\r\n\x1a\n",), (".png",)),
    "JPEG": ((b"\xff\xd8\xff",), (".jpg", ".jpeg", ".jpe", ".jfif")),
    "BMP": ((b"BM",), (".bmp", ".dib")),
    "GIF": ((b"GIF87a", b"GIF89a"), (".gif",)),
    "TIFF": ((b"II*\0", b"MM\0*"), (".tif", ".tiff")),
    "WEBP": ((b"RIFF",), (".webp",)),
}
FORMATS = tuple(_FORMATS)
ENDINGS = tuple(ending for _, endings in _FORMATS.values() for ending in endings)


def is_picture(file: Path) -> bool:
    """Whether a file is to be read as a picture: by its ending or, whatever that is, by its first bytes."""
    if file.suffix.lower() in ENDINGS:
        return True
    with opened(file, "take it away") as stream:
        start = stream.read(12)
    if start[:4] == b"RIFF":
        return start[8:] == b"WEBP"
    return any(start.startswith(beginning) for beginnings, _ in _FORMATS.values() for beginning in beginnings)


def open_picture(
    file: Path | BinaryIO, name: str, max_pixels: int = MOST_PIXELS, formats: Sequence[str] = FORMATS
) -> "Image":
    """A picture, turned upright, of an animation the first. Its header is judged before a pixel is decoded.

    Args:
        file: its path, or an open file.
        name: begins the message of an error.
        max_pixels: more are refused.
        formats: some of `FORMATS`.

    Raises:
        ZooError: it cannot be read, or is too large.
    """
    from PIL import Image, ImageOps

    advice = "save it again as PNG or JPEG"
    with opened(file, advice) if isinstance(file, Path) else contextlib.nullcontext(file) as stream:
        with one_line(name, "unreadable image", advice):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # what it warns of is refused below
                    picture = Image.open(stream, formats=formats)
            except Image.UnidentifiedImageError:
                raise ValueError(f"not a {' or '.join(formats)}") from None
            except Image.DecompressionBombError:
                limit = 2 * Image.MAX_IMAGE_PIXELS
                raise ZooError(f"{name}: over {limit:,} pixels; at most {max_pixels:,} are read; shrink it") from None
        if picture.width * picture.height > max_pixels or max(picture.size) > MOST_SIDE:
            size = f"{picture.width}x{picture.height} pixels"
            raise ZooError(f"{name}: {size}; at most {max_pixels:,} are read, {MOST_SIDE:,} on a side; shrink it")
        refuse_odd_pixels(picture, name)
        with one_line(name, "unreadable image", advice):
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
        return picture


def refuse_odd_pixels(picture: "Image", name: str) -> None:
    """Raises: ZooError: what Pillow would convert wrongly, or not at all."""
    if picture.mode in ("I", "F"):
        raise ZooError(f"{name}: pixels of 32 bits; save it with 8 or 16 bits a channel")
    if picture.mode == "LAB":
        raise ZooError(f"{name}: colours in CIELAB, which cannot be converted; save it in RGB")


def is_sixteen_bit(picture: "Image") -> bool:
    return picture.mode.startswith("I")


def to_eight_bits(picture: "Image") -> "Image":
    """A 16-bit grey picture scaled to 8 bits, where Pillow would clip at 255; any other as it is."""
    from PIL import Image

    return Image.fromarray((np.asarray(picture) // 257).astype("uint8")) if is_sixteen_bit(picture) else picture


def is_grey(picture: "Image") -> bool:
    return picture.mode in ("1", "L", "LA")


def fit_picture(picture: "Image", height: int, width: int, channels: int) -> np.ndarray:
    """`uint8[height, width, channels]`: transparency flattened on white, 1 (grey) or 3 (colour) channels, bilinear."""
    from PIL import Image

    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    picture = picture.convert("L" if channels == 1 else "RGB")
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture, "uint8").reshape(height, width, channels)


def to_bytes(pixels: np.ndarray, where: str, notices: Notices) -> np.ndarray:
    """`uint8` of the same shape, from integers of 0 to 255 or floats of 0 to 1 or 0 to 255, by their greatest.

    Raises:
        ZooError: they are neither; the text begins with `where`.
    """
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind not in "iuf":
        raise ZooError(f"{where}: dtype {pixels.dtype} is no image; give uint8, or floats of 0 to 1 or 0 to 255")
    if not np.isfinite(pixels).all():
        raise ZooError(f"{where}: NaN or infinity among the values; give finite floats of 0 to 1 or 0 to 255")
    low, high = pixels.min(), pixels.max()
    if low < 0 or high > 255:
        raise ZooError(f"{where}: values from {low:g} to {high:g}; bring them to 0 to 1 or 0 to 255 before")
    if pixels.dtype.kind == "f":
        scale = 255 if high <= 1 else 1
        notices[f"floats read as 0 to {255 // scale}"].append(where)
        pixels = np.round(pixels * float(scale))
    return pixels.astype(np.uint8)
