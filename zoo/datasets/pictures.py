"""Pictures as models see them: the same for training and for prediction."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image


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
