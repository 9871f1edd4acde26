"""Dropout whose masks do not depend on how many replicas, steps a call or parts a batch is cut into."""

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


class PositionedDropout(keras.layers.Layer):
    """Stands in for a `keras.layers.Dropout` during training: `float[batch, …]` → the same.

    Keras draws masks from a seed that all replicas share, and so drops the same units in each. Here the mask of an
    example follows from (seed, layer, step, position in the global batch): a counter-based generator (Philox: Salmon
    et al., 2011, Parallel random numbers: as easy as 1, 2, 3) starts at the counter of the replica's first example.
    """

    def __init__(self, layer: keras.layers.Dropout, position: BatchPosition, number: int):
        """`number` tells the dropout layers of a model apart; Keras counts their names through a whole process."""
        super().__init__(name=f"positioned_{layer.name}", dtype=layer.dtype_policy)
        self.rate, self.position, self.supports_masking = layer.rate, position, True
        digest = hashlib.sha256(f"{position.seed}:{number}".encode()).digest()
        self.key = int.from_bytes(digest[:8], "little")

    def call(self, inputs, training=False, mask=None):
        if not training or self.position.step is None:
            return inputs
        units = math.prod(inputs.shape[1:])
        counters_per_example = -(-units // 4)  # one counter gives four numbers
        first_counter = tf.cast(self.position.first_example, tf.uint64) * counters_per_example
        bits = tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=tf.stack([tf.shape(inputs)[0], 4 * counters_per_example]),
            key=tf.constant([self.key], tf.uint64),
            counter=tf.stack([first_counter, tf.cast(self.position.step, tf.uint64)]),
            alg=_PHILOX,
            dtype=tf.uint32,
        )[:, :units]
        kept = tf.reshape(bits >= tf.constant(round(self.rate * 2**32), tf.uint32), tf.shape(inputs))
        return tf.where(kept, inputs / tf.cast(1 - self.rate, inputs.dtype), tf.zeros_like(inputs))
