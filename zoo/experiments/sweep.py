"""A search over config keys with Optuna. Trials are judged on validation; test is withheld from them.

The study is a folder: `study.db` (Optuna's, in SQLite), `runs/` (a run a trial), `best.yaml` (the config to train).
Several searches may work on one study at once. One that was killed at any instant does no harm: finished trials count,
an unfinished one is taken up from its checkpoint, by whoever is there.
"""

import pathlib
import sys
import time

from zoo.command_words import command
from zoo.config import Config, with_values
from zoo.errors import Interrupted, ZooError
from zoo.escaping import tell
from zoo.experiments import study as studies
from zoo.experiments.search_space import SearchSpace, read_space
from zoo.experiments.seeds import UNFINISHED, dataset_without_test, earlier_run, train_alone
from zoo.models import catalog
from zoo.runs import write_atomically
from zoo.shipped import found
from zoo.tasks import Metric, Task
from zoo.text_table import align_columns
from zoo.training.strategy import refuse_workers

SHOWN = 10  # of the trials, at the end


class _JudgedError(Exception):
    """Values that cannot be trained: the trial counts."""


class _SurplusError(Exception):
    """A trial that another search had promised already."""


def sweep(config: Config, space_file: str, study_dir: str, num_trials: int, storage: str | None = None) -> int:
    """Search until `num_trials` trials are judged, print the best of them and the command that trains it; exit status.

    Args:
        config: what the drawn values are laid over; its seed is that of every trial.
        space_file: see `read_space`.
        study_dir: the study's folder; one that exists is gone on with, beside other searches.
        num_trials: in all, with those that the study holds already, and those of other searches.
        storage: URL of a PostgreSQL or MySQL database for the trials, where searches run on several hosts.

    Raises:
        ZooError: the space is wrong, the study is another one's or damaged, or every trial failed.
    """
    _need_optuna()
    if num_trials < 1:
        raise ZooError(f"--trials={num_trials}: at least 1 is needed")
    refuse_workers(config.training, "a search")
    config = config.model_copy(update={"claim": None})
    space, folder = read_space(found(space_file), config), pathlib.Path(study_dir)
    with studies.one_line_for_storage(folder, storage):
        direction = "minimize" if _headline(config).better == "less" else "maximize"
        study = studies.open_study(folder, storage, direction, config.training.epochs // 4)
        studies.agree(study, folder, space=space.to_json(), config=config.to_yaml())
        try:
            _search(study, config, space, folder, num_trials)
        except Interrupted as interruption:
            print(
                f"interrupted, {len(studies.judged(study))} of {num_trials} trials are judged; the same command goes "
                "on",
                file=sys.stderr,
            )
            return 128 + interruption.signal_number
        _print_summary(study, folder, _headline(config))
    return 0


def _search(study, config: Config, space: SearchSpace, folder: pathlib.Path, num_trials: int) -> None:
    from optuna.exceptions import UpdateFinishedTrialError

    lost = []

    def train(trial) -> float:
        try:
            return _train_trial(study, trial, config, space, folder, dataset, num_trials)
        except UpdateFinishedTrialError:
            lost.append(trial.number)
            raise

    if done := len(studies.judged(study)):
        print(f"{folder}: {done} of {num_trials} trials are judged already", file=sys.stderr)
    dataset, waits = None, False
    while len(studies.judged(study)) < num_trials:
        studies.take_up_dead(study, folder / "runs" / config.model.name)
        queued = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "WAITING"]
        if studies.promised(study) >= num_trials and not queued:
            if not waits:
                print("waiting for trials that other searches train, or for their heartbeat to end", file=sys.stderr)
            waits = True
            time.sleep(1)
            continue
        if dataset is None:
            dataset = dataset_without_test(config)
            studies.agree(study, folder, data=dataset.digest)
        try:
            study.optimize(train, n_trials=1, catch=(_JudgedError, _SurplusError, UpdateFinishedTrialError))
        except ValueError:  # what Optuna says of a trial that is at its end already
            if not lost:
                raise
        if lost:
            tell(f"trial {lost.pop()}: this process stood still for so long that another search took the trial up")
        _write_best(study, config, space, folder)
    _write_best(study, config, space, folder)  # of the trials that others ended last


