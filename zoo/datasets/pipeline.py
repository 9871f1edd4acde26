"""Batches for the training loop: what they hold depends on (seed, epoch, position), never on where a run started."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from zoo.datasets import on_disk
from zoo.datasets.buckets import LengthBuckets
from zoo.datasets.on_disk import Features, StoredRows


@dataclasses.dataclass(frozen=True)
class BatchPlan:
    """How an epoch is cut: calls of the training loop, each of up to `steps_per_call` steps of `batch_size` examples.

    The last incomplete batch of an epoch is left out; the next epoch is shuffled anew, so no example is always left.
    """

    num_examples: int
    batch_size: int
    steps_per_call: int
    epochs: int

    @property
    def steps_per_epoch(self) -> int:
        return self.num_examples // self.batch_size

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.epochs

    def calls(self, start_step: int) -> tuple[np.ndarray, np.ndarray]:
        """`int64[call]` first steps and `int64[call]` step counts from `start_step` on; no call crosses an epoch."""
        first_steps, counts = [], []
        step = start_step
        while step < self.total_steps:
            left_in_epoch = self.steps_per_epoch - step % self.steps_per_epoch
            count = min(self.steps_per_call, left_in_epoch)
            first_steps.append(step)
            counts.append(count)
            step += count
        return np.array(first_steps, "int64"), np.array(counts, "int64")

    def calls_in_epoch(self, start_step: int = 0) -> int:
        """How many calls finish the epoch that `start_step` lies in."""
        left_in_epoch = self.steps_per_epoch - start_step % self.steps_per_epoch
        return math.ceil(left_in_epoch / self.steps_per_call)


@dataclasses.dataclass(frozen=True)
class Shard:
    """The replicas for which a pipeline makes the shares of each global batch: `count` from `first` on, of `total`."""

    first: int = 0
    count: int = 1
    total: int = 1

    def each_replica(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Each element once for each replica in turn, and the `int64` number of the replica."""
        replicas = np.arange(self.first, self.first + self.count, dtype="int64")
        return *(np.repeat(array, self.count) for array in arrays), np.tile(replicas, len(arrays[0]))


def training_calls(
    features: Features,
    targets: np.ndarray | None,
    plan: BatchPlan,
    *,
    seed: int,
    start_step: int = 0,
    augmentation=None,
    mixing=None,
    row_weights: np.ndarray | None = None,
    length_buckets: Sequence[int] = (),
    shard: Shard = Shard(),  # noqa: B008, it is frozen
) -> tf.data.Dataset:
    """One element per call and replica: `(features[step, share, …], targets[step, share, …], weights[step, share], n)`.

    A replica's share of a batch is `batch_size / shard.total` examples. All elements have `steps_per_call` steps, so
    that one program serves all; steps from `n` on are padding. Features are an array or arrays by name, as they came.
    Where there are no targets, zeros stand for them. `weights` is float32, 1 where there are no `row_weights`
    (`float32[examples]`). With `mixing`, a `zoo.datasets.mixing.Mixing`, targets are `float32[step, share, …]`. With
    `length_buckets`, features are `int[step, share, length]`, cut to the shortest of these lengths that holds all texts
    of the call.
    """
    buckets = LengthBuckets(features, length_buckets, plan, seed) if length_buckets else None
    read_features, read_targets = _reader(features), _target_reader(targets)
    all_weights = None if row_weights is None else tf.constant(row_weights, tf.float32)
    share = plan.batch_size // shard.total
    reads = share if mixing is None else share + 1  # the last one's partner too
    shape = (plan.steps_per_call, reads)
    first_of_steps = np.arange(plan.steps_per_call)[:, None] * plan.batch_size

    def by_step(rows):
        return tf.reshape(rows, shape + tuple(rows.shape[1:]))

    def gather(first_step, count, replica):
        epoch = first_step // plan.steps_per_epoch
        start = (first_step % plan.steps_per_epoch) * plan.batch_size
        in_batch = (replica * share + np.arange(reads)) % plan.batch_size
        positions = tf.minimum(start + tf.reshape(first_of_steps + in_batch, [-1]), plan.num_examples - 1)
        order_seed = tf.stack([tf.constant(seed, tf.int64), epoch])
        if buckets is None:
            rows = tf.random.experimental.index_shuffle(positions, order_seed, plan.num_examples - 1)
        else:
            rows, length = buckets.look_up(epoch, start, positions)
        batch_features, batch_targets = read_features(rows), read_targets(rows)
        if augmentation is not None:
            batch_features = augmentation(batch_features, rows, order_seed)
        weights = tf.ones(shape, tf.float32) if all_weights is None else by_step(tf.gather(all_weights, rows))
        batch_features, batch_targets = on_disk.each(by_step, batch_features), by_step(batch_targets)
        if mixing is not None:
            mixed = mixing(batch_features, batch_targets, weights, by_step(rows), order_seed)
            batch_features, batch_targets, weights = mixed
        if buckets is not None:
            batch_features = batch_features[..., :length]
        return batch_features, batch_targets, weights, count

    calls = tf.data.Dataset.from_tensor_slices(shard.each_replica(*plan.calls(start_step)))
    return _without_autotune(calls.map(gather, num_parallel_calls=1, deterministic=True).prefetch(2))


