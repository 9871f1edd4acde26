"""What training minimizes."""

import keras
import numpy as np
import pytest

from zoo.tasks.classification import MARGIN, squared_hinge


@pytest.mark.parametrize("num_logits", [1, 3])
def test_squared_hinge_is_that_of_keras_a_class_against_the_rest(num_logits):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, max(num_logits, 2), 20)
    logits = generator.normal(0, 3, (20, num_logits)).astype("float32")
    targets = labels[:, None] if num_logits == 1 else np.eye(num_logits)[labels]
    expected = keras.losses.squared_hinge(targets.astype("float32"), logits / MARGIN) * num_logits
    np.testing.assert_allclose(squared_hinge(num_logits)(labels, logits), expected, rtol=1e-5)


def test_label_smoothing_is_for_cross_entropy(run_script):
    flags = ["--model=xor_mlp", "--set", "training.loss=squared_hinge", "--set", "training.label_smoothing=0.1"]
    done = run_script("train", *flags)
    assert done.returncode == 2 and "leave one out" in done.stderr
