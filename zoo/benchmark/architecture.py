"""A Keras model as plain data, from which other libraries build the same network with the same weights."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.errors import ZooError


@dataclasses.dataclass(frozen=True)
class Layer:
    """One step of a network.

    kind: of `_KINDS`, or attention, learned or an activation.
    input_shape, output_shape: without the batch; pictures are [height, width, channel]. `input_shape` is of the first.
    weights: as Keras orders them, kernels `float32[…, input, output]` first; of attention the kernel and bias of query,
        key, value and output.
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
    strange: dict[int, str] = {}  # tensors that no step gives, and the layer that has no counterpart
    logits = model.get_layer("logits").output
    operations = keras.Model(model.inputs[0], logits).operations
    of_attention = _parts_of_attention(operations)
    for operation in operations[1:]:
        given = keras.tree.flatten(operation.input)
        translated = _attention(operation, operations) or _learned(operation, operations, numbers)
        if translated is None:
            unknown = [strange[id(tensor)] for tensor in given if id(tensor) not in numbers]
            part = operation.name in of_attention
            translated = None if unknown or part else _translate(operation, given)
            if translated is None:
                strange[id(operation.output)] = unknown[0] if unknown else operation.name
                continue
            translated = given, translated
        sources, own = translated
        inputs = tuple(numbers[id(tensor)] for tensor in sources)
        for step in own:
            if step.kind != "identity":
                steps.append(dataclasses.replace(step, inputs=inputs))
                inputs = (len(steps) - 1,)
        numbers[id(operation.output)] = inputs[0]
    if layer := strange.get(id(logits)):
        raise ZooError(
            f"--models={name}: layer {layer!r} has no counterpart here in other libraries; dense and convolutional "
            "layers, pooling, normalization, attention and ReLU or GELU are needed, as in mnist_mlp"
        )
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


def _nothing(layer) -> dict[str, Any]:
    return {}


def _axis(operation) -> dict[str, Any]:
    axis = operation.axis[0] if isinstance(operation.axis, list | tuple) else operation.axis
    return {"axis": axis % len(operation.output.shape)}


# Class of Keras, layer or operation → kind, and what it is beside its weights.
_KINDS: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "Rescaling": ("rescaling", lambda layer: {"scale": layer.scale, "offset": layer.offset}),
    "Flatten": ("flatten", _nothing),
    "Reshape": ("reshape", _nothing),
    "Dense": ("dense", _nothing),
    "Conv2D": ("convolution", _windows),
    "MaxPooling2D": ("max_pooling", _windows),
    "GlobalAveragePooling2D": ("mean", _nothing),
    "GlobalAveragePooling1D": ("mean", _nothing),
    "BatchNormalization": (
        "batch_normalization", lambda layer: {"epsilon": layer.epsilon, "momentum": layer.momentum}
    ),
    "LayerNormalization": ("layer_normalization", lambda layer: {"epsilon": layer.epsilon}),
    "Add": ("add", _nothing),
    "Multiply": ("multiply", _nothing),
    "Concatenate": ("concatenate", _axis),
    "Softmax": ("softmax", _axis),
    "Sum": ("sum", lambda operation: {"axis": 1}),
    "GetItem": ("first", _nothing),
    "Activation": ("identity", _nothing),
    "Gelu": ("gelu", lambda operation: {"approximate": operation.approximate}),
    "ReLU": ("relu", _nothing),
    "Identity": ("identity", _nothing),
}  # fmt: skip
_ACTIVATIONS = {"linear": "identity", "relu": "relu", "gelu": "gelu"}


