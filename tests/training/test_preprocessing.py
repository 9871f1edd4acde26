"""What layers learn from the features before the first step."""

import numpy as np
import pytest

import zoo
from zoo.training import preprocessing


def test_columns_far_from_zero_are_standardized_as_others_are():
    """A sum of 20,000 such numbers in float32 is off by more than their deviation."""
    far = np.random.default_rng(0).normal(5e7, 1e3, (20_000, 3)).astype("float32")
    model = zoo.create_model("binary_mlp", input_shape=[3], num_classes=2)
    preprocessing.adapt(model, far)
    (layer,) = [layer for layer in model.layers if hasattr(layer, "adapt")]
    standardized = np.asarray(layer(far[:1000]))
    assert abs(standardized.mean()) < 0.1 and standardized.std() == pytest.approx(1, abs=0.05)
