"""Sums over the replicas of a `tf.distribute` strategy, in few exchanges: each costs a millisecond and more."""

import tensorflow as tf


def sum_over_replicas(tensors: list[tf.Tensor]) -> list[tf.Tensor]:
    """`float32[…]` tensors of this replica, each summed over all of them, in one exchange."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return tensors
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)
