"""Training from a config to a finished run: the whole story is `train`, read top to bottom."""

import errno
import functools
import os
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

from zoo import datasets, registry, runs
from zoo.config import Config
from zoo.datasets.preparation import summarize
from zoo.errors import Interrupted, ZooError
from zoo.escaping import tell
from zoo.quiet import import_tensorflow
from zoo.training import claims, record
from zoo.training import strategy as strategies
from zoo.training.losses import class_weights
from zoo.training.objectives import objective_of

_DISK_REFUSES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


def train(
    config: Config,
    runs_dir: str | os.PathLike = "runs",
    *,
    resume: runs.Run | None = None,
    dataset=None,
    show_progress: bool = True,
    profile: bool = False,
    callbacks: Sequence = (),
) -> runs.Run | None:
    """Train the config's model on its data and return the finished run, or None on workers that are not the chief.

    Args:
        config: from `zoo.load_config`.
        runs_dir: where the run directory is made.
        resume: an interrupted run; goes on from its last checkpoint, in its directory.
        dataset: a `zoo.datasets.Dataset` to use in place of the config's, such as a cross-validation fold. If its test
            is None, the results are those of validation alone.
        show_progress: lines and a progress bar on standard error.
        profile: write a TensorBoard profile of the second and third call of the training loop.
        callbacks: `keras.callbacks.Callback`s that watch beside the zoo's own.

    Raises:
        ZooError: the data cannot be had, the model does not fit them, or the loss is not finite.
        zoo.errors.Interrupted: Ctrl-C, SIGTERM or SIGHUP, after the state was saved; `run` is its attribute.
    """
    started = time.monotonic()
    settings = config.training
    _refuse_other_kind(config, dataset.info if dataset else datasets.dataset_info(config.dataset.name))
    strategies.refuse_early(settings)
    import_tensorflow(start=False)
    from zoo.training import callbacks as zoo_callbacks
    from zoo.training import distillation, layerwise, preprocessing, pretrained, pruning
    from zoo.training.programs import precision_advice

    strategy = strategies.make_strategy(settings)  # before data, whose preparation starts TensorFlow
    dataset = dataset or datasets.load_configured(config.dataset)
    _refuse_other_kind(config, dataset.info)  # a table of the user's may turn out to hold texts
    options = model_options(config, dataset)
    _check_sizes(config, dataset)
    if resume and resume.record["data_digest"] != dataset.digest:
        raise ZooError(f"{resume.path}: the data have changed since this run began; train again without --resume")
    _set_up_keras(settings)
    with strategy.scope():
        model = registry.create_model(config.model.name, **options)
        if config.model.init_from:
            taken = pretrained.initialize(model, config.model.init_from)
        else:
            taken = None
            preprocessing.adapt(model, dataset.train.features)
        layerwise.freeze(model, settings.frozen_layers)
        objective = objective_of(config, model, options)
        arrays = objective.arrays(dataset)
        teaching = distillation.load_teacher(settings, model, dataset.info.label_names, resume)
        trainer, plan = _compile(objective, config, arrays, teaching, resume)

    chief = strategies.is_chief(strategy)
    run = resume or (runs.create_run(runs_dir, config.model.name) if chief else None)
    if chief and not claims.claim(run):
        raise ZooError(f"{run.path}: {claims.refusal(run)}")
    if show_progress and chief:
        tell(f"{dataset.info.name}: {summarize(dataset.report)}")
        for line in filter(None, (taken, precision_advice(settings.precision))):
            tell(line)
    history = zoo_callbacks.History(run.history_file if chief else None, plan, show_progress and chief)
    selection = zoo_callbacks.Selection(settings.early_stopping, pruning.is_finished(settings.pruning))
    checkpoints = zoo_callbacks.Checkpoints(
        run and run.checkpoints, plan, history, selection, settings.checkpoint_minutes, strategy
    )
    checkpoints.set_model(trainer)
    start_step = checkpoints.restore() if resume else 0
    strategies.refuse_disagreement(strategy, start_step)
    if chief:
        record.start_record(run, config, dataset, trainer, plan, strategy)
        if teaching:
            run.update_record(teacher=teaching.record)
    try:
        with checkpoints.watching_signals():
            average = [zoo_callbacks.AverageInValidation()] if settings.optimizer.ema_momentum else []
            board = [_tensorboard(run, profile)] if chief else []
            watchers = [selection, *average, history, *board, *callbacks, checkpoints]
            augmentation = objective.augmentation(dataset)
            _fit(trainer, plan, config, arrays, augmentation, strategy, start_step, watchers)
        checkpoints.end_training()
        best = selection.best_weights if settings.selection == "best" else []
        trainer.set_weights(best or selection.last_weights)
        if chief:
            _save_model(run, model, config, dataset)
            objective.evaluate(run, dataset, selection)
            checkpoints.end_judging()
            if settings.pruning:
                run.update_record(pruned=pruning.sizes(model))
            advice = record.finish_record(run, started, trainer, history, checkpoints)
            run.update_record(flops=record.flops(model))
            if advice and show_progress:
                print(advice, file=sys.stderr)
        strategies.total(strategy, [0.0])  # a worker that left earlier would end the others
    except Interrupted as interruption:
        if chief:
            run.update_record(status="interrupted", wall_seconds=record.wall_seconds(run, started))
            interruption.run = run
        raise
    except OSError as error:
        inside = chief and pathlib.Path(error.filename or "/").absolute().is_relative_to(run.path.absolute())
        if not chief or not (inside or error.errno in _DISK_REFUSES):
            raise
        what = error.strerror if run.path.exists() else "is gone"
        raise ZooError(
            f"{run.path}: {what}; make room, or put it back, then: python scripts/train.py --resume={run.path}"
        ) from None
    except zoo_callbacks.LossNotFiniteError as error:
        kept = "nothing to keep yet"
        if chief:
            if selection.best_weights:
                trainer.set_weights(selection.best_weights)
                _save_model(run, model, config, dataset)
                kept = f"the best weights so far are in {run.model_file}"
            run.update_record(status="failed", error=str(error), wall_seconds=record.wall_seconds(run, started))
        raise ZooError(f"{error}; {kept}; lower --learning_rate or set training.optimizer.clip_norm") from None
    finally:
        checkpoints.close()
        if chief:
            claims.release(run)
    return run if chief else None


