"""What one call of the training loop is: how many steps, and whether XLA compiles them."""

import math

from zoo.datasets.on_disk import Features, bytes_of_one, count
from zoo.errors import ZooError

_OPERATIONS_A_CALL = 2e11  # a second or two of a CPU; signals and the progress bar wait for the end of a call
_BYTES_A_CALL = 2**26


def uses_xla(model, choice: str) -> bool:
    """Whether XLA compiles the training: by default, unless convolutions or texts would become slow on a CPU.

    Raises:
        ZooError: it is asked for, and a layer of the model cannot be compiled.
    """
    import keras
    import tensorflow as tf

    from zoo.layers.front import fronts, text_layer

    ahead = [text_layer(model), *fronts(model).values()]  # they work before the training
    refusing = next((layer.name for layer in model.layers if layer not in ahead and not layer.supports_jit), None)
    if choice == "on" and refusing:
        raise ZooError(f"training.xla=on: XLA cannot compile the layer {refusing!r} of this model; leave it at auto")
    if choice != "auto" or refusing:
        return choice == "on"
    convolutional = any(isinstance(layer, keras.layers.Conv2D | keras.layers.Conv1D) for layer in model.layers)
    strings = [tensor for tensor in model.inputs if tensor.dtype == "string"]
    texts = len(strings) > len(fronts(model))
    several_texts = texts and len(model.inputs) > 1  # these stay strings inside the step, and XLA knows no strings
    return (bool(tf.config.list_physical_devices("GPU")) and not several_texts) or not (convolutional or texts)


def steps_per_call(model, features: Features, batch_size: int, use_xla: bool) -> int:
    """About 128 steps a call with XLA and 32 without, chosen so that all calls are of similar length.

    Fewer if the features of a call would take over 64 MiB, or its arithmetic long: a step that takes a good part of a
    second gains nothing from more steps in one call.
    """
    steps = count(features) // batch_size
    by_bytes = _BYTES_A_CALL // (batch_size * bytes_of_one(features))
    by_arithmetic = int(_OPERATIONS_A_CALL / (batch_size * operations_of_kernels(model) or 1))
    target = max(1, min(128 if use_xla else 32, by_bytes, by_arithmetic, steps))
    return -(-steps // -(-steps // target))


def operations_of_kernels(model) -> int:
    """A lower bound of the floating-point operations, forward and back, of one example: layers with a kernel only."""
    total = 0
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            total += 6 * math.prod(kernel.shape) * math.prod(layer.output.shape[1:-1])
    return total
