"""A search over config keys with Optuna. Trials are judged on validation; test is withheld from them.

The study is a folder: `study.db` (Optuna's, in SQLite), `runs/` (a run a trial), `best.yaml` (the config to train).
A search that was killed at any instant goes on: finished trials count, an unfinished one resumes from its checkpoint.
"""

import contextlib
import pathlib
import sys
from collections.abc import Iterator

from zoo.command_words import command
from zoo.config import Config, with_values
from zoo.errors import Interrupted, ZooError
from zoo.escaping import tell
from zoo.experiments.search_space import SearchSpace, read_space
from zoo.experiments.seeds import UNFINISHED, dataset_without_test, earlier_run, train_alone
from zoo.locks import FileLock
from zoo.models import catalog
from zoo.runs import write_atomically
from zoo.shipped import found
from zoo.tasks import Metric
from zoo.text_table import align_columns
from zoo.training.strategy import refuse_workers

SHOWN = 10  # of the trials, at the end


def sweep(config: Config, space_file: str, study_dir: str, num_trials: int) -> int:
    """Search until `num_trials` trials are judged, print the best of them and the command that trains it; exit status.

    Args:
        config: what the drawn values are laid over; its seed is that of every trial.
        space_file: see `read_space`.
        study_dir: the study's folder; one that exists is gone on with.
        num_trials: in all, with those that the study holds already.

    Raises:
        ZooError: the space is wrong, the study is another one's, damaged or in use, or every trial failed.
    """
    _need_optuna()
    if num_trials < 1:
        raise ZooError(f"--trials={num_trials}: at least 1 is needed")
    refuse_workers(config.training, "a search")
    config = config.model_copy(update={"claim": None})
    space, folder = read_space(found(space_file), config), pathlib.Path(study_dir)
    with _locked(folder), _one_line_for_storage(folder):
        study = _open_study(folder, config, space)
        try:
            _search(study, config, space, folder, num_trials)
        except Interrupted as interruption:
            print(
                f"interrupted, {len(_judged(study))} of {num_trials} trials are judged; the same command goes on",
                file=sys.stderr,
            )
            return 128 + interruption.signal_number
        _print_summary(study, folder, _headline(config))
    return 0


def _search(study, config: Config, space: SearchSpace, folder: pathlib.Path, num_trials: int) -> None:
    import optuna

    _take_up_killed(study)
    _write_best(study, config, space, folder)  # the search may have been killed just before
    done = len(_judged(study))
    if done:
        print(f"{folder}: {done} of {num_trials} trials are judged already", file=sys.stderr)
    if done >= num_trials:
        return
    dataset = dataset_without_test(config)
    while (done := len(_judged(study))) < num_trials:
        # A sampler with the same seed would draw the same values in each process.
        study.sampler = optuna.samplers.TPESampler(seed=config.training.seed + done)
        trial = study.ask(dict(space.distributions))
        _train_trial(study, trial, config, space, folder, dataset, f"trial {done + 1}/{num_trials}")
        _write_best(study, config, space, folder)


def _train_trial(study, trial, config: Config, space: SearchSpace, folder: pathlib.Path, dataset, name: str) -> None:
    from optuna.trial import TrialState

    from zoo.experiments.trial_pruning import Pruning

    values, drawn, task = space.values(trial.params), config, catalog.model_info(config.model.name).task
    headline = task.headline
    try:
        drawn = with_values(config, values, name)
        pruning = Pruning(trial, name, drawn.training.epochs, headline)
        run = train_alone(
            drawn, folder / "runs", resume=earlier_run(drawn, folder / "runs", UNFINISHED), dataset=dataset,
            show_progress=False, callbacks=[pruning],
        )  # fmt: skip
    except ZooError as error:  # a loss that is not finite, values that contradict each other
        if earlier_run(drawn, folder / "runs", UNFINISHED):  # the disk is full, which says nothing of the values
            raise
        trial.set_user_attr("error", str(error))
        study.tell(trial, state=TrialState.FAIL)
        tell(f"{name}  failed: {error}  ({_in_words(values)})")
        return
    value = task.value(run.results["validation"])
    trial.set_user_attr("run", str(run.path))
    trial.set_user_attr(f"validation_{headline.name}", value)
    trial.set_user_attr("seconds", run.record["wall_seconds"])
    if pruning.pruned_after:
        run.update_record(status="pruned", pruned_after_epoch=pruning.pruned_after)
        study.tell(trial, state=TrialState.PRUNED)
        end = f"  pruned after epoch {pruning.pruned_after}"
    else:
        study.tell(trial, value)
        end = ""
    best = f"best {headline.text(study.best_value)}  " if _complete(study) else ""
    print(
        f"{name}  validation {headline.words} {headline.text(value)}  {best}{run.record['wall_seconds']:.0f} s{end}  "
        f"({_in_words(values)})",
        file=sys.stderr,
    )


