"""Magnitude pruning: while a model trains, ever more of its smallest weights become 0 and stay so.

Zhu & Gupta (2017), To prune, or not to prune: the sparsity of every kernel rises as a cubic from 0 to its final value,
fast at first, while many weights can be spared, then slowly. The training that follows lets the other weights adapt.
"""

import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.errors import ZooError


def pruned_variables(variables) -> list:
    """The kernels among variables that train: of dense, convolutional, attention and recurrent layers."""
    return [variable for variable in variables if variable.name.endswith("kernel")]


def steps_of_pruning(settings, plan) -> tuple[int, int]:
    """The first step of the cubic and the last, at which sparsity is final.

    Args:
        settings: a `zoo.settings.PruningSection`.
        plan: a `zoo.datasets.pipeline.BatchPlan`.
    """
    begin, end = settings.epochs_of(plan.epochs)
    last = min(round(end * plan.steps_per_epoch), plan.total_steps) - 1
    return min(round(begin * plan.steps_per_epoch), max(last - 1, 0)), last


def is_finished(settings) -> Callable[[Any], bool]:
    """A function that says whether the kernels of a model have their final sparsity; only then it may be chosen."""

    def finished(model) -> bool:
        for kernel in map(np.asarray, pruned_variables(model.trainable_variables)) if settings else ():
            if (kernel == 0).sum() < int((1 - 1e-6) * settings.final_sparsity * kernel.size):  # counted in float32
                return False
        return True

    return finished


def pruning_step(optimizer, variables, settings, plan) -> Callable:
    """Prune each kernel right after its update, inside the step, whatever the number of steps a call.

    A weight that is 0 is pruned: no mask is stored, neither in checkpoints nor on replicas. The averaged weights get
    the same zeros.

    Args:
        optimizer: whose updates they are.
        variables: those that the optimizer changes, in its order.
        settings: a `zoo.settings.PruningSection`.
        plan: a `zoo.datasets.pipeline.BatchPlan`.

    Returns:
        One of the steps of `zoo.keras_hooks.stand_around_updates`.

    Raises:
        ZooError: there is no kernel to prune.
    """
    import tensorflow as tf

    from zoo.keras_hooks import average_of

    kernels = {id(variable) for variable in pruned_variables(variables)}
    if not kernels:
        raise ZooError("training.pruning: the model has no kernel that it trains, so there is nothing to prune")
    is_pruned = [id(variable) in kernels for variable in variables]
    first, last = steps_of_pruning(settings, plan)

    def sparsity_at(step):
        left = 1 - tf.cast(step - first, tf.float32) / max(last - first, 1)
        return settings.final_sparsity * (1 - tf.clip_by_value(left, 0, 1) ** 3)

    def update_and_prune(update, index, variable, learning_rate):
        if not is_pruned[index]:
            return update(learning_rate)
        step = optimizer.iterations.value
        before = tf.convert_to_tensor(variable)
        kept = (before != 0) | (step <= first)
        update(learning_rate)
        magnitudes = tf.where(kept, tf.abs(tf.convert_to_tensor(variable)), 0)

        def largest():
            size = math.prod(variable.shape)
            count = tf.minimum(tf.cast(tf.round(sparsity_at(step) * size), tf.int32), size - 1)
            return kept & ((magnitudes > _smallest(magnitudes, count)) | (count == 0))

        due = (step > first) & ((step - first) % settings.steps_between == 0) | (step == last)
        kept = tf.cond(due, largest, lambda: kept)
        variable.assign(tf.where(kept, variable, 0))
        average = average_of(optimizer, index)
        if average is not None:
            average.assign(tf.where(kept, average, 0))

    return update_and_prune


def _smallest(magnitudes, count):
    """The `count`-th smallest, float32[], of numbers float32[…] that are not negative; exact.

    Such numbers have the order of their bits, so the answer is found bit by bit, from the highest down. Sorting by XLA
    on a CPU made mnist_mlp forty times as slow.
    """
    import tensorflow as tf

    bits = tf.bitcast(magnitudes, tf.int32)

    def next_bit(position, found):
        larger = found | tf.bitwise.left_shift(1, position)
        below = tf.reduce_sum(tf.cast(bits < larger, tf.int32))
        return position - 1, tf.where(below < count, larger, found)

    _, found = tf.while_loop(lambda position, _: position >= 0, next_bit, (30, 0))
    return tf.bitcast(found, tf.float32)


def sizes(model) -> dict[str, Any]:
    """What run.json says of a pruned model: how sparse its kernels are, and how small all its weights become.

    `bytes` are those of the weights as float32, `bytes_compressed` the same after deflate, zip's and gzip's algorithm.
    """
    kernels = [np.asarray(variable) for variable in pruned_variables(model.trainable_variables)]
    zeros, count = (sum(map(of, kernels)) for of in (lambda k: int((k == 0).sum()), np.size))
    content = b"".join(np.asarray(weights, "float32").tobytes() for weights in model.get_weights())
    return {
        "sparsity": round(zeros / count, 4),
        "kernel_weights": count,
        "bytes": len(content),
        "bytes_compressed": len(zlib.compress(content, 9)),
    }


def in_words(sizes: dict[str, Any]) -> str:
    """One line for people."""
    share = sizes["bytes_compressed"] / sizes["bytes"]
    return (
        f"pruned: {sizes['sparsity']:.1%} of {sizes['kernel_weights']:,} kernel weights are 0; all weights compress to "
        f"{sizes['bytes_compressed']:,} bytes, {share:.1%} of their size as float32"
    )
