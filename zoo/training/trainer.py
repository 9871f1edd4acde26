"""The training loop: `model.fit` runs many steps per call, on one device or on many replicas."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from zoo import keras_hooks
from zoo.datasets.on_disk import Features, count, each
from zoo.layers.front import inputs_of
from zoo.tasks import Player, Task, Training
from zoo.training import resizing
from zoo.training.dropout import BatchPosition
from zoo.training.layerwise import LateLayers
from zoo.training.networks import shorter_network, training_network
from zoo.training.replicas import sum_over_replicas

_ROWS_AT_ONCE = 32


class Trainer(keras_hooks.LoopModel):
    """A model from raw input to what its task trains, which shares its layers with the model that users get.

    Several networks, the players, may train in it: one after the other in each step, each with its own optimizer. The
    trainer's outputs are then used in validation only.

    `fit` takes the elements of `zoo.datasets.pipeline.training_calls`: a block of batches and how many of them count.
    Each call is one program: compiled by XLA with `jit_compile`, else a TensorFlow loop. A loss that is not finite ends
    the call at that step, so that `optimizer.iterations` names it. `evaluate` takes those of `evaluation_batches`.

    The loop of Keras itself passes Optionals, which replicas cannot share (keras-team/keras#20585, #19246). Here the
    loop runs over a block of batches that every replica already has.
    """

    data_wait_seconds = 0.0

    def __init__(
        self,
        inputs,
        outputs,
        *,
        position: BatchPosition | None = None,
        networks: Mapping[int, keras.Model] | None = None,
        players: Sequence[Player] = (),
    ):
        """Make a trainer, to be compiled by `set_up`.

        Args:
            inputs, outputs: Keras tensors.
            position: where training stands, for the dropout layers.
            networks: length of a batch of ids, or height of pictures → a network of the same layers for so small ones.
            players: the networks that train, where there are several.
        """
        super().__init__(inputs, outputs, name="trainer")
        self.position = position or BatchPosition(0)
        self.shorter_networks = dict(networks or {})
        self.players = tuple(players)
        self.player_networks = [player.network for player in players]  # Keras finds their variables here
        self.player_losses = [keras.metrics.Mean(f"{player.name}_loss") for player in players]
        self.optimizers: tuple = ()
        self.distillation, self.gradient_accumulation_steps = None, 1
        self.late = LateLayers([])

    def set_up(
        self, build_optimizer: Callable[[], keras.optimizers.Optimizer], loss, metrics, *, xla: bool = False,
        distillation=None, parts: int = 1,
    ) -> None:  # fmt: skip
        """Compile, with one optimizer, or one a player.

        Args:
            build_optimizer: makes a new one.
            loss, metrics: of (targets, outputs).
            xla: whether a call is compiled by XLA.
            distillation: what adds a teacher's part to the loss, or None.
            parts: into how many a batch is cut to save memory.
        """
        self.distillation, self.gradient_accumulation_steps = distillation, parts
        self.compile(build_optimizer(), loss, weighted_metrics=list(metrics), jit_compile=xla)
        others = [build_optimizer() for _ in self.players[1:]]
        if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            others = [keras.optimizers.LossScaleOptimizer(optimizer) for optimizer in others]
        self.optimizers = (self.optimizer, *others)
        for optimizer in self.optimizers:
            keras_hooks.leave_averages_alone(optimizer)
            keras_hooks.take_summed_gradients(optimizer)

    def let_late_layers_learn(self, learn: bool) -> None:
        """Freeze the layers that join later, or let them learn; the next call of `fit` is traced anew."""
        self.late.learn(learn)
        self.train_function = None

    @property
    def trained(self) -> list[tuple[keras.optimizers.Optimizer, list]]:
        """Each optimizer with the variables that it changes."""
        groups = [network.trainable_variables for network in self.player_networks] or [self.trainable_variables]
        return list(zip(self.optimizers, groups, strict=True))

    def network_of(self, x) -> keras.Model:
        """The network for a batch: the trainer itself, or one of the same layers for shorter or smaller inputs."""
        return self.shorter_networks.get(x.shape[1], self) if self.shorter_networks else self

    @property
    def step(self) -> int:
        """How many updates there have been."""
        return int(tf.convert_to_tensor(self.optimizer.iterations.value))

    def prepare(self, batch) -> None:
        """Create the state of metrics and optimizers, without drawing a batch of data.

        Args:
            batch: (features, targets, weights) of a replica's share as `keras.KerasTensor`s.
        """
        with self.distribute_strategy.scope():
            if self.players:
                for optimizer, variables in self.trained:
                    optimizer.build(variables)
            self.build_state(batch)

    def train_step(self, data):
        """One update from a replica's share of the batch, seen in parts to save memory.

        The loss that Keras computes is divided by the number of replicas, whose gradients it adds up.
        """
        if self.players:
            return self._players_step(data)
        replicas = self.distribute_strategy.num_replicas_in_sync
        gradients = None
        for x, y, sample_weight in self._parts_of(data):
            with tf.GradientTape() as tape:
                outputs = self.network_of(x)(x, training=True)
                loss = self.compute_loss(x, y, outputs, sample_weight, training=True)
                if self.distillation is not None:
                    loss = self.distillation(loss, self.losses, x, outputs, sample_weight)
                scaled_loss = self.optimizer.scale_loss(loss / self.gradient_accumulation_steps)
            self.mean_loss.update_state(loss * replicas, sample_weight=tf.shape(y)[0])
            gradients = _added(gradients, tape.gradient(scaled_loss, [v.value for v in self.trainable_variables]))
            logs = self.compute_metrics(x, y, outputs)
        *gradients, sums = sum_over_replicas([*gradients, tf.stack(list(logs.values()))])
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return dict(zip(logs, tf.unstack(sums / replicas), strict=True))

    def _players_step(self, data):
        """One update of each player in turn; each sees what those before it have become."""
        replicas, parts = self.distribute_strategy.num_replicas_in_sync, self.gradient_accumulation_steps
        for player, tracker, (optimizer, variables) in zip(self.players, self.player_losses, self.trained, strict=True):
            gradients = None
            for x, y, sample_weight in self._parts_of(data):
                with tf.GradientTape() as tape:
                    loss = player.loss(x, y, sample_weight)
                    scaled_loss = optimizer.scale_loss(loss / (parts * replicas))
                tracker.update_state(loss, sample_weight=tf.shape(y)[0])
                gradients = _added(gradients, tape.gradient(scaled_loss, [v.value for v in variables]))
            optimizer.apply_gradients(zip(sum_over_replicas(gradients), variables, strict=True))
        losses = tf.stack([tf.convert_to_tensor(tracker.result()) for tracker in self.player_losses])
        losses = tf.unstack(sum_over_replicas([losses])[0] / replicas)
        names = [tracker.name for tracker in self.player_losses]
        return {"loss": tf.add_n(losses)} | dict(zip(names, losses, strict=True))

    def _parts_of(self, data):
        """The parts of a replica's share of the batch, each with its place told to the dropout."""
        parts, share = self.gradient_accumulation_steps, data[1].shape[0]
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        self.position.step = self.optimizer.iterations.value
        for part in range(parts):
            self.position.first_example = replica * share + part * share // parts
            yield tf.nest.map_structure(lambda tensor, part=part: tf.split(tensor, parts)[part], tuple(data))

    def test_step(self, data):
        """Metrics of a replica's share, in which padding has weight 0."""
        x, y, weights = data
        outputs = self(x, training=False)
        padded_count = tf.cast(tf.size(weights) * self.distribute_strategy.num_replicas_in_sync, tf.float32)
        weighted_sum = self.compute_loss(x, y, outputs, weights, training=False) * padded_count
        count = tf.reduce_sum(weights)
        self.mean_loss.update_state(tf.math.divide_no_nan(weighted_sum, count), sample_weight=count)
        logs = self.compute_metrics(x, y, outputs, weights)
        return {name: value for name, value in logs.items() if name not in {m.name for m in self.player_losses}}

    def train_call(self):
        """A function that takes the iterator over calls and returns the logs after the last step of one."""

        def step_of_block(block, index):
            return self.train_step(tf.nest.map_structure(lambda tensor: tensor[index], block))

        @tf.function(jit_compile=self.jit_compile, autograph=False)
        def run_steps(features, targets, weights, count):
            count = self.distribute_strategy.experimental_local_results(count)[0]

            def step(index):
                logs = self.distribute_strategy.run(step_of_block, args=((features, targets, weights), index))
                return {name: self.distribute_strategy.experimental_local_results(logs[name])[0] for name in logs}

            def goes_on(index, logs):
                return tf.logical_and(index < count, tf.math.is_finite(logs["loss"]))

            loop_state = (tf.constant(1, tf.int64), step(tf.constant(0, tf.int64)))
            _, logs = tf.while_loop(
                goes_on, lambda index, _: (index + 1, step(index)), loop_state, parallel_iterations=1
            )
            return logs

        def run_call(iterator):
            started = time.perf_counter()
            block = next(iterator)
            self.data_wait_seconds += time.perf_counter() - started
            return run_steps(*block)

        return run_call

    def test_call(self):
        """A function that takes the iterator over batches and returns the logs of one."""

        @tf.function(jit_compile=self.jit_compile, autograph=False)
        def run_batch(features, targets, weights):
            return self._on_all_replicas(lambda *data: self.test_step(data), (features, targets, weights))

        @tf.function(autograph=False)
        def run_next_batch(iterator):
            return run_batch(*iterator.get_next())

        return run_next_batch

    def _on_all_replicas(self, function, arguments):
        """Run a function of each replica's share; the mean of the replicas' logs, reduced in one exchange."""
        strategy, names = self.distribute_strategy, []

        def stacked(*arguments):
            logs = function(*arguments)
            names[:] = logs
            return tf.stack(list(logs.values()))

        means = strategy.reduce("MEAN", strategy.run(stacked, args=arguments), axis=None)
        return dict(zip(names, tf.unstack(means), strict=True))


def build_trainer(task: Task, training: Training, shorter: Sequence[keras.Model] = ()) -> Trainer:
    """The trainer of a model, from its input, or what follows its strings, to what its task trains.

    It has the model's own weights.

    Args:
        task: what the model is asked.
        training: what it starts from; its seed decides the masks of the dropout layers.
        shorter: models of the same builder for shorter texts, whose graphs training runs too, with the model's weights.

    Raises:
        ValueError: the model has no layer of the name that the task trains.
    """
    model, position = training.model, BatchPosition(training.config.training.seed)
    numbers = itertools.count()
    networks = {"model": training_network(model, task.trained_output(model), position, numbers)}
    for name, partner in task.partners(training).items():
        networks[name] = training_network(partner, partner.outputs[0], position, numbers)
    inputs, outputs = task.graph(training, networks)
    lengths = {}
    for other in shorter:
        network = shorter_network(networks["model"], other, task)
        lengths[network.input_shape[1]] = network
    if resizing.small_epochs(training.config.training):
        height, width = resizing.small_size(training.config.training, model.input_shape[1:])
        lengths[height] = resizing.smaller_network(networks["model"], training.config.model.name, (height, width))
    return Trainer(
        inputs, outputs, position=position, networks=lengths, players=task.players(training, networks),
    )  # fmt: skip


def _added(sums: list | None, gradients: list) -> list:
    # The gradient of an embedding has a row an occurrence; Keras would clip and square rows before it adds them up.
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
    return gradients if sums is None else [a + b for a, b in zip(sums, gradients, strict=True)]


def batch_specification(trainer: Trainer, targets: np.ndarray | None, share: int):
    """What a replica's share of a batch is, as `Trainer.prepare` takes it; `targets` are those of all training rows."""

    def of_share(tensor):
        return keras.KerasTensor((share, *tensor.shape[1:]), tensor.dtype)

    inputs = each(of_share, inputs_of(trainer))
    shape, dtype = ((), "int32") if targets is None else (targets.shape[1:], targets.dtype.name)
    return inputs, keras.KerasTensor((share, *shape), dtype), keras.KerasTensor((share,), "float32")


def outputs_of(trainer: Trainer, features: Features) -> np.ndarray:
    """The trainer's outputs of held-out examples, some at a time."""
    function = tf.function(lambda batch: trainer(batch, training=False), autograph=False)

    def answer(start: int):
        return function(each(lambda array: tf.constant(array[start : start + _ROWS_AT_ONCE]), features))

    return np.concatenate([answer(start) for start in range(0, count(features), _ROWS_AT_ONCE)])