def _train_trial(study, trial, config: Config, space: SearchSpace, folder: pathlib.Path, dataset, num_trials: int):
    import optuna

    from zoo.experiments.trial_pruning import Pruning

    # Two searches may ask at once: the numbers, which the database gives, decide whose trial is one too many.
    place = studies.promised(study, trial.number)
    if place >= num_trials:
        raise _SurplusError
    # A sampler with the same seed would draw the same values in each process.
    study.sampler = optuna.samplers.TPESampler(seed=config.training.seed + trial.number, constant_liar=True)
    values = space.values({key: _draw(trial, key, space.distributions[key]) for key in space.distributions})
    name, headline, task = f"trial {place + 1}/{num_trials}", _headline(config), _task(config)
    drawn = config
    try:
        drawn = with_values(config, values, name)
        pruning = Pruning(trial, name, drawn.training.epochs, headline)
        run = train_alone(
            drawn, folder / "runs", resume=earlier_run(drawn, folder / "runs", UNFINISHED), dataset=dataset,
            show_progress=False, callbacks=[pruning],
        )  # fmt: skip
    except ZooError as error:  # a loss that is not finite, values that contradict each other
        if earlier_run(drawn, folder / "runs", UNFINISHED):  # the disk is full, which says nothing of the values
            study.enqueue_trial(trial.params)
            raise
        trial.set_user_attr("error", str(error))
        tell(f"{name}  failed: {error}  ({_in_words(values)})")
        raise _JudgedError from None
    value, seconds = task.value(run.results["validation"]), run.record["wall_seconds"]
    trial.set_user_attr(f"validation_{headline.name}", value)
    trial.set_user_attr("seconds", seconds)
    pruned = pruning.pruned_after
    known = [*(other.value for other in studies.complete(study)), *([] if pruned else [value])]
    best = f"best {headline.text(max(known, key=headline.goodness))}  " if known else ""
    print(
        f"{name}  validation {headline.words} {headline.text(value)}  {best}{seconds:.0f} s"
        f"{f'  pruned after epoch {pruned}' if pruned else ''}  ({_in_words(values)})",
        file=sys.stderr,
    )
    if pruned:
        run.update_record(status="pruned", pruned_after_epoch=pruned)
        raise optuna.TrialPruned
    return value


def _draw(trial, key: str, distribution):
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(key, distribution.choices)
    suggest = trial.suggest_int if isinstance(distribution, IntDistribution) else trial.suggest_float
    return suggest(key, distribution.low, distribution.high, step=distribution.step, log=distribution.log)


def _write_best(study, config: Config, space: SearchSpace, folder: pathlib.Path) -> None:
    if not studies.complete(study):
        return
    headline = _headline(config)
    with studies.lock_of(folder):  # a slower search must not write what was the best before
        best = with_values(config, space.values(study.best_params), "the best trial")
        found = f"validation {headline.words} {headline.text(study.best_value)}"
        text = f"# the best of {len(studies.judged(study))} trials: {found}\n{best.to_yaml()}"
        try:
            write_atomically(folder / "best.yaml", text.encode())
        except OSError as error:
            raise ZooError(f"--study={folder}: best.yaml: {error.strerror}; the same command goes on") from None


def _print_summary(study, folder: pathlib.Path, headline: Metric) -> None:
    judged = studies.judged(study)
    complete = sorted(studies.complete(study), key=lambda trial: -headline.goodness(trial.value))
    counts = {word: sum(t.state.name == word.upper() for t in judged) for word in ("complete", "pruned")}
    if not complete:
        raise ZooError(f"--study={folder}: no trial could be trained; the last: {judged[-1].user_attrs['error']}")
    keys = sorted(complete[0].params)
    rows = [["validation", *keys, "run"]]
    for trial in complete[:SHOWN]:
        rows.append([headline.text(trial.value), *(_short(trial.params[key]) for key in keys), trial.user_attrs["run"]])
    print(align_columns(rows))
    failed = len(judged) - sum(counts.values())
    print(
        f"{len(judged)} trials: {counts['complete']} complete, {counts['pruned']} pruned, {failed} failed; "
        "selected on validation, test was not read"
    )
    print(f"next: {command('train')} --config={folder / 'best.yaml'} --num_seeds=5")


def _task(config: Config) -> Task:
    return catalog.model_info(config.model.name).task


def _headline(config: Config) -> Metric:
    return _task(config).headline


def _in_words(values: dict) -> str:
    return ", ".join(f"{key.rpartition('.')[2]} {_short(value)}" for key, value in values.items())


def _short(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _need_optuna() -> None:
    try:
        import optuna  # noqa: F401
        import sqlalchemy  # noqa: F401
    except ModuleNotFoundError as error:
        raise ZooError(f"a search needs the package {error.name}: pip install 'keras-model-zoo[sweep]'") from None
