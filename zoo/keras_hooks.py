"""Every place where the zoo uses a part of Keras that Keras does not document: here, by name, and nowhere else.

Each says what breaks if Keras changes that part; tests/test_keras_hooks.py notices it when it does.
"""

import contextlib
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state
from keras.src.saving.serialization_lib import ObjectSharingScope

# What stands around the update of one variable: (update, index, variable, learning_rate) → None. It calls `update` with
# a learning rate; `index` counts the optimizer's variables. What it does is part of the compiled step.
AroundUpdate = Callable[[Callable[[Any], None], int, Any, Any], None]


class LoopModel(keras.Model):
    """A model whose `fit` and `evaluate` call functions of ours with the iterator over the data.

    If Keras calls `_maybe_symbolic_build` no more, or by another name, `fit` takes a block of batches for one batch and
    fails before the first step. If `_loss_tracker` goes, the column `loss` of history.csv goes.
    """

    def build_state(self, batch) -> None:
        """Create the state of optimizer and metrics, without drawing a batch of data.

        Args:
            batch: (features, targets, weights) as `keras.KerasTensor`s.
        """
        self._symbolic_build(data_batch=batch)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Keras would draw a batch here to do what `build_state` does."""

    @property
    def mean_loss(self) -> keras.metrics.Mean:
        """What `fit` and `evaluate` report as `loss`."""
        return self._loss_tracker

    def make_train_function(self, force=False):
        """Keras calls it at the start of `fit`, then calls `train_function` with its iterator, once a step."""
        if self.train_function is None or force:
            self.train_function = self.train_call()
        return self.train_function

    def make_test_function(self, force=False):
        """Keras calls it at the start of `evaluate`, then calls `test_function` with its iterator, once a step."""
        if self.test_function is None or force:
            self.test_function = self.test_call()
        return self.test_function

    def train_call(self) -> Callable[[Iterator], dict[str, Any]]:
        """A function that takes the iterator over the data, trains once, and returns the logs."""
        raise NotImplementedError

    def test_call(self) -> Callable[[Iterator], dict[str, Any]]:
        """A function that takes the iterator over the data, tests once, and returns the logs."""
        raise NotImplementedError


class AverageInValidation(keras.callbacks.SwapEMAWeights):
    """Validate with the averaged weights, and go on training with the others.

    If Keras renames `_apply_to_ema_optimizers`, only the first of several optimizers is averaged.
    """

    def on_epoch_end(self, epoch, logs=None):
        """Keras would write the average into the model at the end of each `fit`; a resumed run may call `fit` twice."""

    def _apply_to_ema_optimizers(self, tf_fn, backend_fn):
        """Keras knows of one optimizer only."""
        for optimizer in self.model.optimizers:
            tf_fn(innermost(optimizer))


def innermost(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer itself, without the wrapper that scales the loss in mixed_float16."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def leave_averages_alone(optimizer: keras.optimizers.Optimizer) -> None:
    """Keep `fit` from writing averaged weights into the model when it ends: a resumed run may call `fit` twice.

    If Keras ends `fit` by other means, a resumed run with averaging differs from one that was never interrupted.
    """
    optimizer.finalize_variable_values = lambda variables: None


def take_summed_gradients(optimizer: keras.optimizers.Optimizer) -> None:
    """Let the optimizer take gradients as they are: they are already summed over the replicas.

    Keras sums after each replica has clipped its own share. If Keras renames `_all_reduce_sum_gradients`, gradients are
    summed twice, and two replicas learn at twice the rate of one.
    """
    innermost(optimizer)._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables


def stand_around_updates(optimizer: keras.optimizers.Optimizer, steps: Sequence[AroundUpdate]) -> None:
    """Let `steps` stand around the update of each variable, each around those before it.

    If Keras renames `update_step` or `_get_variable_index`, layer_decay and pruning fail or do nothing.
    """
    optimizer = innermost(optimizer)
    update_step = optimizer.update_step

    def update_through_steps(gradient, variable, learning_rate):
        index = optimizer._get_variable_index(variable)
        update = functools.partial(update_step, gradient, variable)
        for step in steps:
            update = functools.partial(step, update, index, variable)
        update(learning_rate)

    optimizer.update_step = update_through_steps


def index_of(optimizer: keras.optimizers.Optimizer, variable) -> int:
    """The place of a variable in the optimizer's lists of state.

    If Keras renames `_get_variable_index`, sgd with a momentum that changes fails at its first step.
    """
    return optimizer._get_variable_index(variable)


class Muon(keras.optimizers.Muon):
    """Muon (Jordan et al., 2024) for kernels of convolutions too, with the one weight decay of the other optimizers.

    Keras itself gives all but matrices to Adam, which has a decay of its own there. Here a kernel
    `[height, width, in, out]` is a matrix `[height · width · in, out]`. Adam keeps all that is no kernel, embeddings,
    kernels of three axes or with one output, such as those of depthwise convolutions, and layers of `exclude_layers`.

    If Keras renames what is overridden, convolutions and what is no kernel learn by other rules, and what Adam learns
    does not decay.
    """

    _apply_weight_decay = keras.optimizers.Optimizer._apply_weight_decay

    def _should_use_adamw(self, variable):
        shape, patterns = variable.shape, ["embedding", *self.exclude_layers]
        is_matrix = variable.name.endswith("kernel") and len(shape) in (2, 4) and shape[-1] > 1
        return not is_matrix or any(re.search(pattern, variable.path) for pattern in patterns)

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign(m, self.momentum * m + gradient)
        matrix = keras.ops.reshape(gradient + self.momentum * m, (-1, variable.shape[-1]))
        update = self.lr_adjust(self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, lr * keras.ops.reshape(update, variable.shape))

    def by_adam(self, index: int) -> bool:
        """Whether Adam updates the variable of this place."""
        return self.adam_velocities[index] is not None


def average_of(optimizer: keras.optimizers.Optimizer, index: int):
    """The averaged weights of one variable as a `tf.Variable`; None if the optimizer keeps no averages.

    If Keras renames `_model_variables_moving_average`, a pruned run with averaging fails.
    """
    optimizer = innermost(optimizer)
    return optimizer._model_variables_moving_average[index].value if optimizer.use_ema else None


def normalize_by(layer: keras.layers.BatchNormalization, normalize: Callable[[Any, bool], Any], strict: bool) -> None:
    """Let batch normalization compute its output as `normalize(inputs, training)`; the layer has been built.

    Behind a mask it computes as it did before, or, with `strict`, not at all.

    If Keras looks up `call` in the class, training stays right, and takes twice as long in convolutional networks.
    """
    own_call = layer.call

    def call(inputs, training=None, mask=None):
        if mask is None:
            return normalize(inputs, bool(training and layer.trainable))
        if strict:
            raise NotImplementedError("masked batch normalization over several replicas")
        return own_call(inputs, training=training, mask=mask)

    layer.call = call


def store_as_constants(layer: keras.layers.Normalization) -> None:
    """Turn what the layer subtracts and divides by into arrays; the exported graph would have tensors as inputs.

    If Keras renames `mean` or `variance`, the export to ONNX fails when the file is loaded.
    """
    layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)


@contextlib.contextmanager
def without_memory() -> Iterator[None]:
    """Inside, a layer declares its variables, and they get no memory: a file may claim more than the machine has.

    If Keras changes the list of variables that wait for memory, a later model gets the memory of one that was refused.
    """
    try:
        with keras.StatelessScope(initialize_variables=False), ObjectSharingScope():
            yield
    finally:
        global_state.set_global_attribute("uninitialized_variables", [])


def all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The model and all layers in it, also those inside layers and models. If it goes, no `.keras` file opens."""
    return model._flatten_layers()


