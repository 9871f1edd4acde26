"""The Keras hooks under which `model.fit` runs many steps per call, on one device or on many replicas."""

import itertools
import time
from collections.abc import Sequence

import keras
import tensorflow as tf

from zoo.models.front import text_layer
from zoo.training.dropout import BatchPosition, PositionedDropout
from zoo.training.replicas import normalize_in_one_exchange, sum_over_replicas


class Trainer(keras.Model):
    """A model from raw input to logits that shares its layers with the model that users get.

    `fit` takes the elements of `zoo.datasets.pipeline.training_calls`: a block of batches and how many of them count.
    Each call is one program: compiled by XLA with `jit_compile`, else a TensorFlow loop. A loss that is not finite ends
    the call at that step, so that `optimizer.iterations` names it. `evaluate` takes those of `evaluation_batches`.

    Stock Keras draws its loop through Optionals, which replicas cannot share (keras-team/keras#20585, #19246); here the
    loop is over a block that every replica already has.
    """

    gradient_accumulation_steps = 1
    data_wait_seconds = 0.0
    position = BatchPosition(0)
    distillation = None

    def network_of(self, x) -> keras.Model:
        """What maps a batch of training to logits: the trainer, or a network of the same layers for shorter texts."""
        return self

    @property
    def step(self) -> int:
        """How many updates there have been."""
        return int(tf.convert_to_tensor(self.optimizer.iterations.value))

    def prepare(self, batch_shape: tuple[int, ...]) -> None:
        """Create the state of metrics and optimizer for `[batch, …]` inputs without drawing a batch of data."""
        batch_size = batch_shape[0]
        # Keras sums after clipping, each replica having clipped its own share; `train_step` sums before.
        optimizer = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        optimizer._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables
        with self.distribute_strategy.scope():
            self._symbolic_build(
                data_batch=(
                    keras.KerasTensor(batch_shape, self.input.dtype),
                    keras.KerasTensor((batch_size,), "int32"),
                    keras.KerasTensor((batch_size,), "float32"),
                )
            )

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Keras would draw a batch here, and take a block for a batch; `prepare` has done it."""

    def train_step(self, data):
        """One update from a replica's share of the batch, seen in parts to save memory.

        The loss that Keras computes is divided by the number of replicas, whose gradients it adds up.
        """
        parts, replicas = self.gradient_accumulation_steps, self.distribute_strategy.num_replicas_in_sync
        share = data[1].shape[0]
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        gradients = None
        self.position.step = self.optimizer.iterations.value
        for part in range(parts):
            self.position.first_example = replica * share + part * share // parts
            x, y, sample_weight = (tf.split(tensor, parts)[part] for tensor in data)
            with tf.GradientTape() as tape:
                logits = self.network_of(x)(x, training=True)
                loss = self.compute_loss(x, y, logits, sample_weight, training=True)
                if self.distillation is not None:
                    loss = self.distillation(loss, self.losses, x, logits, sample_weight)
                scaled_loss = self.optimizer.scale_loss(loss / parts)
            self._loss_tracker.update_state(loss * replicas, sample_weight=tf.shape(y)[0])
            part_gradients = tape.gradient(scaled_loss, [variable.value for variable in self.trainable_variables])
            # An embedding's comes a row an occurrence; Keras would clip and square those before it adds them up.
            part_gradients = [tf.convert_to_tensor(gradient) for gradient in part_gradients]
            gradients = part_gradients if part == 0 else [a + b for a, b in zip(gradients, part_gradients, strict=True)]
            logs = self.compute_metrics(x, y, logits)
        *gradients, sums = sum_over_replicas([*gradients, tf.stack(list(logs.values()))])
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return dict(zip(logs, tf.unstack(sums / replicas), strict=True))

    def test_step(self, data):
        """Metrics of a replica's share, in which padding has weight 0."""
        x, y, weights = data
        logits = self(x, training=False)
        padded_count = tf.cast(tf.size(weights) * self.distribute_strategy.num_replicas_in_sync, tf.float32)
        weighted_sum = self.compute_loss(x, y, logits, weights, training=False) * padded_count
        count = tf.reduce_sum(weights)
        self._loss_tracker.update_state(tf.math.divide_no_nan(weighted_sum, count), sample_weight=count)
        return self.compute_metrics(x, y, logits, weights)

    def make_train_function(self, force=False):
        """Called by `fit`; the function takes the iterator over calls and returns the logs after the last step."""
        if self.train_function is not None and not force:
            return self.train_function

        def step_of_block(features, labels, weights, index):
            return self.train_step((features[index], labels[index], weights[index]))

        @tf.function(jit_compile=self.jit_compile, autograph=False)
        def run_steps(features, labels, weights, count):
            count = self.distribute_strategy.experimental_local_results(count)[0]

            def step(index):
                logs = self.distribute_strategy.run(step_of_block, args=(features, labels, weights, index))
                return {name: self.distribute_strategy.experimental_local_results(logs[name])[0] for name in logs}

            def goes_on(index, logs):
                return tf.logical_and(index < count, tf.math.is_finite(logs["loss"]))

            loop_state = (tf.constant(1, tf.int64), step(tf.constant(0, tf.int64)))
            return tf.while_loop(goes_on, lambda index, _: (index + 1, step(index)), loop_state, parallel_iterations=1)[
                1
            ]

        def run_call(iterator):
            started = time.perf_counter()
            block = next(iterator)
            self.data_wait_seconds += time.perf_counter() - started
            return run_steps(*block)

        self.train_function = run_call
        return run_call

    def make_test_function(self, force=False):
        """Called by `evaluate`; the function takes the iterator over batches."""
        if self.test_function is not None and not force:
            return self.test_function

        @tf.function(jit_compile=self.jit_compile, autograph=False)
        def run_batch(features, labels, weights):
            return self._on_all_replicas(lambda *data: self.test_step(data), (features, labels, weights))

        @tf.function(autograph=False)
        def run_next_batch(iterator):
            return run_batch(*iterator.get_next())

        self.test_function = run_next_batch
        return run_next_batch

    def _on_all_replicas(self, function, arguments):
        """Run a function of each replica's share; the mean of the replicas' logs, reduced in one exchange."""
        strategy = self.distribute_strategy

        def stacked(*arguments):
            return tf.stack(list(function(*arguments).values()))

        means = strategy.reduce("MEAN", strategy.run(stacked, args=arguments), axis=None)
        names = ["loss", *(metric.name for metric in self._compile_metrics.metrics)]
        return dict(zip(names, tf.unstack(means), strict=True))


