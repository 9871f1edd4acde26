"""Sums over the replicas of a `tf.distribute` strategy, in few exchanges: each costs a millisecond and more."""

import keras
import tensorflow as tf

from zoo.keras_hooks import compute_moments_by


def sum_over_replicas(tensors: list[tf.Tensor]) -> list[tf.Tensor]:
    """`float32[…]` tensors of this replica, each summed over all of them, in one exchange."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return tensors
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)


def normalize_in_one_exchange(model: keras.Model) -> None:
    """Let synchronized batch normalization exchange sum and sum of squares together.

    Keras itself makes three exchanges forward and two back. The arithmetic is the same.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and layer.synchronized:
            compute_moments_by(layer, _moments)


def _moments(inputs, axes: tuple[int, ...]):
    """Mean and variance, `float[channel]`, of `float[batch, …, channel]` over the shares of all replicas."""
    values = tf.cast(inputs, tf.float32)
    local = tf.stack([tf.reduce_sum(values, axes), tf.reduce_sum(tf.square(values), axes)])
    count = tf.size(values) // tf.shape(local)[1]
    count *= tf.distribute.get_replica_context().num_replicas_in_sync  # their shares are of equal size
    mean, mean_of_squares = tf.unstack(sum_over_replicas([local])[0] / tf.cast(count, tf.float32))
    variance = tf.maximum(mean_of_squares - tf.square(mean), 0.0)
    return tf.cast(mean, inputs.dtype), tf.cast(variance, inputs.dtype)
