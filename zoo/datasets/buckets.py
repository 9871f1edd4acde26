"""Texts of similar length in one batch, so that short ones are not filled up to the model's length."""

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf


class LengthBuckets:
    """The order of the rows in each epoch, and how long the texts of a call are.

    Rows are shuffled, those of the last incomplete batch are left out, and the others are sorted by bucket only, so
    that a batch is a random sample of its bucket. Calls then come in random order; a shorter call is the last. All this
    depends only on (seed, epoch).
    """

    def __init__(self, ids: np.ndarray, buckets: Sequence[int], plan, seed: int):
        """Sort the rows into buckets.

        Args:
            ids: `int[examples, length]`, 0 after the end of each text.
            buckets: rising lengths; longer texts keep the length of `ids`.
            plan: a `BatchPlan`.
        """
        self.plan, self.seed = plan, seed
        buckets = np.array([*buckets, ids.shape[1]], "int64")
        self.lengths = buckets[np.searchsorted(buckets, np.count_nonzero(ids, axis=1))]
        self._order = functools.lru_cache(maxsize=2)(self.order)

    def order(self, epoch: int) -> np.ndarray:
        """`int64[row]`, the rows of an epoch in their order, as many as fill whole batches."""
        plan, generator = self.plan, np.random.default_rng([self.seed, epoch])
        rows = generator.permutation(plan.num_examples)[: plan.steps_per_epoch * plan.batch_size]
        rows = rows[np.argsort(self.lengths[rows], kind="stable")]
        call_size = plan.steps_per_call * plan.batch_size
        calls, rest = divmod(len(rows), call_size)
        first_of_rest = generator.integers(calls + 1) * call_size
        short_call = rows[first_of_rest : first_of_rest + rest]
        others = np.concatenate([rows[:first_of_rest], rows[first_of_rest + rest :]]).reshape(calls, call_size)
        return np.concatenate([others[generator.permutation(calls)].ravel(), short_call])

    def look_up(self, epoch, first_position, positions):
        """For a pipeline: the rows at positions, `int64[position]`, and the length of texts in their call, `int64`."""

        def find(epoch, first_position, positions):
            order = self._order(int(epoch))
            call = order[first_position : first_position + self.plan.steps_per_call * self.plan.batch_size]
            return order[np.minimum(positions, len(order) - 1)], self.lengths[call].max()

        rows, length = tf.numpy_function(find, [epoch, first_position, positions], (tf.int64, tf.int64))
        return tf.ensure_shape(rows, positions.shape), tf.ensure_shape(length, ())
