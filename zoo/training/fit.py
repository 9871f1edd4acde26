"""Training from a config to a finished run: the whole story is `train`, read top to bottom."""

import contextlib
import dataclasses
import errno
import functools
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from zoo import datasets, runs
from zoo.command_words import command
from zoo.config import Config
from zoo.datasets.summary import summarize
from zoo.errors import Interrupted, ZooError
from zoo.escaping import tell
from zoo.models import catalog
from zoo.quiet import import_tensorflow, keeping_precision
from zoo.tasks import Task, Training
from zoo.training import checks, claims, record
from zoo.training import strategy as strategies

_DISK_REFUSES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


@keeping_precision()
def train(
    config: Config,
    runs_dir: str | os.PathLike = "runs",
    *,
    resume: runs.Run | None = None,
    dataset=None,
    show_progress: bool = True,
    profile: bool = False,
    callbacks: Sequence = (),
    trackers: Sequence[str] = (),
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
        callbacks: `keras.callbacks.Callback`s that watch beside the zoo's own; `zoo.RunCallback`s know the run.
        trackers: names of experiment trackers that get what the run holds: mlflow, wandb.

    Raises:
        ZooError: the data cannot be had, the model does not fit them, or the loss is not finite.
        zoo.errors.Interrupted: Ctrl-C, SIGTERM or SIGHUP, after the state was saved; `run` is its attribute.
    """
    started = time.monotonic()
    task = catalog.model_info(config.model.name).task
    checks.refuse_unfitting(config, dataset.info if dataset else datasets.dataset_info(config.dataset.name))
    strategies.refuse_early(config.training)
    import_tensorflow(start=False)
    from zoo.keras_hooks import AverageInValidation
    from zoo.training import averaging, building, distillation, weight_pruning
    from zoo.training import callbacks as zoo_callbacks
    from zoo.training.trackers import Tracker

    callbacks = [*callbacks, *map(Tracker, trackers)]
    run_callbacks = [each for each in callbacks if isinstance(each, zoo_callbacks.RunCallback)]
    strategy = strategies.make_strategy(config.training)  # before data, whose preparation starts TensorFlow
    dataset = dataset or checks.load_data(config)
    config = checks.with_columns(config, dataset)
    config, notices = building.fit_config(config, dataset, strategy.num_replicas_in_sync)
    settings, options = config.training, checks.model_options(config, dataset)
    if resume and resume.record["data_digest"] != dataset.digest:
        raise ZooError(f"{resume.path}: the data have changed since this run began; train again without --resume")
    building.set_up_keras(settings)
    with strategy.scope():
        training, taken, learns = building.build_model(task, config, options, dataset)
        arrays = building.prepare(task, training, dataset)
        teaching = distillation.load_teacher(settings, training.model, dataset, resume)
        trainer, plan = building.compile_trainer(task, training, arrays, teaching, resume)

    chief = strategies.is_chief(strategy)
    run = resume or (runs.create_run(runs_dir, config.model.name) if chief else None)
    if chief and not claims.claim(run):
        raise ZooError(f"{run.path}: {claims.refusal(run)}")
    if show_progress and chief:
        said = f"{dataset.info.name}: {summarize(dataset.report)}".split("\n")
        for line in filter(None, (*said, str(taken or ""), learns, *notices)):
            tell(line)
    history = zoo_callbacks.History(run.history_file if chief else None, plan, task.headline, show_progress and chief)
    is_finished = weight_pruning.is_finished(settings.pruning)
    selection = zoo_callbacks.Selection(task.headline, settings.early_stopping, is_finished)
    last_epochs = averaging.LastEpochs(plan.epochs, settings.average_last_epochs)
    checkpoints = zoo_callbacks.Checkpoints(
        run and run.checkpoints, plan, history, selection, last_epochs, settings.checkpoint_minutes, strategy
    )
    checkpoints.set_model(trainer)
    start_step = checkpoints.restore() if resume else 0
    strategies.refuse_disagreement(strategy, start_step)
    if chief:
        record.start_record(run, config, dataset, training.model, trainer, plan, strategy)
        if taken:
            run.update_record(init_from=dataclasses.asdict(taken))
        if teaching:
            run.update_record(teacher=teaching.record)
        for callback in run_callbacks:
            callback.run = run

    def keep_best() -> str:
        """Save the best weights of a training that fails, and say so."""
        if not selection.best_weights:
            return "nothing to keep yet"
        trainer.set_weights(selection.best_weights)
        _save_model(run, training.model, config, dataset)
        return f"the best weights so far are in {run.model_file}"

    try:
        with _recorded_failures(run if chief else None, started, keep_best):
            with checkpoints.watching_signals():
                ema = [AverageInValidation()] if settings.optimizer.ema_momentum else []
                board = [_tensorboard(run, profile)] if chief else []
                watchers = [selection, *ema, last_epochs, history, *board, *callbacks, checkpoints]
                _fit(task, training, trainer, plan, arrays, strategy, start_step, watchers)
            checkpoints.end_training()
            average = None
            if last_epochs.sum.count:
                average = _average(training, trainer, dataset, arrays, strategy, last_epochs.sum, selection)
            best = selection.best_weights if settings.selection == "best" else []
            trainer.set_weights(best or selection.last_weights)
            if chief:
                _save_model(run, training.model, config, dataset)
                draw = _judge(task, training, trainer, dataset, run, selection)
                if average:
                    run.update_record(average=average)
                checkpoints.end_judging()
                advice = record.finish_record(run, started, training, trainer, history, checkpoints)
                draw()
                if advice and show_progress:
                    print(advice, file=sys.stderr)
            strategies.total(strategy, [0.0])  # all workers wait here: one that left earlier would end the others
    finally:
        checkpoints.close()
        if chief:
            claims.release(run)
            for callback in run_callbacks:
                callback.on_run_end()
    return run if chief else None


@contextlib.contextmanager
def _recorded_failures(run: runs.Run | None, started: float, keep_best: Callable[[], str]) -> Iterator[None]:
    """Write what ends a training early into its run, and turn what the user can mend into one line.

    Args:
        run: None on workers that are not the chief.
        started: `time.monotonic()` at the start.
        keep_best: saves the best weights so far, and returns what there is to say of them.

    Raises:
        ZooError: the disk refuses a file of the run, or the loss is not finite.
    """
    from zoo.training.callbacks import LossNotFiniteError

    try:
        yield
    except Interrupted as interruption:
        if run:
            run.update_record(status="interrupted", wall_seconds=record.wall_seconds(run, started))
            interruption.run = run
        raise
    except OSError as error:
        inside = run and pathlib.Path(error.filename or "/").absolute().is_relative_to(run.path.absolute())
        if not run or not (inside or error.errno in _DISK_REFUSES):
            raise
        what = error.strerror if run.path.exists() else "is gone"
        raise ZooError(
            f"{run.path}: {what}; make room, or put it back, then: {command('train')} --resume={run.path}"
        ) from None
    except LossNotFiniteError as error:
        kept = keep_best() if run else "nothing to keep yet"
        if run:
            run.update_record(status="failed", error=str(error), wall_seconds=record.wall_seconds(run, started))
        raise ZooError(f"{error}; {kept}; lower --learning_rate or set training.optimizer.clip_norm") from None


def _fit(task: Task, training: Training, trainer, plan, dataset, strategy, start_step: int, callbacks) -> None:
    """Call `Model.fit` for all epochs: first for the rest of an epoch, if a run resumes inside one.

    Where frozen layers begin to learn, or pictures become whole, one call ends and another begins.
    """
    from zoo.datasets.pipeline import training_calls
    from zoo.training import resizing

    config, validation = training.config, _held_out(dataset, strategy)
    augmentation = task.augmentation(training, checks.augmentation_of(config, dataset))
    mixing, weights = checks.mixing_of(task, training), checks.row_weights(task, config, dataset)
    epoch, step_in_epoch = divmod(start_step, plan.steps_per_epoch)
    unfreeze_epoch, small_epochs = config.training.unfreeze_epoch, resizing.small_epochs(config.training)
    small = small_epochs and resizing.Smaller(
        augmentation, resizing.small_size(config.training, dataset.train.features.shape[1:])
    )
    ends = {epoch + 1 if step_in_epoch else plan.epochs, unfreeze_epoch or plan.epochs, small_epochs, plan.epochs}
    ends = sorted(end for end in ends if epoch < end <= plan.epochs)
    starts = [start_step, *(end * plan.steps_per_epoch for end in ends)][: len(ends)]
    for first_step, last_epoch in zip(starts, ends, strict=True):
        if getattr(trainer, "stop_training", False):
            break
        if unfreeze_epoch:
            trainer.let_late_layers_learn(first_step >= unfreeze_epoch * plan.steps_per_epoch)
        build = functools.partial(
            training_calls,
            dataset.train.features,
            dataset.train.targets,
            plan,
            seed=config.training.seed,
            start_step=first_step,
            augmentation=small if first_step < small_epochs * plan.steps_per_epoch else augmentation,
            mixing=mixing,
            row_weights=weights,
            length_buckets=config.training.length_buckets,
        )
        trainer.fit(
            strategies.distribute(strategy, lambda shard, build=build: build(shard=shard)),
            initial_epoch=first_step // plan.steps_per_epoch,
            epochs=last_epoch,
            steps_per_epoch=plan.calls_in_epoch(first_step),
            validation_data=validation["x"],
            validation_steps=validation["steps"],
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )


def _average(training: Training, trainer, dataset, arrays, strategy, weight_sum, selection) -> dict:
    """Show the average of the last epochs to the selection, and say what run.json says of it."""
    from zoo.training.averaging import measure_normalization

    settings = training.config.training
    trainer.set_weights(weight_sum.mean())
    measure_normalization(training.model, dataset.train.features, settings.batch_size, settings.seed)
    selection.epoch = settings.epochs - 1
    logs = trainer.evaluate(**_held_out(arrays, strategy), callbacks=[selection], verbose=0, return_dict=True)
    kept = (
        settings.selection == "last" or not selection.best_weights or selection.best_weights is selection.last_weights
    )
    return {"epochs": weight_sum.count, "kept": kept, "validation": float(logs[selection.headline.name])}


def _held_out(dataset, strategy) -> dict:
    """The validation rows, as `Model.evaluate` takes them."""
    from zoo.datasets.pipeline import evaluation_batches, evaluation_steps

    rows = dataset.validation
    batches = strategies.distribute(
        strategy, lambda shard: evaluation_batches(rows.features, rows.targets, shard=shard)
    )
    return {"x": batches, "steps": evaluation_steps(rows.features, strategy.num_replicas_in_sync)}


def _judge(task: Task, training: Training, trainer, dataset, run: runs.Run, selection):
    """Figures and predictions, and what draws pictures. Here, and only here, the test split is read."""
    from zoo.evaluation.outcome import write_outcome
    from zoo.loading import load_model
    from zoo.training import building
    from zoo.training.trainer import outputs_of

    if task.judged_by == "trainer":

        def answer(split):
            prepared = building.prepare_split(task, training, split, learning=False)
            return outputs_of(trainer, prepared.features), prepared.targets

    else:
        loaded = load_model(run)  # what users get, not what was trained

        def answer(split):
            return loaded.answers(split.features), split.targets

    return write_outcome(run, dataset, task, answer, {"best_epoch": selection.best_epoch})


def _tensorboard(run: runs.Run, profile: bool):
    import keras

    calls = (2, 3) if profile else 0  # the first one compiles
    return keras.callbacks.TensorBoard(run.path / "tensorboard", write_graph=False, profile_batch=calls)


def _save_model(run: runs.Run, model, config: Config, dataset) -> None:
    from zoo.loading import save_model
    from zoo.training import adapters

    info = catalog.model_info(config.model.name)
    labels = info.task.labels(dataset.info) | {
        "task": info.task.name,
        "reads": info.reads,
        "dataset": dataset.info.name,
        "feature_names": list(dataset.feature_names) if dataset.feature_names else None,
    }
    if dataset.schema:
        labels["schema"] = dataset.schema.to_json()
    run.write_json("labels.json", labels)
    if config.training.lora_rank:
        adapters.write_learned(run.path / "adapters.npz", model)
        adapters.merge_adapters(model)
    save_model(model, run.model_file, labels, compress=config.training.pruning is not None)
