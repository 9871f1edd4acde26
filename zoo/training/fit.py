"""Training from a config to a finished run: the whole story is `train`, read top to bottom."""

import dataclasses
import errno
import functools
import os
import pathlib
import sys
import time
from collections.abc import Sequence

from zoo import datasets, runs
from zoo.config import Config, with_values
from zoo.datasets.summary import summarize
from zoo.errors import Interrupted, ZooError
from zoo.escaping import tell
from zoo.models import catalog
from zoo.quiet import import_tensorflow
from zoo.tasks import Task, Training
from zoo.training import checks, claims, record
from zoo.training import strategy as strategies

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
    settings, task = config.training, catalog.model_info(config.model.name).task
    checks.refuse_unfitting(config, dataset.info if dataset else datasets.dataset_info(config.dataset.name))
    strategies.refuse_early(settings)
    import_tensorflow(start=False)
    from zoo.training import callbacks as zoo_callbacks
    from zoo.training import distillation, layerwise, preprocessing, pretrained, weight_pruning
    from zoo.training.fitting import fitted, resolved_precision

    strategy = strategies.make_strategy(settings)  # before data, whose preparation starts TensorFlow
    dataset = dataset or datasets.load_configured(config.dataset, task=task, ask=True)
    checks.refuse_unfitting(config, dataset.info)  # a table of the user's may turn out to hold texts
    config, fitting_lines = fitted(config, len(dataset.train), len(dataset.validation), strategy.num_replicas_in_sync)
    precision, precision_line = resolved_precision(settings.precision)
    config = with_values(config, {"training.precision": precision}, "precision")
    settings = config.training
    checks.check_dataset(config, dataset)
    options = checks.model_options(config, dataset)
    if resume and resume.record["data_digest"] != dataset.digest:
        raise ZooError(f"{resume.path}: the data have changed since this run began; train again without --resume")
    _set_up_keras(settings)
    with strategy.scope():
        model = catalog.create_model(config.model.name, **options)
        if config.model.init_from:
            taken = pretrained.initialize(model, config.model.init_from)
        else:
            taken = None
            preprocessing.adapt(model, dataset.train.features)
        task.adapt(model, dataset.train.targets)
        layerwise.freeze(model, settings.frozen_layers)
        training = Training(config, model, options, dataset.info)
        arrays = _prepared(task, training, preprocessing.encoded(model, dataset))
        teaching = distillation.load_teacher(settings, model, dataset, resume)
        trainer, plan = _compile(task, training, arrays, teaching, resume)

    chief = strategies.is_chief(strategy)
    run = resume or (runs.create_run(runs_dir, config.model.name) if chief else None)
    if chief and not claims.claim(run):
        raise ZooError(f"{run.path}: {claims.refusal(run)}")
    if show_progress and chief:
        said = f"{dataset.info.name}: {summarize(dataset.report)}".split("\n")
        for line in filter(None, (*said, taken, precision_line, *fitting_lines)):
            tell(line)
    history = zoo_callbacks.History(run.history_file if chief else None, plan, task.headline, show_progress and chief)
    selection = zoo_callbacks.Selection(
        task.headline, settings.early_stopping, weight_pruning.is_finished(settings.pruning)
    )
    checkpoints = zoo_callbacks.Checkpoints(
        run and run.checkpoints, plan, history, selection, settings.checkpoint_minutes, strategy
    )
    checkpoints.set_model(trainer)
    start_step = checkpoints.restore() if resume else 0
    strategies.refuse_disagreement(strategy, start_step)
    if chief:
        record.start_record(run, config, dataset, model, trainer, plan, strategy)
        if teaching:
            run.update_record(teacher=teaching.record)
    try:
        with checkpoints.watching_signals():
            average = [zoo_callbacks.AverageInValidation()] if settings.optimizer.ema_momentum else []
            board = [_tensorboard(run, profile)] if chief else []
            watchers = [selection, *average, history, *board, *callbacks, checkpoints]
            _fit(task, training, trainer, plan, arrays, strategy, start_step, watchers)
        checkpoints.end_training()
        best = selection.best_weights if settings.selection == "best" else []
        trainer.set_weights(best or selection.last_weights)
        if chief:
            _save_model(run, model, config, dataset)
            draw = _judge(task, training, trainer, dataset, run, selection)
            checkpoints.end_judging()
            if settings.pruning:
                run.update_record(pruned=weight_pruning.sizes(model))
            advice = record.finish_record(run, started, trainer, history, checkpoints)
            run.update_record(flops=record.flops(model))
            draw()
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


