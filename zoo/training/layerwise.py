"""Layers that learn at different speeds, or not at all."""

import fnmatch
import re
from collections.abc import Callable

from zoo.errors import ZooError


def freeze(model, patterns: list[str]) -> None:
    """Take the layers whose names match shell patterns, such as `block_[0-2]_*`, out of training.

    Raises:
        ZooError: a pattern matches no layer with weights.
    """
    for pattern in patterns:
        layers = [layer for layer in model.layers if layer.weights and fnmatch.fnmatch(layer.name, pattern)]
        if not layers:
            names = ", ".join(layer.name for layer in model.layers if layer.weights)
            raise ZooError(f"training.frozen_layers: {pattern!r} matches no layer; there are {names}")
        for layer in layers:
            layer.trainable = False


def slower_below(variables, trainer, decay: float) -> Callable:
    """Multiply the learning rate of a block by `decay` once for each block above it (Howard & Ruder, 2018, ULMFiT).

    Blocks are told by the names of layers: `embeddings_*`, `block_0_*`, `block_1_*`, …, then everything else. The
    decoupled weight decay keeps the undivided rate.

    Args:
        variables: those that the optimizer changes, in its order.
        trainer: the model whose layers hold them.
        decay: at most 1.

    Returns:
        One of the steps of `zoo.keras_hooks.stand_around_updates`.
    """
    depths = {}
    for layer in trainer.layers:
        block = re.match(r"block_(\d+)_", layer.name)
        depth = int(block[1]) + 1 if block else 0 if layer.name.startswith("embeddings_") else None
        depths |= {id(variable): depth for variable in layer.trainable_variables}
    top = max((depth for depth in depths.values() if depth is not None), default=0) + 1
    in_order = [depths.get(id(variable)) for variable in variables]
    factors = [1.0 if depth is None else decay ** (top - depth) for depth in in_order]
    return lambda update, index, variable, learning_rate: update(learning_rate * factors[index])