def build_trainer(model: keras.Model, seed: int = 0, shorter: Sequence[keras.Model] = ()) -> Trainer:
    """The trainer of a classifier: from its input, or what follows its strings, to its layer `logits`.

    It has the model's own weights.

    Args:
        seed: decides the masks of the dropout layers.
        shorter: models of the same builder for shorter texts, whose graphs training also runs, with `model`'s weights.

    Raises:
        ValueError: the model has no such layer.
    """
    twin, position = twin_for_training(model, model.get_layer("logits").output, seed)
    trainer = Trainer(twin.inputs[0], twin.outputs[0], name="trainer")
    trainer.position = position
    if shorter:
        networks = {network.input_shape[1]: network for network in (_with_layers_of(twin, other) for other in shorter)}
        trainer.network_of = lambda x: networks.get(x.shape[1], trainer)
    return trainer


def _with_layers_of(twin: keras.Model, other: keras.Model) -> keras.Model:
    """The graph of `other`, from what follows its strings to `logits`, with the layers of `twin` that hold state."""
    shared = {layer.name.removeprefix("positioned_"): layer for layer in twin.layers}

    def with_state(layer):
        holds_state = type(layer) is keras.layers.Dropout or getattr(layer, "weights", ())
        return shared[layer.name] if holds_state else layer

    part = keras.Model(text_layer(other).output, other.get_layer("logits").output)
    return keras.models.clone_model(part, clone_function=with_state)


def twin_for_training(model: keras.Model, output, seed: int) -> tuple[keras.Model, BatchPosition]:
    """The part of a model from its input, or what follows its strings, to `output`, with dropout for training."""
    position = BatchPosition(seed)
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        normalize_in_one_exchange(model)
    numbers = itertools.count()

    def for_training(layer):
        plain_dropout = type(layer) is keras.layers.Dropout and layer.noise_shape is None
        return PositionedDropout(layer, position, next(numbers)) if plain_dropout else layer

    front = text_layer(model)
    part = keras.Model(front.output if front else model.inputs, output)
    return keras.models.clone_model(part, clone_function=for_training), position
