"""The loop that a newcomer to PyTorch writes, over tensors in memory or over a DataLoader."""

from typing import Any

import numpy as np

from zoo.benchmark.architecture import Layer, is_chain, scaled, source
from zoo.benchmark.data import training_examples
from zoo.benchmark.turns import Turns
from zoo.config import Config
from zoo.processor import usable_cores


def train(turns: Turns, config: Config, architecture: list[Layer], data_loader: bool) -> None:
    """Forward, backward, Adam and the mean loss, eagerly in float32; all tensors are scaled before the clock starts."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(usable_cores())
    torch.manual_seed(config.training.seed)
    split = training_examples(config).train
    batch_size = config.training.batch_size
    x = torch.from_numpy(channels_first(scaled(split.features, architecture)))
    y = torch.from_numpy(split.targets).long()
    model = build_model(architecture).train()
    compute_loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=config.training.optimizer.learning_rate)
    loader = DataLoader(TensorDataset(x, y), batch_size=batch_size, shuffle=True)

    def batches():
        if data_loader:
            yield from loader
        else:
            for rows in torch.randperm(len(x)).split(batch_size):
                yield x[rows], y[rows]

    turns.ready(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        first_loss=compute_loss(model(x[:batch_size]), y[:batch_size]).item(),
    )
    while True:
        turns.begin_epoch()
        total_loss = 0.0
        for features, labels in batches():
            optimizer.zero_grad()
            loss = compute_loss(model(features), labels)
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(labels)
        turns.end_epoch()


def channels_first(features: np.ndarray) -> np.ndarray:
    """Pictures `[examples, height, width, channel]` → `[examples, channel, height, width]`, as PyTorch has them."""
    return np.ascontiguousarray(np.moveaxis(features, -1, 1)) if features.ndim == 4 else features


def build_model(architecture: list[Layer]):
    """A `torch.nn.Module` from `float32[batch, channel, height, width]` to logits, with the same weights.

    A chain is a `torch.nn.Sequential`, as a newcomer would write it.
    """
    from torch import nn

    modules = [_module(layer, source(architecture, layer), nn) for layer in architecture]
    if is_chain(architecture):
        return nn.Sequential(*(m for m, layer in zip(modules, architecture, strict=True) if layer.kind != "rescaling"))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.steps = nn.ModuleList(modules)

        def forward(self, x):
            outputs = [*[None] * len(architecture), x]  # the last has the number -1
            for number, (layer, step) in enumerate(zip(architecture, self.steps, strict=True)):
                outputs[number] = step(*(outputs[given] for given in layer.inputs))
            return outputs[-2]

    return Network()


def _module(layer: Layer, before: Layer | None, nn):
    """`before` is the step whose numbers it takes; a dense layer follows the order in which they were flattened."""
    make = {
        "dense": _dense,
        "convolution": _convolution,
        "max_pooling": _max_pooling,
        "batch_normalization": _batch_normalization,
        "layer_normalization": _layer_normalization,
        "attention": _attention,
    }
    if layer.kind in make:
        return make[layer.kind](layer, before, nn)
    if layer.kind == "gelu":
        return nn.GELU("tanh" if layer.options["approximate"] else "none")
    return {"flatten": nn.Flatten, "relu": nn.ReLU, "rescaling": nn.Identity}.get(
        layer.kind, lambda: _step(layer, nn)
    )()


def _dense(layer: Layer, before: Layer | None, nn):
    kernel, *bias = layer.weights
    if before and before.kind == "flatten" and len(before.input_shape) == 3:
        kernel = np.moveaxis(kernel.reshape(*before.input_shape, -1), 2, 0).reshape(kernel.shape)
    return _with_weights(nn.Linear(*kernel.shape, bias=bool(bias)), kernel.T, *bias)


def _convolution(layer: Layer, before: Layer | None, nn):
    kernel, *bias = layer.weights
    *size, inputs, outputs = kernel.shape
    around, padding = _padding(layer, nn.ZeroPad2d)
    module = nn.Conv2d(inputs, outputs, tuple(size), layer.options["strides"], padding, bias=bool(bias))
    _with_weights(module, kernel.transpose(3, 2, 0, 1), *bias)
    return nn.Sequential(around, module) if around else module


def _max_pooling(layer: Layer, before: Layer | None, nn):
    around, padding = _padding(layer, lambda sides: nn.ConstantPad2d(sides, float("-inf")))
    module = nn.MaxPool2d(layer.options["size"], layer.options["strides"], padding)
    return nn.Sequential(around, module) if around else module


def _padding(layer: Layer, pad) -> tuple[Any, tuple[int, int]]:
    """What pads first where the two sides differ, as TensorFlow has it under strides, and the padding that does not."""
    if layer.options["padding"] == "valid":
        return None, (0, 0)
    sides = []
    for size, stride, length in zip(layer.options["size"], layer.options["strides"], layer.input_shape, strict=False):
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        sides.append((total // 2, total - total // 2))
    (top, bottom), (left, right) = sides
    if (top, left) == (bottom, right):
        return None, (top, left)
    return pad((left, right, top, bottom)), (0, 0)


def _batch_normalization(layer: Layer, before: Layer | None, nn):
    gamma, beta, *_ = layer.weights
    kind = nn.BatchNorm2d if len(layer.input_shape) == 3 else nn.BatchNorm1d
    return _with_weights(
        kind(len(gamma), eps=layer.options["epsilon"], momentum=1 - layer.options["momentum"]), gamma, beta
    )


def _layer_normalization(layer: Layer, before: Layer | None, nn):
    gamma, beta = layer.weights
    return _with_weights(nn.LayerNorm(len(gamma), eps=layer.options["epsilon"]), gamma, beta)


def _attention(layer: Layer, before: Layer | None, nn):
    """`nn.MultiheadAttention` of tokens to themselves, without its scores, which it then need not keep."""
    import torch

    width = layer.output_shape[-1]
    attention = nn.MultiheadAttention(width, layer.options["heads"], batch_first=True)
    kernels, biases = layer.weights[:6:2], layer.weights[1:6:2]
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.from_numpy(np.concatenate([kernel.T for kernel in kernels])))
        attention.in_proj_bias.copy_(torch.from_numpy(np.concatenate(biases)))
    kernel, bias = layer.weights[6:]
    _with_weights(attention.out_proj, kernel.T, bias)

    class Itself(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = attention

        def forward(self, x):
            return self.attention(x, x, x, need_weights=False)[0]

    return Itself()


def _step(layer: Layer, nn):
    """A step without a module of its own in `torch.nn`; pictures have their channels first, tokens last."""
    import torch

    functions = {
        "mean": lambda x: x.mean((2, 3) if x.ndim == 4 else 1),
        "reshape": lambda x: x.flatten(2).transpose(1, 2),  # places become tokens
        "add": lambda x, y: x + y,
        "multiply": lambda x, y: x * y,
        "concatenate": lambda *parts: torch.cat(parts, 1),
        "softmax": lambda x: x.softmax(layer.options["axis"]),
        "sum": lambda x: x.sum(layer.options["axis"]),
        "first": lambda x: x[:, 0],
    }

    class Step(nn.Module):
        def forward(self, *inputs):
            return functions[layer.kind](*inputs)

    class Learned(nn.Module):
        def __init__(self):
            super().__init__()
            self.vectors = nn.Parameter(torch.from_numpy(np.array(layer.weights[0])))

        def forward(self, x):
            return self.vectors.expand(len(x), -1, -1)

    return Learned() if layer.kind == "learned" else Step()


def _with_weights(module, weight: np.ndarray, *bias: np.ndarray):
    import torch

    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(np.array(weight)))
        if bias:
            module.bias.copy_(torch.from_numpy(np.array(bias[0])))
    return module
