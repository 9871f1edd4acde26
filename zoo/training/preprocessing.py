"""What happens to model and data before the first step: layers adapt to the training split, texts become ids.

A model of texts reads strings, and its first layer turns them into ids. The ids of all examples are computed once, and
training starts behind that layer: there texts are arrays, as pictures and tables are.
"""

import numpy as np

from zoo.datasets.on_disk import Features, as_tensors
from zoo.layers.front import fronts, part_behind, text_layer


def adapt(model, features: Features, has_vocabulary: bool = False) -> None:
    """Let every layer with an `adapt` of its own (vocabulary, TF-IDF, normalization) see the training features.

    Layers that turn answers back into the target's unit are left out: the task adapts them to the targets.
    With `has_vocabulary`, the text layer has its words already.
    """
    front = text_layer(model)
    if front is not None:
        if not has_vocabulary:
            front.adapt(features)
        if any(layer is not front and hasattr(layer, "adapt") for layer in model.layers):
            features = encode(model, features)
    ahead = fronts(model)
    for name, layer in ahead.items():
        layer.adapt(features[name])
    features = encode(model, features) if ahead else features
    adapted = [front, *ahead.values()]
    for layer in model.layers:
        if layer not in adapted and hasattr(layer, "adapt") and not getattr(layer, "invert", False):
            seen = _input_of(layer, model, features) if isinstance(features, dict) else features
            # Of numbers far from 0, such as seconds since 1970, sums in float32 lose more than their spread.
            layer.adapt(seen.astype("float64") if getattr(seen, "dtype", None) == "float32" else seen)


def _input_of(layer, model, features: dict) -> np.ndarray:
    """What a layer of a model with several inputs reads of the training features, encoded."""
    name = next((name for name, tensor in model.input.items() if tensor is layer.input), None)
    if name is not None:
        return features[name]
    return part_behind(model, layer.input).predict(as_tensors(features), batch_size=1000, verbose=0)


def encode(model, features: Features, batch_size: int = 1000) -> Features:
    """`object[examples]` texts → what the layer after the text layer reads, `int[examples, length]`; else unchanged.

    So too the strings of a model with named inputs that `zoo.layers.front.fronts` read.
    """
    if isinstance(features, dict):
        ahead = fronts(model)
        return {key: _ids(ahead[key], array, batch_size) if key in ahead else array for key, array in features.items()}
    front = text_layer(model)
    if front is None:
        return features
    return _ids(front, features, batch_size)


def _ids(front, texts: np.ndarray, batch_size: int) -> np.ndarray:
    import tensorflow as tf

    starts = range(0, len(texts), batch_size)
    return np.concatenate([np.asarray(front(tf.constant(texts[i : i + batch_size].tolist()))) for i in starts])
