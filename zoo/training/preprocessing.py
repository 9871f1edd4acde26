"""What models learn from the training split before the first step, and what of a text model runs once, not each epoch.

A model of texts takes raw strings: its first layer turns them into ids. Training starts at that layer's output, with
the ids of all examples computed once, so that everything after the strings is arrays, as for pictures and tables.
"""

import dataclasses

import numpy as np

from zoo.models.front import text_layer


def adapt(model, features: np.ndarray) -> None:
    """Let every layer with an `adapt` of its own (vocabulary, TF-IDF, normalization) see the training features."""
    front = text_layer(model)
    if front is not None:
        front.adapt(features)
        features = encode(model, features)
    for layer in model.layers:
        if layer is not front and hasattr(layer, "adapt"):
            layer.adapt(features)


def encode(model, features: np.ndarray, batch_size: int = 1000) -> np.ndarray:
    """`object[examples]` texts → what the layer after the text layer reads, `int[examples, length]`; else unchanged."""
    import tensorflow as tf

    front = text_layer(model)
    if front is None:
        return features
    starts = range(0, len(features), batch_size)
    return np.concatenate([np.asarray(front(tf.constant(list(features[i : i + batch_size])))) for i in starts])


def encoded(model, dataset):
    """The dataset as the trainer reads it; its test split is left as it is."""
    if text_layer(model) is None:
        return dataset
    parts = {name: getattr(dataset, name) for name in ("train", "validation")}
    return dataclasses.replace(
        dataset,
        **{name: dataclasses.replace(part, features=encode(model, part.features)) for name, part in parts.items()},
    )
