"""From a config and its data to a model and the trainer that trains it. Importing this imports TensorFlow."""

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from zoo import runs
from zoo.config import Config, with_values
from zoo.datasets.pipeline import BatchPlan
from zoo.keras_hooks import stand_around_updates
from zoo.models import catalog
from zoo.tasks import Task, Training
from zoo.training import adapters, checks, layerwise, preprocessing, pretrained
from zoo.training import trainer as trainers
from zoo.training.fitting import fitted, resolved_precision
from zoo.training.optimizers import build_optimizer
from zoo.training.programs import steps_per_call, uses_xla
from zoo.training.weight_pruning import pruning_step


def set_up_keras(settings) -> None:
    """Set precision, seed and determinism for this process."""
    keras.config.set_dtype_policy(settings.precision)
    keras.utils.set_random_seed(settings.seed)
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()


def fit_config(config: Config, dataset, replicas: int) -> tuple[Config, list[str]]:
    """The config as it becomes on this machine and these data, and lines that say what has changed.

    Raises:
        ZooError: a setting does not go with the data.
    """
    checks.refuse_unfitting(config, dataset.info)  # a table of the user's may turn out to hold texts
    precision, precision_line = resolved_precision(config.training.precision)
    config, lines = fitted(config, len(dataset.train), len(dataset.validation), replicas)
    config = with_values(config, {"training.precision": precision}, "precision")
    checks.check_dataset(config, dataset)
    return config, list(filter(None, (precision_line, *lines)))


def build_model(task: Task, config: Config, options: dict[str, Any], dataset) -> tuple[Training, str | None]:
    """Build the model, and adapt it to the training split or start it from `model.init_from`.

    Returns:
        What the training starts from, and, in words, what was taken from `init_from` and what of it learns.
    """
    model = catalog.create_model(config.model.name, **options)
    taken = None
    if config.model.init_from:
        taken = pretrained.initialize(model, config.model.init_from)
    else:
        preprocessing.adapt(model, dataset.train.features)
    task.adapt(model, dataset.train.targets)
    layerwise.freeze(model, config.training.frozen_layers)
    if config.training.lora_rank:
        learns = adapters.add_adapters(model, config.training.lora_rank)
        taken = "\n".join(filter(None, (taken, learns)))
    return Training(config, model, options, dataset.info), taken


def prepare(task: Task, training: Training, dataset):
    """The dataset as the trainer reads it; its test split is left as it is."""
    parts = {name: task.prepare(training, getattr(dataset, name), name == "train") for name in ("train", "validation")}
    return dataclasses.replace(dataset, **parts)


def compile_trainer(task: Task, training: Training, dataset, teaching, resume: runs.Run | None):
    """The trainer, compiled and ready for its first batch, and the plan of its batches.

    Args:
        task: what the model is asked.
        training: what it starts from.
        dataset: as `prepare` gave it.
        teaching: a `zoo.training.distillation.Distillation`, or None.
        resume: the run to go on with, or None.
    """
    config, model = training.config, training.model
    settings = config.training
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    models = [model, *([teaching.model] if teaching else [])]
    use_xla = replicas == 1 and all(uses_xla(each, settings.xla) for each in models)
    features = dataset.train.features
    plan = BatchPlan(
        num_examples=len(dataset.train),
        batch_size=settings.batch_size,
        # A resumed run keeps the number that it began with: the order of length buckets depends on it.
        steps_per_call=settings.steps_per_call
        or (resume and resume.record.get("steps_per_call"))
        or steps_per_call(model, features, settings.batch_size, use_xla),
        epochs=settings.epochs,
    )
    trainer = trainers.build_trainer(task, training, checks.shorter_models(training))
    if settings.optimizer.l2:
        for variable in trainer.trainable_variables:
            if variable.name == "kernel":
                variable.regularizer = keras.regularizers.L2(settings.optimizer.l2)
    trainer.set_up(
        lambda: build_optimizer(settings.optimizer, settings.schedule, plan.steps_per_epoch, plan.epochs),
        task.loss(training),
        task.metrics(training),
        xla=use_xla,
        distillation=teaching,
        parts=settings.optimizer.gradient_accumulation_steps,
    )
    for optimizer, variables in trainer.trained:
        steps = []
        if settings.optimizer.layer_decay:
            steps.append(layerwise.slower_below(variables, trainer, settings.optimizer.layer_decay))
        if settings.pruning:
            steps.append(pruning_step(optimizer, variables, settings.pruning, plan))
        if steps:
            stand_around_updates(optimizer, steps)
    trainer.prepare(trainers.batch_specification(trainer, dataset.train.targets, settings.batch_size // replicas))
    return trainer, plan
