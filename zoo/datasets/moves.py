"""Pictures moved, turned and stretched about their centre."""

import tensorflow as tf


def moved(images, matrix, shift, interpolation: str):
    """Each picture through its own affine transform; what comes from outside is black.

    Args:
        images: `uint8[batch, height, width, channel]`.
        matrix: (a, b, d, e), each `float32[batch]`: output pixel (x, y), counted from the centre, reads input
            (a x + b y, d x + e y).
        shift: (x, y), each `float32[batch]`, added to what it reads.
        interpolation: BILINEAR or NEAREST, which blurs nothing.

    Returns:
        The same shape and dtype.
    """
    (a, b, d, e), (shift_x, shift_y) = matrix, shift
    center_x, center_y = (float(images.shape[2]) - 1) / 2, (float(images.shape[1]) - 1) / 2
    c = center_x - a * center_x - b * center_y + shift_x
    f = center_y - d * center_x - e * center_y + shift_y
    zeros = tf.zeros_like(c)
    blends = interpolation == "BILINEAR"
    found = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32) if blends else images,
        transforms=tf.stack([a, b, c, d, e, f, zeros, zeros], axis=1),
        output_shape=images.shape[1:3].as_list(),
        interpolation=interpolation,
        fill_mode="CONSTANT",
        fill_value=0.0,
    )
    return tf.cast(tf.round(found), images.dtype) if blends else found


def turn(angle):
    """(cosine, sine) of `float32[batch]` radians."""
    # In float32 the last bit would depend on the example's place in the batch, and a pixel might round differently.
    return tuple(tf.cast(function(tf.cast(angle, tf.float64)), tf.float32) for function in (tf.cos, tf.sin))
