"""The loop that a newcomer to PyTorch writes, over tensors in memory or over a DataLoader."""

import numpy as np

from zoo.benchmark.architecture import Layer, scaled
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
    """A `torch.nn.Sequential` from `float32[batch, channel, height, width]` to logits, with the same weights."""
    from torch import nn

    modules, flattened = [], None
    for layer in architecture:
        if layer.kind == "flatten":
            flattened = layer.input_shape
        if layer.kind != "rescaling":
            modules.append(_module(layer, flattened, nn))
        if layer.kind == "dense":
            flattened = None
    return nn.Sequential(*modules)


def _module(layer: Layer, flattened: tuple[int, ...] | None, nn):
    """`flattened` is the shape before a flattening whose order of numbers the layer's kernel has to follow."""
    outputs = layer.output_shape[-1]
    if layer.kind == "dense":
        kernel, *bias = layer.weights
        if flattened and len(flattened) == 3:
            kernel = np.moveaxis(kernel.reshape(*flattened, outputs), 2, 0).reshape(-1, outputs)
        return _with_weights(nn.Linear(len(kernel), outputs, bias=bool(bias)), kernel.T, *bias)
    if layer.kind == "convolution":
        kernel, *bias = layer.weights
        *size, inputs, _ = kernel.shape
        module = nn.Conv2d(inputs, outputs, tuple(size), padding=layer.options["padding"], bias=bool(bias))
        return _with_weights(module, kernel.transpose(3, 2, 0, 1), *bias)
    if layer.kind == "max_pooling":
        return nn.MaxPool2d(layer.options["size"])
    if layer.kind == "batch_normalization":
        gamma, beta, *_ = layer.weights
        momentum = 1 - layer.options["momentum"]
        module = (nn.BatchNorm2d if len(layer.input_shape) == 3 else nn.BatchNorm1d)(
            outputs, eps=layer.options["epsilon"], momentum=momentum
        )
        return _with_weights(module, gamma, beta)
    return nn.Flatten() if layer.kind == "flatten" else nn.ReLU()


def _with_weights(module, weight: np.ndarray, *bias: np.ndarray):
    import torch

    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(np.array(weight)))
        if bias:
            module.bias.copy_(torch.from_numpy(np.array(bias[0])))
    return module