def evaluation_batches(
    features: Features,
    targets: np.ndarray | None,
    shard: Shard = Shard(),  # noqa: B008
) -> tf.data.Dataset:
    """Every example once, in order: `(features[share, …], targets[share, …], float32[share])` per batch and replica.

    Shares are of equal size, which TPUs and replicas in step need; the last batch is padded with weights of 0.
    """
    share, num_examples = _evaluation_share(features, shard.total), on_disk.count(features)
    read_features, read_targets = _reader(features), _target_reader(targets)

    def gather(start, replica):
        positions = start + replica * share + np.arange(share)
        rows = tf.minimum(positions, num_examples - 1)
        weights = tf.cast(positions < num_examples, tf.float32)
        return read_features(rows), read_targets(rows), weights

    starts = np.arange(0, num_examples, share * shard.total, dtype="int64")
    batches = tf.data.Dataset.from_tensor_slices(shard.each_replica(starts))
    return _without_autotune(batches.map(gather, num_parallel_calls=1, deterministic=True).prefetch(2))


def evaluation_steps(features: Features, replicas: int) -> int:
    """How many batches `evaluation_batches` makes for each replica."""
    return -(-on_disk.count(features) // (_evaluation_share(features, replicas) * replicas))


def _evaluation_share(features: Features, replicas: int) -> int:
    return -(-min(on_disk.examples_at_once(features), on_disk.count(features)) // replicas)


def _target_reader(targets: np.ndarray | None):
    """A function from row numbers to the targets of those rows, or to zeros where there are none."""
    if targets is None:
        return lambda rows: tf.zeros(rows.shape, tf.int32)
    all_targets = tf.constant(targets)
    return lambda rows: tf.gather(all_targets, rows)


def _reader(features: Features):
    """A function from row numbers, `int64[rows]`, to the features of those rows."""
    if isinstance(features, dict):
        readers = {name: _reader(array) for name, array in features.items()}
        return lambda rows: {name: read(rows) for name, read in readers.items()}
    if not isinstance(features, StoredRows):
        all_features = tf.constant(features)
        return lambda rows: tf.gather(all_features, rows)

    def read(rows):
        found = tf.numpy_function(features.__getitem__, [rows], tf.as_dtype(features.dtype))
        return tf.ensure_shape(found, (*rows.shape, *features.shape[1:]))

    return read


def _without_autotune(dataset: tf.data.Dataset) -> tf.data.Dataset:
    # Deleting an iterator can wait until the autotune thread wakes up, which doubles the time of short epochs.
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
