"""What happens to model and data before the first step: layers adapt to the training split, texts become ids.

A model of texts reads strings, and its first layer turns them into ids. The ids of all examples are computed once, and
training starts behind that layer: there texts are arrays, as pictures and tables are.
"""

import dataclasses

import numpy as np

from zoo.datasets.on_disk import Features, as_tensors
from zoo.layers.front import text_layer


def adapt(model, features: Features, has_vocabulary: bool = False) -> None:
    """Let every layer with an `adapt` of its own (vocabulary, TF-IDF, normalization) see the training features.

    Layers that turn answers back into the target's unit are left out: the task adapts them to the targets.
    With `has_vocabulary`, the text layer has its words already.
    """
    front = text_layer(model)
    if front is not None:
        if not has_vocabulary:
            front.adapt(features)
        features = encode(model, features)
    for layer in model.layers:
        if layer is not front and hasattr(layer, "adapt") and not getattr(layer, "invert", False):
            seen = _input_of(layer, model, features) if isinstance(features, dict) else features
            # Of numbers far from 0, such as seconds since 1970, sums in float32 lose more than their spread.
            layer.adapt(seen.astype("float64") if getattr(seen, "dtype", None) == "float32" else seen)


def _input_of(layer, model, features: dict) -> np.ndarray:
    """What a layer of a model with several inputs reads of the training features."""
    import keras

    return keras.Model(model.input, layer.input).predict(as_tensors(features), batch_size=1000, verbose=0)


def encode(model, features: Features, batch_size: int = 1000) -> Features:
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
