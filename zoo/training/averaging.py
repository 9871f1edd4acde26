"""Averages of weights: of the last epochs of a training, or of several trainings, and what belongs to them."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from zoo.datasets import on_disk
from zoo.datasets.on_disk import Features
from zoo.keras_hooks import all_layers


def brief_momentum(longest: float, updates):
    """min(`longest`, (1 + t) / (10 + t)) after t updates: an average that soon forgets what it began with."""
    step = keras.ops.cast(updates, "float32")
    return keras.ops.minimum(longest, (1 + step) / (10 + step))


class WeightSum:
    """A sum of the weights of models with the same layers; whole numbers, such as counters, are the last ones'."""

    def __init__(self):
        self.count, self.sums = 0, []

    def add(self, weights: list[np.ndarray]) -> None:
        """Add what `get_weights` gave, in float64."""
        zeros = [np.zeros(1)] * len(weights)
        self.sums = [
            before + array.astype("float64") if array.dtype.kind == "f" else array
            for before, array in zip(self.sums or zeros, weights, strict=True)
        ]
        self.count += 1

    def mean(self) -> list[np.ndarray]:
        """As `set_weights` takes it."""
        return [array / self.count if array.dtype.kind == "f" else array for array in self.sums]


class LastEpochs(keras.callbacks.Callback):
    """Sum the weights at the ends of the last epochs (Izmailov et al., 2018, Averaging weights leads to wider optima).

    Among the callbacks it must stand before `Checkpoints`, which keeps the sum.
    """

    def __init__(self, epochs: int, last: int | None):
        """`last` of `epochs` are averaged; None averages none."""
        super().__init__()
        self.first_epoch, self.sum = epochs - (last or 0), WeightSum()

    def on_epoch_end(self, epoch, logs=None):
        if epoch >= self.first_epoch:
            self.sum.add(self.model.get_weights())

    def state(self) -> dict[str, np.ndarray]:
        arrays = {f"average.{i}": array for i, array in enumerate(self.sum.sums)}
        return arrays | {"averaged_epochs": np.array(self.sum.count)} if arrays else {}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        self.sum = WeightSum()
        self.sum.count = int(arrays.get("averaged_epochs", 0))
        while (array := arrays.get(f"average.{len(self.sum.sums)}")) is not None:
            self.sum.sums.append(array)


class _Measuring(keras.layers.Layer):
    """Stands in for a batch normalization: normalizes by the batch, and keeps the batch's mean and variance."""

    def __init__(self, layer: keras.layers.BatchNormalization, keep: Callable):
        """`keep` takes the layer, `float32[channel]` means and `float32[channel]` variances."""
        super().__init__(name=f"measuring_{layer.name}", dtype=layer.dtype_policy)
        self.layer, self.keep, self.supports_masking = layer, keep, True

    def compute_output_spec(self, inputs, mask=None):
        """Keras takes what was multiplied by a number for sparse, and would try the call with a sparse tensor."""
        return keras.KerasTensor(inputs.shape, self.compute_dtype)

    def call(self, inputs, mask=None):
        if mask is not None:
            raise NotImplementedError("statistics of a batch normalization behind a mask")
        layer, values = self.layer, keras.ops.cast(inputs, "float32")
        axis = range(len(inputs.shape))[layer.axis]
        mean, variance = keras.ops.moments(values, [i for i in range(len(inputs.shape)) if i != axis])
        self.keep(layer, mean, variance)
        normalized = keras.ops.batch_normalization(
            values, mean, variance, axis, layer.beta, layer.gamma, epsilon=layer.epsilon
        )
        return keras.ops.cast(normalized, self.compute_dtype)


def measure_normalization(model: keras.Model, features: Features, batch_size: int, seed: int) -> None:
    """Give each batch normalization the mean and variance of what it sees of the training rows with these weights.

    Averaged weights need it: the moving statistics are of other weights. One pass in whole batches, each normalized by
    itself as in training, but with neither dropout nor augmentation. Every worker of a cluster makes the same pass. A
    frozen layer keeps its statistics; so does one inside a layer that Keras cannot look into.

    Args:
        model: from raw input.
        features: of the training rows, as a `zoo.datasets.Split` has them.
        batch_size: rows a batch.
        seed: of their order: a batch of one class would be like none of the training.
    """
    layers = {id(layer) for layer in all_layers(model) if isinstance(layer, keras.layers.BatchNormalization)}
    if not layers:
        return
    measured = []

    def for_measuring(layer):
        return (
            _Measuring(layer, lambda *values: measured.append(values))
            if id(layer) in layers and layer.trainable
            else layer
        )

    network = keras.models.clone_model(model, clone_function=for_measuring, recursive=True)

    @tf.function(autograph=False)
    def statistics(batch):
        measured.clear()
        network(batch, training=False)
        return [(mean, variance) for _, mean, variance in measured]

    rows = np.random.default_rng(seed).permutation(on_disk.count(features))
    batch_size = min(batch_size, len(rows))
    batches = []
    for start in range(0, len(rows) - batch_size + 1, batch_size):
        chosen = rows[start : start + batch_size]
        batch = on_disk.as_tensors(on_disk.each(lambda array, chosen=chosen: array[chosen], features))
        batches.append([np.asarray(pair, "float64") for pair in statistics(batch)])
    for layer in {id(layer): layer for layer, _, _ in measured}.values():
        calls = [number for number, (other, _, _) in enumerate(measured) if other is layer]
        means, variances = np.stack([batch[number] for batch in batches for number in calls], axis=1)
        layer.moving_mean.assign(means.mean(axis=0))
        layer.moving_variance.assign(variances.mean(axis=0) + means.var(axis=0))