def _translate(layer, given: list) -> list[Layer] | None:
    """A layer or operation as steps, one behind the other; None if there is no such step."""
    kind, options = _KINDS.get(type(layer).__name__, (None, None))
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    if kind is None or activation not in _ACTIVATIONS or not _is_plain(layer, given):
        return None
    shapes = tuple(given[0].shape[1:]), tuple(layer.output.shape[1:])
    weights = tuple(np.asarray(weight, "float32") for weight in getattr(layer, "get_weights", list)())
    if kind == "reshape" and len(shapes[1]) != 2:
        kind = "flatten"
    activated = Layer(
        _ACTIVATIONS[activation], shapes[1], shapes[1], {"approximate": False} if activation == "gelu" else {}
    )
    return [Layer(kind, *shapes, options(layer), weights), activated]


def _is_plain(layer, given: list) -> bool:
    """Whether the layer has none of the options that a `Layer` does not tell."""
    kind, shapes = type(layer).__name__, (given[0].shape, layer.output.shape)
    if kind == "Conv2D":
        return layer.groups == 1 and max(layer.dilation_rate) == 1
    if kind == "ReLU":
        return not (layer.max_value or layer.negative_slope or layer.threshold)
    if kind == "GetItem":  # the first token of all; the loss of the first batch tells whether it is another
        return len(shapes[0]) == 3 and tuple(shapes[1]) == (shapes[0][0], shapes[0][2])
    if kind == "Sum":
        return layer.axis in (1, (1,), [1]) and not layer.keepdims
    return kind != "Reshape" or len(shapes[0]) == 4 or len(shapes[1]) == 2


def _parts_of_attention(operations: list) -> set[str]:
    """Names of layers that `_attention` takes together."""
    outputs = [operation.name for operation in operations if operation.name.endswith("_attention_output")]
    return {name.removesuffix("attention_output") + part for name in outputs for part in ("query", "key", "value")}


def _attention(operation, operations: list) -> tuple[list, list[Layer]] | None:
    """What `zoo.models.attention` builds, or a layer of Keras, as one step, and what it takes."""
    of_keras = type(operation).__name__ == "MultiHeadAttention"
    name = operation.name.removesuffix("_attention_output")
    if not of_keras and name == operation.name:
        return None
    if of_keras:
        given, heads, parts = operation.input, operation.num_heads, [operation]
        plain = all(tensor is given[0] for tensor in given) and heads * operation.key_dim == given[0].shape[-1]
        if not plain or len(operation.get_weights()) != 8:
            return None
    else:
        named = {other.name: other for other in operations}
        parts = [named[f"{name}_{part}"] for part in ("query", "key", "value", "attention_output")]
        given, heads = [parts[0].input], named[f"{name}_weights"].output.shape[1]
    width = given[0].shape[-1]
    kernels_and_biases = [np.asarray(weight, "float32") for part in parts for weight in part.get_weights()]
    weights = tuple(
        weight.reshape(-1) if number % 2 else weight.reshape(width, width)
        for number, weight in enumerate(kernels_and_biases)
    )
    shape = tuple(given[0].shape[1:])
    return [given[0]], [Layer("attention", shape, shape, {"heads": heads}, weights)]


def _learned(operation, operations: list, numbers: dict[int, int]) -> tuple[list, list[Layer]] | None:
    """Learned vectors, the same for all examples: an embedding of places, which are computed from some tensor."""
    if type(operation).__name__ != "Embedding":
        return None
    givers = {id(other.output): other for other in operations}
    source = operation.input
    while id(source) not in numbers:
        source = givers[id(source)].input
    shape = tuple(operation.output.shape[1:])
    return [source], [Layer("learned", shape, shape, {}, (np.asarray(operation.get_weights()[0], "float32"),))]


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
            heads = layer.options["heads"]
            size = width // heads
            products += 4 * _of_kernel(rows, width, width, first=False)
            products += [(rows * heads, size, tokens), (rows * heads, tokens, size)] * 3
    return products


def _of_kernel(rows: int, inputs: int, outputs: int, first: bool) -> list[tuple[int, int, int]]:
    forward, of_kernel, of_input = (rows, inputs, outputs), (inputs, rows, outputs), (rows, outputs, inputs)
    return [forward, of_kernel] if first else [forward, of_kernel, of_input]
