"""One config, several seeds, one run each; and the runs of it that exist already."""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence

from zoo.config import Config, recipe, with_values
from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.runs import Run
from zoo.training import claims
from zoo.training.cluster import is_first_task
from zoo.training.fitting import fitted

UNFINISHED = ("interrupted", "running")


def train_seeds(
    config: Config,
    runs_dir: str | os.PathLike,
    seeds: Iterable[int],
    resume: bool = False,
    trackers: Sequence[str] = (),
) -> Iterator[tuple[int, Run | None, bool]]:
    """Train the seeds one after the other and yield (seed, run, whether it was finished before) as each ends.

    Args:
        config: its own seed does not matter.
        runs_dir: where the run directories are made.
        seeds: of the runs, in their order.
        resume: take finished runs of the same config as they are, and go on with interrupted ones.
        trackers: as `fit.train`.

    Raises:
        ZooError: as `zoo.train`, with the seed; or a finished run was trained on other data.
        zoo.errors.Interrupted: as `zoo.train`.
    """
    configs = [(seed, with_values(config, {"training.seed": seed}, f"seed {seed}")) for seed in seeds]
    # All workers of a cluster must make the same plan, so they look before the first seed is trained.
    plan = [
        (seed, one, earlier_run(one, runs_dir, ("finished",)), earlier_run(one, runs_dir, UNFINISHED))
        if resume
        else (seed, one, None, None)
        for seed, one in configs
    ]
    digests = {}
    for seed, one, finished, unfinished in plan:
        try:
            run = finished or train_alone(one, runs_dir, resume=unfinished, trackers=trackers)
        except ZooError as error:
            raise ZooError(f"seed {seed}: {error}") from None
        if run is not None:
            digests[run.record["data_digest"]] = seed
        if len(digests) > 1:
            raise ZooError(
                f"{run.path}: seed {seed} was trained on other data than the seeds before it; train all anew"
            )
        yield seed, run, finished is not None


def train_alone(config: Config, runs_dir: str | os.PathLike, **arguments) -> Run | None:
    """Call `zoo.train`, then let Keras forget it: the next training gets its memory and the same names of layers."""
    from zoo.training import fit

    run = fit.train(config, runs_dir, **arguments)
    import keras  # fit has imported TensorFlow without its greeting

    keras.backend.clear_session()
    return run


def dataset_without_test(config: Config):
    """The config's `zoo.datasets.Dataset` for trainings that are compared on validation: none of them can read test.

    Raises:
        ZooError: the data cannot be had, or do not go with the model.
    """
    from zoo import datasets
    from zoo.quiet import import_tensorflow
    from zoo.training import checks
    from zoo.training.strategy import make_strategy

    import_tensorflow(start=False)
    make_strategy(config.training)  # before data, whose preparation starts TensorFlow
    checks.refuse_unfitting(config, datasets.dataset_info(config.dataset.name))
    return dataclasses.replace(checks.load_data(config), test=None)


def earlier_run(
    config: Config, runs_dir: str | os.PathLike, statuses: tuple[str, ...], withheld_test: bool = False
) -> Run | None:
    """The newest run of the same config and seed, with one of the statuses.

    One that is unfinished is claimed for this process; those that another process trains are passed over. A finished
    run without test figures is a trial, which `withheld_test` asks for.
    """
    for record in sorted(pathlib.Path(runs_dir, config.model.name).glob("*/run.json"), reverse=True):
        run = Run(record.parent)
        try:
            if _may_be_taken(run, config, statuses, withheld_test):
                return run
        except ZooError as error:
            tell(f"left out: {error}")
    return None


def _may_be_taken(run: Run, config: Config, statuses: tuple[str, ...], withheld_test: bool) -> bool:
    if run.record["status"] not in statuses or not _has_config(run, config):
        return False
    if run.record["status"] == "finished":
        return ("test" not in run.results) == withheld_test
    # Only the chief checks whether a process trains the run: when the others check, it may be the chief itself.
    if not is_first_task():
        return True
    if not claims.claim(run):
        tell(f"{run.path}: passed over, {claims.refusal(run)}")
        return False
    if run.record["status"] in statuses:  # still: another process may have ended it meanwhile
        return True
    claims.release(run)
    return False


def _has_config(run: Run, config: Config) -> bool:
    """Whether the config of the run is what `config` becomes on its data; `auto` stands for any precision."""
    try:
        stored = run.config
        counts = run.record["data_report"]["counts"]
        rows, validation_rows = counts["train"]["rows"], counts["validation"]["rows"]
    except (ZooError, KeyError):  # of another version of the zoo, or damaged
        return False
    config, _ = fitted(config, rows, validation_rows, run.record.get("replicas", 1))
    if config.training.precision == "auto":
        config = with_values(config, {"training.precision": stored.training.precision}, "precision")
    return recipe(stored) == recipe(config) and stored.training.seed == config.training.seed