def _open_study(folder: pathlib.Path, config: Config, space: SearchSpace):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(
            storage=f"sqlite:///{folder / 'study.db'}",
            study_name="search",
            direction="minimize" if _headline(config).better == "less" else "maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=config.training.epochs // 4),
            load_if_exists=True,
        )
    except RuntimeError as error:  # its tables are of another version
        raise ZooError(f"{folder / 'study.db'}: {' '.join(str(error).split())}") from None
    try:
        study.get_trials(deepcopy=False)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:  # a value that is not Optuna's
        raise ZooError(f"{folder / 'study.db'}: damaged ({type(error).__name__}); name another --study") from None
    for name, given in (("space", space.to_json()), ("config", config.to_yaml())):
        if study.user_attrs.get(name, given) != given:
            raise ZooError(
                f"--study={folder}: it was begun with another {name}, whose trials do not compare; name another"
            )
        study.set_user_attr(name, given)
    return study


def _take_up_killed(study) -> None:
    """Trials whose process was killed are drawn again with the same values, and their runs resumed."""
    from optuna.trial import TrialState

    for trial in study.get_trials(states=[TrialState.RUNNING]):
        if trial.params:
            study.enqueue_trial(trial.params)
        study.tell(trial.number, state=TrialState.FAIL)


def _judged(study) -> list:
    """Trials that are not trained again: complete, pruned, or failed because of their values."""
    finished = (trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished())
    return [trial for trial in finished if trial.state.name != "FAIL" or "error" in trial.user_attrs]


def _complete(study) -> list:
    return [trial for trial in _judged(study) if trial.state.name == "COMPLETE"]


def _write_best(study, config: Config, space: SearchSpace, folder: pathlib.Path) -> None:
    if not _complete(study):
        return
    best = with_values(config, space.values(study.best_params), "the best trial")
    headline = _headline(config)
    found = f"validation {headline.words} {headline.text(study.best_value)}"
    text = f"# the best of {len(_judged(study))} trials: {found}\n{best.to_yaml()}"
    try:
        write_atomically(folder / "best.yaml", text.encode())
    except OSError as error:
        raise ZooError(f"--study={folder}: best.yaml: {error.strerror}; the same command goes on") from None


def _print_summary(study, folder: pathlib.Path, headline: Metric) -> None:
    judged, complete = _judged(study), sorted(_complete(study), key=lambda trial: -headline.goodness(trial.value))
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


def _headline(config: Config) -> Metric:
    return catalog.model_info(config.model.name).task.headline


def _in_words(values: dict) -> str:
    return ", ".join(f"{key.rpartition('.')[2]} {_short(value)}" for key, value in values.items())


def _short(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
    """One process searches at a time; the lock ends with the process, however that ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock")
    except OSError as error:
        raise ZooError(f"--study={folder}: cannot be written ({error.strerror}); name another folder") from None
    with lock:
        if not lock.acquire(wait=False):
            raise ZooError(f"--study={folder}: another process searches there; wait for it, or name another")
        yield


@contextlib.contextmanager
def _one_line_for_storage(folder: pathlib.Path) -> Iterator[None]:
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except (DBAPIError, StorageInternalError) as error:
        cause = error if isinstance(error, DBAPIError) else error.__cause__
        reason = str(getattr(cause, "orig", None) or cause or error).splitlines()[0]
        raise ZooError(
            f"{folder / 'study.db'}: cannot be used ({reason}); the runs beside it are whole, name another --study"
        ) from None


def _need_optuna() -> None:
    try:
        import optuna  # noqa: F401
        import sqlalchemy  # noqa: F401
    except ModuleNotFoundError as error:
        raise ZooError(f"a search needs the package {error.name}: pip install 'keras-model-zoo[sweep]'") from None
