"""scikit-learn's MLPClassifier with the same layers, an epoch of `partial_fit` a turn."""

import numpy as np

from zoo.benchmark.architecture import Layer, scaled
from zoo.benchmark.data import training_examples
from zoo.benchmark.turns import Turns
from zoo.config import Config


def train(turns: Turns, config: Config, architecture: list[Layer]) -> None:
    """Adam without the penalty on weights that the class has by default, in float32."""
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier

    split = training_examples(config).train
    x = scaled(split.features, architecture).reshape(len(split), -1)
    y, batch_size = split.targets, config.training.batch_size
    dense = [layer for layer in architecture if layer.kind == "dense"]
    classes = np.arange(dense[-1].output_shape[-1])
    model = MLPClassifier(
        [layer.output_shape[-1] for layer in dense[:-1]],
        alpha=0.0,
        batch_size=batch_size,
        learning_rate_init=config.training.optimizer.learning_rate,
        random_state=config.training.seed,
    )
    model.partial_fit(x[:batch_size], y[:batch_size], classes=classes)  # creates the arrays that get the weights
    for layer, kernel, bias in zip(dense, model.coefs_, model.intercepts_, strict=True):
        kernel[:], bias[:] = layer.weights
    turns.ready(
        parameters=sum(array.size for array in model.coefs_ + model.intercepts_),
        first_loss=float(log_loss(y[:batch_size], model.predict_proba(x[:batch_size]), labels=classes)),
    )
    while True:
        turns.begin_epoch()
        model.partial_fit(x, y)
        turns.end_epoch()