def _prepared(task: Task, training: Training, dataset):
    """The dataset as the trainer reads it; its test split is left as it is."""
    parts = {name: task.prepare(training, getattr(dataset, name), name == "train") for name in ("train", "validation")}
    return dataclasses.replace(dataset, **parts)


def _compile(task: Task, training: Training, dataset, teaching, resume: runs.Run | None):
    import keras
    import tensorflow as tf

    from zoo.datasets.pipeline import BatchPlan
    from zoo.training.layerwise import decay_learning_rates
    from zoo.training.optimizers import build_optimizer
    from zoo.training.programs import steps_per_call, uses_xla
    from zoo.training.trainer import batch_specification, build_trainer
    from zoo.training.weight_pruning import prune_while_training

    config, model = training.config, training.model
    settings = config.training
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    models = [model, *([teaching.model] if teaching else [])]
    use_xla = replicas == 1 and all(uses_xla(each, settings.xla) for each in models)
    features = dataset.train.features
    plan = BatchPlan(
        num_examples=len(dataset.train),
        batch_size=settings.batch_size,
        # Of a resumed run, what it began with: the order of length buckets follows from it.
        steps_per_call=settings.steps_per_call
        or (resume and resume.record.get("steps_per_call"))
        or steps_per_call(model, features, settings.batch_size, use_xla),
        epochs=settings.epochs,
    )
    trainer = build_trainer(task, training, checks.shorter_models(training))
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
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if settings.optimizer.layer_decay:
            decay_learning_rates(optimizer, variables, trainer, settings.optimizer.layer_decay)
        if settings.pruning:
            prune_while_training(optimizer, variables, settings.pruning, plan)
    trainer.prepare(batch_specification(trainer, dataset.train.targets, settings.batch_size // replicas))
    return trainer, plan


def _fit(task: Task, training: Training, trainer, plan, dataset, strategy, start_step: int, callbacks) -> None:
    """`model.fit`, once for the rest of an epoch that a resumed run stands in, then for all other epochs."""
    from zoo.datasets.pipeline import evaluation_batches, evaluation_steps, training_calls

    config, held_out = training.config, dataset.validation
    validation = strategies.distribute(
        strategy, lambda shard: evaluation_batches(held_out.features, held_out.targets, shard=shard)
    )
    augmentation = task.augmentation(training, checks.augmentation_of(config, dataset))
    weights = task.row_weights(config, dataset)
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
            dataset.train.targets,
            plan,
            seed=config.training.seed,
            start_step=first_step,
            augmentation=augmentation,
            row_weights=weights,
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


def _judge(task: Task, training: Training, trainer, dataset, run: runs.Run, selection):
    """Figures and predictions, and what draws pictures. Here, and only here, the test split is read."""
    from zoo.evaluation.outcome import write_outcome
    from zoo.loading import load_model
    from zoo.training import preprocessing
    from zoo.training.trainer import outputs_of

    if task.judged_by == "trainer":

        def answer(split):
            encoded = dataclasses.replace(split, features=preprocessing.encode(training.model, split.features))
            prepared = task.prepare(training, encoded, learning=False)
            return outputs_of(trainer, prepared.features), prepared.targets

    else:
        loaded = load_model(run)  # what users get, not what was trained

        def answer(split):
            return loaded.predict(split.features), split.targets

    return write_outcome(run, dataset, task, answer, {"best_epoch": selection.best_epoch})


def _tensorboard(run: runs.Run, profile: bool):
    import keras

    calls = (2, 3) if profile else 0  # the first one compiles
    return keras.callbacks.TensorBoard(run.path / "tensorboard", write_graph=False, profile_batch=calls)


def _save_model(run: runs.Run, model, config: Config, dataset) -> None:
    from zoo.loading import save_model

    info = catalog.model_info(config.model.name)
    labels = info.task.labels(dataset.info) | {
        "task": info.task.name,
        "reads": info.reads,
        "dataset": dataset.info.name,
        "feature_names": list(dataset.feature_names) if dataset.feature_names else None,
    }
    run.write_json("labels.json", labels)
    save_model(model, run.model_file, labels, compress=config.training.pruning is not None)
