"""Say which pieces of a text were hidden: pre-training of BERT (Devlin et al., 2019)."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from zoo.command_words import command
from zoo.tasks import Metric, Task, Training


class MaskedLanguage(Task):
    """Each text is its own target. Answers, `float32[rows, 3]`, are of each text's hidden pieces:

    the sum of the losses, how many answers are right, and how many there are. Pieces of validation and test are hidden
    once, the same for every seed; those of training anew each epoch.
    """

    name = "masked_language_model"
    headline = Metric("accuracy", "more", bounds=(0.0, 1.0))
    figures = (Metric("perplexity", "less", decimals=1),)
    reads = ("text",)
    output = "probabilities"
    settings = frozenset({"masking"})
    judged_by = "trainer"
    pretrains = True

    def prepare(self, training: Training, split, learning: bool):
        import numpy as np

        if learning:  # hidden batch by batch, see `augmentation`
            return split
        ids = split.features
        masked = np.asarray(_masking(training)(ids, np.arange(len(ids)), np.zeros(2, "int64")))
        return dataclasses.replace(split, features=masked)

    def trained_output(self, model):
        """The layer before the output layer: `graph` computes the output layer for the hidden pieces only."""
        return model.get_layer("masked_transform").input

    def augmentation(self, training: Training, of_data: Callable | None) -> Callable:
        return _masking(training)

    def graph(self, training: Training, networks: dict[str, Any]) -> tuple[Any, Any]:
        """What `Masking` gives → sums of each text, as `CountAnswers` says."""
        import keras

        from zoo.layers.masking import CountAnswers, HiddenPieces

        model, twin = training.model, networks["model"]
        length = twin.input_shape[1]
        masked = keras.Input((2, length), dtype="int32")
        # One and a half times the average; only one text in a thousand has more hidden pieces.
        count = math.ceil(1.5 * training.config.training.masking.fraction * length)
        states, targets = HiddenPieces(count)(twin(masked[:, 0]), masked[:, 1])
        x = model.get_layer("masked_norm")(model.get_layer("masked_transform")(states))
        logits = model.get_layer("embeddings_words")(x, reverse=True)
        return masked, CountAnswers(dtype="float32")(logits, targets)

    def loss(self, training: Training) -> Callable[[Any, Any], Any]:
        return lambda _, answers: _mean(answers[:, 0], answers[:, 2])

    def metrics(self, training: Training) -> list:
        import keras

        return [
            keras.metrics.MeanMetricWrapper(lambda _, answers: _mean(answers[:, 1], answers[:, 2]), name="accuracy")
        ]

    def results(self, answers, targets, labels: dict[str, Any]) -> dict[str, Any]:
        """Over all hidden pieces, each counted once."""
        from zoo.measures.classes import wilson_interval

        loss, right, count = answers.sum(axis=0, dtype="float64")
        return {
            "accuracy": {"value": right / count, "interval": wilson_interval(int(right), int(count))},
            "negative_log_likelihood": loss / count,
            "perplexity": math.exp(loss / count),
            "n": int(count),
        }

    def summary(self, results: dict[str, Any], labels: dict[str, Any]) -> str:
        accuracy, perplexity = results["accuracy"]["value"], results["perplexity"]
        return f"masked pieces of test: perplexity {perplexity:.1f}, accuracy {accuracy:.4f}"

    def next_command(self, run_path: str) -> str:
        return f"{command('train')} --model=bbc_news_bert --init_from={run_path}"


def _masking(training: Training):
    from zoo.layers.front import text_layer
    from zoo.layers.masking import Masking

    return Masking(training.config.training.masking, text_layer(training.model).vocabulary)


def _mean(sums, counts):
    from keras import ops

    return sums / ops.maximum(counts, 1.0)
