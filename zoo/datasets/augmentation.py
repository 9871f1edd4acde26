"""Random changes of training images, vectorised over the batch, each decided by (seed, epoch, row, kind) alone."""

import math

import tensorflow as tf

from zoo.datasets.moves import moved, turn
from zoo.datasets.randaugment import RandAugment
from zoo.layers.random_numbers import uniform

# One number stream per random quantity.
_ANGLE, _ZOOM, _SHIFT_X, _SHIFT_Y, _FLIP, _ERASE, _ERASE_X, _ERASE_Y, _ERASE_AREA, _ERASE_RATIO = range(10)
_CROP_X, _CROP_Y = range(10, 12)


class Augmentation:
    """`uint8[batch, height, width, channel]` → the same shape and dtype, moved, turned, flipped and partly erased.

    Shift, rotation, zoom, flip and crop are one projective transform, and outside pixels are black. It is bilinear;
    flip and crop alone move whole pixels, and change none. Erasing blanks a rectangle of 2–20 % of the area (Zhong et
    al., 2020, Random erasing data augmentation).
    """

    def __init__(self, settings):
        """`settings` is a `zoo.settings.AugmentationSection`."""
        self.settings = settings
        self.randaugment = RandAugment(settings.randaugment) if settings.randaugment else None

    def __call__(self, images, rows, seed):
        """Args: images `uint8[batch, height, width, channel]`; rows `int64[batch]`; seed `int64[2]`, (seed, epoch)."""
        settings = self.settings
        blurs = settings.shift_pixels or settings.rotation_degrees or settings.zoom
        if blurs or settings.horizontal_flip or settings.crop_padding:
            images = self._move(images, rows, seed, "BILINEAR" if blurs else "NEAREST")
        if self.randaugment:
            images = self.randaugment(images, rows, seed)
        if settings.random_erasing:
            images = self._erase(images, rows, seed)
        return images

    def _move(self, images, rows, seed, interpolation):
        settings = self.settings

        def symmetric(kind):
            return 2 * uniform(rows, seed, kind) - 1

        def whole(kind):
            places = 2 * settings.crop_padding + 1
            place = tf.minimum(tf.floor(places * uniform(rows, seed, kind)), places - 1)  # the product may round up
            return place - settings.crop_padding

        cosine, sine = turn(symmetric(_ANGLE) * (settings.rotation_degrees * math.pi / 180))
        scale = 1 + symmetric(_ZOOM) * settings.zoom
        mirror = tf.where(uniform(rows, seed, _FLIP) < 0.5, -1.0, 1.0) if settings.horizontal_flip else 1.0
        matrix = (scale * cosine * mirror, -scale * sine, scale * sine * mirror, scale * cosine)
        shift_x = symmetric(_SHIFT_X) * settings.shift_pixels + whole(_CROP_X)
        shift_y = symmetric(_SHIFT_Y) * settings.shift_pixels + whole(_CROP_Y)
        return moved(images, matrix, (shift_x, shift_y), interpolation)

    def _erase(self, images, rows, seed):
        height, width = images.shape[1], images.shape[2]
        area = (0.02 + 0.18 * uniform(rows, seed, _ERASE_AREA)) * height * width
        ratio = tf.exp((2 * uniform(rows, seed, _ERASE_RATIO) - 1) * math.log(3.0))
        box_height, box_width = tf.sqrt(area * ratio), tf.sqrt(area / ratio)
        top = uniform(rows, seed, _ERASE_Y) * (height - box_height)
        left = uniform(rows, seed, _ERASE_X) * (width - box_width)
        y, x = tf.range(height, dtype=tf.float32)[None, :, None], tf.range(width, dtype=tf.float32)[None, None, :]
        in_y = (y >= top[:, None, None]) & (y < (top + box_height)[:, None, None])
        in_x = (x >= left[:, None, None]) & (x < (left + box_width)[:, None, None])
        chosen = (uniform(rows, seed, _ERASE) < self.settings.random_erasing)[:, None, None]
        return tf.where((in_y & in_x & chosen)[..., None], tf.zeros_like(images), images)
