"""A Keras model as plain data, from which other libraries build the same network with the same weights."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.errors import ZooError

_FREE = ("rescaling", "identity")  # done before the clock starts, or nothing


@dataclasses.dataclass(frozen=True)
class Layer:
    """One step of a network.

    kind: a key of `_KINDS`, or relu, gelu or identity.
    input_shape, output_shape: without the batch; pictures are [height, width, channel]. `input_shape` is of the first.
    weights: as Keras orders them, kernels `float32[…, input, output]` first.
    inputs: numbers of the steps whose outputs it takes; -1 is what enters the network.
    """

    kind: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    weights: tuple[np.ndarray, ...] = ()
    inputs: tuple[int, ...] = ()


def architecture_of(model, name: str) -> list[Layer]:
    """The layers of a functional Keras model from its input to `logits`, each after those it takes, and their weights.

    Raises:
        ZooError: the model has layers of other kinds than a `Layer` may be, or drops units at random.
    """
    import keras

    steps: list[Layer] = []
    numbers = {id(model.inputs[0]): -1}
    part = keras.Model(model.inputs[0], model.get_layer("logits").output)
    for layer in part.operations:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        given = keras.tree.flatten(layer.input)
        if any(id(tensor) not in numbers for tensor in given):
            raise ZooError(f"--models={name}: layer {layer.name!r} is called more than once; other libraries lack it")
        inputs = tuple(numbers[id(tensor)] for tensor in given)
        for step in _translate(layer, given, name):
            if step.kind != "identity":
                steps.append(dataclasses.replace(step, inputs=inputs))
                inputs = (len(steps) - 1,)
        numbers[id(layer.output)] = inputs[0]
    return steps


def is_chain(architecture: list[Layer]) -> bool:
    """Whether each step takes the output of the one before it, and nothing else."""
    return all(layer.inputs == (number - 1,) for number, layer in enumerate(architecture))


def source(architecture: list[Layer], layer: Layer) -> Layer | None:
    """The step that gives a layer its numbers, activations aside; None of the network's own input."""
    while layer.inputs[0] >= 0:
        layer = architecture[layer.inputs[0]]
        if layer.kind not in ("relu", "gelu"):
            return layer
    return None


def _windows(layer) -> dict[str, Any]:
    size = getattr(layer, "pool_size", None) or layer.kernel_size
    return {"size": tuple(size), "strides": tuple(layer.strides), "padding": layer.padding}


# Class of Keras → kind, and what a layer of it is beside its weights.
_KINDS: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "Rescaling": ("rescaling", lambda layer: {"scale": layer.scale, "offset": layer.offset}),
    "Flatten": ("flatten", lambda layer: {}),
    "Reshape": ("reshape", lambda layer: {}),
    "Dense": ("dense", lambda layer: {}),
    "Conv2D": ("convolution", _windows),
    "MaxPooling2D": ("max_pooling", _windows),
    "GlobalAveragePooling2D": ("mean", lambda layer: {}),
    "GlobalAveragePooling1D": ("mean", lambda layer: {}),
    "BatchNormalization": (
        "batch_normalization",
        lambda layer: {"epsilon": layer.epsilon, "momentum": layer.momentum},
    ),
    "LayerNormalization": ("layer_normalization", lambda layer: {"epsilon": layer.epsilon}),
    "Add": ("add", lambda layer: {}),
    "MultiHeadAttention": ("attention", lambda layer: {"heads": layer.num_heads, "size": layer.key_dim}),
    "PositionEmbedding": ("positions", lambda layer: {}),
    "Activation": ("identity", lambda layer: {}),
    "ReLU": ("relu", lambda layer: {}),
    "Identity": ("identity", lambda layer: {}),
}
_ACTIVATIONS = {"linear": "identity", "relu": "relu", "gelu": "gelu", "exact_gelu": "gelu"}


def _translate(layer, given: list, name: str) -> list[Layer]:
    kind, options = _KINDS.get(type(layer).__name__, (None, None))
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    if kind is None or activation not in _ACTIVATIONS or not _is_plain(layer, given):
        raise ZooError(
            f"--models={name}: layer {layer.name!r} has no counterpart here in other libraries; dense and "
            "convolutional layers, pooling, normalization, attention and ReLU or GELU are needed, as in mnist_mlp"
        )
    shapes = tuple(given[0].shape[1:]), tuple(layer.output.shape[1:])
    weights = tuple(np.asarray(weight, "float32") for weight in layer.get_weights())
    if kind == "reshape" and len(shapes[1]) != 2:
        kind = "flatten"
    translated = [Layer(kind, *shapes, options(layer), weights)]
    return [*translated, Layer(_ACTIVATIONS[activation], shapes[1], shapes[1])]


def _is_plain(layer, given: list) -> bool:
    """Whether the layer has none of the options that a `Layer` does not tell."""
    if type(layer).__name__ == "Conv2D" and (layer.groups > 1 or max(layer.dilation_rate) > 1):
        return False
    if type(layer).__name__ == "ReLU" and (layer.max_value or layer.negative_slope or layer.threshold):
        return False
    if type(layer).__name__ == "MultiHeadAttention":
        of_one = all(tensor is given[0] for tensor in given)
        return of_one and layer.num_heads * layer.key_dim == given[0].shape[-1] and len(layer.get_weights()) == 8
    return True


def scaled(features: np.ndarray, architecture: list[Layer]) -> np.ndarray:
    """`uint8[examples, …]` → `float32[examples, …]` as after the rescaling layers."""
    values = features.astype("float32")
    for layer in architecture:
        if layer.kind == "rescaling":
            values = values * np.float32(layer.options["scale"]) + np.float32(layer.options["offset"])
    return values


def matrix_products(architecture: list[Layer], batch_size: int) -> list[tuple[int, int, int]]:
    """`(m, k, n)` of each product `[m, k] @ [k, n]` of one training step; convolutions count as products.

    Each layer with a kernel takes one forward, one for the gradient of its kernel and, but for the first, one for that
    of its input. Attention takes four such layers and the products of its heads, which count as one of all rows.
    """
    products = []
    for layer in architecture:
        rows = batch_size * math.prod(layer.output_shape[:-1])
        if layer.kind in ("dense", "convolution"):
            *patch, outputs = layer.weights[0].shape
            products += _of_kernel(rows, math.prod(patch), outputs, first=not products)
        elif layer.kind == "attention":
            tokens, width = layer.output_shape
            heads, size = layer.options["heads"], layer.options["size"]
            products += 4 * _of_kernel(rows, width, width, first=False)
            products += [(rows * heads, size, tokens), (rows * heads, tokens, size)] * 3
    return products


def _of_kernel(rows: int, inputs: int, outputs: int, first: bool) -> list[tuple[int, int, int]]:
    forward, of_kernel, of_input = (rows, inputs, outputs), (inputs, rows, outputs), (rows, outputs, inputs)
    return [forward, of_kernel] if first else [forward, of_kernel, of_input]
