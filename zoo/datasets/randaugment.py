"""RandAugment (Cubuk et al., 2020): a few operations for each picture, drawn alike, all of one magnitude."""

import math

import tensorflow as tf

from zoo.datasets.moves import moved, turn
from zoo.layers.random_numbers import uniform

_FIRST_KIND = 200  # of the number streams, two an operation
_MOVES = 5


class RandAugment:
    """`uint8[batch, height, width, channel]` → the same shape and dtype.

    The paper's 14 operations: identity, autocontrast, equalize, posterize, solarize, brightness, contrast, sharpness,
    color (of three channels only), rotate, shear x and y, translate x and y. At magnitude 10 they turn by 30°, shear by
    0.3, shift by 0.3 of the side in whole pixels, keep 4 bits, invert all, and change a contrast or the like by 0.9;
    less in proportion. Each way of two is as likely. Outside pixels are black.

    In each round the batch falls apart by operation, so that each is computed for its own pictures alone. Sums are of
    whole numbers: what becomes of a picture depends on no other, nor on its place.
    """

    def __init__(self, settings):
        """`settings` is a `zoo.settings.RandAugmentSection`."""
        self.rounds, self.strength = settings.operations, settings.magnitude / 10

    def __call__(self, images, rows, seed):
        """Args: images `uint8[batch, height, width, channel]`; rows `int64[batch]`; seed `int64[2]`, (seed, epoch)."""
        shape = images.shape
        still = [_same, _autocontrast, _equalize, self._posterize, self._solarize]
        still += [self._brightness, self._contrast, self._sharpness] + ([self._color] if shape[3] == 3 else [])
        count = len(still) + _MOVES
        for kind in range(_FIRST_KIND, _FIRST_KIND + 2 * self.rounds, 2):
            drawn = tf.minimum(tf.cast(count * uniform(rows, seed, kind), tf.int32), count - 1)
            signs = tf.where(uniform(rows, seed, kind + 1) < 0.5, -1.0, 1.0)
            group = tf.minimum(drawn, len(still))  # the last one holds all that is moved
            places, parts, part_signs, part_moves = (
                tf.dynamic_partition(whole, group, len(still) + 1)
                for whole in (tf.range(len(drawn)), images, signs, drawn - len(still))
            )
            changed = [operation(part, sign) for operation, part, sign in zip(still, parts, part_signs, strict=False)]
            changed.append(self._moved(parts[-1], part_signs[-1], part_moves[-1]))
            images = tf.ensure_shape(tf.dynamic_stitch(places, changed), shape)
        return images

    def _moved(self, images, signs, move):
        height, width = images.shape[1], images.shape[2]

        def of(number, value):
            return tf.where(move == number, signs * value, 0.0)

        cosine, sine = turn(of(0, self.strength * math.pi / 6))
        matrix = (cosine, of(1, 0.3 * self.strength) - sine, of(2, 0.3 * self.strength) + sine, cosine)
        shift = (of(3, round(0.3 * self.strength * width)), of(4, round(0.3 * self.strength * height)))
        return moved(images, matrix, shift, "BILINEAR")

    def _posterize(self, images, _):
        return tf.bitwise.bitwise_and(images, tf.constant(256 - 2 ** round(4 * self.strength), images.dtype))

    def _solarize(self, images, _):
        return tf.where(tf.cast(images, tf.float32) >= 256 * (1 - self.strength), 255 - images, images)

    def _brightness(self, images, signs):
        return self._away_from(0, images, signs)

    def _contrast(self, images, signs):
        grey = tf.cast(_grey(images), tf.int64)
        pixels = grey.shape[1] * grey.shape[2] * grey.shape[3]
        mean = (2 * tf.reduce_sum(grey, axis=(1, 2, 3), keepdims=True) + pixels) // (2 * pixels)
        return self._away_from(mean, images, signs)

    def _color(self, images, signs):
        return self._away_from(_grey(images), images, signs)

    def _sharpness(self, images, signs):
        height, width = images.shape[1], images.shape[2]
        if min(height, width) < 3:
            return images
        whole = tf.cast(images, tf.int32)
        around = [whole[:, y : height - 2 + y, x : width - 2 + x] for y in range(3) for x in range(3)]
        inner = (2 * (tf.add_n(around) + 4 * around[4]) + 13) // 26  # the centre counts 5 times of 13
        edges = [[0, 0], [1, 1], [1, 1], [0, 0]]
        is_inner = tf.pad(tf.ones_like(inner, tf.bool), edges)
        return self._away_from(tf.where(is_inner, tf.pad(inner, edges), whole), images, signs)

    def _away_from(self, base, images, signs):
        """From `base` through the picture and beyond, or back towards it."""
        factor = (1 + 0.9 * self.strength * signs)[:, None, None, None]
        base = tf.cast(base, tf.float32)
        changed = base + factor * (tf.cast(images, tf.float32) - base)
        return tf.cast(tf.clip_by_value(tf.round(changed), 0.0, 255.0), images.dtype)


def _same(images, _):
    return images


def _autocontrast(images, _):
    """The darkest value of each channel becomes 0, the brightest 255."""
    whole = tf.cast(images, tf.int32)
    low, high = (extreme(whole, axis=(1, 2), keepdims=True) for extreme in (tf.reduce_min, tf.reduce_max))
    span = tf.maximum(high - low, 1)
    stretched = (2 * 255 * (whole - low) + span) // (2 * span)
    return tf.where(high > low, tf.cast(stretched, images.dtype), images)


def _equalize(images, _):
    """Each channel so that all values become about equally frequent, as the Python Imaging Library does it."""
    channels = tf.transpose(tf.cast(images, tf.int32), [0, 3, 1, 2])
    values = tf.reshape(channels, [-1, images.shape[1] * images.shape[2]])
    counts = tf.math.bincount(values, minlength=256, maxlength=256, axis=-1)
    brightest = tf.gather(counts, tf.reduce_max(values, axis=1), batch_dims=1)
    step = ((values.shape[1] - brightest) // 255)[:, None]
    below = tf.cumsum(counts, axis=1, exclusive=True)
    table = tf.minimum((below + step // 2) // tf.maximum(step, 1), 255)
    table = tf.where(step > 0, table, tf.range(256))
    equal = tf.reshape(tf.gather(table, values, batch_dims=1), tf.shape(channels))
    return tf.cast(tf.transpose(equal, [0, 2, 3, 1]), images.dtype)


def _grey(images):
    """`int32[batch, height, width, 1]` luminance of three channels; else the channels as they are."""
    whole = tf.cast(images, tf.int32)
    if images.shape[3] != 3:
        return whole
    red, green, blue = tf.split(whole, 3, axis=3)
    return (299 * red + 587 * green + 114 * blue + 500) // 1000
