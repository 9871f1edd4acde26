"""The Keras hooks under which `model.fit` runs many steps per call of one compiled program."""

import itertools

import keras
import tensorflow as tf

from zoo.training.dropout import BatchPosition, PositionedDropout


class Trainer(keras.Model):
    """A model from raw input to logits that shares its layers with the model that users get.

    `fit` takes the elements of `zoo.datasets.pipeline.training_calls`: a block of batches and how many of them count.
    Each call is one program: compiled by XLA with `jit_compile`, else a TensorFlow loop. A loss that is not finite ends
    the call at that step, so that `optimizer.iterations` names it. `evaluate` and `predict` take ordinary batches.
    """

    gradient_accumulation_steps = 1
    position = BatchPosition(0)

    def prepare(self, batch_shape: tuple[int, ...]) -> None:
        """Create the state of metrics and optimizer for `[batch, …]` inputs without drawing a batch of data."""
        batch_size = batch_shape[0]
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
        """One update from the whole batch, seen in `gradient_accumulation_steps` parts to save memory."""
        parts = self.gradient_accumulation_steps
        gradients = None
        self.position.step = self.optimizer.iterations.value
        for part in range(parts):
            self.position.first_example = part * data[1].shape[0] // parts
            x, y, sample_weight = (tf.split(tensor, parts)[part] for tensor in data)
            with tf.GradientTape() as tape:
                logits = self(x, training=True)
                loss = self.compute_loss(x, y, logits, sample_weight, training=True)
                scaled_loss = self.optimizer.scale_loss(loss / parts)
            self._loss_tracker.update_state(loss, sample_weight=tf.shape(y)[0])
            part_gradients = tape.gradient(scaled_loss, [variable.value for variable in self.trainable_variables])
            gradients = part_gradients if part == 0 else [a + b for a, b in zip(gradients, part_gradients, strict=True)]
            logs = self.compute_metrics(x, y, logits, sample_weight)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return logs

    def make_train_function(self, force=False):
        """Called by `fit`; the function takes the iterator over calls and returns the logs after the last step."""
        if self.train_function is not None and not force:
            return self.train_function

        @tf.function(jit_compile=self.jit_compile, autograph=False)
        def run_steps(features, labels, weights, count):
            def step(index):
                return self.train_step((features[index], labels[index], weights[index]))

            def goes_on(index, logs):
                return tf.logical_and(index < count, tf.math.is_finite(logs["loss"]))

            first = step(tf.constant(0, tf.int64))
            loop_state = (tf.constant(1, tf.int64), first)
            return tf.while_loop(goes_on, lambda index, _: (index + 1, step(index)), loop_state, parallel_iterations=1)[
                1
            ]

        @tf.function(autograph=False)
        def run_call(iterator):
            return run_steps(*iterator.get_next())

        self.train_function = run_call
        return run_call


def build_trainer(model: keras.Model, seed: int = 0) -> Trainer:
    """The trainer of a classifier: from its input to its layer `logits`, with the model's own weights.

    Args:
        seed: decides the masks of the dropout layers.

    Raises:
        ValueError: the model has no such layer.
    """
    position = BatchPosition(seed)
    numbers = itertools.count()

    def for_training(layer):
        plain_dropout = type(layer) is keras.layers.Dropout and layer.noise_shape is None
        return PositionedDropout(layer, position, next(numbers)) if plain_dropout else layer

    to_logits = keras.Model(model.inputs, model.get_layer("logits").output)
    twin = keras.models.clone_model(to_logits, clone_function=for_training)
    trainer = Trainer(twin.inputs[0], twin.outputs[0], name="trainer")
    trainer.position = position
    return trainer