def inputs_of_calls(operation) -> Iterator[keras.KerasTensor]:
    """What each call of a layer or operation takes. If Keras renames its nodes, no model of texts trains."""
    for node in operation._inbound_nodes:
        yield from node.input_tensors


def outputs_of_calls(operation) -> Iterator[keras.KerasTensor]:
    """What each call of a layer or operation gives. If Keras renames its nodes, no `.keras` file opens."""
    for node in operation._inbound_nodes:
        yield from node.output_tensors


def stored_kernel(layer: keras.layers.Layer):
    """The variable of a kernel that has adapters; the public `kernel` is their sum, in the precision of the layer.

    If Keras renames `_kernel`, training with adapters fails before its first step.
    """
    return layer._kernel


def merge_adapters(layer: keras.layers.Layer) -> None:
    """Add a layer's adapters to its kernel in float32 and take them out of the layer.

    If Keras renames `_kernel` or `_untrack_variable`, it fails at the end of a training. Keras's own saving would
    round the sum to the precision of the layer.
    """
    factors = [np.asarray(factor, "float32") for factor in (layer.lora_kernel_a, layer.lora_kernel_b)]
    layer._kernel.assign(with_adapters(np.asarray(layer._kernel), *factors))
    layer._kernel.trainable = True
    for factor in (layer.lora_kernel_a, layer.lora_kernel_b):
        layer._untrack_variable(factor)
    layer.lora_enabled, layer.lora_rank, layer.lora_alpha = False, None, None


def with_adapters(kernel: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`float32[…, in, out]`, `float32[…, in, rank]`, `float32[rank, out]` → the kernel that the three stand for."""
    return kernel + np.matmul(a, b)
