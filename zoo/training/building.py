"""From a config and its data to a model and the trainer that trains it. Importing this imports TensorFlow."""

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo import runs
from zoo.config import Config, with_values
from zoo.datasets.pipeline import BatchPlan
from zoo.errors import ZooError
from zoo.keras_hooks import innermost, stand_around_updates
from zoo.models import catalog
from zoo.tasks import Task, Training
from zoo.training import adapters, checks, layerwise, preprocessing, resizing, starting
from zoo.training import trainer as trainers
from zoo.training.fitting import fitted, resolved_precision
from zoo.training.optimizers import build_optimizer, lookahead_step
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
    counts = checks.counts_of_examples(config, dataset)
    config, lines = fitted(config, *counts, replicas)
    config = with_values(config, {"training.precision": precision}, "precision")
    checks.check_dataset(config, dataset)
    settings = config.training
    if settings.unfreeze_epoch is not None and settings.unfreeze_epoch >= settings.epochs:
        lines.append(
            f"training.unfreeze_epoch={settings.unfreeze_epoch} lies behind the last of {settings.epochs} epochs"
        )
    if epochs := resizing.small_epochs(settings):
        height, width = resizing.small_size(settings, dataset.train.features.shape[1:])
        lines.append(f"the first {epochs} of {settings.epochs} epochs see pictures of {height}×{width}")
    return config, list(filter(None, (precision_line, *lines)))


def build_model(
    task: Task, config: Config, options: dict[str, Any], dataset
) -> tuple[Training, starting.Start | None, str | None]:
    """Build the model, and adapt it to the training split or start it from `model.init_from`.

    Returns:
        What the training starts from; what was taken from `init_from`; what of it learns, where adapters do.
    """
    model, taken, learns = catalog.create_model(config.model.name, **options), None, None
    if config.model.init_from:
        taken = starting.start(task, model, config.model.init_from, dataset)
    else:
        preprocessing.adapt(model, dataset.train.features)
        task.adapt(model, dataset.train.targets)
    layerwise.freeze(model, config.training.frozen_layers)
    if config.training.lora_rank:
        learns = adapters.add_adapters(model, config.training.lora_rank)
    return Training(config, model, options, dataset.info), taken, learns


def prepare(task: Task, training: Training, dataset):
    """The dataset as the trainer reads it; its test split is left as it is."""
    parts = {
        name: prepare_split(task, training, getattr(dataset, name), name == "train") for name in ("train", "validation")
    }
    return dataclasses.replace(dataset, **parts)


def prepare_split(task: Task, training: Training, split, learning: bool):
    """A split as the trainer reads it: texts become ids, unless the task does that, then what the task makes of it."""
    if not task.tokenizes:
        encoded = preprocessing.encode(training.model, split.features)
        if encoded is not split.features:
            split = dataclasses.replace(split, features=encoded)
    return task.prepare(training, split, learning)


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
    if trainer.players and settings.average_last_epochs:
        raise ZooError("training.average_last_epochs is for one network, and here several train; leave it out")
    if settings.unfreeze_epoch is not None:
        trainer.late = layerwise.LateLayers(layerwise.freeze(model, settings.frozen_layers))
        trainer.let_late_layers_learn(True)  # the optimizer has a place for their state from the beginning
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
        if settings.unfreeze_epoch is not None:
            first = settings.unfreeze_epoch * plan.steps_per_epoch
            late = layerwise.since_unfreezing(innermost(optimizer), variables, trainer.late.variables, first)
            steps.append(late)
        if settings.optimizer.layer_decay:
            steps.append(layerwise.slower_below(variables, trainer, settings.optimizer.layer_decay))
        if settings.optimizer.lookahead_steps:
            steps.append(lookahead_step(innermost(optimizer), settings.optimizer.lookahead_steps))
        if settings.pruning:
            steps.append(pruning_step(optimizer, variables, settings.pruning, plan))
        if steps:
            stand_around_updates(optimizer, steps)
    targets = dataset.train.targets
    if config.dataset.augmentation.mixes:
        targets = np.asarray(task.soft_targets(training)(targets[:1]))
    trainer.prepare(trainers.batch_specification(trainer, targets, settings.batch_size // replicas))
    return trainer, plan
