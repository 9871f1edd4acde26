"""What the command train does around `train`: the last lines that people read, resuming, seeds, cross-validation."""

import functools
import pathlib
import shlex
import sys
from collections.abc import Sequence

from zoo import datasets, runs
from zoo.command_words import command, typed
from zoo.config import Config, with_values
from zoo.errors import Interrupted, ZooError
from zoo.escaping import tell
from zoo.experiments import seeds
from zoo.models import catalog
from zoo.quiet import import_tensorflow
from zoo.training import checks, claims
from zoo.training.cluster import is_first_task


def train(config: Config, runs_dir: str, resume: runs.Run | None = None, **arguments) -> int:
    """Train, print how it ended and what to type next, and return the exit status; the rest is for `fit.train`."""
    from zoo.training import fit
    from zoo.training.weight_pruning import in_words as pruning_in_words

    try:
        run = fit.train(config, runs_dir, resume=resume, **arguments)
    except Interrupted as interruption:
        if interruption.run is not None:  # only the chief has one
            again = f"{command('train')} --resume={shlex.quote(str(interruption.run.path))}"
            saved = "state saved" if interruption.state_saved else "state not saved"
            print(f"interrupted, {saved}; go on with: {again}", file=sys.stderr)
        return 128 + interruption.signal_number
    if run is None:  # a worker that is not the chief
        return 0
    info = catalog.model_info(config.model.name)
    seconds = run.record["wall_seconds"]
    print(f"{info.task.summary(run.results['test'], run.labels)}, {seconds:.0f} s, run {run.path}")
    if pruned := run.record.get("pruned"):
        print(pruning_in_words(pruned))
    print(f"next: {info.task.next_command(shlex.quote(str(run.path)))}")
    return 0


def pretrain(config: Config, runs_dir: str) -> int:
    """Train a model that is a start for others.

    Raises:
        ZooError: the model is none.
    """
    task = catalog.model_info(config.model.name).task
    if not task.pretrains:
        raise ZooError(f"--model={config.model.name} is a model of {task.words}; {command('train')} trains it")
    return train(config, runs_dir)


def resume(path: str, data_dir: str | None = None, trackers: Sequence[str] = ()) -> int:
    """Finish an interrupted run with its own config; `data_dir` is where its data have gone meanwhile.

    Raises:
        ZooError: there is no such run, it has finished, or a process is training it.
    """
    run = runs.open_run(path)
    if is_first_task() and not claims.claim(run):
        raise ZooError(f"--resume={path}: {claims.refusal(run)}")
    if run.record["status"] in ("finished", "pruned"):
        raise ZooError(f"--resume={path}: this run has finished; {command('evaluate')} --run={path} shows it")
    config = run.config
    if data_dir:
        config = with_values(config, {"dataset.data_dir": data_dir}, "--data_dir")
    else:
        datasets.refuse_moved(config.dataset)
    return train(config, str(run.path.parent.parent), resume=run, trackers=trackers)


def resume_newest(config: Config, runs_dir: str, trackers: Sequence[str] = ()) -> int:
    """Finish the newest interrupted run of the same config, or train anew where there is none."""
    run = seeds.earlier_run(config, runs_dir, seeds.UNFINISHED)
    if is_first_task():
        unfinished = f"{pathlib.Path(runs_dir, config.model.name)} has no unfinished run of this config to take up"
        tell(f"resuming {run.path}" if run else f"training anew: {unfinished}")
    return train(config, runs_dir, resume=run, trackers=trackers)


