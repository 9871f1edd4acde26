"""Where a model of texts stops reading strings."""


def text_layer(model):
    """The layer that reads the strings of a text model; None for a model of anything else."""
    return model.layers[1] if len(model.inputs) == 1 and model.inputs[0].dtype == "string" else None
