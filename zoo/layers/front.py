"""Where a model begins: its inputs, and the layer that turns strings into numbers."""

from collections.abc import Callable

from zoo.keras_hooks import inputs_of_calls


def inputs_of(model):
    """A Keras model's input tensor, or a dictionary of them by name.

    `Model.inputs` of Keras is a list even if the model has named inputs; `Model.input` fails for a sequential model.
    """
    inputs = getattr(model, "input", None)
    return inputs if isinstance(inputs, dict) else model.inputs[0]


def fronts(model) -> dict:
    """Of a model with named inputs: the layers that alone read an input of strings and make ids of it, by its name.

    Training calls them once for all examples, and starts behind them.
    """
    inputs = inputs_of(model)
    if not isinstance(inputs, dict):
        return {}
    ahead = [layer for layer in model.layers if getattr(layer, "encodes_ahead", False)]
    return {name: layer for layer in ahead for name, tensor in inputs.items() if layer.input is tensor}


def part_behind(model, output, clone_function: Callable = lambda layer: layer):
    """The part of a model from its inputs to `output`; ids come in where it has strings.

    Its layers are what `clone_function` makes of the model's.
    """
    import keras

    front, ahead = text_layer(model), fronts(model)
    part = keras.Model(inputs_of(model) if front is None else front.output, output)
    if not ahead:
        return keras.models.clone_model(part, clone_function=clone_function)
    read = {name: ahead[name].output if name in ahead else tensor for name, tensor in inputs_of(model).items()}
    inputs = {name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name) for name, tensor in read.items()}

    def clone(layer):
        return keras.layers.Identity(name=layer.name) if layer in ahead.values() else clone_function(layer)

    return keras.models.clone_model(part, input_tensors=inputs, clone_function=clone)


def text_layer(model):
    """The layer that reads the strings of a text model; None for a model of anything else."""
    if len(model.inputs) > 1 or model.inputs[0].dtype != "string":
        return None
    return next(layer for layer in model.layers if any(given is model.inputs[0] for given in inputs_of_calls(layer)))
