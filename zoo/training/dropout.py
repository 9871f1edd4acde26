"""Dropout and drop path whose masks do not depend on how many replicas, steps a call or parts a batch is cut into."""

import hashlib
import math
import threading

import keras
import tensorflow as tf

_PHILOX = 1


class BatchPosition(threading.local):
    """Where training stands while a step is traced: what the masks of all layers are drawn from.

    seed: of the run. step: the optimizer's `iterations`. first_example: position, in the global batch, of the first
    example that this replica sees in this part of the step. Replicas are traced by threads that take turns.
    """

    def __init__(self, seed: int):
        self.seed, self.step, self.first_example = seed, None, 0


def draws_by_example(layer: keras.layers.Layer) -> bool:
    """Whether a layer is a `keras.layers.Dropout` that draws for each example anew, and leaves something."""
    plain = type(layer) is keras.layers.Dropout and layer.rate < 1
    return plain and (layer.noise_shape is None or layer.noise_shape[0] is None)


class PositionedDropout(keras.layers.Layer):
    """Stands in for a `keras.layers.Dropout` during training: `float[batch, …]` → the same.

    Keras draws masks from a seed that all replicas share, and so drops the same units in each. Here the mask of an
    example follows from (seed, layer, step, position in the global batch): a counter-based generator (Philox: Salmon
    et al., 2011, Parallel random numbers: as easy as 1, 2, 3) starts at the counter of the replica's first example.

    Where `noise_shape` says so, positions share a draw. With `(None, 1, …)` an example has one: on the branch of a
    residual block that is drop path (Huang et al., 2016, Deep networks with stochastic depth).
    """

    def __init__(self, layer: keras.layers.Dropout, position: BatchPosition, number: int):
        """`number` tells the dropout layers of a model apart; Keras counts their names through a whole process."""
        super().__init__(name=f"positioned_{layer.name}", dtype=layer.dtype_policy)
        self.rate, self.noise_shape = layer.rate, layer.noise_shape
        self.position, self.supports_masking = position, True
        digest = hashlib.sha256(f"{position.seed}:{number}".encode()).digest()
        self.key = int.from_bytes(digest[:8], "little")

    def call(self, inputs, training=False, mask=None):
        if not training or self.position.step is None:
            return inputs
        shape = inputs.shape[1:]
        if self.noise_shape:
            shape = [given or size for given, size in zip(self.noise_shape[1:], shape, strict=True)]
        units = math.prod(shape)
        counters_per_example = -(-units // 4)  # one counter gives four numbers
        first_counter = tf.cast(self.position.first_example, tf.uint64) * counters_per_example
        bits = tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=tf.stack([tf.shape(inputs)[0], 4 * counters_per_example]),
            key=tf.constant([self.key], tf.uint64),
            counter=tf.stack([first_counter, tf.cast(self.position.step, tf.uint64)]),
            alg=_PHILOX,
            dtype=tf.uint32,
        )[:, :units]
        kept = tf.reshape(bits >= tf.constant(round(self.rate * 2**32), tf.uint32), [tf.shape(inputs)[0], *shape])
        return tf.where(kept, inputs / tf.cast(1 - self.rate, inputs.dtype), tf.zeros_like(inputs))
