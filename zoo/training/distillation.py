"""A trained model teaches a smaller one: Hinton, Vinyals & Dean (2015), Distilling the knowledge in a network."""

import hashlib

import keras
import tensorflow as tf

from zoo.errors import ZooError
from zoo.layers.front import text_layer
from zoo.loading import LoadedModel, load_model
from zoo.runs import Run


class Distillation:
    """Adds to the loss how far the model is from a teacher that sees the same augmented batch.

    The loss is (1 - alpha) · cross-entropy with the labels + alpha · temperature² · KL divergence from the teacher's
    probabilities to the student's, both at the temperature. The square keeps the gradients of both parts alike in size.
    The teacher is computed inside the step, in inference mode, and does not change.
    """

    def __init__(self, settings, teacher: LoadedModel):
        """`settings` is a `zoo.settings.DistillationSection`; `teacher` has passed `load_teacher`."""
        self.settings, self.path, self.model = settings, teacher.path, teacher.model
        front = text_layer(teacher.model)
        inputs = front.output if front else teacher.model.inputs[0]
        self.logits = _in_todays_precision(keras.Model(inputs, teacher.model.get_layer("logits").output))
        content = hashlib.sha256()
        for weights in self.logits.get_weights():
            content.update(weights.tobytes())
        self.digest = f"sha256:{content.hexdigest()}"

    def __call__(self, loss, penalties, x, logits, sample_weight):
        """The loss of a replica's share of a batch, divided by the number of replicas, as `loss` is.

        Args:
            loss: float32[], from the labels, penalties included.
            penalties: float32[] of each regularizer; alpha does not scale them.
            x: what the student sees.
            logits: float32[batch, num_classes] of the student.
            sample_weight: float32[batch].
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        penalty = tf.add_n(penalties) / replicas if penalties else 0.0
        temperature, alpha = self.settings.temperature, self.settings.alpha
        taught = tf.nn.log_softmax(_two_columns_or_more(self.logits(x, training=False)) / temperature)
        said = tf.nn.log_softmax(_two_columns_or_more(logits) / temperature)
        divergence = tf.reduce_sum(tf.exp(taught) * (taught - said), axis=1)
        soft = temperature**2 * tf.reduce_mean(sample_weight * divergence) / replicas
        return (1 - alpha) * (loss - penalty) + alpha * soft + penalty

    @property
    def record(self) -> dict[str, str]:
        """Who teaches, for run.json."""
        return {"path": str(self.path), "digest": self.digest}


def load_teacher(settings, model, dataset, resume: Run | None = None) -> Distillation | None:
    """The distillation that a training asks for, or None.

    Args:
        settings: a `zoo.settings.TrainingSection`.
        model: the student.
        dataset: the `zoo.datasets.Dataset` that the student learns.
        resume: the run that goes on, if one does.

    Raises:
        ZooError: there is no such teacher, it did not finish, it does not fit, or the run began with another.
    """
    if settings.distillation is None:
        return None
    if len(model.output_shape) != 2 or not any(layer.name == "logits" for layer in model.layers):
        raise ZooError(f"training.distillation: {model.name} is no classifier; a teacher's logits say nothing to it")
    label_names = dataset.info.label_names
    where = f"training.distillation.teacher={settings.distillation.teacher}"
    try:
        teacher = load_model(settings.distillation.teacher)
    except ZooError as error:
        raise ZooError(f"{where}: {error}") from None
    if not any(layer.name == "logits" for layer in getattr(teacher.model, "layers", ())):
        raise ZooError(f"{where}: has no layer named logits; a model that the zoo trained has one")
    if list(teacher.label_names) != list(label_names):
        raise ZooError(
            f"{where}: it knows the classes {_few(teacher.label_names)}, the data have {_few(label_names)}; the same "
            "ones in the same order are needed"
        )
    if teacher.model.input_shape != model.input_shape:
        raise ZooError(
            f"{where}: it reads {teacher.model.input_shape[1:]}, the student {model.input_shape[1:]}; train a teacher "
            "on the same data"
        )
    if list(teacher.feature_names or ()) != list(dataset.feature_names or ()):
        raise ZooError(
            f"{where}: it reads the columns {_few(teacher.feature_names or ())}, the data have "
            f"{_few(dataset.feature_names or ())}; the same ones in the same order are needed"
        )
    if _words_of(teacher.model) != _words_of(model):
        raise ZooError(
            f"{where}: its tokenizer is another than the student's; both need the same vocabulary and length"
        )
    if settings.length_buckets:
        raise ZooError("training.length_buckets does not go with training.distillation: the teacher reads one length")
    distillation = Distillation(settings.distillation, teacher)
    if resume and resume.record.get("teacher", distillation.record)["digest"] != distillation.digest:
        raise ZooError(f"{where}: has changed since {resume.path} began; train again without --resume")
    return distillation


def _in_todays_precision(network: keras.Model) -> keras.Model:
    """The same weights, computed in the precision that the student trains in: published ones are kept for float32."""
    policy = keras.config.dtype_policy().name

    def changed(layer):
        fixed = layer.name == "logits" or isinstance(layer.dtype_policy, keras.dtype_policies.QuantizedDTypePolicy)
        config = layer.get_config()
        return layer if fixed else type(layer).from_config({**config, "dtype": policy})

    copy = keras.models.clone_model(network, clone_function=changed)
    copy.set_weights(network.get_weights())
    return copy


def _words_of(model):
    """Everything that decides the ids of a text, to be compared; None for models that read no texts."""
    front = text_layer(model)
    if front is None:
        return None
    vocabulary = front.vocabulary if hasattr(front, "vocabulary") else front.get_vocabulary()
    return type(front), front.get_config().get("standardize"), front.output.shape, [str(word) for word in vocabulary]


def _few(names) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:6]) + (f" … ({len(names)})" if len(names) > 6 else "")


def _two_columns_or_more(logits):
    """Logits of both classes from that of one sigmoid unit: the first class has logit 0."""
    logits = tf.cast(logits, tf.float32)
    return tf.concat([tf.zeros_like(logits), logits], axis=1) if logits.shape[1] == 1 else logits