def _set_up_keras(settings) -> None:
    import keras
    import tensorflow as tf

    keras.config.set_dtype_policy(settings.precision)
    keras.utils.set_random_seed(settings.seed)
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()


def model_options(config: Config, dataset) -> dict[str, Any]:
    """The builder's options: the config's own, then input shape and number of classes from the data.

    Raises:
        ZooError: an option of the config contradicts the data.
    """
    info = registry.model_info(config.model.name)
    num_classes = len(dataset.info.label_names)
    default_classes = info.options.get("num_classes")
    fitting = {
        "input_shape": list(dataset.train.features.shape[1:]),
        "num_classes": 1 if default_classes == 1 and num_classes == 2 else num_classes,
    }
    for option, value in fitting.items():
        given = config.model.options.get(option)
        if given is not None and given != value:
            raise ZooError(f"model.options.{option} is {given}, but dataset {dataset.info.name!r} needs {value}")
    return {name: value for name, value in fitting.items() if name in info.option_names} | config.model.options


def _refuse_other_kind(config: Config, info) -> None:
    kind = registry.model_info(config.model.name).kind
    if kind != (info.kind or kind):
        hint = " (a text table has the columns text and label)" if info.name == "csv" else ""
        raise ZooError(f"model {config.model.name!r} reads {kind}s, but dataset {info.name!r} holds {info.kind}s{hint}")


def _check_sizes(config: Config, dataset) -> None:
    settings = config.training
    rows = len(dataset.train.labels)
    if settings.batch_size > rows:
        raise ZooError(
            f"training.batch_size is {settings.batch_size}, but {dataset.info.name!r} has {rows} training rows; "
            f"use --batch_size={rows} or less"
        )
    if dataset.info.kind != "image" and config.dataset.augmentation != type(config.dataset.augmentation)():
        raise ZooError(f"dataset.augmentation is for images; {dataset.info.name!r} holds {dataset.info.kind}s")


