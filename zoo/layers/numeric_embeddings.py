"""Numbers of a table as vectors (Gorishniy, Rubachev & Babenko, 2022, On embeddings for numerical features)."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("zoo")
class PiecewiseLinearEncoding(keras.layers.Layer):
    """`float32[batch, feature]` → `float32[batch, feature, bins]`: how far each bin of a feature is filled, 0 to 1.

    The bins of a feature lie between its quantiles in the training rows, which `adapt` finds.
    """

    def __init__(self, bins: int = 32, **arguments):
        super().__init__(**arguments)
        self.bins = bins

    def build(self, input_shape):
        shape = (input_shape[-1], self.bins + 1)
        self.edges = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="edges")

    def adapt(self, features: np.ndarray) -> None:
        """Take the quantiles of `float[examples, feature]`."""
        shares = np.linspace(0, 1, self.bins + 1)
        self.edges.assign(np.quantile(np.asarray(features, "float64"), shares, axis=0).T.astype("float32"))

    def call(self, inputs):
        low, high = self.edges[:, :-1], self.edges[:, 1:]
        # If many rows have one value, a bin has no width and becomes a step.
        width = ops.maximum(high - low, 1e-6 * ops.maximum(ops.abs(high), 1e-6))
        return ops.clip((ops.expand_dims(inputs, -1) - low) / width, 0.0, 1.0)

    def get_config(self):
        return super().get_config() | {"bins": self.bins}


@keras.saving.register_keras_serializable("zoo")
class QuantileNormalization(PiecewiseLinearEncoding):
    """`float32[batch, feature]` → `float32[batch, feature]`: the share of training rows below, scaled to deviation 1.

    Unlike with mean and deviation, a few extreme numbers do not squeeze all others together. A number outside the range
    of the training rows becomes their least or greatest.
    """

    def call(self, inputs):
        return (ops.mean(super().call(inputs), axis=-1) - 0.5) * 12**0.5


@keras.saving.register_keras_serializable("zoo")
class PeriodicEncoding(keras.layers.Layer):
    """`float32[batch, feature]` → `float32[batch, feature, 2 * frequencies]`: sines and cosines of learned frequencies.

    Args:
        frequencies: how many a feature has.
        scale: deviation of the frequencies that training starts from; the features are to be standardized.
    """

    def __init__(self, frequencies: int = 48, scale: float = 0.1, **arguments):
        super().__init__(**arguments)
        self.frequencies, self.scale = frequencies, scale

    def build(self, input_shape):
        initializer = keras.initializers.RandomNormal(stddev=self.scale)
        self.rates = self.add_weight(shape=(input_shape[-1], self.frequencies), initializer=initializer, name="rates")

    def call(self, inputs):
        angles = (2 * np.pi) * ops.expand_dims(inputs, -1) * self.rates
        return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)

    def get_config(self):
        return super().get_config() | {"frequencies": self.frequencies, "scale": self.scale}
