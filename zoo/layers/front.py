"""Where a model begins: its inputs, and the layer that turns strings into numbers."""

from zoo.keras_hooks import inputs_of_calls


def inputs_of(model):
    """A Keras model's input tensor, or a dictionary of them by name.

    `Model.inputs` of Keras is a list even if the model has named inputs; `Model.input` fails for a sequential model.
    """
    inputs = getattr(model, "input", None)
    return inputs if isinstance(inputs, dict) else model.inputs[0]


def text_layer(model):
    """The layer that reads the strings of a text model; None for a model of anything else."""
    if len(model.inputs) > 1 or model.inputs[0].dtype != "string":
        return None
    return next(layer for layer in model.layers if any(given is model.inputs[0] for given in inputs_of_calls(layer)))
