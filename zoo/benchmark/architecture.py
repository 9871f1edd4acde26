"""A Keras model as plain data, from which other libraries build the same network with the same weights."""

import dataclasses
import math
from typing import Any

import numpy as np

from zoo.errors import ZooError


@dataclasses.dataclass(frozen=True)
class Layer:
    """One step of a chain.

    kind: rescaling, flatten, dense, convolution, max_pooling, batch_normalization or relu.
    input_shape, output_shape: without the batch; pictures are [height, width, channel].
    weights: as Keras orders them, kernels `float32[…, input, output]` first.
    """

    kind: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    weights: tuple[np.ndarray, ...] = ()


def architecture_of(model, name: str) -> list[Layer]:
    """The layers of a functional Keras model from its input to `logits`, and their weights.

    Raises:
        ZooError: the model is no chain of the kinds that a `Layer` may be, or drops units at random.
    """
    import keras

    layers, tensor = [], model.inputs[0]
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if layer.input is not tensor:
            raise ZooError(f"--models={name}: its layers are no chain (layer {layer.name!r}); other libraries lack it")
        tensor = layer.output
        if not isinstance(layer, keras.layers.Identity):  # such as `features`, which names what enters the head
            layers += _translate(layer, name)
        if layer.name == "logits":
            break
    return layers


def _translate(layer, name: str) -> list[Layer]:
    import keras

    shapes = tuple(layer.input.shape[1:]), tuple(layer.output.shape[1:])
    weights = tuple(np.asarray(weight, "float32") for weight in layer.get_weights())
    kinds = {
        keras.layers.Rescaling: lambda: Layer("rescaling", *shapes, {"scale": layer.scale}),
        keras.layers.Reshape: lambda: Layer("flatten", *shapes),
        keras.layers.Flatten: lambda: Layer("flatten", *shapes),
        keras.layers.Dense: lambda: Layer("dense", *shapes, {}, weights),
        keras.layers.Conv2D: lambda: Layer("convolution", *shapes, {"padding": layer.padding}, weights),
        keras.layers.MaxPooling2D: lambda: Layer("max_pooling", *shapes, {"size": layer.pool_size[0]}),
        keras.layers.BatchNormalization: lambda: Layer(
            "batch_normalization", *shapes, {"epsilon": layer.epsilon, "momentum": layer.momentum}, weights
        ),
        keras.layers.Activation: lambda: Layer("relu", *shapes),
    }
    activation = keras.activations.serialize(getattr(layer, "activation", keras.activations.linear))
    is_activation = isinstance(layer, keras.layers.Activation)
    if type(layer) not in kinds or activation not in ("relu",) + ("linear",) * (not is_activation):
        raise ZooError(
            f"--models={name}: layer {layer.name!r} has no counterpart here in other libraries; a chain of dense and "
            "convolutional layers, pooling, batch normalization and ReLU is needed, such as mnist_mlp"
        )
    translated = [kinds[type(layer)]()]
    if activation == "relu" and not is_activation:
        translated.append(Layer("relu", shapes[1], shapes[1]))
    return translated


def scaled(features: np.ndarray, architecture: list[Layer]) -> np.ndarray:
    """`uint8[examples, …]` → `float32[examples, …]` as after the rescaling layer."""
    scale = math.prod(layer.options["scale"] for layer in architecture if layer.kind == "rescaling")
    return features.astype("float32") * np.float32(scale)


def matrix_products(architecture: list[Layer], batch_size: int) -> list[tuple[int, int, int]]:
    """`(m, k, n)` of each product `[m, k] @ [k, n]` of one training step; convolutions count as products.

    Each layer with a kernel takes one forward, one for the gradient of its kernel and, but for the first, one for that
    of its input.
    """
    products = []
    for layer in architecture:
        if layer.kind not in ("dense", "convolution"):
            continue
        *patch, outputs = layer.weights[0].shape
        rows, inputs = batch_size * math.prod(layer.output_shape[:-1]), math.prod(patch)
        products += [(rows, inputs, outputs), (inputs, rows, outputs)] + [(rows, outputs, inputs)] * bool(products)
    return products
