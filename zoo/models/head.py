"""The ends that all models of a task share. What enters an end is the output of the layer `features`."""


def classification_head(features, num_classes: int):
    """`float[batch, feature]` → `float32[batch, num_classes]` probabilities, by layers `logits` and `probabilities`.

    Training reads the logits, because probabilities may round to 0 or 1; users read the probabilities.
    Both are float32 under mixed precision. One class means a binary task with one sigmoid unit.
    """
    import keras

    features = keras.layers.Identity(name="features")(features)
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(features)
    activation = "sigmoid" if num_classes == 1 else "softmax"
    return keras.layers.Activation(activation, dtype="float32", name="probabilities")(logits)


def label_head(features, num_labels: int):
    """`float[batch, feature]` → `float32[batch, num_labels]`, a probability a label, each yes or no.

    Training reads the logits. Both layers, `logits` and `label_probabilities`, are float32 under mixed precision.
    """
    import keras

    features = keras.layers.Identity(name="features")(features)
    logits = keras.layers.Dense(num_labels, dtype="float32", name="logits")(features)
    return keras.layers.Activation("sigmoid", dtype="float32", name="label_probabilities")(logits)


def regression_head(features, num_outputs: int = 1):
    """`float[batch, feature]` → `float32[batch, num_outputs]` values, by layers `standardized` and `values`.

    Training reads the first, numbers of mean 0 and deviation 1, and adapts the second to the training targets: it turns
    them into the target's own unit. Both are float32 under mixed precision.
    """
    import keras

    features = keras.layers.Identity(name="features")(features)
    standardized = keras.layers.Dense(num_outputs, dtype="float32", name="standardized")(features)
    return keras.layers.Normalization(invert=True, dtype="float32", name="values")(standardized)