def _compile(objective, config: Config, dataset, teaching, resume: runs.Run | None):
    import keras
    import tensorflow as tf

    from zoo.datasets.pipeline import BatchPlan
    from zoo.training.layerwise import decay_learning_rates
    from zoo.training.optimizers import build_optimizer
    from zoo.training.programs import steps_per_call, uses_xla
    from zoo.training.pruning import prune_while_training

    settings = config.training
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    models = [objective.model, *([teaching.model] if teaching else [])]
    use_xla = replicas == 1 and all(uses_xla(model, settings.xla) for model in models)
    features = dataset.train.features
    plan = BatchPlan(
        num_examples=len(features),
        batch_size=settings.batch_size,
        # Of a resumed run, what it began with: the order of length buckets follows from it.
        steps_per_call=settings.steps_per_call
        or (resume and resume.record.get("steps_per_call"))
        or steps_per_call(objective.model, features, settings.batch_size, use_xla),
        epochs=settings.epochs,
    )
    trainer = objective.trainer()
    trainer.distillation = teaching
    trainer.gradient_accumulation_steps = settings.optimizer.gradient_accumulation_steps
    if settings.optimizer.l2:
        for variable in trainer.trainable_variables:
            if variable.name == "kernel":
                variable.regularizer = keras.regularizers.L2(settings.optimizer.l2)
    loss, metric = objective.loss()
    optimizer = build_optimizer(settings.optimizer, settings.schedule, plan.steps_per_epoch, plan.epochs)
    if settings.optimizer.layer_decay:
        decay_learning_rates(optimizer, trainer, settings.optimizer.layer_decay)
    if settings.pruning:
        prune_while_training(optimizer, trainer, settings.pruning, plan)
    trainer.compile(optimizer, loss, weighted_metrics=[metric], jit_compile=use_xla)
    # `fit` ends by writing the averaged weights into the model, and a run resumed inside an epoch calls `fit` twice.
    trainer.optimizer.finalize_variable_values = lambda variables: None
    trainer.prepare((settings.batch_size // replicas, *trainer.input_shape[1:]))
    return trainer, plan


def _fit(trainer, plan, config: Config, dataset, augmentation, strategy, start_step: int, callbacks) -> None:
    """`model.fit`, once for the rest of an epoch that a resumed run stands in, then for all other epochs."""
    from zoo.datasets.pipeline import evaluation_batches, evaluation_steps, training_calls

    held_out = dataset.validation
    validation = strategies.distribute(
        strategy, lambda shard: evaluation_batches(held_out.features, held_out.labels, shard=shard)
    )
    weights = class_weights(config.training.class_weights, dataset)
    segments = [(start_step, plan.epochs)]
    epoch, step_in_epoch = divmod(start_step, plan.steps_per_epoch)
    if step_in_epoch:
        segments = [(start_step, epoch + 1), ((epoch + 1) * plan.steps_per_epoch, plan.epochs)]
    for first_step, last_epoch in segments:
        if first_step >= last_epoch * plan.steps_per_epoch or getattr(trainer, "stop_training", False):
            continue
        build = functools.partial(
            training_calls,
            dataset.train.features,
            dataset.train.labels,
            plan,
            seed=config.training.seed,
            start_step=first_step,
            augmentation=augmentation,
            class_weights=weights,
            length_buckets=config.training.length_buckets,
        )
        trainer.fit(
            strategies.distribute(strategy, lambda shard, build=build: build(shard=shard)),
            initial_epoch=first_step // plan.steps_per_epoch,
            epochs=last_epoch,
            steps_per_epoch=plan.calls_in_epoch(first_step),
            validation_data=validation,
            validation_steps=evaluation_steps(held_out.features, strategy.num_replicas_in_sync),
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )


def _tensorboard(run: runs.Run, profile: bool):
    import keras

    calls = (2, 3) if profile else 0  # the first one compiles
    return keras.callbacks.TensorBoard(run.path / "tensorboard", write_graph=False, profile_batch=calls)


def _save_model(run: runs.Run, model, config: Config, dataset) -> None:
    from zoo.loading import save_model

    task = registry.model_info(config.model.name).task
    labels = {
        "label_names": [] if task == "masked_language_model" else list(dataset.info.label_names),
        "task": task,
        "dataset": dataset.info.name,
        "feature_names": list(dataset.feature_names) if dataset.feature_names else None,
    }
    run.write_json("labels.json", labels)
    save_model(model, run.model_file, labels, compress=config.training.pruning is not None)
