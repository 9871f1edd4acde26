"""The networks that train: parts of models, with the models' own weights and with dropout for training."""

from collections.abc import Iterator

import keras

from zoo.layers.front import part_behind, text_layer
from zoo.tasks import Task
from zoo.training.dropout import BatchPosition, PositionedDropout, draws_by_example
from zoo.training.normalization import prepare_normalization


def training_network(model: keras.Model, output, position: BatchPosition, numbers: Iterator[int]) -> keras.Model:
    """The part of a model from its input, or from behind its strings, to `output`, with dropout for training."""
    prepare_normalization(model, position)

    def for_training(layer):
        return PositionedDropout(layer, position, next(numbers)) if draws_by_example(layer) else layer

    return part_behind(model, output, for_training)


def shorter_network(twin: keras.Model, other: keras.Model, task: Task) -> keras.Model:
    """The graph of `other`, from behind its text layer to what trains, with weights and dropout layers of `twin`."""
    shared = {layer.name.removeprefix("positioned_"): layer for layer in twin.layers}

    def with_state(layer):
        holds_state = type(layer) is keras.layers.Dropout or getattr(layer, "weights", ())
        return shared[layer.name] if holds_state else layer

    part = keras.Model(text_layer(other).output, task.trained_output(other))
    return keras.models.clone_model(part, clone_function=with_state)
