"""Random numbers that depend on what they are for, not on when they are drawn."""

import tensorflow as tf


def uniform(rows, seed, kind: int):
    """`float32[batch]` in [0, 1), a pure function of its arguments, so that batching and replicas change nothing.

    A counter-based generator: the integer finalizer of MurmurHash3 (Appleby, 2011) over row, seed, epoch and kind.
    """
    state = tf.cast(rows, tf.uint32) * tf.constant(0x9E3779B1, tf.uint32)
    for word in (tf.cast(seed[0], tf.uint32), tf.cast(seed[1], tf.uint32), tf.constant(kind, tf.uint32)):
        state = _mix(tf.bitwise.bitwise_xor(state, word) + tf.constant(0x7F4A7C15, tf.uint32))
    return tf.cast(tf.bitwise.right_shift(state, tf.constant(8, tf.uint32)), tf.float32) * (1.0 / 2**24)


def _mix(state):
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        state = tf.bitwise.bitwise_xor(state, tf.bitwise.right_shift(state, tf.constant(shift, tf.uint32)))
        state = state * tf.constant(factor, tf.uint32)
    return tf.bitwise.bitwise_xor(state, tf.bitwise.right_shift(state, tf.constant(16, tf.uint32)))
