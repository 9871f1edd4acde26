"""Generated tables whose best possible accuracy is known."""

import math

import numpy as np

from zoo.datasets.splits import Split

_MEAN_DISTANCE = 1.5
BAYES_ACCURACY = 0.5 * (1 + math.erf(_MEAN_DISTANCE / math.sqrt(2)))


def xor() -> Split:
    """The four points of exclusive or, `float32[4, 2]`."""
    features = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    return Split(features, np.array([0, 1, 1, 0], "int32"), np.arange(4))


def synthetic_binary() -> tuple[Split, Split, Split]:
    """Train, validation and test of two Gaussian classes with means ±1.5 u, u a fixed unit vector of 100 dimensions.

    No classifier can do better than Φ(1.5) = 0.9332 in expectation: the Bayes rule is the sign of the projection on u.
    """
    generator = np.random.default_rng(20_240_601)
    direction = generator.normal(size=100)
    direction /= np.linalg.norm(direction)

    def draw(count):
        labels = generator.integers(0, 2, count)
        features = generator.normal(size=(count, 100)) + np.outer((2 * labels - 1) * _MEAN_DISTANCE, direction)
        return Split(features.astype("float32"), labels.astype("int32"), np.arange(count))

    return draw(20_000), draw(5_000), draw(10_000)
