"""Pictures of two examples in one, with a target between theirs; decided by (seed, epoch, row) and the batch alone."""

import numpy as np
import tensorflow as tf

from zoo.layers.random_numbers import uniform

# One number stream per random quantity; none is that of an augmentation.
_WHICH, _MIXUP_PART, _CUTMIX_PART, _CUTMIX_X, _CUTMIX_Y = range(100, 105)

_QUANTILES = 4096


class Mixing:
    """Mixup (Zhang et al., 2018) and CutMix (Yun et al., 2019): each example takes something of its partner.

    The partner is the next example of the same global batch; that of the last is the first. So the order of the epoch,
    which (seed, epoch) decides, makes the pairs, and replicas, calls and interruptions change none. Mixup adds the two
    pictures up, lambda and 1 - lambda. CutMix pastes a rectangle of the partner of 1 - lambda of the area around a
    random point; what would lie outside is cut off, and the target is mixed by the pixels that are left.
    """

    def __init__(self, settings, soft_targets):
        """Make it.

        Args:
            settings: a `zoo.settings.AugmentationSection` with `mixup` or `cutmix`.
            soft_targets: of a task, see `zoo.tasks.Task.soft_targets`.
        """
        self.settings, self.soft_targets = settings, soft_targets
        self.mixup_parts = beta_quantiles(settings.mixup) if settings.mixup else None
        # Lambda and 1 - lambda have the same distribution. A square root here rounds alike for all places in a batch.
        self.cutmix_sides = np.sqrt(beta_quantiles(settings.cutmix)) if settings.cutmix else None

    def __call__(self, images, targets, weights, rows, seed):
        """Mix each example but the last of each step with the one behind it.

        Args:
            images: `uint8[step, examples + 1, height, width, channel]`.
            targets: `[step, examples + 1]`, as the pipeline reads them.
            weights: `float32[step, examples + 1]`.
            rows: `int64[step, examples + 1]`.
            seed: `int64[2]`, (seed, epoch).

        Returns:
            `uint8[step, examples, height, width, channel]`, `float32[step, examples, …]` and `float32[step, examples]`:
            with this target and this weight, a loss that is linear in both is the sum of the losses of both examples,
            each by its own weight times its part of the picture.
        """
        images, part = self._mix(images[:, :-1], images[:, 1:], rows[:, :-1], seed)
        own, other = part * weights[:, :-1], (1 - part) * weights[:, 1:]
        soft = self.soft_targets(targets)
        mixed = own[..., None] * soft[:, :-1] + other[..., None] * soft[:, 1:]
        return images, tf.math.divide_no_nan(mixed, (own + other)[..., None]), own + other

    def _mix(self, own, other, rows, seed):
        """The mixed pictures, and how much of each, `float32[step, examples]`, is its own."""
        settings = self.settings
        which = uniform(rows, seed, _WHICH)  # below the first limit mixup, from there below the second CutMix
        limits = (
            settings.mix_probability * bool(settings.mixup) / (2 if settings.cutmix else 1),
            settings.mix_probability,
        )
        images, part = own, tf.ones_like(which)
        if settings.mixup:
            part = tf.where(which < limits[0], _drawn(self.mixup_parts, uniform(rows, seed, _MIXUP_PART)), 1.0)
            images, others = tf.cast(own, tf.float32), tf.cast(other, tf.float32)
            images = tf.cast(tf.round(others + part[..., None, None, None] * (images - others)), own.dtype)
        if settings.cutmix:
            is_pasted = (which >= limits[0]) & (which < limits[1])
            inside, area = self._box(own.shape[2], own.shape[3], rows, seed)
            images = tf.where((inside & is_pasted[..., None, None])[..., None], other, images)
            part = tf.where(is_pasted, 1 - area, part)
        return images, part

    def _box(self, height, width, rows, seed):
        """Which pixels lie in each rectangle, `bool[step, examples, height, width]`, and their part of all."""
        side = _drawn(self.cutmix_sides, uniform(rows, seed, _CUTMIX_PART))

        def ends(size, kind):
            center = size * uniform(rows, seed, kind)
            return (tf.clip_by_value(tf.round(center + half * size * side), 0, size) for half in (-0.5, 0.5))

        (top, bottom), (left, right) = ends(float(height), _CUTMIX_Y), ends(float(width), _CUTMIX_X)
        y, x = tf.range(height, dtype=tf.float32)[:, None], tf.range(width, dtype=tf.float32)
        top_, bottom_, left_, right_ = (end[..., None, None] for end in (top, bottom, left, right))
        inside = (y >= top_) & (y < bottom_) & (x >= left_) & (x < right_)
        return inside, (bottom - top) * (right - left) / (height * width)


def beta_quantiles(alpha: float) -> np.ndarray:
    """`float32[4096]`: Beta(alpha, alpha) in equally likely steps."""
    from scipy.special import betaincinv

    return betaincinv(alpha, alpha, (np.arange(_QUANTILES) + 0.5) / _QUANTILES).astype("float32")


def _drawn(quantiles: np.ndarray, numbers):
    return tf.gather(tf.constant(quantiles), tf.cast(numbers * _QUANTILES, tf.int32))
