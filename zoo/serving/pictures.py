"""Pictures' files among the rows of a request: judged by what their headers promise before any of them is decoded."""

import io
import time

import numpy as np

from zoo.datasets.pictures import fit_picture, open_picture, to_eight_bits
from zoo.errors import ZooError
from zoo.serving.messages import Refused

MAX_PIXELS = 25_000_000  # of all the pictures of a request: 75 MB of colour, about half a second
_FORMATS = ("PNG", "JPEG")
_MAX_SECONDS = 5.0  # for all of them: unpacking other data inside a picture takes time too


def decode_pictures(files: list[bytes], shape: tuple[int, ...]) -> list[np.ndarray]:
    """PNG or JPEG files → `uint8[height, width, channel]` each, turned, resized and made grey as predict.py does.

    Raises:
        Refused: one is no picture, or all together are too large.
    """
    ends = time.monotonic() + _MAX_SECONDS
    _refuse_bombs(files, ends)
    pictures = []
    for file in files:
        _check_time(ends)
        try:
            picture = open_picture(io.BytesIO(file), '"b64"', MAX_PIXELS, _FORMATS)
        except ZooError as error:
            raise Refused(400, str(error)) from None
        pictures.append(fit_picture(to_eight_bits(picture), *shape))
    return pictures


def _refuse_bombs(files: list[bytes], ends: float) -> None:
    total = 0
    for file in files:
        _check_time(ends)
        total += _work(file)
        if total > MAX_PIXELS:
            raise Refused(413, f"the pictures are too large; at most {MAX_PIXELS:,} pixels a request are read")


def _work(file: bytes) -> int:
    """The pixels of a picture by its header, as often as ten passes of a JPEG go over them."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(file), formats=("PNG", "JPEG")) as opened:
            pixels = opened.width * opened.height
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return MAX_PIXELS + 1
    except (OSError, SyntaxError, ValueError):
        return 0  # the next attempt to open it will say why
    scans = file.count(b"\xff\xda")  # within the data of a scan, 0xFF never stands before this byte
    return pixels * max(1, scans // 10)


def _check_time(ends: float) -> None:
    if time.monotonic() > ends:
        raise Refused(413, f"the pictures of the request take over {_MAX_SECONDS:g} s to read; send fewer")
