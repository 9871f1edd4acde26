"""What training minimizes, and how much each class counts in it."""

import numpy as np

from zoo.errors import ZooError, nearest


def classification_loss(num_logits: int, label_smoothing: float):
    """(loss, metric named accuracy) on `float32[batch, num_logits]` logits and `int32[batch]` labels."""
    import keras
    from keras import ops

    if num_logits == 1:

        def loss(labels, logits):
            labels = ops.reshape(ops.cast(labels, "float32"), (-1, 1))
            return keras.losses.binary_crossentropy(labels, logits, from_logits=True, label_smoothing=label_smoothing)

        return loss, keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)

    def loss(labels, logits):
        targets = ops.one_hot(ops.reshape(labels, (-1,)), num_logits)
        return keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=label_smoothing)

    return loss, keras.metrics.SparseCategoricalAccuracy(name="accuracy")


def class_weights(setting, dataset) -> np.ndarray | None:
    """`float32[class]` weights of mean 1 over the training rows, or None.

    Raises:
        ZooError: a name in the setting is not a class.
    """
    if setting is None:
        return None
    counts = np.bincount(dataset.train.labels, minlength=len(dataset.info.label_names))
    if setting == "balanced":
        weights = 1 / np.maximum(counts, 1)
    else:
        for name in setting:
            if name not in dataset.info.label_names:
                raise ZooError(
                    f"training.class_weights: {name!r} is no class; {nearest(name, dataset.info.label_names)}"
                )
        weights = np.array([setting.get(name, 1.0) for name in dataset.info.label_names])
    return (weights * counts.sum() / (weights * counts).sum()).astype("float32")