def train_seeds(
    config: Config, runs_dir: str, num_seeds: int, resume: bool = False, trackers: Sequence[str] = ()
) -> int:
    """Train the config's seed and those that follow it, and print each figure and their mean with its interval.

    Args:
        config: its seed is the first.
        runs_dir: where the run directories are made.
        num_seeds: 2 or more.
        resume: take seeds of the same config that are finished as they are, and go on with interrupted ones.
        trackers: as `fit.train`.

    Raises:
        ZooError: fewer than 2 seeds, or as `zoo.train`.
    """
    from zoo.measures.statistics import seeds_interval

    if num_seeds < 2:
        raise ZooError(f"--num_seeds={num_seeds}: at least 2 are needed for an interval; leave it out for one")
    task, figures, first = catalog.model_info(config.model.name).task, {}, config.training.seed
    headline = task.headline
    try:
        for seed, run, taken in seeds.train_seeds(config, runs_dir, range(first, first + num_seeds), resume, trackers):
            if run is None or not is_first_task():  # others see the finished runs alone
                continue
            figures[seed] = task.value(run.results["test"])
            how = "finished before, not trained again" if taken else f"{run.record['wall_seconds']:.0f} s"
            figure = f"test {headline.words} {headline.text(figures[seed])}"
            print(f"seed {seed}: {figure}, {how}, run {run.path}", flush=True)
    except Interrupted as interruption:
        if interruption.run is not None:  # only the chief has one
            done = ", ".join(map(str, figures)) or "none"
            again, seed = typed(*([] if resume else ["--resume=auto"])), first + len(figures)
            print(f"interrupted in seed {seed}; finished: {done}; go on with: {again}", file=sys.stderr)
        return 128 + interruption.signal_number
    if figures:
        values = list(figures.values())
        low, high = seeds_interval(values)
        mean, folder = sum(values) / len(values), shlex.quote(str(pathlib.Path(runs_dir, config.model.name)))
        print(
            f"{num_seeds} seeds: test {headline.words} {headline.text(mean)} ± {headline.text((high - low) / 2)} "
            f"(95 % interval of the mean {headline.interval_text(headline.within((low, high)))}), runs {folder}"
        )
        if not task.pretrains:
            print(f"next: {command('compare')} {folder}")
    return 0


def refuse_overrides(names: list[str]) -> None:
    """Raises: ZooError: a flag would change the config of a run that is to be resumed."""
    if names:
        raise ZooError(f"--{names[0]} does not go with --resume: a resumed run keeps its config")


def cross_validate(config: Config, runs_dir: str, num_folds: int) -> int:
    """Train on each fold, print its held-out figure and the mean ± standard deviation. The test split is not read.

    Raises:
        ZooError: fewer than 2 folds, or more than the data allow.
    """
    import numpy as np

    from zoo.training import fit

    if config.training.distillation:
        raise ZooError(
            "--cross_validation does not go with training.distillation: the teacher has learned from held-out rows"
        )
    if config.dataset.train_fraction != 1:
        raise ZooError(
            "--cross_validation does not go with dataset.train_fraction: its folds would learn from validation rows too"
        )
    if config.model.init_from:
        import_tensorflow(start=False)
        from zoo.training import starting

        starting.refuse_learned(config.model.init_from, config.dataset.name)
    task = catalog.model_info(config.model.name).task
    checks.refuse_unfitting(config, datasets.dataset_info(config.dataset.name))
    whole = checks.load_data(config)
    figures, headline = [], task.headline
    for number, fold in enumerate(datasets.cross_validation_folds(whole, num_folds), start=1):
        try:
            # In a folder apart: trainings on all data have the same config and seed.
            run = fit.train(config, pathlib.Path(runs_dir, "cross_validation"), dataset=fold)
        except Interrupted as interruption:
            print(f"interrupted in fold {number} of {num_folds}", file=sys.stderr)
            return 128 + interruption.signal_number
        if run is None:  # a worker that is not the chief
            continue
        figures.append(task.value(run.results["test"]))
        print(f"fold {number}/{num_folds}: {headline.words} {headline.text(figures[-1])}, run {run.path}", flush=True)
    if figures:
        mean, deviation = (headline.text(of(figures)) for of in (np.mean, functools.partial(np.std, ddof=1)))
        print(f"{num_folds} folds: {headline.words} {mean} ± {deviation} (standard deviation)")
    return 0
