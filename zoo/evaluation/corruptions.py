"""Pictures and texts made worse, in six and three ways, in five severities, the same each time.

The idea, and the strengths of noise and contrast, are those of Hendrycks & Dietterich 2019, "Benchmarking neural
network robustness to common corruptions and perturbations". Their pictures are larger: here lengths are shares of them.
"""

from collections.abc import Callable

import numpy as np

VERSION = 1  # of the corruptions below: figures of different versions are not compared
SEVERITIES = (1, 2, 3, 4, 5)
_NOISE = (0.08, 0.12, 0.18, 0.26, 0.38)  # deviation, of the range of a pixel
_BLUR = (0.02, 0.035, 0.05, 0.07, 0.09)  # deviation, of the shorter side
_SHIFT = (0.06, 0.10, 0.14, 0.18, 0.22)  # of the shorter side
_ROTATION = (10.0, 20.0, 30.0, 45.0, 60.0)  # degrees
_CONTRAST = (0.4, 0.3, 0.2, 0.1, 0.05)  # of the distance from the picture's mean that is left
_OCCLUSION = (0.2, 0.3, 0.4, 0.5, 0.6)  # side of a grey rectangle, of each side of the picture
_TYPOS = (0.02, 0.04, 0.08, 0.12, 0.2)  # of the characters
_CASE = (0.1, 0.25, 0.5, 0.75, 1.0)  # of the characters
_TRUNCATION = (0.75, 0.5, 0.35, 0.2, 0.1)  # of the text that is left


def corrupt(features: np.ndarray, name: str, severity: int, seed: int | list[int] = 0) -> np.ndarray:
    """Corrupts each example with its own random numbers; a seed gives the same directions and places at every severity.

    Args:
        features: uint8[examples, height, width, channel], or object[examples] texts.
        name: one of IMAGE_CORRUPTIONS or TEXT_CORRUPTIONS.
        severity: 0, which changes nothing, to 5.
        seed: of the draws.

    Returns:
        Features of the same shape and dtype.

    Raises:
        ValueError: there is no such severity.
    """
    if severity not in (0, *SEVERITIES):
        raise ValueError(f"severity {severity!r} is not 0 to {SEVERITIES[-1]}")
    function, strengths = (TEXT_CORRUPTIONS if features.dtype == object else IMAGE_CORRUPTIONS)[name]
    if severity == 0:
        return features.copy()
    return function(features, strengths[severity - 1], np.random.default_rng(seed))


def _as_pixels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _noise(images: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    return _as_pixels(images + 255 * strength * generator.standard_normal(images.shape, np.float32))


def _blur(images: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    from scipy import ndimage

    deviation = strength * min(images.shape[1:3])
    return _as_pixels(ndimage.gaussian_filter(images.astype(np.float32), (0, deviation, deviation, 0), mode="nearest"))


def _shift(images: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    angle = generator.uniform(0, 2 * np.pi, len(images))
    distance = strength * min(images.shape[1:3])
    return _moved(images, np.zeros(len(images)), distance * np.sin(angle), distance * np.cos(angle))


def _rotation(images: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    sign = generator.choice([-1.0, 1.0], len(images))
    nowhere = np.zeros(len(images))
    return _moved(images, np.radians(strength) * sign, nowhere, nowhere)


def _moved(images: np.ndarray, angle: np.ndarray, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Turns by angle[examples] about the centre, then shifts by down and right; bilinear, black from outside."""
    examples, height, width, _ = images.shape
    cosine, sine = (f(angle)[:, None, None].astype(np.float32) for f in (np.cos, np.sin))
    y = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2 - down[:, None, None].astype(np.float32)
    x = np.arange(width, dtype=np.float32) - (width - 1) / 2 - right[:, None, None].astype(np.float32)
    from_y, from_x = cosine * y - sine * x + (height - 1) / 2, sine * y + cosine * x + (width - 1) / 2
    top, left = np.floor(from_y).astype(np.int32), np.floor(from_x).astype(np.int32)
    moved = np.zeros(images.shape, np.float32)
    rows = np.arange(examples)[:, None, None]
    for row, share_y in ((top, top + 1 - from_y), (top + 1, from_y - top)):
        for column, share_x in ((left, left + 1 - from_x), (left + 1, from_x - left)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            found = images[rows, row.clip(0, height - 1), column.clip(0, width - 1)]
            moved += (share_y * share_x * inside)[..., None] * found
    return _as_pixels(moved)


def _contrast(images: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    mean = images.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return _as_pixels(mean + strength * (images - mean))


def _occlusion(images: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    hidden = np.ones((len(images), *images.shape[1:3]), bool)
    for axis, place in enumerate(generator.random((2, len(images))), start=1):
        size = images.shape[axis]
        long = max(1, round(strength * size))
        start = np.floor(place * (size - long + 1))[:, None]
        inside = (np.arange(size) >= start) & (np.arange(size) < start + long)
        hidden &= np.expand_dims(inside, 3 - axis)
    return np.where(hidden[..., None], np.uint8(128), images)


def _each(change: Callable[[str, float, np.random.Generator], str]):
    """A corruption of one text → of all."""

    def corrupt_all(texts: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
        changed = np.empty(len(texts), object)
        changed[:] = [change(text, strength, generator) for text in texts]
        return changed

    return corrupt_all


def _typos(text: str, strength: float, generator: np.random.Generator) -> str:
    """Characters that are left out, doubled, swapped with the next, or replaced by another of the same text."""
    letters = _code_points(text)
    chance, kind = generator.random(len(letters)), generator.integers(0, 4, len(letters))
    others = generator.permutation(letters)
    wrong = (chance < strength) & ~np.isin(letters, (10, 32))  # words and lines stay apart
    written = np.where(wrong & (kind == 0), others, letters)
    swapped = np.flatnonzero(wrong[:-1] & (kind[:-1] == 1))
    written[swapped], written[swapped + 1] = letters[swapped + 1], letters[swapped]
    return _text(np.repeat(written, np.where(wrong & (kind == 2), 0, np.where(wrong & (kind == 3), 2, 1))))


def _case(text: str, strength: float, generator: np.random.Generator) -> str:
    letters = _code_points(text)
    other = _code_points("".join(c.swapcase() if len(c.swapcase()) == 1 else c for c in text))
    return _text(np.where(generator.random(len(letters)) < strength, other, letters))


def _truncation(text: str, strength: float, generator: np.random.Generator) -> str:
    return text[: max(1, round(strength * len(text)))]


def _code_points(text: str) -> np.ndarray:
    """`uint32[character]`; a text without characters has none."""
    return np.frombuffer(text.encode("utf-32-le"), "<u4").copy()


def _text(code_points: np.ndarray) -> str:
    return code_points.astype("<u4").tobytes().decode("utf-32-le")


IMAGE_CORRUPTIONS = {
    "noise": (_noise, _NOISE),
    "blur": (_blur, _BLUR),
    "shift": (_shift, _SHIFT),
    "rotation": (_rotation, _ROTATION),
    "contrast": (_contrast, _CONTRAST),
    "occlusion": (_occlusion, _OCCLUSION),
}
TEXT_CORRUPTIONS = {
    "typos": (_each(_typos), _TYPOS),
    "case": (_each(_case), _CASE),
    "truncation": (_each(_truncation), _TRUNCATION),
}
