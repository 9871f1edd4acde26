"""Sequences of numbers whose ends are padding: NaN behind the last step that has a value."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("zoo")
class Steps(keras.layers.Layer):
    """`float32[batch, time, channel]` → `bool[batch, time]`, the steps up to the last that has a value."""

    def call(self, inputs):
        has_value = ops.cast(ops.any(ops.logical_not(ops.isnan(inputs)), axis=-1), "int32")
        up_to_here = ops.cumsum(has_value, axis=1)
        # A step is padding if those before it have all values that there are, and itself has none.
        return ops.logical_or(has_value > 0, up_to_here < up_to_here[:, -1:])

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape[:-1], "bool")


@keras.saving.register_keras_serializable("zoo")
class SequenceNormalization(keras.layers.Layer):
    """`float32[batch, time, channel]` → the same, each channel of mean 0 and deviation 1, and 0 for what is missing."""

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="mean")
        self.deviation = self.add_weight(shape=shape, initializer="ones", trainable=False, name="deviation")

    def adapt(self, features) -> None:
        """Take mean and deviation of all values of `float[examples, time, channel]`, sequence by sequence."""
        count, total = np.zeros(features.shape[-1]), np.zeros(features.shape[-1])
        for sequence in features:
            count, total = (
                count + (~np.isnan(sequence)).sum(axis=0),
                total + np.nansum(sequence, axis=0, dtype="float64"),
            )
        mean = total / np.maximum(count, 1)
        squares = sum(np.nansum((sequence - mean) ** 2, axis=0) for sequence in features)
        deviation = np.sqrt(squares / np.maximum(count, 1))
        self.mean.assign(mean)
        self.deviation.assign(np.where(deviation > 1e-7, deviation, 1))

    def call(self, inputs):
        standardized = (inputs - self.mean) / self.deviation
        return ops.where(ops.isnan(inputs), ops.zeros_like(standardized), standardized)

    def compute_output_shape(self, input_shape):
        return input_shape
