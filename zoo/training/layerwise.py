"""Layers that learn at different speeds, or not at all."""

import collections
import dataclasses
import fnmatch
import re
from collections.abc import Callable, Iterator
from typing import Any

from zoo.errors import ZooError, nearest


def layers_by_name(model) -> dict[str, Any]:
    """The layers with weights, by names that are the same in every process.

    Keras numbers the layers of a process: the first Conv2D of a second model may be `conv2d_7`. Here it is `conv2d`,
    as in a process that has built this model alone.
    """
    counts, named = collections.Counter(), {}
    for layer in model.layers:
        if not layer.weights:
            continue
        name = base = re.sub(r"_\d+$", "", layer.name)
        if base.replace("_", "") == type(layer).__name__.lower():  # the name is Keras's
            name = f"{base}_{counts[base]}" if counts[base] else base
            counts[base] += 1
        else:
            name = layer.name
        named[name] = layer
    return named


def freeze(model, patterns: list[str]) -> list:
    """Take the layers whose names match shell patterns, such as `block_[0-2]_*`, out of training, and return them.

    A frozen batch normalization also keeps its moving statistics, and normalizes by them.

    Raises:
        ZooError: a pattern matches no layer with weights, or they leave none that learns.
    """
    named, frozen = layers_by_name(model), {}
    for pattern in patterns:
        matching = fnmatch.filter(named, pattern)
        if not matching:
            raise ZooError(f"training.frozen_layers: {pattern!r} matches no layer; {_nearest(pattern, named)}")
        frozen |= {name: named[name] for name in matching}
    for layer in frozen.values():
        layer.trainable = False
    if frozen and not model.trainable_variables:
        head = list(named)[-1]
        raise ZooError(
            f"training.frozen_layers={patterns}: no kernel is left to learn, not even that of the head, {head!r}; name "
            f"the layers below it, such as {list(named)[0]!r}"
        )
    return list(frozen.values())


def _nearest(pattern: str, named: dict[str, Any]) -> str:
    return nearest(pattern, named) if len(named) > 30 else f"there are {', '.join(named)}"


@dataclasses.dataclass(frozen=True)
class LateLayers:
    """Layers that are frozen at first. Keras would count a list of them among the trainer's own layers."""

    layers: list

    def learn(self, learn: bool) -> None:
        for layer in self.layers:
            layer.trainable = learn

    @property
    def variables(self) -> list:
        """Those that learn, while they do."""
        return [variable for layer in self.layers for variable in layer.trainable_variables]


def since_unfreezing(optimizer, variables, late_variables, step: int) -> Callable:
    """Let Adam's corrections for moments that begin at 0 count from the step at which a variable begins to learn.

    Keras counts from the first step of all: a variable that joins later would make its first steps three times as
    long as the learning rate.

    Args:
        optimizer: whose updates they are.
        variables: those that the optimizer changes, in its order.
        late_variables: those of them that begin to learn at `step`.
        step: number of updates before that.

    Returns:
        One of the steps of `zoo.keras_hooks.stand_around_updates`.
    """
    import tensorflow as tf

    late = {id(variable) for variable in late_variables}
    is_late = [id(variable) in late for variable in variables]
    beta_1, beta_2, is_adam = _adam_in(optimizer)

    def correction(updates):
        return tf.sqrt(1 - beta_2**updates) / (1 - beta_1**updates)

    def update_late(update, index, variable, learning_rate):
        if is_late[index] and is_adam(index):
            updates = tf.cast(optimizer.iterations.value + 1, tf.float32)
            learning_rate *= correction(tf.maximum(updates - step, 1)) / correction(updates)
        update(learning_rate)

    return update_late


def _adam_in(optimizer) -> tuple[float, float, Callable[[int], bool]]:
    """The decay of Adam's moments, and which variables it updates; of all other algorithms, none.

    LAMB divides a step by its size, and so needs no correction.
    """
    import keras

    from zoo.keras_hooks import Muon

    if isinstance(optimizer, Muon):
        return optimizer.adam_beta_1, optimizer.adam_beta_2, optimizer.by_adam
    if isinstance(optimizer, keras.optimizers.Adam):
        return optimizer.beta_1, optimizer.beta_2, lambda index: True
    return 0.0, 0.0, lambda index: False


def slower_below(variables, trainer, decay: float) -> Callable:
    """Multiply the learning rate of a layer by `decay` once for each layer above it (Howard & Ruder, 2018, ULMFiT).

    Where layers are named after blocks, `block_0_*`, `block_1_*`, …, a block is one layer; what stands before the
    first block is another, and all behind the last together one. The decoupled weight decay keeps the undivided rate.

    Args:
        variables: those that the optimizer changes, in its order.
        trainer: the model whose layers hold them.
        decay: at most 1.

    Returns:
        One of the steps of `zoo.keras_hooks.stand_around_updates`.
    """
    depths = {}
    for layer, depth in _depths([layer for layer in trainer.layers if layer.trainable_variables]):
        depths |= {id(variable): depth for variable in layer.trainable_variables}
    top = max(depths.values(), default=0)
    factors = [decay ** (top - depths.get(id(variable), top)) for variable in variables]
    return lambda update, index, variable, learning_rate: update(learning_rate * factors[index])


def _depths(layers: list) -> Iterator[tuple[Any, int]]:
    """Each layer with its place from the input on; a normalization has that of the layer before it."""
    blocks = [re.match(r"block_(\d+)_", layer.name) for layer in layers]
    if any(blocks):
        last = max(int(block[1]) for block in blocks if block)
        first = blocks.index(next(filter(None, blocks)))
        for number, (layer, block) in enumerate(zip(layers, blocks, strict=True)):
            yield layer, int(block[1]) + 1 if block else 0 if number < first else last + 2
        return
    depth, seen = -1, []
    for layer in layers:
        if any(len(variable.shape) > 1 for variable in layer.trainable_variables):
            if not any(layer.input is other.input for other in seen):  # layers side by side are one
                depth, seen = depth + 1, []
            seen.append(layer)
        yield layer, max(depth, 0)
