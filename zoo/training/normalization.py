"""Batch normalization for training: as fast as the device allows, and with averages that soon forget their start."""

import keras
import tensorflow as tf

from zoo.keras_hooks import normalize_by
from zoo.training.averaging import brief_momentum
from zoo.training.dropout import BatchPosition
from zoo.training.replicas import sum_over_replicas


def prepare_normalization(model: keras.Model, position: BatchPosition) -> None:
    """Let the batch normalization of a model that trains take one operation, or one exchange between replicas.

    Keras itself computes it in a dozen operations, each of which reads the whole tensor: half the time of a residual
    network in bfloat16 on a CPU. Over several replicas it makes three exchanges forward and two back.

    The momentum of the moving averages after t updates is min(`momentum`, (1 + t) / (10 + t)): with Keras's 0.99, a
    training of a hundred updates would be judged by averages that are still a third what they began with.
    """
    several = tf.distribute.get_strategy().num_replicas_in_sync > 1
    for layer in model.layers:
        ours = isinstance(layer, keras.layers.BatchNormalization) and not layer.renorm
        if ours and layer.axis in (-1, layer.input_spec.ndim - 1):
            over_replicas = several and layer.synchronized
            normalize_by(layer, _normalizer(layer, position, over_replicas), strict=over_replicas)


def _normalizer(layer: keras.layers.BatchNormalization, position: BatchPosition, over_replicas: bool):
    in_one_operation = _has_one_operation(layer) and not over_replicas

    def normalize(inputs, training: bool):
        if not training:
            moments = layer.moving_mean.value, layer.moving_variance.value
        else:
            moments = None if in_one_operation else _moments(layer, inputs)
        if in_one_operation:
            outputs, *moments = _normalized(layer, inputs, moments)
        else:
            scale = tf.convert_to_tensor(layer.gamma.value) if layer.scale else None
            offset = tf.convert_to_tensor(layer.beta.value) if layer.center else None
            values = tf.cast(inputs, tf.float32)
            outputs = tf.nn.batch_normalization(values, *moments, offset, scale, layer.epsilon)
            outputs = tf.cast(outputs, layer.compute_dtype)
        if training:
            momentum = layer.momentum
            if position.step is not None:
                momentum = brief_momentum(momentum, position.step)
            for average, new in zip((layer.moving_mean, layer.moving_variance), moments, strict=True):
                average.assign(average * momentum + new * (1 - momentum))
        return outputs

    return normalize


def _has_one_operation(layer: keras.layers.BatchNormalization) -> bool:
    """It takes `bfloat16[batch, height, width, channel]`.

    On a CPU it sums float32 one after the other, which over a hundred thousand pixels is 1e-5 off: in float32 several
    replicas would not learn what one device learns. float16 has it on a GPU alone.
    """
    pictures = layer.input_spec.ndim == 4 and layer.axis in (3, -1)
    return pictures and layer.center and layer.scale and layer.compute_dtype == "bfloat16"


def _normalized(layer: keras.layers.BatchNormalization, inputs, moments):
    """Outputs like the inputs, `float[batch, height, width, channel]`; mean and variance, `float32[channel]`.

    Args:
        moments: mean and variance to normalize by; None takes those of the batch.
    """
    mean, variance = moments or (tf.zeros([0]), tf.zeros([0]))
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=tf.convert_to_tensor(layer.gamma.value),
        offset=tf.convert_to_tensor(layer.beta.value),
        mean=tf.convert_to_tensor(mean),
        variance=tf.convert_to_tensor(variance),
        epsilon=layer.epsilon,
        is_training=moments is None,
    )
    count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
    # The operation gives the variance of a sample; Keras keeps that of the batch.
    return outputs, mean, variance * tf.maximum(count - 1, 1) / count


def _moments(layer: keras.layers.BatchNormalization, inputs):
    """Mean and variance, `float32[channel]`, of `float[batch, …, channel]`; of the shares of all replicas together.

    A synchronized layer computes as over replicas on one device too, so that both learn the same.
    """
    values = tf.cast(inputs, tf.float32)
    axes = list(range(len(inputs.shape) - 1))
    if not layer.synchronized:
        return tf.nn.moments(values, axes)
    sums = tf.stack([tf.reduce_sum(values, axes), tf.reduce_sum(tf.square(values), axes)])
    count = tf.size(values) // tf.shape(sums)[1]
    count *= tf.distribute.get_replica_context().num_replicas_in_sync  # their shares are of equal size
    mean, mean_of_squares = tf.unstack(sum_over_replicas([sums])[0] / tf.cast(count, tf.float32))
    return mean, tf.maximum(mean_of_squares - tf.square(mean), 0.0)
